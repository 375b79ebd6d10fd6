"""The standard rule files against what they say they are, by brute force."""

import itertools
import re
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield import CouplingTerm
from esr.rules import CompiledRules, standard


def all_states(compiled: CompiledRules) -> Tensor:
    """Every choice of one symbol for each slot, `(R, G, S)`."""
    slots, symbols = compiled.grid.slots, compiled.grid.symbols
    choices = torch.cartesian_prod(*[torch.arange(symbols)] * slots).view(-1, slots)
    return compiled.grid.one_hot(choices)


def allowed(compiled: CompiledRules, states: Tensor) -> Tensor:
    hard = [term for term in compiled.terms if term.hard]
    return torch.stack([term.broken(states) == 0 for term in hard]).all(0)


def energy(terms: tuple[CouplingTerm, ...], states: Tensor) -> Tensor:
    flat = states.flatten(1).double()
    products = [flat[:, t.neurons].prod(2) @ t.weights.double() for t in terms if not t.hard]
    return -torch.stack(products).sum(0)


def strings(compiled: CompiledRules, states: Tensor) -> Iterator[list[str]]:
    symbols = compiled.grid.symbol_axes[0].values
    for row in states.argmax(2).tolist():
        yield [str(symbols[symbol]) for symbol in row]


def test_infix_allows_exactly_the_strings_of_the_grammar() -> None:
    symbols = ["N", "0", "1", "7", "+", "/", "x"]
    compiled = standard("infix").compile(parameters={"length": 4}, axes={"symbol": symbols})
    states = all_states(compiled)
    found = allowed(compiled, states).tolist()
    factor = "(?:[17][017]*x?|x)"
    pattern = re.compile(f"N*{factor}(?:[+/]{factor})*")
    for string, valid in zip(strings(compiled, states), found, strict=True):
        assert (pattern.fullmatch("".join(string)) is not None) is valid, string
    assert sum(found) > 50
    assert all(term.order <= 2 for term in compiled.terms)


def valid_tree(symbols: list[str], slot: int = 0) -> bool:
    arity = {"N": 0, "x": 0, "1": 0, "sin": 1, "+": 2}
    symbol = symbols[slot] if slot < len(symbols) else "N"
    children = [2 * slot + 1, 2 * slot + 2]
    inside = [child for child in children if child < len(symbols)]
    if slot == 0 and symbol == "N":
        return False
    wanted = arity[symbol]
    if wanted > len(inside):
        return False
    filled = [child < len(symbols) and symbols[child] != "N" for child in children]
    if filled != [wanted > 0, wanted > 1]:
        return False
    return all(valid_tree(symbols, child) for child in inside)


def test_heap_tree_allows_exactly_the_trees() -> None:
    symbols = ["N", "+", "sin", "x", "1"]
    compiled = standard("heap_tree").compile(parameters={"depth": 3}, axes={"symbol": symbols})
    states = all_states(compiled)
    found = allowed(compiled, states).tolist()
    passing = states[torch.tensor(found)]
    assert all(valid_tree(string) for string in strings(compiled, passing))
    # as many as there are: leaves; sin over each tree of depth two; plus over each pair of them
    assert sum(found) == 2 + (2 + 2 + 4) + (2 + 2 + 4) ** 2


