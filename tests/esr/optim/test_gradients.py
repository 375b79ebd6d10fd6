"""Straight-through activations and the losses whose gradients are correlations."""

import pytest
import torch

from esr.errors import ConfigurationError, DataError
from esr.optim import contrastive_loss, elite_weights, hebbian_loss, straight_through


def test_activation_is_exact_and_its_gradient_passes_unchanged() -> None:
    states = torch.linspace(-40, 40, 12, dtype=torch.float64).reshape(3, 4).requires_grad_()
    activations = straight_through(torch.sigmoid, states)
    assert torch.equal(activations, torch.sigmoid(states))
    slopes = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    activations.backward(slopes)
    assert states.grad is not None
    assert torch.equal(states.grad, slopes)


def test_gradient_of_the_gradient_is_the_energys_curvature() -> None:
    states = torch.tensor([0.2, -1.0], dtype=torch.float64, requires_grad=True)
    energy = straight_through(torch.tanh, states).pow(3).sum()
    (first,) = torch.autograd.grad(energy, states, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), states)
    torch.testing.assert_close(second, 6 * torch.tanh(states.detach()))


def test_replicas_under_vmap_pass_their_own_gradients() -> None:
    def slope(states: torch.Tensor) -> torch.Tensor:
        return torch.func.grad(lambda u: straight_through(torch.relu, u).square().sum())(states)

    states = torch.tensor([[1.0, -2.0], [3.0, 0.5]])
    torch.testing.assert_close(torch.func.vmap(slope)(states), 2 * states.relu())


def test_identity_as_activation_leaves_the_states_alone() -> None:
    states = torch.zeros(3, requires_grad=True)
    activations = straight_through(lambda u: u, states)
    assert activations.data_ptr() != states.data_ptr()


def test_activation_that_changes_the_shape_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"keep the shape of the states \(2, 3\)"):
        straight_through(lambda u: u.sum(1), torch.zeros(2, 3))


def test_elites_are_the_best_and_never_nan() -> None:
    nan = float("nan")
    rewards = torch.tensor([[1.0, nan, 3.0, 2.0], [nan, nan, -5.0, nan]])
    assert elite_weights(rewards, 2).tolist() == [[0, 0, 1, 1], [0, 0, 1, 0]]


@pytest.mark.parametrize("count", [0, 5])
def test_number_of_elites_out_of_range_is_refused(count: int) -> None:
    with pytest.raises(DataError, match=f"but is {count} for rewards of shape"):
        elite_weights(torch.zeros(2, 4), count)


def test_loss_is_the_weighted_mean_and_zero_without_elites() -> None:
    energies = torch.tensor([[1.0, 2.0, 6.0], [3.0, 4.0, 5.0]], requires_grad=True)
    weights = torch.tensor([[3.0, 0.0, 1.0], [0.0, 0.0, 0.0]], requires_grad=True)
    loss = hebbian_loss(energies, weights)
    torch.testing.assert_close(loss, torch.tensor([2.25, 0.0]))
    loss.sum().backward()
    torch.testing.assert_close(energies.grad, torch.tensor([[0.75, 0.0, 0.25], [0.0, 0.0, 0.0]]))
    assert weights.grad is None


def test_energy_of_a_pattern_without_weight_is_not_looked_at() -> None:
    energies = torch.tensor([[1.0, float("inf")]])
    assert hebbian_loss(energies, torch.tensor([[1.0, 0.0]])).tolist() == [1.0]


def test_contrast_is_the_gradient_of_the_exact_log_likelihood() -> None:
    generator = torch.Generator().manual_seed(0)
    couplings = torch.randn(3, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3)
    energies = -torch.einsum("ni,ij,nj->n", every, couplings, every)
    data = torch.tensor([1, 1, 5, 7])
    likelihood = torch.log_softmax(-energies, 0)[data].mean()
    (exact,) = torch.autograd.grad(likelihood, couplings, retain_graph=True)
    # The negative phase by enumeration: energies weighted by their probabilities.
    chances = torch.softmax(-energies, 0).detach()
    loss = contrastive_loss(energies[data][None], 8 * (chances * energies)[None])
    (descended,) = torch.autograd.grad(loss.sum(), couplings)
    torch.testing.assert_close(-descended, exact)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match=r"weights must have the shape of the energies \(2, 3\)"):
        hebbian_loss(torch.zeros(2, 3), torch.zeros(3))
    with pytest.raises(DataError, match="both phases must have the same replicas"):
        contrastive_loss(torch.zeros(2, 3), torch.zeros(4, 3))
