import pytest
import torch
from torch import Generator, Tensor

from esr.search.splits.smoothness import differences, smoothness, straightened


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def test_differences_of_a_straight_line_in_the_column_vanish() -> None:
    inner, noise = uniform(3, 40), torch.ones(1, 40, dtype=torch.float64)
    line = (2 * inner - 5)[..., None]
    assert differences(inner, line, noise).abs().max() < 1e-14  # rounding of values up to 5


def test_differences_do_not_depend_on_the_order_of_rows_or_the_units_of_the_column() -> None:
    inner, table, noise = uniform(2, 40), uniform(2, 40, 3, seed=1), uniform(2, 40, seed=2) + 0.5
    order = torch.randperm(40, generator=Generator().manual_seed(3))
    shuffled = differences(3 * inner[:, order] + 7, table[:, order], noise[:, order])
    torch.testing.assert_close(shuffled, differences(inner, table, noise))


def test_differences_of_equal_columns_are_finite() -> None:
    inner = torch.zeros(1, 9, dtype=torch.float64)
    assert torch.isfinite(differences(inner, uniform(1, 9, 1), torch.ones_like(inner))).all()


def test_differences_turn_noise_into_noise_of_variance_one() -> None:
    generator = Generator().manual_seed(4)
    inner, noise = uniform(1, 20_000, seed=5), 0.1 + uniform(1, 20_000, seed=6)
    draw = torch.randn(20_000, generator=generator, dtype=torch.float64) * noise[0].sqrt()
    variance = differences(inner, draw[None, :, None], noise).square().mean()
    assert float(variance) == pytest.approx(1, abs=0.05)  # five of its standard errors


def test_smoothness_tells_the_column_that_the_target_is_a_function_of() -> None:
    x = uniform(200, 3)
    columns = torch.stack([x[:, 0], x[:, 1], x[:, 0] * x[:, 1], x[:, 0] + x[:, 2]])
    target = torch.sin(5 * columns[2])
    found = smoothness(columns, target[None], x.new_empty(1, 200, 0), x.new_ones(1, 200))
    assert int(found.variances.argmin()) == 2
    assert float(found.variances[2]) < 1e-3 * float(target.var())  # curvature between rows
    assert float(found.variances.sort().values[1]) > 0.1 * float(target.var())


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_smoothness_finds_coefficients_next_to_an_unknown_function(noise: float) -> None:
    x = uniform(300, 2, seed=7)
    draw = torch.randn(300, generator=Generator().manual_seed(8), dtype=torch.float64)
    target = 2 * x[:, 0] + torch.exp(x[:, 1]) + noise * draw
    found = smoothness(x[:, 1][None], target[None], x[None, :, :1], x.new_ones(1, 300))
    # five standard errors of a coefficient of a uniform column, and curvature without noise
    assert float(found.coefficients[0, 0]) == pytest.approx(2, abs=1e-3 + 5 * noise / 5)
    assert float(found.variances[0]) == pytest.approx(noise**2, rel=0.3, abs=1e-6)


def test_smoothness_of_one_column_is_that_among_many() -> None:
    columns, target = uniform(600, 50, seed=9), uniform(600, 50, seed=10)
    basis, noise = uniform(600, 50, 2, seed=11), uniform(600, 50, seed=12) + 0.5
    together = smoothness(columns, target, basis, noise)
    for k in (0, 255, 256, 599):
        alone = smoothness(
            columns[k : k + 1], target[k : k + 1], basis[k : k + 1], noise[k : k + 1]
        )
        torch.testing.assert_close(alone.variances[0], together.variances[k])
        torch.testing.assert_close(alone.coefficients[0], together.coefficients[k])


def test_straightened_columns_have_the_range_of_the_polynomials() -> None:
    wide = torch.stack([10 ** (6 * uniform(30)), uniform(30) - 0.5])
    straight = straightened(wide)
    assert straight.amin(1).tolist() == pytest.approx([-1, -1])
    assert straight.amax(1).tolist() == pytest.approx([1, 1])
    middle = straight[0][(wide[0].log10() - 3).abs().argmin()]
    assert abs(float(middle)) < 0.2  # the logarithm is halfway
