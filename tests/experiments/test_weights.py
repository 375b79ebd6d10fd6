"""From weights to equation as an experiment: runs of the command, and the measures it takes."""

import json
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import run, run_folders

from baselines.languages import Equations, polynomials
from baselines.population import gauss_legendre
from baselines.reader import load_reader
from experiments.tasks.weights_measures import judge, length_table

SMALL = [
    "+task=weights",
    "task.sizes.networks=300",
    "task.sizes.shard=150",
    "task.sizes.validation=20",
    "task.sizes.tests=30",
    "task.batch_size=16",
    "task.phases.warm_up.steps=2",
    "task.phases.learn.steps=4",
    "task.evaluation.beam=2",
    "task.evaluation.permuted=10",
    "task.evaluation.exhaustive=5",
    "task.evaluation.examples=1",
    "trainer.report_every=2",
]


WAYS = ("raw", "unconstrained", "refined", "beam_refined", "least_squares", "every_skeleton")


def metrics_of(folder: Path) -> dict[str, float]:
    content = json.loads((folder / "result.json").read_text())["metrics"]
    assert isinstance(content, dict)
    return content


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    status, output = run(folder, *SMALL)
    assert status is None, output
    (found,) = run_folders(folder)
    return found


def test_a_run_trains_networks_and_a_reader_and_judges_it(finished: Path) -> None:
    metrics = metrics_of(finished)
    assert metrics["converged"] >= 0.9
    assert 0 < metrics["networks"] < 300  # a tenth of the equations is held out
    for way in WAYS:
        assert 0 <= metrics[f"{way}_exact"] <= metrics[f"{way}_skeleton"] <= 1
    assert metrics["raw_valid"] == metrics["refined_valid"] == 1
    assert metrics["least_squares_exact"] > 0.9  # the degree is known
    assert metrics["same_when_permuted"] == 1  # the default reader does not see their order


def test_a_run_leaves_figures_texts_and_its_reader(finished: Path) -> None:
    for name in ("curves", "lengths", "examples"):
        assert (finished / f"{name}.png").stat().st_size > 1000
    events = EventAccumulator(str(finished), size_guidance={"tensors": 0})
    events.Reload()
    tags = events.Tags()
    assert {"curves", "lengths", "examples"} <= set(tags["images"])
    assert any(tag.startswith("equations/network_0") for tag in tags["tensors"])
    reader = load_reader(finished / "reader.pt")
    assert reader.language.describe() == polynomials().describe()


@pytest.mark.slow
def test_a_reader_learns_from_a_folder_of_networks(tmp_path: Path) -> None:
    from experiments.population import main

    folder = tmp_path / "corpus"
    arguments = [str(folder), "--networks", "200", "--shard", "100", "--tolerance", "1e-4"]
    main(arguments)
    status, output = run(tmp_path, *SMALL, f"task.path={folder}")
    assert status is None, output
    (found,) = run_folders(tmp_path)
    assert metrics_of(found)["networks"] < 200
    choices = json.loads((found / "result.json").read_text())["choices"]
    assert choices == dict.fromkeys(("equations", "start", "lengths"), "corpus")


@pytest.mark.slow
def test_another_reader_can_be_trained_beside_it(tmp_path: Path) -> None:
    status, output = run(tmp_path, *SMALL, "reference=reader_flat")
    assert status is None, output
    assert "reference: beam, numbers fitted" in output
    (found,) = run_folders(tmp_path)
    assert "reference_raw_exact" in metrics_of(found)


def test_a_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _ = run(tmp_path, *SMALL, "task.path=nowhere")
    assert status == 2
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model=relu", "model=relu is not for this task"),
        ("reference=relu", "reference=relu is not for this task"),
        ("replicas=0", "replicas must be an integer of at least 1"),
        ("task.batch_size=301", "no more networks than there are to learn from, 300, but"),
    ],
)
def test_what_cannot_be_is_refused_before_networks_are_trained(
    setting: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, output = run(tmp_path, *SMALL, setting)
    assert status == 2
    assert message in capsys.readouterr().err
    assert "trained" not in output


def test_a_tolerance_that_none_reaches_is_told_after_a_few_networks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["task.sizes.networks=1000000", "task.sizes.shard=20"]
    status, _ = run(tmp_path, *SMALL, *few, "equations.training.tolerance=1e-30")
    assert status == 2
    told = capsys.readouterr().err
    assert "of 20 trained 0 reached a relative error of 1e-30" in told
    assert "equations.training.tolerance" in told


def test_a_judgement_says_what_is_right_of_an_equation() -> None:
    language = polynomials()
    truth = language.read(["+1.0*x*x-2.0*x", "+3.0", "+1.0*x", "-0.5*x+1.0"])
    written = language.read(["+1.0*x*x-2.0*x", "-3.0", "+1.0*x+0.1", "nonsense"])
    judged = judge(language, truth, written, gauss_legendre(8))
    assert judged.valid.tolist() == [True, True, True, False]
    assert judged.skeleton.tolist() == [True, True, False, False]
    assert judged.exact.tolist() == [True, False, False, False]
    torch.testing.assert_close(
        judged.number_errors,
        torch.tensor([0.0, 6.0, torch.nan, torch.nan]).double(),
        equal_nan=True,
    )
    # (3 + 3)^2 / 3^2 = 4;  0.1^2 over the mean of x^2, which is 1/3
    torch.testing.assert_close(judged.errors, torch.tensor([0.0, 4.0, 0.03, torch.inf]).double())
    metrics = judged.metrics("a_")
    assert metrics["a_valid"] == 0.75
    assert metrics["a_number_error"] == 3.0
    assert metrics["a_sign"] == 0.5
    assert metrics["a_close"] == 0.25


def test_lengths_are_told_apart() -> None:
    language = polynomials()
    truth = language.read(["+3.0", "+2.0", "+1.0*x"])
    judged = judge(language, truth, language.read(["+3.0", "+2.1", "+1.0"]), gauss_legendre(8))
    assert length_table({"": judged}) == {
        "length_04/skeleton": 1.0,
        "length_04/exact": 0.5,
        "length_06/skeleton": 0.0,
        "length_06/exact": 0.0,
    }


def test_no_equation_is_judged_as_wrong() -> None:
    language = polynomials()
    nothing = Equations(torch.tensor([-1]), torch.zeros(1, 3, dtype=torch.long))
    judged = judge(language, language.read(["+3.0"]), nothing, gauss_legendre(4))
    assert judged.metrics()["exact"] == 0
    assert "number_error" not in judged.metrics()
