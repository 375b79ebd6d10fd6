import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tiny import TINY, command, environment, run, run_folders

from esr.equations import Expression
from experiments.run import main

METRICS = {
    "latent_correlation",
    "horizon_error",
    "rollout_error",
    "rollout_error_true_acceleration",
    "extrapolation_error",
    "complexity",
    "diverged",
}
SCALARS = {
    "energy/data",
    "energy/structure",
    "energy/total",
    "validation/best",
    "validation/median",
    "replicas/diverged",
    "schedule/learning_rate",
    "schedule/structure",
}


def events(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0})
    accumulator.Reload()
    return accumulator


def result(folder: Path) -> dict[str, object]:
    content = json.loads((folder / "result.json").read_text())
    assert isinstance(content, dict)
    return content


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the output of an uninterrupted run, with a reference."""
    place = tmp_path_factory.mktemp("whole")
    done = run(place, "+task=kinematics", *TINY, "reference=relu")
    assert done.returncode == 0, done.stderr
    (folder,) = run_folders(place)
    parts = folder.relative_to(place).parts
    assert parts[:4] == ("outputs", "kinematics", "eql_l05", "seed-0")
    return folder, done.stdout


def test_one_run_leaves_one_record(whole: tuple[Path, str]) -> None:
    folder, printed = whole
    record = result(folder)
    assert (record["task"], record["model"], record["seed"]) == ("kinematics", "eql_l05", 0)
    assert record["status"] == "finished"
    metrics, expressions = record["metrics"], record["expressions"]
    assert isinstance(metrics, dict)
    assert isinstance(expressions, dict)
    assert metrics.keys() >= METRICS | {"reference_rollout_error"}
    assert expressions.keys() == {"d_next", "v_next"}
    for text in expressions.values():
        assert str(Expression.parse(text, variables=["d", "v", "z"])) == text
    for file in ("motion.png", "config.yaml", "checkpoint.pt", "checkpoint-reference.pt"):
        assert (folder / file).stat().st_size > 0, file
    for line in ("d_next", "error over 12 steps", "reference", str(folder), "tensorboard"):
        assert line in printed, line
    assert " left" in printed


@pytest.mark.parametrize(
    ("models", "seeds"),
    [
        (["eql_l0", "relu"], [0]),
        pytest.param(["eql_l05", "eql_l0", "relu"], [0, 1], marks=pytest.mark.slow),
    ],
)
def test_a_sweep_leaves_records_that_tensorboard_lays_side_by_side(
    models: list[str], seeds: list[int], tmp_path: Path
) -> None:
    swept = [f"model={','.join(models)}", f"seed={','.join(map(str, seeds))}"]
    done = run(tmp_path, "-m", "+task=kinematics", *swept, *TINY)
    assert done.returncode == 0, done.stderr
    folders = run_folders(tmp_path)
    records = [result(folder) for folder in folders]
    assert len(records) == len(models) * len(seeds)
    assert {(r["model"], r["seed"]) for r in records} == {(m, s) for m in models for s in seeds}
    hyperparameters = set()
    for folder, record in zip(folders, records, strict=True):
        log = events(folder)
        tags = log.Tags()
        assert set(tags["scalars"]) >= SCALARS | {f"hp/{name}" for name in METRICS}
        assert "motion" in tags["images"]
        texts = {tag for tag in tags["tensors"] if tag.startswith("equations/")}
        assert len(texts) == (0 if record["model"] == "relu" else 2)
        content = log.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        started = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
        assert set(started.hparams) == {"task", "model", "seed", "replicas", "device"}
        hyperparameters.add(
            (started.hparams["model"].string_value, started.hparams["seed"].number_value)
        )
    assert len(hyperparameters) == len(records)


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("+task=kinematics", *TINY, "reference=relu", "checkpoint_seconds=0"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_checkpoint(folder: Path, process: subprocess.Popen[bytes]) -> Path:
    limit = time.monotonic() + 120
    while time.monotonic() < limit and process.poll() is None:
        if found := run_folders(folder):
            return found[0]
        time.sleep(0.05)
    raise AssertionError("no checkpoint appeared")


def test_a_killed_run_resumes_to_the_same_figures(whole: tuple[Path, str], tmp_path: Path) -> None:
    expected = result(whole[0])
    process = start(tmp_path)
    folder = wait_for_checkpoint(tmp_path, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "result.json").exists()
    done = run(tmp_path, f"resume={folder}")
    assert done.returncode == 0, done.stderr
    resumed = result(folder)
    assert resumed["metrics"] == expected["metrics"]
    assert resumed["expressions"] == expected["expressions"]


def test_ctrl_c_keeps_the_work(tmp_path: Path) -> None:
    process = start(tmp_path)
    folder = wait_for_checkpoint(tmp_path, process)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(120) == 130
    assert result(folder)["status"] == "interrupted"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "kinematics .*Discover the equations of motion"),
        (["+task=kinematic"], "no task 'kinematic': did you mean 'kinematics'"),
        (["+task=kinematics", "model=eql_05"], "no model 'eql_05': did you mean 'eql_l05'"),
        (["+task=kinematics", "task.horzon=3"], "no setting 'task.horzon': .*'task.horizon'"),
        (["+task=kinematics", "task.data.trajectories=0"], "trajectories must be .* but is 0"),
        (["+task=kinematics", "task.data.steps=-5"], "steps must be .* but is -5"),
        (["+task=kinematics", "replicas=0"], "replicas must be .* at least 1, but is 0"),
        (["+task=kinematics", "seed=-1"], "seed must be an integer"),
        (["+task=kinematics", "device=cuda:77"], "device=cuda:77 cannot be used here"),
        (["+task=kinematics", "device=gpu"], "device=gpu cannot be used here"),
        (["+task=kinematics", "task.data.path=no.npz"], "there is no file no.npz"),
        (["+task=kinematics", "task.phases.ramp.steps=0"], "steps must be at least 1"),
        (["+task=kinematics", "model.initial_sd=wide"], "'model' has a wrong name or type"),
        (["resume=nowhere"], "there is no run in that folder"),
    ],
)
def test_bad_input_is_refused_before_training(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["run", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    printed = capsys.readouterr()
    assert "training" not in printed.out
    assert re.search(message, " ".join(printed.err.split())), printed.err


def test_a_mistake_prints_no_traceback(tmp_path: Path) -> None:
    done = run(tmp_path, "+task=kinematics", "task.data.trajectories=0")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
