import pytest
import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield.exact.pairwise import PairwiseNetwork
from esr.hopfield.exact.rooted import RootedForest
from esr.hopfield.grid import Axis, Grid
from esr.hopfield.term import CouplingTerm
from esr.rules import RuleProgram, rules_text

SIGNS = ("N", "1", "2", "+", "'")
STRING = Grid([Axis("pos", (0, 1, 2, 3)), Axis("sym", SIGNS)], one_of=["sym"])


def chain(fields: Tensor, couplings: Tensor) -> PairwiseNetwork:
    edges = RootedForest.chain(len(fields)).edges
    return PairwiseNetwork(fields, edges, couplings.expand(len(edges), -1, -1))


def small_grammar() -> PairwiseNetwork:
    """Nothing but N before N, no sign beside a sign or at the ends, equal digits disliked."""
    fields, pairs = torch.zeros(4, 5).double(), torch.zeros(5, 5).double()
    pairs[1:, 0] = pairs[3:, 3:] = pairs[0, 3:] = -torch.inf
    pairs[1, 1] = pairs[2, 2] = -1.25
    fields[0, 3:] = fields[3, 3:] = -torch.inf
    fields[1, 4] = 0.125
    return chain(fields, pairs)


def test_shared_rules_are_written_once_with_sets() -> None:
    assert rules_text(STRING, small_grammar().terms(), name="r").splitlines() == [
        "axis pos = 0..3",
        """axis sym = {'N', '1', '2', '+', "'"}""",
        "one V[pos, *]",
        """r_1: for p in {0, 3}, a in {'+', "'"} : V[p, a] => forbid""",
        """r_2: for p in pos, a in {'1', '2', '+', "'"} : V[p, a] & V[p+1, 'N'] => forbid""",
        """r_3: for p in pos, a in {'N', '+', "'"}, b in {'+', "'"} : """
        "V[p, a] & V[p+1, b] => forbid",
        """r_4: V[1, "'"] => 0.125""",
        "r_5: for p in pos : V[p, '1'] & V[p+1, '1'] => -1.25",
        "r_6: for p in pos : V[p, '2'] & V[p+1, '2'] => -1.25",
    ]


def test_sets_that_occur_twice_get_a_name() -> None:
    pairs = torch.zeros(5, 5)
    pairs[0, 1:4] = -torch.inf
    pairs[4, :3] = pairs[4, 1:4] = -torch.inf
    fields = torch.zeros(4, 5)
    fields[0, 1:4] = 2.0
    text = rules_text(STRING, chain(fields, pairs).terms())
    assert "set s1 = {'1', '2', '+'}" in text
    assert text.count("in s1") == 2


def test_weights_are_merged_and_dropped_within_the_callers_limits() -> None:
    fields = torch.zeros(4, 5).double()
    fields[:, 1] = torch.tensor([1.0, 1.125, 1.5, 0.25])
    terms = chain(fields, torch.zeros(5, 5).double()).terms()
    text = rules_text(STRING, terms, tolerance=0.25, threshold=0.25)
    assert "for p in {0, 1} : V[p, '1'] => 1.0625\n" in text
    assert "V[2, '1'] => 1.5\n" in text
    assert "V[3" not in text


def random_terms(grid: Grid, edges: Tensor, seed: int, shared: bool) -> list[CouplingTerm]:
    """Sparse weights, of every edge its own or one for all; some forbidden, never of symbol 0."""
    generator = torch.Generator().manual_seed(seed)
    shape = (1 if shared else len(edges), grid.symbols, grid.symbols)
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    values[torch.rand(shape, generator=generator) < 0.5] = 0
    dead = torch.rand(shape, generator=generator) < 0.3
    dead[:, 0] = dead[:, :, 0] = False
    values[dead] = -torch.inf
    fields = torch.randn(grid.slots, grid.symbols, generator=generator, dtype=torch.float64)
    fields[torch.rand(fields.shape, generator=generator) < 0.6] = 0
    fields[0, -1] = -torch.inf
    couplings = values.expand(len(edges), -1, -1)
    return PairwiseNetwork(fields, edges, couplings).terms()


ROW, RING = Axis("row", (0, 1)), Axis("ring", (0, 1, 2, 3), cyclic=True)
PLACE, WORD = Axis("place", ("left", "right")), Axis("p", ("a", "b c"))
NUMBER, PAIR = Axis("number", (1, 2, 3)), Axis("t", (0, 1))
ALL_PAIRS = torch.combinations(torch.arange(8))
GRIDS = {
    "chain": (Grid([Axis("pos", tuple(range(6))), WORD], ["p"]), RootedForest.chain(6).edges),
    "heap": (Grid([Axis("a", tuple(range(7))), NUMBER], ["number"]), RootedForest.heap(7).edges),
    "plane": (Grid([WORD, RING, ROW], ["p"]), ALL_PAIRS),
    "backwards": (Grid([NUMBER, RING, ROW], ["number"]), ALL_PAIRS[::3].flip(1)),
    "words": (Grid([PLACE, PAIR, WORD, ROW], ["p"]), ALL_PAIRS),
    "two": (Grid([RING, PAIR, ROW, WORD], ["t", "p"]), ALL_PAIRS[::3]),
}


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", list(GRIDS))
def test_text_read_back_has_the_same_energy(name: str, shared: bool) -> None:
    grid, edges = GRIDS[name]
    terms = random_terms(grid, edges, seed=len(name), shared=shared)
    compiled = RuleProgram.parse(rules_text(grid, terms)).compile(dtype=torch.float64)
    assert compiled.grid.axes == grid.axes
    draw = torch.Generator().manual_seed(0)
    states = grid.one_hot(grid.random_symbols(40, generator=draw), torch.float64)
    on = states.flatten(1)
    for hard in (True, False):
        sides = []
        for side in (terms, compiled.terms):
            chosen = [t for t in side if t.hard == hard]
            parts = [
                on[:, t.neurons].prod(2) @ (t.weights if not hard else t.weights * 0 + 1)
                for t in chosen
            ]
            sides.append(torch.stack(parts).sum(0))
        # Weights are read back to the last bit; their sums run in another order.
        torch.testing.assert_close(*sides, rtol=1e-12, atol=1e-12)


def test_what_has_no_rule_of_two_slots_is_refused() -> None:
    third = CouplingTerm("third", torch.tensor([[0, 5, 10]]), torch.ones(1))
    with pytest.raises(ConfigurationError, match="two slots at most"):
        rules_text(STRING, [third])
    with pytest.raises(ConfigurationError, match="at least 0"):
        rules_text(STRING, [], tolerance=-1.0)
