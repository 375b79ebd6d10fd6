import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from esr.associative import StoredPatterns
from esr.errors import ConfigurationError, DataError


def draw(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def hidden(seed: int, *shape: int) -> Tensor:
    """A mask that hides some patterns of each row and shows at least the first."""
    mask = draw(seed, *shape) > 0
    mask[..., 0] = True
    return mask


@given(
    seed=st.integers(0, 10_000),
    beta=st.floats(1e-3, 1e3),
    count=st.integers(1, 9),
    top_k=st.sampled_from([None, 1, 3]),
    masked=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_energy_never_rises_and_stays_within_its_bounds(
    seed: int, beta: float, count: int, top_k: int | None, masked: bool
) -> None:
    keys = draw(seed, count, 4)
    mask = hidden(seed + 1, 6, count) if masked else None
    patterns = StoredPatterns(keys, beta, mask, top_k)
    states = 3 * draw(seed + 2, 6, 4)
    energies = patterns.energies(states)
    assert (energies >= -1e-12).all()
    for _ in range(4):
        states, before = patterns.update(states), energies
        energies = patterns.energies(states)
        assert (energies <= before + 1e-12 * (1 + before)).all()  # rounding in float64
        assert (energies >= -1e-12).all()
        assert (energies <= 2 * patterns.largest_norm().square().squeeze(-1) + 1e-12).all()


@pytest.mark.parametrize("top_k", [None, 2])
def test_the_slope_of_the_energy_is_what_a_step_takes_away(top_k: int | None) -> None:
    patterns = StoredPatterns(draw(0, 2, 5, 3), 1.7, hidden(1, 2, 4, 5), top_k)
    states = draw(2, 2, 4, 3).requires_grad_()
    (slope,) = torch.autograd.grad(patterns.energies(states).sum(), states)
    torch.testing.assert_close(slope, states - patterns.update(states))


def test_energy_gradients_equal_finite_differences() -> None:
    mask = hidden(3, 3, 4)
    beta = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    inputs = (draw(4, 3, 2).requires_grad_(), draw(5, 4, 2).requires_grad_(), beta)
    assert torch.autograd.gradcheck(lambda x, k, b: StoredPatterns(k, b, mask).energies(x), inputs)


def test_energy_is_the_papers() -> None:
    keys, state, beta = draw(6, 5, 3), draw(7, 1, 3), 2.0
    closeness = torch.logsumexp(beta * (keys @ state[0]), 0) / beta
    constants = torch.tensor(5.0).double().log() / beta + 0.5 * keys.square().sum(1).max()
    expected = -closeness + 0.5 * state.square().sum() + constants  # eq. 2
    torch.testing.assert_close(StoredPatterns(keys, beta).energies(state)[0], expected)


def test_jacobian_product_is_autograds_and_symmetric() -> None:
    patterns = StoredPatterns(draw(8, 6, 3), 1.3, hidden(9, 1, 6), 4)
    state, vector = draw(10, 1, 3), draw(11, 1, 3)
    jacobian = torch.autograd.functional.jacobian(patterns.update, state)[0, :, 0]
    assert isinstance(jacobian, Tensor)
    torch.testing.assert_close(jacobian, jacobian.mT)
    product = patterns.jacobian_product(patterns.weights(state), vector)
    torch.testing.assert_close(product, vector @ jacobian)


def test_sparse_weights_are_those_of_the_nearest_patterns_alone() -> None:
    keys, states = draw(12, 7, 3), draw(13, 4, 3)
    weights = StoredPatterns(keys, 2.0, top_k=3).weights(states)
    for state, row in zip(states, weights, strict=True):
        chosen = sorted(range(7), key=lambda i: -float(keys[i] @ state))[:3]
        alone = StoredPatterns(keys[chosen], 2.0).weights(state[None])[0]
        torch.testing.assert_close(row[chosen], alone)
        assert (row > 0).sum() == 3
    torch.testing.assert_close(
        StoredPatterns(keys, 2.0, top_k=99).weights(states),
        StoredPatterns(keys, 2.0).weights(states),
    )


def test_hidden_patterns_are_as_absent_ones() -> None:
    keys, states = draw(14, 6, 3), draw(15, 4, 3)
    shown = torch.tensor([True, False, True, True, False, False])
    masked, absent = StoredPatterns(keys, 1.5, shown), StoredPatterns(keys[shown], 1.5)
    torch.testing.assert_close(masked.update(states), absent.update(states))
    torch.testing.assert_close(masked.energies(states), absent.energies(states))
    torch.testing.assert_close(
        StoredPatterns(keys, 1.5, shown, 5).weights(states), masked.weights(states)
    )


def test_a_state_that_sees_nothing_goes_to_zero_without_nan() -> None:
    mask = torch.tensor([[True, True], [False, False]])
    keys = draw(16, 2, 3).requires_grad_()
    states = draw(17, 2, 3).requires_grad_()
    patterns = StoredPatterns(keys, 1.5, mask)
    assert (patterns.update(states)[1] == 0).all()
    energies = patterns.energies(states)
    torch.testing.assert_close(energies[1], 0.5 * states[1].square().sum())
    (energies.sum() + patterns.update(states).sum()).backward()
    assert keys.grad is not None
    assert keys.grad.isfinite().all()


def test_large_beta_finds_the_nearest_pattern_without_overflow() -> None:
    keys = torch.nn.functional.normalize(draw(18, 20, 8), dim=1)
    patterns = StoredPatterns(keys.float(), 1e4)
    found = patterns.update((keys + 0.05 * draw(19, 20, 8)).float())
    # other weights are exp(-1e4 times a gap of about 0.1 or more)
    torch.testing.assert_close(found, keys.float())


@pytest.mark.parametrize("beta", [0.0, -1.0, float("nan"), float("inf")])
def test_beta_that_is_not_positive_is_refused(beta: float) -> None:
    with pytest.raises(ConfigurationError, match="beta is an inverse temperature"):
        StoredPatterns(draw(0, 2, 2), beta)


def test_what_does_not_fit_is_refused() -> None:
    keys = draw(0, 3, 2)
    with pytest.raises(ConfigurationError, match="top_k must be at least 1"):
        StoredPatterns(keys, top_k=0)
    with pytest.raises(DataError, match=r"shape \(\*, M, d\) with M at least 1"):
        StoredPatterns(keys[:0])
    with pytest.raises(DataError, match=r"try mask.bool\(\)"):
        StoredPatterns(keys, mask=torch.ones(3))
    with pytest.raises(DataError, match="M=3 patterns, but has"):
        StoredPatterns(keys, mask=torch.ones(1, 4, dtype=torch.bool))
