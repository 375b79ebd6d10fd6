import torch

from esr.metrics import correlation, mean_squared_error, r_squared, relative_error


def test_correlation_is_one_for_any_linear_map_and_zero_for_a_constant() -> None:
    x = torch.linspace(-1, 2, 9, dtype=torch.float64)
    torch.testing.assert_close(correlation(3 * x - 1, x), torch.ones((), dtype=torch.float64))
    torch.testing.assert_close(correlation(-x, x), -torch.ones((), dtype=torch.float64))
    assert correlation(torch.ones_like(x), x) == 0


def test_relative_error_of_zero_is_one() -> None:
    truth = torch.tensor([[1.0, -2.0], [3.0, 4.0]])
    assert torch.equal(relative_error(torch.zeros(2, 2), truth, (0,)), torch.ones(2))
    assert relative_error(truth, truth, (0, 1)) == 0


def test_r_squared_of_the_mean_is_zero() -> None:
    y = torch.tensor([1.0, 2.0, 6.0])
    assert r_squared(y.mean().expand(3), y) == 0
    assert r_squared(y, y) == 1


def test_mean_squared_error_keeps_nan() -> None:
    assert mean_squared_error(torch.tensor([float("nan")]), torch.zeros(1), (0,)).isnan()
