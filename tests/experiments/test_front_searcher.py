import io
import os
import signal
from pathlib import Path

import pytest
import torch
from rich.console import Console
from tiny_engine import TinyEngine

from esr.equations import Expression
from esr.errors import ConfigurationError, DataError
from esr.models import EnergyModel
from esr.random import RandomStreams
from esr.search import Clock, Rows, SearchFront
from esr.training import Checkpoint, Report
from experiments.front_model import FrontModel
from experiments.front_searcher import FrontSearcher
from experiments.search_display import PlainSearch, TerminalSearch, search_display

NAMES = ("double", "square")


def model(engine: object, copies: int = 1, seed: int = 0) -> FrontModel:
    x = torch.linspace(-1, 2, 20, dtype=torch.float64)[:, None]
    rows = {
        "double": Rows.of(x, 2 * x[:, 0], ["x"]),
        "square": Rows.of(x, x[:, 0] ** 2, ["x"]),
    }
    return FrontModel(engine, rows, copies, RandomStreams(seed))  # type: ignore[arg-type]


class Listener:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.began: list[tuple[int, int]] = []
        self.interrupted: list[bool] = []

    def started(self, total_steps: int, step: int) -> None:
        self.began.append((total_steps, step))

    def reported(self, report: Report, model: EnergyModel[object]) -> None:
        self.reports.append(report)

    def finished(self, interrupted: bool) -> None:
        self.interrupted.append(interrupted)


class Stopping(TinyEngine):
    """Is interrupted in its second search, by the user's signal or in the middle."""

    def __init__(self, signalled: bool) -> None:
        super().__init__(["1.9*x", "x*x"], patient=signalled)
        self.searches, self.signalled = 0, signalled

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        self.searches += 1
        if self.searches == 2 and self.signalled:
            os.kill(os.getpid(), signal.SIGINT)
        elif self.searches == 2:
            front.propose(Expression.parse("x"), "tiny")
            raise KeyboardInterrupt
        self.patient = self.searches == 2
        super().search(front, clock, streams)


def texts(found: FrontModel) -> list[str | None]:
    best = [found.best(replica) for replica in range(found.replicas)]
    return [None if candidate is None else str(candidate.expression) for candidate in best]


def test_each_replica_searches_and_the_best_of_its_rows_is_chosen() -> None:
    searched, listener = model(TinyEngine(), copies=2), Listener()
    assert searched.names == ["double", "double", "square", "square"]
    assert searched.errors(validation=True).isfinite().all()
    result = FrontSearcher(seconds=5.0).fit(searched, None, RandomStreams(0), None, [listener])
    assert texts(searched) == ["2*x", "2*x", "x*x", "x*x"]
    assert result.active.tolist() == [True] * 4
    assert (result.interrupted, listener.interrupted) == (False, [False])
    assert listener.began == [(20_000, 0)]
    phases = [report.phase for report in listener.reports]
    assert phases == sorted(phases)
    last = listener.reports[-1]
    assert (last.phase, last.best_replica, last.total_steps) == ("square", 3, last.step)
    assert last.tallies["complexity"].tolist() == [3, 3, 3, 3]
    assert float(last.validation[3]) < 1e-20
    chosen = searched.chosen("square")
    assert chosen is not None
    assert str(chosen[1].expression) == "x*x"
    rows = [question.validation.inputs for question in searched.questions]
    assert not torch.equal(rows[0], rows[1])  # replicas have their own held-out rows
    again = model(TinyEngine(), copies=2)
    assert torch.equal(rows[1], again.questions[1].validation.inputs)


@pytest.mark.parametrize("signalled", [True, False])
def test_what_was_found_before_ctrl_c_is_kept_and_gone_on_with(
    tmp_path: Path, signalled: bool
) -> None:
    path = tmp_path / "checkpoint.pt"
    searched, listener = model(Stopping(signalled)), Listener()
    trainer = FrontSearcher(seconds=30.0)
    checkpoint = Checkpoint(path, 0.0)
    result = trainer.fit(searched, None, RandomStreams(0), None, [listener], checkpoint)
    assert (result.interrupted, listener.interrupted) == (True, [True])
    assert result.seconds < 25  # it did not use its time up
    assert texts(searched) == ["2*x", "x*x" if signalled else "x"]
    engine, later = TinyEngine(["3*x*x"]), Listener()
    resumed = model(engine)
    result = trainer.fit(resumed, None, RandomStreams(0), None, [later], Checkpoint(path))
    assert later.began[0][1] > 0
    assert {report.phase for report in later.reports} == {"square"}  # the other had ended
    assert texts(resumed)[0] == "2*x"
    assert not result.interrupted
    exact = resumed.found[1]
    assert exact is not None
    assert exact.front.exact is not None


def test_other_models_times_and_tables_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"search\.seconds must be positive"):
        FrontSearcher(seconds=0.0)
    with pytest.raises(ConfigurationError, match="such as model=hopfield_search"):
        FrontSearcher().fit(torch.nn.Identity(), None, RandomStreams(0))  # type: ignore[arg-type]
    few = Rows.of(torch.eye(2, dtype=torch.float64), torch.ones(2), ["x", "y"])
    with pytest.raises(DataError, match="at least 4 rows"):
        FrontModel(TinyEngine(), {"few": few}, 1, RandomStreams(0))


def test_a_person_sees_the_equation_and_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    def describe(own: EnergyModel[object], replica: int) -> dict[str, str]:
        assert isinstance(own, FrontModel)
        best = own.best(replica)
        return {} if best is None else {own.names[replica]: f"{best.expression:.3g}"}

    file = io.StringIO()
    screen = Console(file=file, force_terminal=True, width=100)
    for display in (PlainSearch("run", describe), search_display(screen, "run [x]", describe)):
        searched = model(TinyEngine())
        FrontSearcher(seconds=5.0).fit(searched, None, RandomStreams(0), None, [display])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "run: searching for at most 10 s"
    assert [line.partition(", ")[2] for line in printed[1:]] == [
        "error 0.00e+00, double = 2*x",
        "error 0.00e+00, square = x*x",
    ]
    assert isinstance(display, TerminalSearch)
    assert "square = x*x" in file.getvalue()
