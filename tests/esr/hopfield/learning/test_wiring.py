import pytest
import torch

from esr.errors import ConfigurationError, DataError
from esr.hopfield.learning.hard_zeros import HardZeros
from esr.hopfield.learning.wiring import Wiring, count_examples


def test_counts_are_those_of_the_definition() -> None:
    examples = torch.tensor([[0, 1, 2], [0, 1, 1]])
    counts = count_examples(examples, 3, Wiring.separate(3, torch.tensor([[2, 0], [0, 1]])))
    assert counts.singles.tolist() == [[2, 0, 0], [0, 2, 0], [0, 1, 1]]
    assert counts.pairs[0].tolist() == [[0, 0, 0], [1, 0, 0], [1, 0, 0]]
    assert counts.pairs[1].tolist() == [[0, 2, 0], [0, 0, 0], [0, 0, 0]]
    assert counts.number == 2


def test_pooling_is_the_transpose_of_spreading() -> None:
    wiring = Wiring(
        torch.tensor([[0, 1], [1, 2], [0, 2]]), torch.tensor([0, 1, 0]), torch.tensor([1, 0, 1])
    )
    generator = torch.Generator().manual_seed(0)
    fields, couplings = torch.randn(2, 4, generator=generator), torch.randn(2, 4, 4)
    singles, pairs = torch.randn(3, 4, generator=generator), torch.randn(3, 4, 4)
    network = wiring.spread(fields, couplings)
    pooled = wiring.pooled(singles, pairs)
    left = (network.fields * singles).sum() + (network.couplings * pairs).sum()
    right = (fields * pooled[0]).sum() + (couplings * pooled[1]).sum()
    torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-4)  # 60 summands in float32
    assert wiring.shares
    assert not Wiring.chain(4, tied=False).shares
    assert Wiring.chain(4).shares


def test_only_what_should_have_been_seen_is_forbidden() -> None:
    # Symbols 0 and 1 in halves, never 0 after 0; symbol 2 once in 100 in slot 0 alone.
    examples = torch.tensor([[0, 1], [1, 0], [1, 1]] * 33 + [[2, 1]])
    wiring = Wiring.chain(2)
    counts = count_examples(examples, 3, wiring)
    symbols, pairs = HardZeros(5.0).forbidden(counts, wiring)
    assert symbols.nonzero().tolist() == []
    assert pairs.nonzero().tolist() == [[0, 0, 0]]  # expected 33 * 33 / 100 times
    symbols, pairs = HardZeros(0.4).forbidden(counts, wiring)
    assert symbols.nonzero().tolist() == [[1, 2]]  # expected 1 / 2 times
    symbols, pairs = HardZeros().forbidden(counts, wiring)
    # Pairs that end in symbol 2 need no rule, as it is forbidden there.
    assert pairs[0].nonzero().tolist() == [[0, 0], [2, 0]]


def test_wrong_examples_and_wirings_are_refused() -> None:
    wiring = Wiring.chain(3)
    with pytest.raises(DataError, match=r"integers \(n, G\)"):
        count_examples(torch.zeros(2, 3), 2, wiring)
    with pytest.raises(DataError, match="symbols 0 to 1"):
        count_examples(torch.full((2, 3), 2), 2, wiring)
    with pytest.raises(ConfigurationError, match="3 slots, but examples have 4"):
        count_examples(torch.zeros(2, 4, dtype=torch.long), 2, wiring)
    with pytest.raises(ConfigurationError, match="join slots 0 to 1"):
        Wiring(wiring.edges, torch.arange(2), wiring.edge_kinds)
    with pytest.raises(ConfigurationError, match=r"edge_kinds \(E,\)"):
        Wiring(wiring.edges, wiring.slot_kinds, wiring.slot_kinds)
    with pytest.raises(ConfigurationError, match="at least 0"):
        HardZeros(-1.0)
