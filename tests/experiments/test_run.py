import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tiny import TINY, run, run_folders, start

from esr.equations import Expression
from esr.training import Checkpoint, TrainingResult
from experiments.run import with_counts
from experiments.tasks.task import Conclusion

METRICS = {
    "latent_correlation",
    "horizon_error",
    "rollout_error",
    "rollout_error_true_acceleration",
    "extrapolation_error",
    "complexity",
    "diverged",
    "clipped",
}
SCALARS = {
    "energy/data",
    "energy/structure",
    "energy/total",
    "validation/best",
    "validation/median",
    "replicas/diverged",
    "replicas/clipped",
    "schedule/learning_rate",
    "schedule/structure",
}

WHOLE = ["+task=kinematics", *TINY, "model.hidden=[{identity:2,mul:1}]", "reference=relu"]


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
    """The folder and the output of an uninterrupted run, with a reference.

    Its folder as it lay on disk after the third save, which is what a kill at that moment would
    have left, is copied to `killed` beside the outputs.
    """
    place = tmp_path_factory.mktemp("whole")
    save, saved = Checkpoint.save, []

    def save_and_copy(checkpoint: Checkpoint, state: dict[str, object]) -> None:
        save(checkpoint, state)
        saved.append(state)
        if len(saved) == 3:
            shutil.copytree(checkpoint.path.parent, place / "killed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_and_copy)
        status, printed = run(place, *WHOLE, "checkpoint_seconds=0")
    assert status is None
    (folder,) = run_folders(place / "outputs")
    parts = folder.relative_to(place).parts
    assert parts[:4] == ("outputs", "kinematics", "eql_l05", "seed-0")
    return folder, printed


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
    assert metrics["clipped"] > 0
    assert re.search(rf"steps with a clipped gradient\W+{metrics['clipped']:.0%}", printed)


@pytest.mark.parametrize(
    ("steps", "clipped", "row"),
    [
        (100, [30, 10], ("steps with a clipped gradient", "20%")),
        (100, [0, 3], ("steps with a clipped gradient", "2%")),
        (100, [0, 2], None),
        (0, [0, 0], None),
    ],
)
def test_the_closing_table_speaks_of_clips_if_they_matter(
    steps: int, clipped: list[int], row: tuple[str, str] | None
) -> None:
    nobody = torch.zeros(2, dtype=torch.long)
    result = TrainingResult(
        steps=steps,
        seconds=1.0,
        cpu_seconds=1.0,
        interrupted=False,
        active=nobody == 0,
        diverged=nobody,
        clipped=torch.tensor(clipped),
        restarted=nobody,
    )
    conclusion = with_counts(Conclusion({"error": 1.0}, summary=[("error", "1")]), result)
    share = sum(clipped) / 2 / max(1, steps)
    assert conclusion.metrics == {"error": 1.0, "diverged": 0.0, "clipped": share}
    assert conclusion.summary == [("error", "1"), *([row] if row is not None else [])]


@pytest.mark.parametrize(
    ("models", "seeds"),
    [
        pytest.param(["eql_shallow_l0", "relu"], [0], marks=pytest.mark.slow),
        pytest.param(["eql_l05", "eql_l0", "relu"], [0, 1], marks=pytest.mark.slow),
    ],
)
def test_a_sweep_leaves_records_that_tensorboard_lays_side_by_side(
    models: list[str], seeds: list[int], tmp_path: Path
) -> None:
    swept = [f"model={','.join(models)}", f"seed={','.join(map(str, seeds))}"]
    status, _ = run(tmp_path, "-m", "+task=kinematics", *swept, *TINY)
    assert status is None
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


def wait_for_checkpoint(folder: Path, process: subprocess.Popen[bytes]) -> Path:
    limit = time.monotonic() + 120
    while time.monotonic() < limit and process.poll() is None:
        if found := run_folders(folder):
            return found[0]
        time.sleep(0.01)
    raise AssertionError("no checkpoint appeared")


def test_a_killed_run_resumes_to_the_same_figures(whole: tuple[Path, str], tmp_path: Path) -> None:
    expected = result(whole[0])
    place = next(parent for parent in whole[0].parents if (parent / "killed").exists())
    folder = tmp_path / "killed"
    shutil.copytree(place / "killed", folder)
    assert (folder / "checkpoint.pt").exists()
    assert not (folder / "result.json").exists()
    status, _ = run(tmp_path, f"resume={folder}")
    assert status is None
    resumed = result(folder)
    assert resumed["metrics"] == expected["metrics"]
    assert resumed["expressions"] == expected["expressions"]


@pytest.mark.slow
def test_a_killed_process_resumes_to_the_same_figures(
    whole: tuple[Path, str], tmp_path: Path
) -> None:
    expected = result(whole[0])
    process = start(tmp_path, *WHOLE, "checkpoint_seconds=0")
    folder = wait_for_checkpoint(tmp_path, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "result.json").exists()
    status, _ = run(tmp_path, f"resume={folder}")
    assert status is None
    resumed = result(folder)
    assert resumed["metrics"] == expected["metrics"]
    assert resumed["expressions"] == expected["expressions"]


def test_ctrl_c_keeps_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save, saved = Checkpoint.save, []

    def save_and_interrupt(checkpoint: Checkpoint, state: dict[str, object]) -> None:
        save(checkpoint, state)
        saved.append(state)
        if len(saved) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Checkpoint, "save", save_and_interrupt)
    status, printed = run(tmp_path, *WHOLE, "checkpoint_seconds=0")
    (folder,) = run_folders(tmp_path)
    assert status == 130
    assert len(saved) <= 5  # training did not go on
    assert result(folder)["status"] == "interrupted"
    assert f"go on with it: python -m experiments.run resume={folder}" in printed


@pytest.mark.slow
def test_a_process_keeps_its_work_on_ctrl_c_and_goes_on(tmp_path: Path) -> None:
    process = start(tmp_path, *WHOLE, "checkpoint_seconds=0")
    folder = wait_for_checkpoint(tmp_path, process)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(120) == 130
    assert result(folder)["status"] == "interrupted"
    assert start(tmp_path, f"resume={folder}").wait(120) == 0
    assert result(folder)["status"] == "finished"


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
        (["+task=kinematics", "reference=reader_flat"], "reference=reader_flat is not for this"),
        (["resume=nowhere"], "there is no run in that folder"),
    ],
)
def test_bad_input_is_refused_before_training(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, printed = run(tmp_path, *arguments)
    assert status == 2
    assert "training" not in printed
    complaint = capsys.readouterr().err
    assert complaint.startswith("error: ")
    assert "Traceback" not in complaint
    assert re.search(message, " ".join(complaint.split())), complaint
