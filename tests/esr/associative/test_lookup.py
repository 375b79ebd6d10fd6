import pytest
import torch
from torch import Tensor

from esr.associative import (
    HopfieldLookup,
    LeastUsed,
    Oldest,
    OneStep,
    Projections,
    Retrieval,
    Slots,
    Unrolled,
)
from esr.errors import ConfigurationError, DataError

SHARP = Retrieval(beta=50.0, learnable=False, gradient=OneStep())


def corners(*indices: int) -> Tensor:
    return torch.eye(8)[list(indices)]


def memory(slots: Slots) -> HopfieldLookup:
    return HopfieldLookup(8, slots, retrieval=SHARP, generator=torch.Generator().manual_seed(0))


def test_what_is_written_is_retrieved_from_a_part_of_it() -> None:
    generator = torch.Generator().manual_seed(1)
    patterns = torch.randint(2, (40, 64), generator=generator).float() * 2 - 1
    lookup = HopfieldLookup(64, Slots(50, learnable=False, empty=True), retrieval=SHARP)
    slots = lookup.write_(patterns)
    assert sorted(slots.tolist()) == list(range(40))
    shown = patterns.clone()
    shown[:, 40:] = 0
    # weights of other patterns are exp(-50 times a gap of several) or less
    torch.testing.assert_close(lookup(shown), patterns)


def test_values_are_retrieved_beside_patterns() -> None:
    lookup = memory(Slots(3, value_features=1, empty=True))
    lookup.write_(corners(0, 1, 2), torch.tensor([[10.0], [20.0], [30.0]]))
    torch.testing.assert_close(lookup(corners(2, 0)), torch.tensor([[30.0], [10.0]]))


def test_an_empty_memory_returns_zeros_and_can_be_emptied_again() -> None:
    lookup = memory(Slots(3, empty=True))
    assert (lookup(corners(0, 1)) == 0).all()
    slots = lookup.write_(corners(4, 5))
    torch.testing.assert_close(lookup(corners(4)), corners(4))
    lookup.erase_(slots[:1])
    torch.testing.assert_close(lookup(corners(4)), corners(5))
    lookup.erase_()
    assert (lookup(corners(5)) == 0).all()
    with pytest.raises(DataError, match=r"made with Slots\(empty=True\)"):
        memory(Slots(3)).erase_()


def test_the_oldest_gives_way() -> None:
    lookup = memory(Slots(3, empty=True, replacement=Oldest()))
    assert lookup.write_(corners(0)).tolist() == [0]
    assert lookup.write_(corners(1, 2)).tolist() == [1, 2]
    for _ in range(5):
        lookup(corners(0))  # use does not count
    assert lookup.write_(corners(3)).tolist() == [0]
    assert lookup.write_(corners(4, 5)).tolist() == [1, 2]
    assert lookup.write_(corners(6), slots=torch.tensor([2])).tolist() == [2]
    assert lookup.write_(corners(7)).tolist() == [0]


def test_the_least_used_gives_way() -> None:
    lookup = memory(Slots(3, empty=True, replacement=LeastUsed()))
    lookup.write_(corners(0, 1, 2))
    for _ in range(3):
        lookup(corners(0, 2))
    assert lookup.write_(corners(3)).tolist() == [1]
    for _ in range(3):
        lookup(corners(0, 3))
    assert lookup.write_(corners(4)).tolist() == [2]


def test_among_equally_used_the_oldest_gives_way_and_new_ones_may_stay() -> None:
    lookup = memory(Slots(3, empty=True, replacement=LeastUsed(decay=1.0)))
    for corner in range(3):
        lookup.write_(corners(corner))
    assert lookup.write_(corners(3)).tolist() == [0]
    assert lookup.write_(corners(4)).tolist() == [1]


def test_a_learnt_memory_trains_and_a_fixed_one_does_not() -> None:
    generator = torch.Generator().manual_seed(2)
    lookup = HopfieldLookup(
        6, Slots(5, value_features=3), 2, Retrieval(gradient=Unrolled(2)),
        Projections(value_features=3, out_features=4), generator=generator,
    )  # fmt: skip
    output = lookup(torch.randn(7, 2, 6, generator=generator))
    assert output.shape == (7, 2, 4)
    output.square().sum().backward()
    names = {name for name, _ in lookup.named_parameters()}
    assert {"patterns", "values", "layer.log_beta"} <= names
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in lookup.parameters())
    fixed = memory(Slots(5, value_features=3, learnable=False))
    assert not list(fixed.parameters())


def test_state_dict_restores_patterns_and_the_order_of_replacement() -> None:
    one, other = memory(Slots(3, empty=True)), memory(Slots(3, empty=True))
    for corner in range(4):
        one.write_(corners(corner))
    other.load_state_dict(one.state_dict())
    torch.testing.assert_close(other(corners(1, 3)), one(corners(1, 3)), rtol=0, atol=0)
    assert other.write_(corners(5)).tolist() == one.write_(corners(5)).tolist() == [1]


def test_same_seed_same_memory() -> None:
    torch.testing.assert_close(
        memory(Slots(3)).patterns, memory(Slots(3)).patterns, rtol=0, atol=0
    )
    assert "Slots(count=3" in repr(memory(Slots(3)))


def test_what_does_not_fit_is_refused() -> None:
    lookup = memory(Slots(3))
    with pytest.raises(DataError, match=r"shape \(n, 8\) with n at most 3, but have \(4, 8\)"):
        lookup.write_(corners(0, 1, 2, 3))
    with pytest.raises(DataError, match="the memory holds none"):
        lookup.write_(corners(0), corners(0))
    holding = memory(Slots(3, value_features=2))
    with pytest.raises(DataError, match="values must be given"):
        holding.write_(corners(0))
    with pytest.raises(DataError, match="1 patterns came with 2 values"):
        holding.write_(corners(0), torch.zeros(2, 2))
    for slots in ([0, 0], [0, 3], [-1, 0], [0.0, 1.0], [True, False], [0]):
        with pytest.raises(DataError, match="slots must be 2 different integers from 0 to 2"):
            lookup.write_(corners(0, 1), slots=torch.tensor(slots))
    with pytest.raises(ConfigurationError, match=r"expect 8; set Projections\(value_features=2"):
        HopfieldLookup(8, Slots(3, value_features=2), projections=Projections())
    with pytest.raises(ConfigurationError, match=r"leave Projections\.key_features None"):
        HopfieldLookup(8, Slots(3), projections=Projections(key_features=4))
    with pytest.raises(ConfigurationError, match="values of 3 features cannot be shared by 2"):
        HopfieldLookup(8, Slots(3, value_features=3), 2)
    with pytest.raises(ConfigurationError, match="count must be at least 1"):
        Slots(0)
    with pytest.raises(ConfigurationError, match=r"decay must be in \(0, 1\], but is 0"):
        LeastUsed(0)
