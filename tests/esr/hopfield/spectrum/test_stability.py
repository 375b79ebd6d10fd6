"""The energy never rises at the steps computed, and the bounds cannot be had for less."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import Parameter

from esr.errors import ConfigurationError
from esr.hopfield.spectrum.eigenpairs import extreme_eigenpairs
from esr.hopfield.spectrum.operators import CentredOperator, DenseOperator
from esr.hopfield.spectrum.stability import (
    contraction_temperature,
    energy_range,
    lowest_for_step,
    safe_damping,
    safe_graded_step,
    safe_step,
    squared_norms,
    unique_mean_field_temperature,
)
from esr.optim import HebbianOptimizer, straight_through

ROUNDING = 1e-12
"""Of an energy summed from about a hundred products, relative to their sizes."""


def graded(gain: float) -> Callable[[Tensor], Tensor]:
    return lambda states: torch.sigmoid(2 * gain * (states - 0.5))  # = (1 + tanh(gain ...)) / 2


def graded_energy(
    activations: Tensor, couplings: Tensor, inputs: Tensor, gain: float, leak: float = 1.0
) -> Tensor:
    """With the integral of u = 1/2 + atanh(2V - 1)/gain, `(R,)`."""
    mirrored = torch.special.xlogy(1 - activations, 1 - activations)
    integral = activations / 2 + (torch.xlogy(activations, activations) + mirrored) / (2 * gain)
    quadratic = ((activations @ couplings) * activations).sum(-1)
    return leak * integral.sum(-1) - 0.5 * quadratic - activations @ inputs


def problem(units: int, scale: float, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(units, units, generator=generator, dtype=torch.float64)
    inputs = torch.randn(units, generator=generator, dtype=torch.float64)
    starts = 0.5 + torch.randn(6, units, generator=generator, dtype=torch.float64)
    return scale * (drawn + drawn.T) / 2, inputs, starts


@settings(derandomize=True, max_examples=15, deadline=None)
@given(
    units=st.integers(1, 8),
    scale=st.floats(0, 20),
    gain=st.floats(0.1, 1000),
    leak=st.sampled_from([0.3, 1.0, 2.0]),
    seed=st.integers(0, 10**6),
)
def test_energy_never_rises_at_the_safe_step(
    units: int, scale: float, gain: float, leak: float, seed: int
) -> None:
    couplings, inputs, starts = problem(units, scale, seed)
    inputs = inputs + (leak - couplings.sum(1)) / 2  # fixed points near the centre: steepest there
    lowest, _ = extreme_eigenpairs(
        DenseOperator(couplings), couplings, generator=torch.Generator().manual_seed(0)
    )
    states = Parameter(starts)
    step = safe_step(lowest.lower, gain / 2, leak=leak, margin=1.0)
    optimizer = HebbianOptimizer([states], lr=step, leak=leak)
    before = torch.full((6,), torch.inf, dtype=torch.float64)
    for _ in range(25):
        optimizer.zero_grad()
        activations = straight_through(graded(gain), states)
        energy = graded_energy(activations.detach(), couplings, inputs, gain, leak)
        assert bool((energy <= before + ROUNDING * (1 + scale) * units**2).all())
        before = energy
        quadratic = -0.5 * ((activations @ couplings) * activations).sum(-1)
        (quadratic - activations @ inputs).sum().backward()
        optimizer.step()


def test_step_beyond_the_bound_flickers() -> None:
    couplings, gain = -6.0, 3.0  # one unit that inhibits itself, at rest in the centre
    bound = safe_graded_step(couplings, gain, margin=1.0)
    assert bound == pytest.approx(2 / (1 + 0.5 * gain * 6))
    for factor, stays in ((0.98, True), (1.02, False)):
        state = torch.tensor(0.5 + 1e-3, dtype=torch.float64)
        for _ in range(300):  # the input 1/2 - couplings/2 keeps the centre a fixed point
            drive = couplings * graded(gain)(state) + 0.5 - couplings / 2
            state = state + factor * bound * (drive - state)
        assert (abs(float(state) - 0.5) < 1e-3) == stays


def test_overshooting_step_raises_the_energy_without_any_couplings() -> None:
    none, start = torch.zeros(1, 1).double(), torch.tensor([[-0.6]]).double()
    after = start + 1.9 * -start  # dt < 2 / (1 + 0), but not at most 1/leak
    rise = graded_energy(graded(500.0)(after), none, none[0], 500.0) - graded_energy(
        graded(500.0)(start), none, none[0], 500.0
    )
    assert float(rise) == pytest.approx(0.5, abs=1e-6)
    assert safe_graded_step(0.0, 500.0, margin=1.0) == 1.0


@settings(derandomize=True, max_examples=10, deadline=None)
@given(
    groups=st.integers(1, 4),
    symbols=st.integers(2, 4),
    scale=st.floats(0, 10),
    temperature=st.floats(0.05, 5),
    seed=st.integers(0, 10**6),
)
@pytest.mark.parametrize("damp_activations", [False, True])
def test_free_energy_never_rises_at_the_safe_damping(
    damp_activations: bool, groups: int, symbols: int, scale: float, temperature: float, seed: int
) -> None:
    units = groups * symbols
    couplings, inputs, states = problem(units, scale, seed)
    inputs = 0.1 * scale * inputs - couplings.sum(1) / symbols  # fixed points near the centre
    states = states * temperature
    members = torch.arange(groups).repeat_interleave(symbols)
    lowest, _ = extreme_eigenpairs(
        CentredOperator(DenseOperator(couplings), members),
        couplings,
        generator=torch.Generator().manual_seed(0),
    )
    damping = safe_damping(lowest.lower, temperature, margin=1.0)

    def activate(states: Tensor) -> Tensor:
        return torch.softmax(states.view(-1, groups, symbols) / temperature, -1).flatten(1)

    activations = activate(states)
    before = torch.full((6,), torch.inf, dtype=torch.float64)
    for _ in range(20):
        energy = -0.5 * ((activations @ couplings) * activations).sum(-1) - activations @ inputs
        energy = energy + temperature * torch.xlogy(activations, activations).sum(-1)
        assert bool((energy <= before + ROUNDING * (1 + scale) * units**2).all())
        before = energy
        field = activations @ couplings + inputs
        if damp_activations:
            activations = activations + damping * (activate(field) - activations)
        else:
            states = states + damping * (field - states)
            activations = activate(states)


@pytest.mark.parametrize(("factor", "fixed_points"), [(1.02, 1), (0.98, 2)])
def test_fixed_points_part_just_below_the_unique_temperature(
    factor: float, fixed_points: int
) -> None:
    # Two groups of two symbols that want to agree: PQP has highest eigenvalue 1, lowest -1.
    swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    couplings = torch.kron(swap, torch.eye(2, dtype=torch.float64))
    centred = CentredOperator(DenseOperator(couplings), torch.tensor([0, 0, 1, 1]))
    lowest, highest = extreme_eigenpairs(centred, couplings, generator=None)
    temperature = factor * unique_mean_field_temperature(highest.upper)
    assert contraction_temperature(lowest.lower, highest.upper) == pytest.approx(0.5)
    found = torch.tensor([[0.9, 0.1, 0.9, 0.1], [0.1, 0.9, 0.1, 0.9]], dtype=torch.float64)
    damping = safe_damping(lowest.lower, temperature)
    for _ in range(800):
        target = torch.softmax((found @ couplings).view(2, 2, 2) / temperature, -1).flatten(1)
        found = found + damping * (target - found)
    apart = float((found[0] - found[1]).abs().max())
    assert (apart < 1e-6) == (fixed_points == 1)  # 0.98: they part by about sqrt(3 * 0.02) = 0.24


def test_energies_stay_in_their_range() -> None:
    generator = torch.Generator().manual_seed(0)
    sizes, free = [3, 2, 5], 2
    for seed in range(5):
        couplings, _, _ = problem(12, 1.0, seed)
        couplings = couplings + 6.0 * (seed - 2) * torch.eye(12)  # also of one sign
        spectrum = torch.linalg.eigvalsh(couplings)
        bounds = energy_range(float(spectrum[0]), float(spectrum[-1]), squared_norms(sizes, free))
        parts = []
        for sharpness in (0.0, 1.0, 50.0):  # from the centre of the simplex to its corners
            drawn = torch.randn(300, 10, generator=generator, dtype=torch.float64) * sharpness
            grouped = [torch.softmax(part, -1) for part in drawn.split(sizes, -1)]
            loose = torch.rand(300, free, generator=generator, dtype=torch.float64).round()
            parts.append(torch.cat([*grouped, loose], -1))
        relaxed = torch.cat(parts)
        energies = -0.5 * ((relaxed @ couplings) * relaxed).sum(-1)
        assert bounds[0] <= float(energies.min())
        assert float(energies.max()) <= bounds[1]
    assert squared_norms([4, 4], 3) == (0.5, 5.0)


@pytest.mark.parametrize("leak", [0.0, 0.3, 1.0])
def test_lowest_for_step_inverts_the_step(leak: float) -> None:
    for step in (0.01, 0.5, 0.99):
        lowest = lowest_for_step(step, 4.0, leak=leak)
        assert safe_step(lowest, 4.0, leak=leak, margin=1.0) == pytest.approx(step)
    assert safe_step(1.0, 4.0, leak=0.0) == float("inf")


def test_values_out_of_range_are_refused() -> None:
    for call, message in [
        (lambda: safe_step(-1, 0), "slope must be positive, but is 0"),
        (lambda: safe_step(-1, 1, leak=-1), "leak must be at least 0"),
        (lambda: safe_step(-1, 1, margin=1.5), r"margin must be in \(0, 1\], but is 1.5"),
        (lambda: safe_step(float("nan"), 1), "eigenvalues must be finite, but one is nan"),
        (lambda: unique_mean_field_temperature(float("nan")), "one is nan"),
        (lambda: safe_graded_step(-1, 0), "gain must be positive"),
        (lambda: safe_damping(-1, 0), "temperature must be positive"),
        (lambda: lowest_for_step(1.5, 1), "no couplings make the step 1.5 safe at leak 1"),
        (lambda: lowest_for_step(0, 1), "step must be positive"),
        (lambda: squared_norms([3, 0]), "groups must have at least 1 unit"),
    ]:
        with pytest.raises(ConfigurationError, match=message):
            call()
