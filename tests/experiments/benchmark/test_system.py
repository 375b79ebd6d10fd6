import math
import re

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from esr.equations import Expression
from esr.errors import ConfigurationError, DataError
from esr.random import RandomStreams
from experiments.benchmark.system import SystemSuite, simulate
from experiments.configurations import CONFIGS

LINE = {"rates": {"x": "2", "y": "x"}, "starts": [[0.0, 1.0], [1.0, 0.0]]}


def rates(**texts: str) -> dict[str, Expression]:
    return {name: Expression.parse(text, variables=tuple(texts)) for name, text in texts.items()}


def test_a_path_that_the_scheme_follows_exactly() -> None:
    starts = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    paths = simulate(rates(x="2 + 0*x", y="x"), starts, steps=11, step=0.3)
    t = 0.3 * torch.arange(11, dtype=torch.float64)
    x = starts[:, :1] + 2 * t
    torch.testing.assert_close(paths[..., 0], x)
    torch.testing.assert_close(paths[..., 1], starts[:, 1:] + starts[:, :1] * t + t**2)


def test_the_second_state_follows_to_third_order() -> None:
    errors = []
    for steps in (40, 80):
        start = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
        path = simulate(rates(x="1 + 0*x", y="-x*y"), start, steps + 1, 1 / steps)
        errors.append(abs(path[0, -1, 1].item() - math.exp(-0.5)))
    assert 7.5 < errors[0] / errors[1] < 8.7  # 2**3, and the next order


def test_the_rows_are_those_of_the_published_data() -> None:
    """Two lines of d_predprey1.txt and one of d_barmag1.txt at github.com/lacava/ode-strogatz."""
    suite = instantiate(OmegaConf.load(str(CONFIGS / "suite" / "strogatz.yaml")), _convert_="all")
    assert len(suite.problems) == 14
    for name, state in (
        ("predprey1", [3.4879886960922004, 11.4434944362319]),
        ("predprey1", [2.7772086812716603, 11.333144823606501]),
        ("barmag1", [4.39743518638058, 5.0101438901070585]),
    ):
        problem = suite.problems[name]
        training, test = problem.draw(RandomStreams(0))
        assert (training.inputs.shape, test.inputs.shape) == ((300, 2), (100, 2))
        rows = torch.cat((training.inputs, test.inputs))
        given = torch.tensor(state, dtype=torch.float64)
        assert (rows - given).abs().amax(1).min() < 1e-12  # of numbers given to 15 digits
        columns = dict(zip("xy", training.inputs.unbind(1), strict=True))
        assert torch.equal(training.targets[:, 0], problem.truth.evaluate(columns))


def test_each_rate_is_a_problem_and_noise_touches_only_training_targets() -> None:
    suite = SystemSuite({"line": LINE}, steps=100, step=0.01)  # type: ignore[dict-item]
    first, second = suite.select([])
    assert [(p.name, p.expression) for p in (first, second)] == [("line1", "2"), ("line2", "x")]
    clean, noisy = (second.draw(RandomStreams(1), noise) for noise in (0.0, 0.1))
    assert torch.equal(clean[0].inputs, noisy[0].inputs)
    assert torch.equal(clean[1].targets, noisy[1].targets)
    ratio = (noisy[0].targets - clean[0].targets).std() / clean[0].targets.std()
    assert ratio.item() == pytest.approx(0.1, rel=0.3)  # 150 rows: 6% expected
    assert second.settings()["starts"] == [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    ("systems", "shared", "message"),
    [
        ({}, {}, "at least one problem"),
        ({"p": {**LINE, "rates": {"x": "y", "y": "2*"}}}, {}, "problem 'p1': the text ends"),
        ({"p": {**LINE, "rates": {"x": "1"}}}, {}, "a system has two states"),
        ({"p": LINE}, {"step": 0.0}, "step 0.0"),
        ({"p": LINE}, {"test_share": 1.0}, "test_share 1.0"),
    ],
)
def test_a_system_that_cannot_be_used_is_refused(
    systems: dict[str, object], shared: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        SystemSuite(systems, **shared)  # type: ignore[arg-type]


def test_a_path_that_leaves_is_named() -> None:
    given = {"rates": {"x": "x", "y": "log(x)"}, "starts": [[-1.0, 1.0]]}
    suite = SystemSuite({"p": given})  # type: ignore[dict-item]
    with pytest.raises(DataError, match="problem 'p1': a path leaves"):
        suite.problems["p1"].draw(RandomStreams(0))
