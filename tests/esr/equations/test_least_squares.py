import itertools

import pytest
import torch

from esr.equations import levenberg_marquardt
from esr.equations.least_squares import row_jacobian


def rosenbrock(parameters: torch.Tensor) -> torch.Tensor:
    """Residuals (B, 2) with their only zero at (1, 1)."""
    first, second = parameters.unbind(1)
    return torch.stack((10 * (second - first**2), 1 - first), 1)


def test_linear_problems_equal_lstsq() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(40, 5, generator=generator, dtype=torch.float64)
    target = torch.randn(3, 40, generator=generator, dtype=torch.float64)
    result = levenberg_marquardt(
        lambda p: p @ matrix.T - target, torch.zeros(3, 5, dtype=torch.float64)
    )
    exact = torch.linalg.lstsq(matrix, target.T).solution.T
    assert result.converged.all()
    torch.testing.assert_close(result.parameters, exact, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(
        result.loss, (exact @ matrix.T - target).square().mean(1), rtol=1e-12, atol=0
    )


def test_every_problem_of_a_batch_is_solved_on_its_own() -> None:
    generator = torch.Generator().manual_seed(1)
    start = 3 * torch.randn(200, 2, generator=generator, dtype=torch.float64)
    result = levenberg_marquardt(rosenbrock, start, steps=200)
    assert result.converged.all()
    torch.testing.assert_close(result.parameters, torch.ones_like(start), rtol=1e-12, atol=1e-12)
    alone = levenberg_marquardt(rosenbrock, start[17:18], steps=200)
    torch.testing.assert_close(alone.parameters, result.parameters[17:18], rtol=0, atol=0)


def test_loss_never_rises() -> None:
    start = torch.tensor([[-1.2, 1.0]], dtype=torch.float64)
    losses = [levenberg_marquardt(rosenbrock, start, steps=n).loss.item() for n in range(1, 25, 3)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(losses))


def test_a_given_linearisation_is_used() -> None:
    def jacobian(parameters: torch.Tensor) -> torch.Tensor:
        first, one = parameters[:, 0], torch.ones_like(parameters[:, 0])
        rows = (torch.stack((-20 * first, 10 * one), 1), torch.stack((-one, 0 * one), 1))
        return torch.stack(rows, 1)

    start = torch.tensor([[-1.2, 1.0], [2.0, 2.0]], dtype=torch.float64)
    torch.testing.assert_close(jacobian(start), row_jacobian(rosenbrock, start))
    result = levenberg_marquardt(
        rosenbrock, start, linearise=lambda p: (rosenbrock(p), jacobian(p))
    )
    torch.testing.assert_close(result.parameters, torch.ones_like(start), rtol=1e-12, atol=1e-12)


def test_trials_that_are_not_finite_are_refused() -> None:
    target = torch.log(torch.tensor([0.1], dtype=torch.float64))
    start = torch.tensor([[5.0], [0.2], [-1.0]], dtype=torch.float64)
    # a full step from 5 lands below 0, where the logarithm is NaN; from -1 nothing helps
    result = levenberg_marquardt(lambda p: torch.log(p) - target, start)
    assert result.converged.tolist() == [True, True, False]
    assert result.loss[2] == torch.inf
    torch.testing.assert_close(
        result.parameters[:, 0], torch.tensor([0.1, 0.1, -1.0], dtype=torch.float64)
    )


def test_parameters_without_effect_stay() -> None:
    start = torch.tensor([[1.0, 7.0]], dtype=torch.float64)
    result = levenberg_marquardt(lambda p: p[:, :1].expand(-1, 3) - 2.0, start)
    assert result.converged.all()
    assert result.parameters.tolist() == [[2.0, 7.0]]


def test_start_is_not_changed_and_nothing_is_recorded() -> None:
    start = torch.tensor([[-1.2, 1.0]], dtype=torch.float64, requires_grad=True)
    result = levenberg_marquardt(rosenbrock, start, steps=3)
    assert start.tolist() == [[-1.2, 1.0]]
    assert not result.parameters.requires_grad


def test_settings_are_checked() -> None:
    start = torch.zeros(2, 1, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"shape \(B, C\) and type float64, but has .*float32"):
        levenberg_marquardt(rosenbrock, torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"steps >= 1.*but got steps=0"):
        levenberg_marquardt(rosenbrock, start, steps=0)
    with pytest.raises(ValueError, match=r"to \(2, N\), but gave \(2,\)"):
        levenberg_marquardt(lambda p: p[:, 0], start)
