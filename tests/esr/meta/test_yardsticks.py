"""Yardsticks against closed forms."""

from collections.abc import Mapping

import pytest
import torch
from torch import Generator, Tensor

from baselines.eql import EQL, SmoothedL05
from esr.equations import Expression
from esr.errors import ConfigurationError, DataError
from esr.meta import Episodes, least_squares_errors, scratch_errors, zero_errors
from esr.models import Batch, FunctionModel
from esr.random import RandomStreams
from esr.training import Phase, Trainer

K, N, M = 4, 10, 20


def episodes(function: str = "sin(a*x)", dtype: torch.dtype = torch.float64) -> Episodes:
    generator = Generator().manual_seed(0)
    a = 1 + torch.rand(K, 1, 1, generator=generator, dtype=torch.float64)
    parts = []
    for count in (N, M):
        x = 2 * torch.rand(K, count, 1, generator=generator, dtype=torch.float64) - 1
        y = Expression.parse(function).evaluate({"a": a, "x": x})
        parts.append(Batch(x.to(dtype), y.to(dtype)))
    return Episodes(*parts)


def test_zero_scores_the_mean_square() -> None:
    batch = episodes("a + 0*x")
    errors = zero_errors(batch)
    torch.testing.assert_close(errors, batch.query.targets[:, 0, 0] ** 2)


@pytest.mark.parametrize(
    ("function", "basis"),
    [
        ("a*exp(x) + 2*x^2 - a", ("1", "x^2", "exp(x)", "sin(3*x)")),
        ("a*x", (Expression.parse("x"),)),
    ],
)
def test_least_squares_is_exact_in_the_span(
    function: str, basis: tuple[Expression | str, ...]
) -> None:
    errors = least_squares_errors(episodes(function), basis)
    assert errors.shape == (K,)
    assert float(errors.max()) < 1e-14  # the square of the smallest ridge, times the condition


def test_least_squares_approaches_the_least_norm_where_functions_outnumber_points() -> None:
    batch = episodes()
    basis = [f"sin({k}*x + {k * k})" for k in range(1, 2 * N)]
    x, query = batch.support.inputs, batch.query.inputs
    powers = torch.arange(1, 2 * N, dtype=torch.float64)
    features, asked = (torch.sin(powers * part + powers**2) for part in (x, query))
    outputs = asked @ torch.linalg.pinv(features) @ batch.support.targets
    expected = (outputs - batch.query.targets).square().mean((1, 2))
    errors = least_squares_errors(batch, basis, ridges=(1e-13,))
    torch.testing.assert_close(errors, expected, rtol=1e-4, atol=1e-9)  # what the ridge shrinks


def test_the_ridge_is_the_one_that_predicts_points_left_out_best() -> None:
    batch, basis = episodes(), ("1", "x", "x^2", "x^3", "x^4", "x^5")
    ridges = (1e-9, 1e-3, 0.1)
    chosen = least_squares_errors(batch, basis, ridges=ridges)
    x, y = batch.support
    features = torch.cat([x**power for power in range(6)], dim=2)
    top = torch.linalg.matrix_norm(features, ord=2).square()
    for k in range(K):
        left_out = []
        for ridge in ridges:
            squares = 0.0
            for i in range(N):
                rest = [j for j in range(N) if j != i]
                a = features[k, rest]
                normal = a.mT @ a + ridge * top[k] * torch.eye(6, dtype=torch.float64)
                weights = torch.linalg.solve(normal, a.mT @ y[k, rest])
                squares += float((features[k, i] @ weights - y[k, i]).square())
            left_out.append(squares)
        best = ridges[left_out.index(min(left_out))]
        alone = Episodes(*(Batch(p.inputs[[k]], p.targets[[k]]) for p in batch))
        torch.testing.assert_close(
            chosen[k], least_squares_errors(alone, basis, ridges=(best,))[0]
        )


def test_the_default_basis_beats_zero_by_far() -> None:
    batch = episodes("sin(4*a*x + a)", dtype=torch.float32)
    assert least_squares_errors(batch).dtype == torch.float64
    assert float(least_squares_errors(batch).mean()) < 0.1 * float(zero_errors(batch).mean())


def test_several_variables_need_a_basis_of_theirs() -> None:
    generator = Generator().manual_seed(0)
    x = torch.randn(2, K, N, 2, generator=generator, dtype=torch.float64)
    both = [Batch(part, 3 * part[..., :1] * part[..., 1:]) for part in x]
    errors = least_squares_errors(Episodes(*both), ("1", "u", "v", "u*v"), ("u", "v"))
    assert float(errors.max()) < 1e-14
    with pytest.raises(DataError, match="names of 2 inputs"):
        least_squares_errors(Episodes(*both))


def line(**sizes: object) -> FunctionModel:
    return EQL(hidden=[{"identity": 1}], structure=SmoothedL05(0.3), **sizes)  # type: ignore[arg-type]


def test_scratch_recovers_a_line() -> None:
    phases = {"fit": Phase(150, (0.1, 0.01), structure=0)}
    errors = scratch_errors(line, episodes("2*x"), phases, 2, RandomStreams(0))
    assert errors.shape == (K,)
    assert float(errors.max()) < 1e-5


def test_scratch_takes_the_attempt_that_is_best_without_the_query_points() -> None:
    batch, phases, attempts = episodes("a*x"), {"fit": Phase(3, 0.05)}, 5
    made: list[FunctionModel] = []

    def make_model(**sizes: object) -> FunctionModel:
        made.append(line(**sizes))
        return made[-1]

    def make_trainer(phases: Mapping[str, Phase]) -> Trainer:
        return Trainer(phases, clip_norm=1.0)

    chosen = []
    for factor in (0.0, 100.0):
        errors = scratch_errors(
            make_model, batch, phases, attempts, RandomStreams(3), make_trainer, factor
        )
        model, expected, best = made[-1], [], []
        assert model.replicas == attempts * K
        with torch.no_grad():
            price = model.structure()
            for k in range(K):
                outputs = [model(part.inputs[k])[k::K] for part in batch]  # (attempts, *, 1)
                support, query = (
                    (output - part.targets[k]).square().mean((1, 2))
                    for output, part in zip(outputs, batch, strict=True)
                )
                best.append(int((support + factor * price[k::K]).argmin()))
                expected.append(query[best[-1]])
        torch.testing.assert_close(errors, torch.stack(expected))
        chosen.append(best)
    assert chosen[0] != chosen[1]


def test_scratch_follows_the_type_of_the_points_and_the_seed() -> None:
    def errors(seed: int) -> Tensor:
        batch, phases = episodes("2*x", torch.float32), {"fit": Phase(2, 0.1)}
        return scratch_errors(line, batch, phases, 1, RandomStreams(seed))

    assert errors(0).dtype == torch.float32
    assert torch.equal(errors(0), errors(0))
    assert not torch.equal(errors(0), errors(1))


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one function and one ridge"):
        least_squares_errors(episodes(), ())
    with pytest.raises(ConfigurationError, match="ridges positive"):
        least_squares_errors(episodes(), ridges=(0.0,))
    with pytest.raises(DataError, match=r"'log\(x\)' is not finite"):
        least_squares_errors(episodes(), ("x", "log(x)"))
    with pytest.raises(ConfigurationError, match="attempts must be at least 1"):
        scratch_errors(line, episodes(), {"fit": Phase(1, 0.1)}, 0, RandomStreams(0))
