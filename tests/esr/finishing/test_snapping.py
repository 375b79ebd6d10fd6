import math

import pytest
import torch

from esr.equations import Expression
from esr.finishing import simple_values, snap_constants


def values(count: int = 256) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, count, generator=generator, dtype=torch.float64) * 2 - 1
    return {"x": x, "y": y}


def snapped(start: str, truth: str, noise: float = 0.0) -> Expression:
    inputs = values()
    target = Expression.parse(truth).evaluate(inputs)
    draw = torch.randn(256, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return snap_constants(Expression.parse(start), inputs, target + noise * draw, floor=1e-14)


def test_constants_that_are_simple_become_exactly_so() -> None:
    found = snapped("0.49999999*x*y + 2.0000001*sin(6.2831854*x)", "0.5*x*y + 2*sin(2*pi*x)")
    assert found.constants == (0.5, 2.0, 2 * math.pi)


def test_constants_that_are_not_simple_stay_as_they_are() -> None:
    for truth in ("1.2345*x + 0.5", "0.333*x - 2.71*y"):
        found = snapped(truth, truth)
        torch.testing.assert_close(
            torch.tensor(found.constants), torch.tensor(Expression.parse(truth).constants)
        )


def test_noise_widens_what_the_data_allow() -> None:
    assert snapped("1.004*x", "x", noise=0.1).constants == (1.0,)
    assert snapped("1.004*x", "1.004*x").constants == (1.004,)


@pytest.mark.parametrize("value", [0.5, -3.0, math.pi, 2 * math.pi, 1 / math.e, -0.1, 1 / 3])
def test_a_simple_number_is_its_own_first_value(value: float) -> None:
    assert any(math.isclose(s, value, rel_tol=1e-15) for s in simple_values(value * (1 + 1e-9)))
