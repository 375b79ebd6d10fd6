import torch
from torch import Generator, Tensor

from esr.search.splits import fit_surrogate
from esr.search.splits.minimisation import minimise
from esr.search.splits.surrogate import _Process


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def test_gradient_of_the_evidence_is_that_of_finite_differences() -> None:
    noise = 0.5 + normal(20, seed=0).abs()
    process = _Process(normal(20, 3, seed=1), normal(20, seed=2), noise)
    # noise of about the variance, so that the kernel is not nearly singular
    point = torch.tensor([0.1, -0.3, 0.4, 0.2, -1.0], dtype=torch.float64)
    step, numeric = 1e-5, []
    for direction in torch.eye(5, dtype=torch.float64):
        above, below = (process.misfit(point + s * step * direction)[0] for s in (1, -1))
        numeric.append((above - below) / (2 * step))
    # rounding of the difference of two values of size 30
    torch.testing.assert_close(
        process.misfit(point)[1], torch.stack(numeric), rtol=1e-6, atol=1e-6
    )


def test_slopes_are_those_of_the_function() -> None:
    inputs = normal(120, 3, seed=3).requires_grad_()
    target = torch.sin(inputs[:, 0]) + 0.5 * inputs[:, 1] * inputs[:, 0] + 3 * inputs[:, 2]
    (slopes,) = torch.autograd.grad(target.sum(), inputs)
    found = fit_surrogate(inputs.detach(), target.detach(), torch.ones(120).double())
    misses = (found.slopes - slopes).square().mean(0).sqrt()
    assert float(misses.max()) < 0.05  # of slopes of size one
    assert float(found.slopes[:, 2].std()) < 0.01  # a straight line
    assert found.noise < 1e-4


def test_noise_is_told_from_the_function() -> None:
    inputs = normal(200, 2, seed=4)
    target = torch.sin(inputs[:, 0]) + 0.1 * normal(200, seed=5)
    found = fit_surrogate(inputs, target, torch.ones(200).double())
    share = 0.01 / float(target.var())
    assert 0.5 * share < found.noise < 1.5 * share
    assert float((found.values - torch.sin(inputs[:, 0])).square().mean()) < 0.003


def test_a_constant_input_has_no_slope() -> None:
    inputs = torch.stack([normal(40, seed=6), torch.ones(40).double()], 1)
    found = fit_surrogate(inputs, inputs[:, 0].square(), torch.ones(40).double())
    assert float(found.slopes[:, 1].abs().max()) == 0


def test_minimise_finds_the_valley_of_rosenbrock() -> None:
    def function(point: Tensor) -> tuple[Tensor, Tensor]:
        x, y = point
        gradient = torch.stack([2 * (x - 1) - 400 * x * (y - x * x), 200 * (y - x * x)])
        return (x - 1) ** 2 + 100 * (y - x * x) ** 2, gradient

    found = minimise(function, torch.tensor([-1.2, 1.0]).double(), 200)
    # the search ends when a step gains less than 1e-5
    torch.testing.assert_close(found, torch.ones(2).double(), atol=1e-2, rtol=0)


def test_minimise_stays_where_nothing_is_defined() -> None:
    start = torch.ones(3).double()
    found = minimise(lambda point: (point.sum() * torch.nan, torch.ones_like(point)), start, 5)
    assert torch.equal(found, start)
