import pytest
import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.structure import NoStructure, RelaxedL0, SmoothedL05, StructureTerm, smoothed_l05

TERMS: list[StructureTerm] = [
    NoStructure(),
    SmoothedL05(strength=0.5),
    RelaxedL0(strength=0.5),
    RelaxedL0(strength=0.5, initial_open=0.88, gate_scale=10),
]


def layer(term: StructureTerm, seed: int = 0) -> tuple[Tensor, Tensor | None, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(3, 4, 5, generator=generator, dtype=torch.float64)
    gate = term.initial_gate((3, 4, 5), generator=generator)
    return weights, gate.double() if gate is not None else None, torch.ones_like(weights)


@pytest.mark.parametrize("half_width", [0.01, 0.05, 0.5])
def test_smoothed_root_meets_the_root_with_equal_slope(half_width: float) -> None:
    a = torch.tensor([half_width], dtype=torch.float64, requires_grad=True)
    inside = a * (1 - 1e-9)
    price = smoothed_l05(torch.cat([inside, a]), half_width)
    torch.testing.assert_close(price[0], price[1])
    torch.testing.assert_close(price[1], a[0].sqrt())
    (slope_inside,) = torch.autograd.grad(price[0], a, retain_graph=True)
    (slope_outside,) = torch.autograd.grad(price[1], a)
    torch.testing.assert_close(slope_inside, slope_outside, rtol=1e-6, atol=0)


def test_smoothed_root_is_flat_and_finite_at_zero() -> None:
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    price = smoothed_l05(weight, 0.05)
    price.backward()
    assert price.item() == pytest.approx((3 * 0.05 / 8) ** 0.5)  # |0|_a = 3a/8
    assert weight.grad is not None
    assert weight.grad.item() == 0


@pytest.mark.parametrize("term", TERMS, ids=lambda t: type(t).__name__)
class TestContract:
    def test_price_has_one_entry_a_replica_and_ignores_the_others(
        self, term: StructureTerm
    ) -> None:
        weights, gate, mask = layer(term)
        price = term.price(weights, gate, mask)
        assert price.shape == (3,)
        weights[1] *= 2
        mask[1] = 0
        changed = term.price(weights, gate, mask)
        torch.testing.assert_close(changed[[0, 2]], price[[0, 2]], rtol=0, atol=0)
        assert changed[1] == 0

    def test_price_gradient_equals_finite_differences(self, term: StructureTerm) -> None:
        weights, gate, mask = layer(term)
        weights.requires_grad_()
        if gate is None:
            assert torch.autograd.gradcheck(lambda w: term.price(w, None, mask), (weights,))
        else:
            gate.requires_grad_()
            assert torch.autograd.gradcheck(lambda w, g: term.price(w, g, mask), (weights, gate))

    def test_pruned_network_keeps_large_weights_and_computes_the_same(
        self, term: StructureTerm
    ) -> None:
        weights, gate, mask = layer(term)
        acting = term.acting_weights(weights, gate, sample=False, generator=None)
        kept, kept_gate, kept_mask = term.pruned(weights, gate, mask, 0.3)
        after = term.acting_weights(kept * kept_mask, kept_gate, sample=False, generator=None)
        torch.testing.assert_close(after, torch.where(acting.abs() > 0.3, acting, 0.0))
        assert 0 < float(kept_mask.sum()) < kept_mask.numel()

    def test_pruned_network_has_no_noise_left(self, term: StructureTerm) -> None:
        weights, gate, mask = layer(term)
        kept, kept_gate, _ = term.pruned(weights, gate, mask, 0.1)
        generator = torch.Generator().manual_seed(5)
        noisy = term.acting_weights(kept, kept_gate, sample=True, generator=generator)
        torch.testing.assert_close(noisy, kept, rtol=0, atol=0)


def test_strength_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="strength must be at least 0, but is -1"):
        SmoothedL05(strength=-1)
    with pytest.raises(ConfigurationError, match="initial_open must be in"):
        RelaxedL0(initial_open=1.0)
