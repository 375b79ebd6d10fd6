from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.equations import Expression
from esr.search.splits.monomials import (
    monomial,
    monomial_nodes,
    monomial_text,
    monomial_values,
    snapped,
)

NAMES = ("a", "b", "c")
WHOLE = st.tuples(*[st.integers(-3, 3)] * 3)
HALVES = st.tuples(*[st.integers(-6, 6).map(lambda k: Fraction(k, 2))] * 3)
POINTS = torch.tensor([[1.5, 0.7, 2.0], [0.3, 4.0, 1.1]], dtype=torch.float64)


@settings(deadline=None, max_examples=40)
@given(HALVES)
def test_monomial_has_the_value_of_its_powers(exponents: tuple[Fraction, ...]) -> None:
    powers = POINTS.new_tensor([float(e) for e in exponents])
    found = monomial(NAMES, exponents).evaluate(dict(zip(NAMES, POINTS.unbind(1), strict=True)))
    torch.testing.assert_close(found, (POINTS**powers).prod(1))


@settings(deadline=None, max_examples=40)
@given(HALVES)
def test_nodes_are_the_complexity_of_the_monomial(exponents: tuple[Fraction, ...]) -> None:
    expected = monomial(NAMES, exponents).complexity if any(exponents) else 0
    assert monomial_nodes(exponents) == expected


@settings(deadline=None, max_examples=40)
@given(WHOLE)
def test_text_is_the_monomial(exponents: tuple[int, ...]) -> None:
    assert Expression.parse(monomial_text(NAMES, exponents)) == monomial(NAMES, exponents)


@settings(deadline=None, max_examples=40)
@given(WHOLE)
def test_values_of_any_sign_are_those_of_the_monomial(exponents: tuple[int, ...]) -> None:
    inputs = POINTS * torch.tensor([-1.0, 1.0, -1.0])
    values = monomial_values(inputs, torch.tensor([exponents]))[0]
    torch.testing.assert_close(values, (inputs ** torch.tensor(exponents)).prod(1))


@pytest.mark.parametrize(
    ("value", "denominators", "expected"),
    [(1.49, (1, 2), 1.5), (0.97, (1, 2), 1.0), (-0.35, (1, 2, 3), -1 / 3), (0.4, (1,), 0.0)],
)
def test_snapped_is_the_nearest_fraction(
    value: float, denominators: tuple[int, ...], expected: float
) -> None:
    assert float(snapped(torch.tensor([value]).double(), denominators)) == pytest.approx(expected)