def test_heap_tree_couples_parents_with_children_only() -> None:
    compiled = standard("heap_tree").compile()
    for term in compiled.terms:
        slots = term.neurons // compiled.grid.symbols
        if term.order == 2:
            assert bool(((slots[:, 1] - 1) // 2 == slots[:, 0]).all())


def test_prefix_passes_every_valid_string() -> None:
    symbols = ["N", "+", "sin", "x"]
    compiled = standard("prefix").compile(parameters={"length": 5}, axes={"symbol": symbols})
    states = all_states(compiled)
    found = allowed(compiled, states).tolist()

    def complete(string: list[str]) -> bool:
        missing = 1
        for place, symbol in enumerate(string):
            if missing == 0:
                return set(string[place:]) == {"N"}
            missing += {"N": 99, "x": -1, "sin": 0, "+": 1}[symbol]
        return missing == 0

    verdicts = list(zip(strings(compiled, states), found, strict=True))
    assert all(valid for string, valid in verdicts if complete(string))
    rejected = [string for string, valid in verdicts if not valid]
    assert len(rejected) > len(verdicts) * 0.8


def test_queens_counts_attacks() -> None:
    compiled = standard("queens").compile(parameters={"n": 5, "clash": -1.5})
    states = all_states(compiled)
    energies = energy(compiled.terms, states)
    for columns, price in zip(states.argmax(2).tolist(), energies.tolist(), strict=True):
        attacks = sum(
            columns[i] == columns[j] or abs(columns[i] - columns[j]) == j - i
            for i, j in itertools.combinations(range(5), 2)
        )
        assert price == 1.5 * attacks
    assert int((energies == 0).sum()) == 10  # the known number of solutions for five queens


def test_colouring_forbids_equal_neighbours() -> None:
    edges = torch.tensor([[0, 1], [1, 2], [2, 0], [2, 3]])
    compiled = standard("colouring").compile({"edges": edges}, {"vertices": 4, "colours": 3})
    states = all_states(compiled)
    colours = states.argmax(2)
    proper = (colours[:, edges[:, 0]] != colours[:, edges[:, 1]]).all(1)
    assert torch.equal(allowed(compiled, states), proper)
    assert int(proper.sum()) == 12  # three factorial for the triangle, two for its tail


def test_colouring_of_edgeless_graphs_names_the_empty_rule() -> None:
    compiled = standard("colouring").compile({"edges": []})
    assert compiled.empty_rules == ("edge",)
    assert compiled.terms == ()


def test_sudoku_accepts_solutions_and_no_others() -> None:
    cells = [(r, c) for r in range(4) for c in range(4)]
    solved = torch.tensor([(2 * (r % 2) + r // 2 + c) % 4 for r, c in cells])
    program = standard("sudoku")
    givens = [(0, 0, int(solved[0]) + 1), (3, 2, int(solved[14]) + 1)]
    compiled = program.compile({"givens": givens}, {"box": 2})
    good = compiled.grid.one_hot(solved[None])
    assert bool(allowed(compiled, good))
    for cell in range(16):
        for digit in range(4):
            if digit != solved[cell]:
                other = solved.clone()
                other[cell] = digit
                assert not bool(allowed(compiled, compiled.grid.one_hot(other[None])))
    assert not bool(allowed(compiled, compiled.grid.one_hot((solved[None] + 1) % 4)))  # givens


def test_sudoku_refuses_givens_that_clash() -> None:
    with pytest.raises(ConfigurationError, match=r"no symbol to the group .*(given|rows) \(line"):
        standard("sudoku").compile({"givens": [(0, 0, 5), (0, 7, 5)]})


def test_parity_counts_failing_checks() -> None:
    checks = [(0, 1, 2), (2, 3, 4)]
    compiled = standard("parity").compile({"checks": checks}, {"bits": 5, "price": 0.5})
    assert max(term.order for term in compiled.terms) == 3
    bits = torch.cartesian_prod(*[torch.arange(2)] * 5)
    failing = sum((bits[:, list(check)].sum(1) % 2 for check in checks), torch.zeros(32))
    prices = energy(compiled.terms, bits.view(-1, compiled.grid.slots, compiled.grid.symbols))
    torch.testing.assert_close(prices, 0.5 * failing.double(), rtol=0, atol=1e-6)  # float32


def test_timetable_forbids_clashes_and_prices_wishes() -> None:
    axes = {"teacher": ["Ada", "Emmy"], "room": ["none", "red", "blue"]}
    compiled = standard("timetable").compile(
        {"away": [("Emmy", 0)]}, {"hours": 2, "lessons": 1}, axes=axes
    )
    states = all_states(compiled)
    rooms = compiled.grid.on_axes(states).argmax(2)  # (R, teacher, hour), 0 for none
    clash = ((rooms[:, 0] == rooms[:, 1]) & (rooms[:, 0] > 0)).any(1)
    away = rooms[:, 1, 0] > 0
    assert torch.equal(allowed(compiled, states), ~clash & ~away)
    lessons = (rooms > 0).sum(2)
    delay = (rooms[..., 1] > 0).sum(1)
    stays = ((rooms[..., 0] == rooms[..., 1]) & (rooms[..., 0] > 0)).sum(1)
    expected = 2 * ((lessons - 1).square() - 1).sum(1) + 0.02 * delay - 0.1 * stays
    torch.testing.assert_close(
        energy(compiled.terms, states), expected.double(), rtol=0, atol=1e-5
    )  # float32


def test_unknown_standard_rules_suggest() -> None:
    with pytest.raises(ConfigurationError, match=r"'queen'; did you mean 'queens'"):
        standard("queen")
