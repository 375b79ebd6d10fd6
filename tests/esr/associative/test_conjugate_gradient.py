import torch

from esr.associative.conjugate_gradient import conjugate_gradient


def systems(count: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    roots = torch.randn(count, size, size, generator=generator, dtype=torch.float64)
    matrices = roots @ roots.mT + 0.1 * torch.eye(size, dtype=torch.float64)
    return matrices, torch.randn(count, size, generator=generator, dtype=torch.float64)


def test_solutions_are_those_of_a_direct_solver_in_as_many_steps_as_unknowns() -> None:
    matrices, right = systems(8, 5)
    solution, solved = conjugate_gradient(
        lambda v: (matrices @ v.unsqueeze(-1)).squeeze(-1), right, tolerance=1e-10, steps=12
    )
    assert solved.all()
    # residuals of 1e-10 over eigenvalues of at least 0.1
    torch.testing.assert_close(solution, torch.linalg.solve(matrices, right), atol=1e-8, rtol=0)


def test_an_indefinite_system_is_given_up_and_spares_the_others() -> None:
    matrices, right = systems(3, 4)
    matrices[1] = torch.diag(torch.tensor([1.0, -5.0, 1.0, 1.0], dtype=torch.float64))
    right[1] = torch.tensor([0.1, 1.0, 0.0, 0.0])
    solution, solved = conjugate_gradient(
        lambda v: (matrices @ v.unsqueeze(-1)).squeeze(-1), right, tolerance=1e-10, steps=12
    )
    assert solved.tolist() == [True, False, True]
    assert solution.isfinite().all()


def test_too_few_steps_are_reported_and_zero_needs_none() -> None:
    matrices, right = systems(2, 6)
    right[1] = 0
    solution, solved = conjugate_gradient(
        lambda v: (matrices @ v.unsqueeze(-1)).squeeze(-1), right, tolerance=1e-10, steps=2
    )
    assert solved.tolist() == [False, True]
    assert (solution[1] == 0).all()


def test_a_right_side_that_is_not_finite_is_not_solved() -> None:
    right = torch.tensor([[float("nan"), 1.0], [1.0, 1.0]])
    assert conjugate_gradient(lambda v: v, right, tolerance=1e-6, steps=3)[1].tolist() == [
        False,
        True,
    ]
