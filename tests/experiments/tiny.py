"""A kinematics run small enough for a test, in this process or as a new user would start it."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.run import main

ROOT = Path(__file__).resolve().parent.parent.parent
TINY = [
    "replicas=2",
    "task.phases.one_step.steps=20",
    "task.phases.ramp.steps=20",
    "task.phases.sparsify.steps=20",
    "task.phases.fine_tune.steps=20",
    "task.phases.fine_tune.prune=0.6",
    "task.data.trajectories=20",
    "task.data.steps=12",
    "task.finalists=1",
    "task.refinement=10",
    "trainer.report_every=20",
    "reference=none",
]


def run(folder: Path, *arguments: str) -> tuple[int | str | None, str]:
    """What the program ends with, None if all is well, and what it prints, in this process.

    Arguments:
        folder: Where it is run, not the checkout.
        arguments: Those of the command line.
    """
    status: int | str | None = None
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["run", *arguments])
        try:
            main()
        except SystemExit as stopped:
            status = stopped.code
    return status, out.getvalue()


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """The program in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.run", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def run_folders(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.rglob("checkpoint.pt"))
