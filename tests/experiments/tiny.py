"""A kinematics run small enough for a test, as a new user would start it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TINY = [
    "replicas=2",
    "task.phases.one_step.steps=40",
    "task.phases.ramp.steps=40",
    "task.phases.sparsify.steps=40",
    "task.phases.fine_tune.steps=40",
    "task.phases.fine_tune.prune=0.6",
    "task.data.trajectories=20",
    "task.data.steps=12",
    "task.finalists=1",
    "trainer.report_every=20",
    "reference=none",
]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "experiments.run", *arguments]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run in a folder that is not the checkout; the caller looks at the exit status."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def run_folders(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.rglob("checkpoint.pt"))
