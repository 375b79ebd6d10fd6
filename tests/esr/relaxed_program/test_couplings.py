import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from esr.equations import STANDARD
from esr.relaxed_program.choices import Choices, Relaxation
from esr.relaxed_program.couplings import (
    Prices,
    choice_energy,
    entropy_term,
    operator_biases,
    source_couplings,
)
from esr.relaxed_program.layout import Layout

OPERATORS = [STANDARD[name] for name in ("mul", "sin", "exp")]
LAYOUT = Layout(inputs=2, slots=3, primitives=3)
PRICES = Prices(temperature=0.01)


def choices(seed: int, replicas: int = 4) -> Choices:
    generator = Generator().manual_seed(seed)
    allowed = torch.ones(replicas, 3, dtype=torch.bool)
    return Choices(LAYOUT, allowed, 1.0, Relaxation(), generator=generator).double()


def tables() -> tuple[torch.Tensor, torch.Tensor]:
    couplings = source_couplings(LAYOUT, OPERATORS, PRICES)
    return couplings.double(), operator_biases(LAYOUT, OPERATORS, PRICES).double()


def test_places_fill_the_state_vector_once() -> None:
    slots, sources = range(LAYOUT.slots), range(LAYOUT.sources)
    places = [LAYOUT.operator(j, s) for j in slots for s in range(LAYOUT.primitives)]
    places += [LAYOUT.pointer(j, k, f) for j in slots for k in range(2) for f in sources]
    assert places == list(range(LAYOUT.size))
    assert choices(0).relaxed().state().shape == (4, LAYOUT.size)


def test_couplings_are_symmetric() -> None:
    couplings, _ = tables()
    assert torch.equal(couplings, couplings.T)


def test_activations_of_a_choice_sum_to_one_within_reach() -> None:
    operators, pointers = choices(1).relaxed(noisy=True, generator=Generator().manual_seed(0))
    one = torch.ones((), dtype=torch.float64)
    torch.testing.assert_close(operators.sum(-1), one.expand(4, 3))
    for slot in range(LAYOUT.slots):
        reach = LAYOUT.reach(slot)
        torch.testing.assert_close(pointers[:, slot, :, :reach].sum(-1), one.expand(4, 2))
        assert not pointers[:, slot, :, reach:].any()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_entropy_term_is_zero_at_choices_made_and_negative_before(seed: int) -> None:
    system = choices(seed)
    assert torch.equal(entropy_term(system.decided().state()), torch.zeros(4).double())
    assert (entropy_term(system.relaxed().state()) < 0).all()


def test_the_entropy_term_of_an_even_choice_is_minus_the_logarithm_of_its_options() -> None:
    even = torch.full((1, 8), 1 / 8, dtype=torch.float64)
    assert entropy_term(even).item() == pytest.approx(-torch.tensor(8.0).log().item())


def test_the_energy_is_the_sum_over_pairs() -> None:
    couplings, biases = tables()
    (state,) = choices(2, replicas=1).relaxed().state().detach()
    expected = PRICES.temperature * sum(float(v * v.log()) for v in state if v > 0)
    expected -= sum(float(b * v) for b, v in zip(biases, state, strict=True))
    for i, v in enumerate(state):
        expected -= 0.5 * sum(float(couplings[i, j] * v * w) for j, w in enumerate(state))
    energy = choice_energy(state[None], couplings, biases, PRICES.temperature)
    assert energy.item() == pytest.approx(expected, rel=1e-12)  # sums in another order


def test_its_gradient_in_the_logits_equals_finite_differences() -> None:
    couplings, biases = tables()
    system = choices(3)

    def energy() -> torch.Tensor:
        state = system.relaxed().state()
        return choice_energy(state, couplings, biases, PRICES.temperature).sum()

    energy().backward()
    for logits in (system.operators, system.pointers):
        assert logits.grad is not None
        flat, gradient = logits.detach().view(-1), logits.grad.view(-1)
        for place in range(0, len(flat), 7):
            ends = []
            for shift in (-1e-5, 2e-5):
                flat[place] += shift
                ends.append(energy().item())
            flat[place] -= 1e-5
            # central differences: 1e-10 by curvature, 1e-11 by rounding
            assert gradient[place].item() == pytest.approx((ends[1] - ends[0]) / 2e-5, abs=1e-8)


def made(operator: int, first: int, second: int) -> float:
    """The energy of one slot's program with these choices made."""
    layout = Layout(inputs=2, slots=1, primitives=3)
    state = torch.zeros(1, layout.size)
    for place in (
        layout.operator(0, operator),
        layout.pointer(0, 0, first),
        layout.pointer(0, 1, second),
    ):
        state[0, place] = 1
    couplings = source_couplings(layout, OPERATORS, PRICES)
    return choice_energy(state, couplings, operator_biases(layout, OPERATORS, PRICES), 0.0).item()


def test_constants_are_dear_as_operands_and_cheap_where_nothing_is_read() -> None:
    mul, sin, x, y, constant = 0, 1, 0, 1, 2
    assert made(sin, x, constant) < made(sin, x, y)
    assert made(sin, x, constant) < made(sin, constant, constant)
    assert made(mul, x, y) < made(mul, x, constant) < made(mul, constant, constant)
    assert made(mul, x, y) == pytest.approx(made(mul, y, x))


def test_a_choice_made_is_cheaper_than_one_left_open() -> None:
    couplings, biases = tables()
    system = choices(4)
    with torch.no_grad():
        system.operators.zero_()
        system.pointers.zero_()
    biases = torch.zeros_like(biases)
    couplings = torch.diag(couplings.diag())
    states = system.relaxed().state(), system.decided().state()
    open_, decided = (choice_energy(state, couplings, biases, 0.0) for state in states)
    assert (decided < open_).all()
    constant = PRICES.indecision * LAYOUT.groups / 2
    torch.testing.assert_close(decided, torch.full((4,), -constant, dtype=torch.float64))
