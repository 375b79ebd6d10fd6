import math

import pytest

from esr.equations import Expression
from esr.errors import DataError
from esr.finishing import Candidate, choose, description_length, pareto_front


def candidate(text: str, error: float) -> Candidate:
    return Candidate(Expression.parse(text), error, error)


def test_the_front_keeps_what_nothing_beats() -> None:
    line, square, worse, cubic = (
        candidate("x", 1.0),
        candidate("x**2", 0.1),
        candidate("x*x + 1", 0.5),
        candidate("x**3 + x", 1e-9),
    )
    lost = candidate("y", math.inf)
    assert pareto_front([cubic, lost, worse, square, line]) == [line, square, cubic]


def test_below_the_floor_the_simpler_wins() -> None:
    exact, longer = candidate("x**3", 1e-31), candidate("x**3 + 1e-9*x", 1e-33)
    assert choose([longer, exact], samples=256, floor=1e-14) is exact


def test_an_impostor_with_a_small_error_loses_to_the_exact_law() -> None:
    impostor = candidate("3.1*sinh(0.7*x)", 5e-11)
    truth = candidate("x**3 + 0.5*x + 0.25*x**2", 1e-30)
    assert choose([impostor, truth], samples=256, floor=1e-14) is truth


def test_under_noise_a_term_must_earn_its_place() -> None:
    simple, longer = candidate("x**2", 0.0100), candidate("x**2 + 0.01*sin(x)", 0.0099)
    assert choose([simple, longer], samples=256, floor=1e-14) is simple


def test_simple_constants_are_shorter() -> None:
    whole, decimal = candidate("2*x", 1e-20), candidate("2.1234567*x", 1e-20)
    lengths = [description_length(c, 100, 1e-14) for c in (whole, decimal)]
    assert lengths[0] < lengths[1]


def test_nothing_finite_is_an_error() -> None:
    with pytest.raises(DataError, match="no candidate equation"):
        choose([candidate("x", math.inf)], 10, 1e-14)
    with pytest.raises(DataError, match="no candidate equation"):
        choose([], 10, 1e-14)
