"""Graded dynamics and mean field: the energy never rises at the computed step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_rules import random_grid, random_terms

from esr.errors import ConfigurationError
from esr.hopfield import (
    Axis,
    Couplings,
    CouplingTerm,
    GradedDynamics,
    Grid,
    HopfieldNetwork,
    NetworkState,
    Sigmoid,
    Softmax,
    anneal_mean_field,
    computed_step,
    multilinear,
)
from esr.hopfield.dynamics.activation import Activation
from esr.optim import HebbianOptimizer


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), sharpness=st.floats(0.3, 30.0), grouped=st.booleans())
def test_energy_never_rises_at_the_computed_step(
    seed: int, sharpness: float, grouped: bool
) -> None:
    grid = random_grid(seed, grouped)
    terms = random_terms(grid, seed)
    couplings = Couplings(grid, multilinear(grid, terms) if grouped else terms, torch.float64)
    activation: Activation = Softmax(1 / sharpness) if grouped else Sigmoid(sharpness)
    generator = torch.Generator().manual_seed(seed)
    step = computed_step(couplings, activation, generator=generator)
    internal = torch.randn(8, grid.slots, grid.symbols, generator=generator, dtype=torch.float64)
    bias = torch.randn(grid.slots, grid.symbols, generator=generator, dtype=torch.float64)
    dynamics = GradedDynamics(couplings, activation, step)
    _, seen = dynamics.run(internal, 60, bias=bias, record_every=1)
    assert seen is not None
    rises = seen.energy[1:] - seen.energy[:-1]
    # Energies are sums of some tens of terms of size up to ten: rounding of 1e-12 at most.
    assert float(rises.max()) <= 1e-11


def test_integrals_have_the_inverse_activation_as_derivative() -> None:
    generator = torch.Generator().manual_seed(0)
    for activation in (Sigmoid(3.0), Softmax(0.7)):
        internal = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64)
        active = activation(internal).requires_grad_()
        (slope,) = torch.autograd.grad(activation.integral(active).sum(), active)
        if isinstance(activation, Softmax):  # known but for a constant in each slot
            slope, internal = (x - x.mean(-1, keepdim=True) for x in (slope, internal))
        torch.testing.assert_close(slope, internal, rtol=1e-10, atol=1e-10)


def test_hebbian_optimizer_takes_the_graded_steps() -> None:
    grid = random_grid(4, grouped=True)
    network = HopfieldNetwork(grid, random_terms(grid, 4), dtype=torch.float64)
    model = NetworkState(network, 5, generator=torch.Generator().manual_seed(0)).double()
    by_hand = model.internal.detach().clone()
    dynamics = GradedDynamics(network.couplings, model.activation, 0.05)
    optimizer = HebbianOptimizer([model.internal], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        energy = model.energy()
        energy.per_replica().sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        by_hand = dynamics.advance(by_hand)
    # 200 steps of a contraction: rounding does not grow.
    torch.testing.assert_close(model.internal.detach(), by_hand, rtol=1e-12, atol=1e-12)


def test_mean_field_solves_a_frustrated_ring() -> None:
    slots = 6
    grid = Grid([Axis("v", tuple(range(slots))), Axis("k", (0, 1, 2))], ["k"])
    edges = [(g, (g + 1) % slots) for g in range(slots)]
    neurons = torch.tensor([[3 * g + k, 3 * h + k] for g, h in edges for k in range(3)])
    couplings = Couplings(grid, [CouplingTerm("differ", neurons, -torch.ones(len(neurons)))])
    active = anneal_mean_field(
        couplings,
        torch.zeros(32, slots, 3),
        high=2.0,
        low=0.05,
        generator=torch.Generator().manual_seed(0),
    )
    settled = grid.one_hot(active.argmax(2))
    assert float(couplings.energy(settled).min()) == 0.0
    assert float((couplings.energy(settled) == 0).float().mean()) > 0.5


def test_dynamics_are_differentiable_in_couplings() -> None:
    grid = Grid([Axis("v", (0, 1))])
    strength = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)

    def settled(weight: torch.Tensor) -> torch.Tensor:
        pair = CouplingTerm("pair", torch.tensor([[0, 1]]), weight.expand(1))
        run = GradedDynamics(Couplings(grid, [pair], torch.float64), Sigmoid(2.0), 0.2)
        start = torch.full((1, 2, 1), 0.6, dtype=torch.float64)
        return run.run(start, 15)[0].sum()

    assert torch.autograd.gradcheck(settled, (strength,))


def test_misuse_is_refused() -> None:
    couplings = Couplings(random_grid(0, True), [])
    with pytest.raises(ConfigurationError, match="step must be positive"):
        GradedDynamics(couplings, Sigmoid(), 0.0)
    with pytest.raises(ConfigurationError, match="gain must be positive"):
        Sigmoid(0.0)
    with pytest.raises(ConfigurationError, match="temperature must be positive"):
        Softmax(-1.0)
    with pytest.raises(ConfigurationError, match="0 < low <= high"):
        anneal_mean_field(couplings, torch.zeros(1, 1, 1), high=1.0, low=2.0)
