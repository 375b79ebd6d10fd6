import json
import re

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from esr.equations import Expression
from esr.errors import ConfigurationError, DataError
from esr.random import RandomStreams
from experiments.benchmark import Suite
from experiments.configurations import CONFIGS

PLAIN = {"line": "2*x"}


def test_a_problem_overrides_what_the_suite_shares() -> None:
    own = {"expression": "x*y", "ranges": {"x": [0, 1], "y": [5, 6]}, "samples": 30}
    suite = Suite({"line": "2*x", "own": own}, test_ranges=[-2, 2], samples=20, test_samples=50)
    line, other = suite.select([])
    assert line.settings() == {
        "expression": "2*x",
        "variables": ["x"],
        "ranges": {"x": [-1.0, 1.0]},
        "test_ranges": {"x": [-2.0, 2.0]},
        "samples": 20,
        "test_samples": 50,
    }
    training, test = other.draw(RandomStreams(0))
    assert training.inputs.shape == (30, 2)
    assert test.inputs.shape == (50, 2)
    assert training.inputs[:, 1].min() >= 5
    torch.testing.assert_close(training.targets[:, 0], training.inputs.prod(1))


def test_test_ranges_are_those_of_training_unless_given() -> None:
    (problem,) = Suite({"line": {"expression": "log(x)", "ranges": [1, 2]}}).select([])
    assert problem.test_ranges == {"x": [1.0, 2.0]}


def test_columns_that_the_truth_does_not_use_may_be_declared() -> None:
    (problem,) = Suite({"p": {"expression": "e*x", "variables": ["x", "noise", "e"]}}).select([])
    training, _ = problem.draw(RandomStreams(0))
    torch.testing.assert_close(
        training.targets[:, 0], training.inputs[:, 0] * training.inputs[:, 2]
    )


def test_rows_follow_the_seed_and_noise_touches_only_training_targets() -> None:
    (problem,) = Suite(PLAIN, samples=4000).select([])
    clean, noisy = (problem.draw(RandomStreams(3), noise) for noise in (0.0, 0.1))
    assert torch.equal(clean[0].inputs, noisy[0].inputs)
    assert torch.equal(clean[1].targets, noisy[1].targets)
    ratio = (noisy[0].targets - clean[0].targets).std() / clean[0].targets.std()
    assert ratio.item() == pytest.approx(0.1, rel=0.05)  # 4000 rows: 1.1% expected
    assert not torch.equal(problem.draw(RandomStreams(4))[0].inputs, clean[0].inputs)


@pytest.mark.parametrize(
    ("problems", "shared", "message"),
    [
        ({}, {}, "at least one problem"),
        ({"p": "2*"}, {}, "problem 'p': the text ends too early"),
        ({"p": "3"}, {}, "problem 'p': '3' has no variable"),
        ({"p": {"expression": "x", "sample": 3}}, {}, "setting 'sample': did you mean 'samples'"),
        ({"p": {"samples": 3}}, {}, "must be the text of an expression"),
        ({"p": "x"}, {"samples": 1}, "samples must be an integer of at least 2, but is 1"),
        ({"p": "x"}, {"ranges": [1, -1]}, "ranges of x must be [low, high] with low < high"),
        ({"p": "x*y"}, {"ranges": {"x": [0, 1]}}, "names ['x'], but the variables are"),
    ],
)
def test_a_suite_that_cannot_be_used_is_refused(
    problems: dict[str, object], shared: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        Suite(problems, **shared)  # type: ignore[arg-type]


def test_an_unknown_problem_and_an_infinite_truth_are_named() -> None:
    with pytest.raises(ConfigurationError, match="no problem 'lines': did you mean 'line'"):
        Suite(PLAIN).select(["lines"])
    (problem,) = Suite({"p": "log(x)"}).select([])
    with pytest.raises(DataError, match=r"problem 'p': 'log\(x\)' is not finite everywhere"):
        problem.draw(RandomStreams(0))


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path, marks=[pytest.mark.slow] if path.stem == "strogatz" else [], id=path.stem
        )
        for path in sorted((CONFIGS / "suite").glob("*.yaml"))
    ],
)
def test_every_suite_of_ours_gives_finite_rows(path: object) -> None:
    suite = instantiate(OmegaConf.load(str(path)), _convert_="all")
    for problem in suite.select([]):
        for rows in problem.draw(RandomStreams(0), 0.1):
            assert rows.targets.isfinite().all()
        assert json.dumps(problem.settings())


def test_the_paper_has_twelve_functions_of_two_layers() -> None:
    suite = instantiate(OmegaConf.load(str(CONFIGS / "suite" / "eql_paper.yaml")))
    assert len(suite.problems) == 12
    problem = suite.problems["sigmoid"]
    assert problem.truth.equals(Expression.parse("sigmoid(10*x)"))
    assert (problem.samples, problem.ranges, problem.test_ranges) == (
        256,
        {"x": [-1.0, 1.0]},
        {"x": [-2.0, 2.0]},
    )
