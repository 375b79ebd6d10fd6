"""Sensitivities against finite differences, and largest scales against dense bisection."""

import math

import pytest
import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield.spectrum.operators import DenseOperator
from esr.hopfield.spectrum.rule_scales import largest_rule_scales, rule_sensitivity


def rules_of(size: int, count: int, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(count, size, size, generator=generator, dtype=torch.float64)
    return [(matrix + matrix.T) / 2 for matrix in drawn]


def lowest(matrix: Tensor) -> float:
    return float(torch.linalg.eigvalsh(matrix)[0])


def test_sensitivities_are_the_eigenvalues_derivatives() -> None:
    rules = rules_of(15, 3, seed=0)
    _, vectors = torch.linalg.eigh(sum(rules[1:], rules[0]))
    found = rule_sensitivity([DenseOperator(rule) for rule in rules], vectors.T)
    assert found.shape == (3, 15)
    for index, rule in enumerate(rules):
        higher, lower = (
            torch.linalg.eigvalsh(sum(rules[1:], rules[0]) + change * rule)
            for change in (1e-5, -1e-5)
        )
        # Central differences err by 1e-10 times a third derivative, and by rounding 1e-15 / 1e-5.
        torch.testing.assert_close(found[index], (higher - lower) / 2e-5, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("size", "seed"), [(10, 1), (10, 2), (80, 1)])
def test_largest_scales_keep_the_limit_and_a_little_more_does_not(size: int, seed: int) -> None:
    rules = rules_of(size, 3, seed)
    total = sum(rules[1:], rules[0])
    limit = 1.2 * lowest(total)
    scales = largest_rule_scales(
        [DenseOperator(rule) for rule in rules],
        limit,
        total,
        generator=torch.Generator().manual_seed(0),
        tolerance=1e-6,
    )
    for rule, scale in zip(rules, scales, strict=True):
        assert scale > 1
        assert lowest(total + (scale - 1) * rule) >= limit - 1e-12 * size
        assert lowest(total + (scale + 2e-6 * (1 + scale) - 1) * rule) < limit


def test_scale_of_a_rule_whose_lowest_eigenvalue_switches_vectors() -> None:
    # Lowest of diag(-s, 1 - 3s, -0.9): three lines with kinks; -2 is crossed at s = 1.
    rule = torch.diag(torch.tensor([-1.0, -3.0, 0.0], dtype=torch.float64))
    other = torch.diag(torch.tensor([0.0, 1.0, -0.9], dtype=torch.float64))
    operators = [DenseOperator(rule), DenseOperator(other)]
    for limit in (-2.0, -2.3, -50.0):
        scale, free = largest_rule_scales(operators, limit, rule, generator=None)
        assert scale == pytest.approx((1 - limit) / 3, rel=1e-4)
        # The other lowers the third entry alone, and the first two only where it is missing.
        assert free == pytest.approx(limit / -0.9, rel=1e-4)


def test_rule_that_lowers_nothing_has_no_largest_scale() -> None:
    (drawn,) = rules_of(12, 1, seed=3)
    helping = DenseOperator(drawn[:, :4] @ drawn[:, :4].T)  # of rank 4: lowest eigenvalue 0
    scales = largest_rule_scales([helping, DenseOperator(drawn)], -20.0, drawn, generator=None)
    assert scales[0] == math.inf
    assert math.isfinite(scales[1])


def test_rules_beyond_the_limit_shrink_or_have_no_scale() -> None:
    mild = torch.diag(torch.tensor([-0.5, 0.0], dtype=torch.float64))
    strong = torch.diag(torch.tensor([0.0, -4.0], dtype=torch.float64))
    operators = [DenseOperator(mild), DenseOperator(strong)]
    mild_scale, strong_scale = largest_rule_scales(operators, -1.0, mild, generator=None)
    assert math.isnan(mild_scale)  # whatever its factor, the other rule breaks the limit
    assert strong_scale == pytest.approx(0.25, rel=1e-4)


def test_no_rules_or_tolerance_are_refused() -> None:
    operator = DenseOperator(torch.eye(2))
    with pytest.raises(ConfigurationError, match="but got 0 rules"):
        largest_rule_scales([], -1.0, torch.zeros(1), generator=None)
    with pytest.raises(ConfigurationError, match="tolerance 0"):
        largest_rule_scales([operator], -1.0, torch.zeros(1), generator=None, tolerance=0)
