"""The equation learner proposes to a search front what it finds."""

from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from torch import Generator

from baselines.eql import EQL, paper_layers
from baselines.eql.engine import EQLEngine, _in_terms_of
from baselines.eql.estimator import EQLEstimator
from baselines.eql.portfolio import MetaTrained, Portfolio, short_schedule
from esr.equations import STANDARD, Expression, PrimitiveSet
from esr.errors import ConfigurationError
from esr.initialisation import save_initialisation
from esr.random import RandomStreams
from esr.search import Clock, Question, Rows, SearchFront
from esr.training import Phase

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
PHASES = {
    "sparsify": Phase(steps=200, learning_rate=2e-2),
    "fine_tune": Phase(steps=200, learning_rate=(1e-2, 1e-5), structure=0, prune=0.05),
}
SQUARES = partial(EQL, hidden=[{"identity": 2, "square": 2}])


def front(scale: float = 1.0, primitives: PrimitiveSet = STANDARD) -> SearchFront:
    generator = Generator().manual_seed(0)
    inputs = torch.rand(96, 1, generator=generator, dtype=torch.float64) * 2 - 1
    rows = Rows.of(inputs, scale * (inputs[:, 0].square() - 0.5), ["x"])
    training, validation = rows.taken(torch.arange(72)), rows.taken(torch.arange(72, 96))
    return SearchFront(Question(training, validation, primitives))


@pytest.mark.parametrize(("scale", "times"), [(1.0, 2), (2000.0, 1)])
def test_it_finds_a_square_of_any_size_and_the_same_again(scale: float, times: int) -> None:
    found = []
    for _ in range(times):
        asked = front(scale)
        EQLEngine(SQUARES, phases=PHASES, replicas=6).search(asked, Clock(100), RandomStreams(0))
        assert asked.exact is not None
        assert asked.accepted["eql"] >= 1
        found.append(asked.exact.expression)
    assert found[0] == found[-1]
    assert found[0].equals(Expression.parse(f"{scale}*(x**2 - 0.5)"), decimals=6)


def test_there_must_be_time_for_training() -> None:
    asked = front()
    EQLEngine(SQUARES).search(asked, Clock(0.1), RandomStreams(0))
    assert asked.proposals == 0


def test_ctrl_c_ends_it_after_proposing(monkeypatch: pytest.MonkeyPatch) -> None:
    train = EQLEstimator._train

    def interrupted(self: EQLEstimator, *arguments: object) -> tuple[EQL, bool]:
        model, _ = train(self, *arguments)  # type: ignore[arg-type]
        self.interrupted = True
        return model, True

    monkeypatch.setattr(EQLEstimator, "_train", interrupted)
    asked = front()
    with pytest.raises(KeyboardInterrupt):
        EQLEngine(SQUARES, phases=PHASES, replicas=2).search(asked, Clock(100), RandomStreams(0))
    assert asked.candidates


def test_a_meta_learnt_start_is_where_training_begins(tmp_path: Path) -> None:
    generator = Generator().manual_seed(0)
    sizes = {"in_features": 1, "out_features": 1}
    start = EQLEngine()._factory(STANDARD)
    assert isinstance(start, Portfolio)
    fresh = MetaTrained(tmp_path / "initialisation.pt")
    with pytest.raises(ConfigurationError, match="is not there"):
        fresh(**sizes, replicas=2, generator=generator)
    counts = {"identity": 4, "square": 4, "sin": 2, "exp": 2, "sigmoid": 2, "mul": 2}
    saved = EQL(1, 1, hidden=paper_layers(counts=counts), replicas=1, generator=generator)
    save_initialisation(tmp_path / "initialisation.pt", saved)
    loaded = MetaTrained(tmp_path)(**sizes, replicas=3, generator=generator)
    for name, value in saved.named_parameters():
        assert torch.equal(loaded.get_parameter(name)[0], value[0])
        assert not torch.equal(loaded.get_parameter(name)[1], value[0]) or bool((value == 0).all())
    with pytest.raises(ConfigurationError, match="give a model or an init, not both"):
        EQLEngine(SQUARES, init=tmp_path)
    two = SearchFront(
        Question(*(Rows.of(torch.rand(9, 2), torch.rand(9), ["x", "y"]) for _ in "ab"))
    )
    with pytest.raises(ConfigurationError, match="shape"):
        EQLEngine(init=tmp_path).search(two, Clock(100), RandomStreams(0))


def test_the_portfolio_is_that_of_the_configurations() -> None:
    config = yaml.safe_load((CONFIGS / "model" / "eql_portfolio.yaml").read_text())
    assert Portfolio().repertoires == config["repertoires"]
    model = Portfolio()(in_features=2, out_features=1, replicas=29, generator=Generator())
    assert {g.primitive.name: g.count for g in model.hidden[0]} == config["hidden"]["counts"]
    schedule = yaml.safe_load((CONFIGS / "schedule" / "short.yaml").read_text())
    for name, phase in short_schedule().items():
        wanted = schedule.pop(name)
        wanted.pop("_target_")
        expected = Phase(**{k: tuple(v) if isinstance(v, list) else v for k, v in wanted.items()})
        assert phase == expected
    assert not schedule


def test_units_are_those_of_the_question() -> None:
    functions = Portfolio(functions=("sin",))
    assert {unit for turn in functions.repertoires for unit in turn if isinstance(unit, str)} == {
        "mul",
        "square",
        "sin",
    }
    model = functions(in_features=1, out_features=1, replicas=2, generator=Generator())
    assert {g.primitive.name for g in model.hidden[0]} == {"identity", "square", "sin", "mul"}


def test_sigmoids_are_written_out_where_there_are_none() -> None:
    sigmoid = Expression.parse("2*sigmoid(3*x) + 1")
    exponential = PrimitiveSet([STANDARD["exp"]])
    assert str(_in_terms_of(exponential, sigmoid, 1.0)) == "2*(1/(1 + exp(-(3*x)))) + 1"
    assert _in_terms_of(STANDARD, sigmoid, 1.0) == sigmoid
