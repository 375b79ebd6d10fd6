import pytest
import torch

from esr.hopfield.exact.log_weights import draw, log_sum_exp, normalised, summed_products


def test_no_weight_at_all_has_no_logarithm_and_no_gradient() -> None:
    values = torch.full((2, 3), -torch.inf, requires_grad=True)
    result = log_sum_exp(values)
    assert (result == -torch.inf).all()
    (slope,) = torch.autograd.grad(result.sum(), values)
    assert (slope == 0).all()
    assert (normalised(values) == 0).all()


@pytest.mark.parametrize("spread", [1.0, 300.0, 5000.0])
def test_products_equal_sums_of_logarithms_however_far_apart(spread: float) -> None:
    generator = torch.Generator().manual_seed(0)
    tables = spread * torch.randn(1, 4, 5, 5, generator=generator, dtype=torch.float64)
    values = spread * torch.randn(6, 4, 5, generator=generator, dtype=torch.float64)
    tables[0, 0, 1] = -torch.inf
    tables[0, 2, 3, 1:] = -torch.inf
    values[3, 2] = -torch.inf
    tables.requires_grad_()
    values.requires_grad_()
    found = summed_products(tables, values)
    wanted = log_sum_exp(tables + values[:, :, None, :])
    # The logarithms reach 2e4, of which rounding leaves 1e-12 or so.
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-11)
    some = found > -torch.inf
    slopes = torch.autograd.grad(found[some].sum(), [tables, values])
    expected = torch.autograd.grad(wanted[some].sum(), [tables, values])
    for slope, other in zip(slopes, expected, strict=True):
        torch.testing.assert_close(slope, other, rtol=1e-9, atol=1e-10)


def test_weightless_ends_are_never_drawn() -> None:
    values = torch.tensor([-torch.inf, 0.3, -80.0, 0.1, -torch.inf]).expand(20_000, 1, 5)
    drawn = draw(values, torch.Generator().manual_seed(0))
    assert set(drawn.unique().tolist()) == {1, 3}
