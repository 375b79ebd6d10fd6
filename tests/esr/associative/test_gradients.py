"""Gradients of retrieval against central differences in float64, to 1e-5 without relative slack.

The map differentiated is read-out of values from the mode's states, with keys, beta and queries
as inputs. Fixed points are found to 1e-12, so their differences carry no more than rounding.
"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from esr.associative import (
    Implicit,
    OneStep,
    RetrievalGradient,
    StoredPatterns,
    Unrolled,
    find_fixed_point,
)
from esr.errors import ConfigurationError, TrainingError

Inputs = tuple[Tensor, Tensor, Tensor, Tensor]


def inputs(beta: float, *, separated: bool = False) -> Inputs:
    """Queries near the keys, keys, values, and beta; separated keys are at right angles."""
    generator = torch.Generator().manual_seed(3)
    keys = torch.randn(4, 5, generator=generator, dtype=torch.float64)
    if separated:
        keys = torch.eye(4, 5, dtype=torch.float64)
    noise = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    values = torch.randn(4, 2, generator=generator, dtype=torch.float64)
    tensors = (keys[:3] + 0.1 * noise, keys, values, torch.tensor(beta, dtype=torch.float64))
    return tuple(tensor.clone().requires_grad_() for tensor in tensors)  # type: ignore[return-value]


def read(
    mode: RetrievalGradient, mask: Tensor | None = None, top_k: int | None = None
) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    def function(queries: Tensor, keys: Tensor, values: Tensor, beta: Tensor) -> Tensor:
        patterns = StoredPatterns(keys, beta, mask, top_k)
        return patterns.weights(mode.approach(queries, patterns).states) @ values

    return function


def agrees(function: Callable[..., Tensor], given: Inputs) -> bool:
    return torch.autograd.gradcheck(
        function, given, eps=1e-6, atol=1e-5, rtol=0, raise_exception=False
    )


def contraction(given: Inputs) -> float:
    """The largest eigenvalue of the step's derivative at the queries' fixed points."""
    queries, keys, _, beta = (tensor.detach() for tensor in given)
    patterns = StoredPatterns(keys, beta)
    states = find_fixed_point(patterns, queries, tolerance=1e-12, steps=10_000).states
    whole = torch.autograd.functional.jacobian(patterns.update, states)
    assert isinstance(whole, Tensor)
    each = torch.stack([whole[i, :, i] for i in range(len(states))])
    return float(torch.linalg.eigvalsh(each).max())


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("beta", [0.3, 2.0, 10.0])
def test_unrolled_agrees_with_differences_always(steps: int, beta: float) -> None:
    assert agrees(read(Unrolled(steps)), inputs(beta))


def test_unrolled_agrees_under_mask_and_sparsity() -> None:
    mask = torch.tensor([[True, False, True, True], [True] * 4, [False] * 4])
    assert agrees(read(Unrolled(3), mask, 3), inputs(1.5))


@pytest.mark.parametrize("beta", [0.3, 0.7, 1.5])
def test_implicit_agrees_at_fixed_points_that_contract(beta: float) -> None:
    given = inputs(beta)
    assert 0.3 < contraction(given) < 0.7  # so that J counts and 1 - J is positive definite
    assert agrees(read(Implicit(10_000, 1e-12, strict=True)), given)


def test_one_step_errs_where_the_derivative_counts() -> None:
    assert not agrees(read(OneStep(10_000, 1e-12)), inputs(0.3))


def test_implicit_agrees_under_mask_and_sparsity() -> None:
    mask = torch.tensor([[True, False, True, True], [True] * 4, [False] * 4])
    assert agrees(read(Implicit(10_000, 1e-12, strict=True), mask, 3), inputs(0.5))


def test_implicit_is_the_limit_of_unrolled() -> None:
    given = inputs(0.5)
    implicit, unrolled = read(Implicit(10_000, 1e-12)), read(Unrolled(400))
    for one, other in zip(
        torch.autograd.grad(implicit(*given).square().sum(), given[1:]),
        torch.autograd.grad(unrolled(*given).square().sum(), given[1:]),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=0)


def test_one_step_agrees_where_the_derivative_vanishes() -> None:
    given = inputs(60.0, separated=True)
    assert contraction(given) < 1e-20
    for mode in (OneStep(100, 1e-12), Implicit(100, 1e-12, strict=True), Unrolled(4)):
        assert agrees(read(mode), given)


@pytest.mark.parametrize("beta", [0.3, 2.0])
def test_one_step_of_one_step_is_unrolled(beta: float) -> None:
    given = inputs(beta)
    assert agrees(read(OneStep(1)), given)
    for one, other in zip(
        torch.autograd.grad(read(OneStep(1))(*given).sum(), given),
        torch.autograd.grad(read(Unrolled(1))(*given).sum(), given),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=0, rtol=0)


def test_modes_reach_the_same_states() -> None:
    queries, keys, _, beta = inputs(2.0)
    patterns = StoredPatterns(keys, beta)
    implicit = Implicit(1000, 1e-12).approach(queries, patterns)
    one_step = OneStep(1000, 1e-12).approach(queries, patterns)
    unrolled = Unrolled(1001).approach(queries, patterns)
    torch.testing.assert_close(implicit.states, unrolled.states)
    torch.testing.assert_close(one_step.states, unrolled.states)
    assert (one_step.steps <= 1000).all()
    with torch.no_grad():
        plain = Implicit(1000, 1e-12).approach(queries, patterns)
    torch.testing.assert_close(plain.states, unrolled.states)


def test_what_becomes_of_a_query_does_not_depend_on_its_neighbours() -> None:
    queries, keys, _, beta = (tensor.detach() for tensor in inputs(2.0))
    patterns = StoredPatterns(keys, beta)
    together = find_fixed_point(patterns, queries, tolerance=1e-3, steps=100)
    assert len(together.steps.unique()) > 1
    for index in range(3):
        alone = find_fixed_point(patterns, queries[index : index + 1], tolerance=1e-3, steps=100)
        torch.testing.assert_close(together.states[index], alone.states[0], atol=1e-15, rtol=0)
        assert together.steps[index] == alone.steps[0]


def saddle() -> tuple[Tensor, Tensor]:
    """A query midway between two patterns, where retrieval stays though it is no minimum."""
    keys = torch.eye(2, dtype=torch.float64, requires_grad=True)
    return torch.full((1, 2), 0.5, dtype=torch.float64), keys


def test_on_a_saddle_implicit_takes_the_last_step_or_says_so() -> None:
    queries, keys = saddle()
    slopes = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    patterns = StoredPatterns(keys, 8.0)
    lenient = Implicit().approach(queries, patterns).states
    (gradient,) = torch.autograd.grad((lenient * slopes).sum(), keys)
    (last,) = torch.autograd.grad((patterns.update(queries) * slopes).sum(), keys)
    torch.testing.assert_close(gradient, last)
    strict = Implicit(strict=True).approach(queries, patterns).states
    with pytest.raises(TrainingError, match="1 of 1 queries could not be found: they rest on a"):
        torch.autograd.grad((strict * slopes).sum(), keys)


def test_without_rest_implicit_takes_the_last_step_or_says_so() -> None:
    given = inputs(0.5)
    queries, keys, _, beta = given
    patterns = StoredPatterns(keys, beta)
    with pytest.raises(TrainingError, match="3 of 3 queries did not come to rest within 2 steps"):
        Implicit(2, 1e-12, strict=True).approach(queries, patterns)
    one = torch.autograd.grad(read(Implicit(2, 1e-12))(*given).sum(), (keys, beta))
    states = find_fixed_point(patterns, queries, tolerance=1e-12, steps=2).states
    after = patterns.weights(patterns.update(states)) @ given[2]
    for left, right in zip(one, torch.autograd.grad(after.sum(), (keys, beta)), strict=True):
        torch.testing.assert_close(left, right)


def test_second_derivatives_of_implicit_are_refused() -> None:
    given = inputs(0.5)
    output = read(Implicit())(*given).sum()
    with pytest.raises(TrainingError, match=r"first derivatives only .* use Unrolled\(steps\)"):
        torch.autograd.grad(output, given[1], create_graph=True)


def test_nan_never_counts_as_rest() -> None:
    keys = torch.eye(2)
    found = find_fixed_point(
        StoredPatterns(keys), torch.tensor([[math.nan, 0.0], [1.0, 0.0]]), tolerance=1e-3, steps=50
    )
    assert found.settled.tolist() == [False, True]


@pytest.mark.parametrize("mode", [Unrolled, OneStep, Implicit])
def test_settings_out_of_range_are_refused(mode: type[Unrolled | OneStep | Implicit]) -> None:
    with pytest.raises(ConfigurationError, match="steps must be at least 1"):
        mode(0)
    if mode is not Unrolled:
        with pytest.raises(ConfigurationError, match="tolerance must be positive"):
            mode(5, 0.0)  # type: ignore[call-arg]
