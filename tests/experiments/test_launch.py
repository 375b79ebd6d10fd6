import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from shared_line import SharedLine
from tiny import ROOT, run, run_folders
from torch.distributed import HashStore

from esr.errors import ConfigurationError
from esr.training import Phase, Share
from experiments.arguments import UsageError
from experiments.launch import Launch, Torchrun, launched

HERE = Path(__file__).parent
LINE = ["+task=shared_line", "--config-dir", str(HERE / "parallel")]


def pair() -> tuple[Torchrun, Torchrun]:
    """Two processes of torchrun, as they see each other."""
    store = HashStore()
    return Torchrun(Share(0, 2), 0, store), Torchrun(Share(1, 2), 1, store)


def test_a_run_without_torchrun_is_alone() -> None:
    for environment in ({}, {"WORLD_SIZE": "2"}, {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "1"}):
        assert type(launched(environment)) is Launch
    alone = Launch()
    assert (alone.first, alone.world) == (True, 1)
    assert alone.arguments(["-m", "seed=0,1"]) == ["-m", "seed=0,1"]
    assert alone.device("cuda:1") == "cuda:1"
    alone.divide(object())
    alone.end()
    with alone.group(torch.device("cpu")) as processes:
        assert processes is None


def test_all_processes_use_the_folder_of_the_first() -> None:
    first, second = pair()
    assert first.arguments(LINE) == LINE
    first.announce(Path("/a/b's"))
    second.announce(Path("/another"))
    arguments = second.arguments(LINE)
    assert arguments[:3] == LINE
    assert r"hydra.run.dir='/a/b\'s'" in arguments
    assert "hydra.output_subdir=null" in arguments
    first.end()
    second.end()


@pytest.mark.parametrize("flags", [["-m"], ["--multirun"], ["--cfg", "job"], ["--help"]])
def test_options_that_are_not_for_one_run_are_refused(flags: list[str]) -> None:
    for process in pair():
        with pytest.raises(UsageError, match=f"leave out {flags[0]}, or start it by python -m"):
            process.arguments([*LINE, *flags])


def test_each_process_has_a_device_of_its_own() -> None:
    first, second = pair()
    assert [first.device("cpu"), second.device("cpu")] == ["cpu", "cpu"]
    assert [first.device("cuda"), second.device("cuda")] == ["cuda:0", "cuda:1"]
    for name in ("cuda:1", "mps", "gpu"):
        with pytest.raises(ConfigurationError, match=f"device={name} is not for 2 processes"):
            first.device(name)


def test_a_task_gives_each_process_its_share_or_is_refused() -> None:
    task = SharedLine({"fit": Phase(1, 1e-2)})
    pair()[1].divide(task)
    assert task._share == Share(1, 2)
    with pytest.raises(ConfigurationError, match="object has the same batches in every process"):
        pair()[0].divide(object())


def torchrun(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program in two processes."""
    paths = os.pathsep.join([str(ROOT), str(HERE)])
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.run(
        [*launcher, "--nproc-per-node", "2", "-m", "experiments.run", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_two_processes_end_together_go_on_and_find_what_one_finds(tmp_path: Path) -> None:
    settings = [*LINE, "task.interrupt_at=15", "task.interrupt_rank=1"]
    stopped = torchrun(tmp_path, *settings)
    assert stopped.returncode != 0
    (folder,) = run_folders(tmp_path)
    record = json.loads((folder / "result.json").read_text())
    assert (record["status"], record["processes"]) == ("interrupted", 2)
    assert f"torchrun --nproc-per-node 2 -m experiments.run resume={folder}" in stopped.stdout
    resumed = torchrun(tmp_path, *settings, f"hydra.run.dir={folder}")
    assert resumed.returncode == 0, resumed.stderr
    assert "from step 17 of 40" in resumed.stdout
    assert resumed.stdout.count("prepared by process") == 1
    assert run_folders(tmp_path) == [folder]
    together = json.loads((folder / "result.json").read_text())
    assert run(tmp_path, *LINE)[0] is None
    (alone,) = set(run_folders(tmp_path)) - {folder}
    error = json.loads((alone / "result.json").read_text())["metrics"]["error"]
    # 40 steps of double precision, in which sums are taken in another order
    assert together["metrics"]["error"] == pytest.approx(error, rel=1e-10)
    assert together["status"] == "finished"


@pytest.mark.slow
def test_a_task_that_cannot_be_divided_is_refused_once(tmp_path: Path) -> None:
    refused = torchrun(tmp_path, "+task=kinematics")
    assert refused.returncode != 0
    assert len(re.findall("error: Kinematics has the same batches", refused.stderr)) == 1
    assert "training" not in refused.stdout
