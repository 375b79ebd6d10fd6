import json
from pathlib import Path

import pytest
import tiny
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_engine import TinyEngine

from esr.errors import ConfigurationError, DataError, TrainingError
from esr.random import RandomStreams
from experiments.front_model import FrontModel
from experiments.front_searcher import FrontSearcher
from experiments.tasks.csv_table import CsvTable
from experiments.tasks.equation_search import EquationSearch
from experiments.tasks.suite import SuiteTask
from experiments.tasks.task import Contender

MODEL = """
# An engine for tests
_target_: experiments.front_model.FrontModel
_partial_: true
engine:
  _target_: tiny_engine.TinyEngine
  texts: [a, 300*a*sqrt(a)]
"""
CPU = torch.device("cpu")


def found_by(task: EquationSearch, *texts: str, replicas: int = 1) -> Contender[object]:
    streams = RandomStreams(0)
    task.prepare(streams, CPU)

    def make(**given: object) -> FrontModel:
        return FrontModel(TinyEngine(texts), **given)  # type: ignore[arg-type]

    model = task.build(make, replicas, streams)
    result = FrontSearcher(seconds=5.0).fit(model, task, streams)
    return Contender("tiny", model, result.active)


def table(folder: Path, rows: str) -> str:
    path = folder / "data.csv"
    path.write_text("x,z,y\n" + rows)
    return str(path)


def test_keplers_law_is_concluded_with_errors_on_each_part_of_the_rows() -> None:
    task = CsvTable("kepler")
    conclusion = task.conclude(found_by(task, "a", "300*a*sqrt(a)"))
    assert f"{conclusion.expressions['T']:.2g}" == "370*a*sqrt(a)"
    parts = ("training", "validation", "test")
    assert all(conclusion.metrics[f"r2_{part}"] > 0.999 for part in parts)
    assert all(conclusion.metrics[f"rmse_{part}"] < 30 for part in parts)
    assert ("note", "columns left out, being no numbers: body") in conclusion.summary
    assert set(conclusion.figures) == {"fit", "residuals", "front"}
    assert len(conclusion.texts["front.csv"].splitlines()) == 3
    assert [len(points) for points in conclusion.curves.values()] == [2, 2]


@pytest.mark.slow
def test_a_run_finds_keplers_law_and_records_it(tmp_path: Path) -> None:
    (tmp_path / "configs" / "model").mkdir(parents=True)
    (tmp_path / "configs" / "model" / "tiny.yaml").write_text(MODEL.lstrip())
    arguments = ["--config-dir", "configs", "+task=csv", "model=tiny", "search.seconds=5"]
    status, printed = tiny.run(tmp_path, *arguments)
    assert status is None
    assert "columns left out, being no numbers: body" in printed
    (folder,) = tiny.run_folders(tmp_path)
    result = json.loads((folder / "result.json").read_text())
    assert result["expressions"]["T"].endswith("*a*sqrt(a)")
    assert result["metrics"]["r2_test"] > 0.999
    assert {p.name for p in folder.glob("*.png")} == {"fit.png", "residuals.png", "front.png"}
    assert (folder / "front.csv").read_text().startswith("complexity,training_mse")
    events = EventAccumulator(str(folder)).Reload()
    assert "equations/T/text_summary" in events.Tags()["tensors"]
    scalars = events.Tags()["scalars"]
    assert {"validation/best", "tallies/complexity", "hp/rmse_validation"} <= set(scalars)
    assert len(events.Scalars("front/complexity")) == 2


def test_rows_are_divided_and_repetitions_weigh_more(tmp_path: Path) -> None:
    rows = "".join(f"{x},{x % 3},{x * x}\n" for x in range(10))
    task = CsvTable(table(tmp_path, rows + "3,0,9\n3,0,9\n"), columns=["x"], units={"y": "m"})
    task.prepare(RandomStreams(0), CPU)
    wanted = task.wanted["y"]
    assert wanted.test is not None
    assert (len(wanted.rows.target), len(wanted.test.targets)) == (8, 2)
    together = torch.cat((wanted.rows.inputs, wanted.test.inputs)).flatten()
    assert sorted(together.tolist()) == list(range(10))
    weights = dict(
        zip(wanted.rows.inputs[:, 0].tolist(), wanted.rows.weights.tolist(), strict=True)
    )
    assert 3 not in weights or weights[3] == pytest.approx(3 * weights[together[0].item()])
    assert wanted.label("y") == "y [m]"
    again = CsvTable(table(tmp_path, rows), columns=["x"], test=0.0)
    again.prepare(RandomStreams(0), CPU)
    assert again.wanted["y"].test is None


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        ("1,2,3\n" * 20, {}, "has 1 different rows, but at least 5 are needed with task.test=0.2"),
        ("1,2,3\n4,5,6\n7,8,9\n", {"test": 0.0}, "3 different rows, but at least 4 are needed"),
        ("1,2,3\n2,2,3\n3,2,3\n4,2,3\n5,2,3\n", {}, "'y' is 3 in every row"),
        ("1,2,3\n", {"target": "w"}, "no column 'w'"),
        ("1,2,\n", {}, "missing cell"),
    ],
)
def test_a_table_that_no_search_can_use_is_refused(
    tmp_path: Path, rows: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        CsvTable(table(tmp_path, rows), **settings)  # type: ignore[arg-type]


def test_settings_of_a_table_are_checked_before_its_rows() -> None:
    with pytest.raises(ConfigurationError, match=r"task\.missing must be refuse or drop.*'drop'"):
        CsvTable("kepler", missing="dropp")
    with pytest.raises(ConfigurationError, match=r"task\.test must be from 0 to below 1"):
        CsvTable("kepler", test=1.0)


def test_all_problems_of_a_suite_are_searched_in_a_row() -> None:
    task = SuiteTask("nguyen")
    contender = found_by(task, "x", "sqrt(x)", "x**y", "0.9*sin(x)*cos(y)")
    conclusion = task.conclude(contender)
    assert conclusion.metrics["recovered"] == pytest.approx(3 / 12)
    assert str(conclusion.expressions["nguyen_11"]) == "x**y"
    assert conclusion.summary[0] == ("recovered", "3 of 12")
    assert "nguyen_1, " in dict(conclusion.summary)["not recovered"]
    assert task.describe(contender.model, 7) == {"nguyen_8": "sqrt(x)"}
    assert list(conclusion.figures) == ["problems"]


def test_one_problem_of_a_suite_is_judged_by_its_truth() -> None:
    task = SuiteTask("nguyen", "nguyen_10")
    conclusion = task.conclude(found_by(task, "0.9*sin(x)*cos(y)", replicas=2))
    assert str(conclusion.expressions["truth"]) == "2*sin(x)*cos(y)"
    assert conclusion.metrics["recovered"] == conclusion.metrics["exact"] == 1
    assert ("searches that recovered it", "2 of 2") in conclusion.summary
    assert set(conclusion.figures) == {"fit", "residuals", "front"}
    with pytest.raises(TrainingError, match="found no equation"):
        task.conclude(found_by(task))


def test_an_unknown_suite_or_problem_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"task\.suite=nguyn is neither.*'nguyen'"):
        SuiteTask("nguyn")
    with pytest.raises(ConfigurationError, match="no problem 'nguyen_13'"):
        SuiteTask("nguyen", "nguyen_13")
    with pytest.raises(ConfigurationError, match=r"task\.noise must be at least 0"):
        SuiteTask("nguyen", noise=-1.0)
