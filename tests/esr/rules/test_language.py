"""What each construct of the language means."""

import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor

from esr.rules import CompiledRules, RuleProgram, format_rules


def pairs(compiled: CompiledRules) -> dict[str, list[tuple[str, ...]]]:
    """The neurons that each rule couples, as labels."""
    label = compiled.grid.label
    return {
        term.name: [tuple(label(neuron) for neuron in row) for row in term.neurons.tolist()]
        for term in compiled.terms
    }


def test_indices_beyond_an_axis_drop_the_instance_and_cyclic_ones_wrap() -> None:
    rules = "next: for h in hour : V[h] & V[h + 1] => 1"
    ends = RuleProgram.parse(f"axis hour = 1..3\n{rules}").compile()
    assert pairs(ends) == {"next": [("V[1]", "V[2]"), ("V[2]", "V[3]")]}
    round_the_clock = RuleProgram.parse(f"axis hour = 1..3 cyclic\n{rules}").compile()
    assert pairs(round_the_clock)["next"][-1] == ("V[3]", "V[1]")


def test_order_of_a_rule_is_its_number_of_neurons() -> None:
    compiled = RuleProgram.parse(
        "axis a = 0..2\nV[0] => 3\nV[0] & V[1] => 2\nV[0] & V[1] & V[2] & V[0] => 1"
    ).compile(dtype=torch.float64)
    assert [term.order for term in compiled.terms] == [1, 2, 4]
    assert [term.name for term in compiled.terms] == ["rule_2", "rule_3", "rule_4"]
    assert [term.line for term in compiled.terms] == [2, 3, 4]
    assert compiled.terms[1].source == "V[0] & V[1] => 2"
    assert all(term.weights.dtype == torch.float64 for term in compiled.terms)


def test_group_prices_count_the_distance_from_one() -> None:
    compiled = RuleProgram.parse(
        "axis row = 0..1\naxis col = 0..2\none V[row, *]\nspread: one V[*, col] => -2"
    ).compile(dtype=torch.float64)
    assert [term.name for term in compiled.terms] == ["spread.single", "spread.pairs"]
    for first, second in itertools.product(range(3), repeat=2):
        state = compiled.grid.one_hot(torch.tensor([[first, second]]), torch.float64)
        flat = state.flatten()
        found = -sum(float(flat[t.neurons].prod(1) @ t.weights) for t in compiled.terms)
        sums = state[0].sum(0)
        # the constant 2 * 1 of each of the three columns is dropped
        assert found == float(2 * (sums - 1).square().sum()) - 2 * 3


def test_groups_may_run_along_several_axes() -> None:
    text = "axis lesson = 0..3\naxis room = {a, b}\naxis hour = 0..2\none V[lesson, *, *]"
    grid = RuleProgram.parse(text).compile().grid
    assert (grid.slots, grid.symbols, grid.grouped) == (4, 6, True)


def test_set_algebra_keeps_order_and_drops_doubles() -> None:
    program = RuleProgram.parse(
        "axis sym = {N, +, 1, 'a b', x}\nset rest = sym - {+, x}\nset both = {x, '1'} | rest\n"
        "set few = sym & both - {N}\nset odd = 0..2 | {7}\nset none = {}\naxis n = odd - {1}"
    )
    assert program.sets["rest"] == ("N", "1", "a b")
    assert program.sets["both"] == ("x", "1", "N", "a b")
    assert program.sets["few"] == ("1", "a b", "x")
    assert program.sets["none"] == ()
    assert program.axes["n"] == (0, 2, 7)


def test_statements_may_come_in_any_order() -> None:
    program = RuleProgram.parse("V[0] => 2 * w\naxis a = 0..n\nparameter w = n\nparameter n = 2")
    assert program.parameters == {"w": 2, "n": 2}
    assert float(program.compile(parameters={"n": 5}).terms[0].weights) == 10
    assert len(program.compile(parameters={"n": 5}).grid.axes[0]) == 6


def test_rows_of_inputs_bind_together() -> None:
    program = RuleProgram.parse(
        "axis city = {rome, bonn, oslo}\ninput roads (a in city, b in city, km)\n"
        "for (a, b, km) in roads if km < 900 : V[a] & V[b] => -km / size(roads)"
    )
    assert program.inputs == {"roads": ("a", "b", "km")}
    roads = [("rome", "bonn", 1066.0), ("bonn", "rome", 800), ("oslo", "oslo", 1)]
    compiled = program.compile({"roads": roads}, dtype=torch.float64)
    assert pairs(compiled)["rule_3"] == [
        ("V['bonn']", "V['rome']"),
        ("V['oslo']", "V['oslo']"),
    ]
    assert compiled.terms[0].weights.tolist() == [-800 / 3, -1 / 3]
    assert program.compile({"roads": []}).empty_rules == ("rule_3",)


def test_inputs_of_one_column_take_bare_values_and_vectors() -> None:
    program = RuleProgram.parse("axis a = 0..5\ninput on (i in a)\nfor (i) in on : V[i] => 1")
    for rows in ([2, 4], [(2,), (4,)], torch.tensor([2, 4]), torch.tensor([[2], [4]])):
        assert program.compile({"on": rows}).terms[0].neurons.tolist() == [[2], [4]]


def test_gradients_reach_parameters_and_numbers_of_inputs() -> None:
    program = RuleProgram.parse(
        "axis a = 0..3\nparameter scale = 1\nparameter rate = 2 * scale\ninput cost (i in a, c)\n"
        "for (i, c) in cost if c > 0 : V[i] => max(rate, 1) * c**2 - scale\none V[*]\n"
    )
    columns = torch.tensor([0.5, -1.0, 3.0], dtype=torch.float64, requires_grad=True)
    places = torch.arange(3, dtype=torch.float64)

    def weights(scale: Tensor, costs: Tensor) -> Tensor:
        rows = torch.stack([places, costs], 1)
        compiled = program.compile({"cost": rows}, {"scale": scale}, dtype=torch.float64)
        return compiled.terms[0].weights

    scale = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(weights, (scale, columns))


def test_learned_parameters_may_price_groups() -> None:
    price = torch.tensor(-2.0, requires_grad=True)
    compiled = RuleProgram.parse(
        "parameter p = -1\naxis a = 0..3\none V[*] => p\nV[0] => 1"
    ).compile(parameters={"p": price})
    sum(term.weights.sum() for term in compiled.terms).backward()
    assert float(price.grad or 0) == -4 + 2 * 6


def test_axes_and_sets_can_be_replaced() -> None:
    program = RuleProgram.parse(
        "axis sym = {N, x}\nset leaf = sym - {N}\nset some = {N}\n"
        "for s in leaf : V[s] => 1\nfor s in some : V[s] => 2"
    )
    compiled = program.compile(axes={"sym": ["N", "y", "z"]}, sets={"some": ["y"]})
    assert pairs(compiled) == {"rule_4": [("V['y']",), ("V['z']",)], "rule_5": [("V['y']",)]}


def test_conditions_protect_divisions_to_their_right() -> None:
    compiled = RuleProgram.parse(
        "axis a = 0..4\nfor i, j in a if i != j and 4 % (i - j) == 0 and i * j > 0 : "
        "V[i] & V[j] => 4 / (i - j)"
    ).compile(dtype=torch.float64)
    assert sorted(compiled.terms[0].weights.abs().unique().tolist()) == [2.0, 4.0]


def test_includes_are_read_once_and_from_the_standard_rules(tmp_path: Path) -> None:
    (tmp_path / "axes.rules").write_text("axis a = 0..1\n")
    (tmp_path / "more.rules").write_text('include "axes.rules"\nV[1] => 1\n')
    text = 'include "axes.rules"\ninclude "more.rules"\nV[0] => 1'
    program = RuleProgram.parse(text, folder=tmp_path)
    assert program.rules == ("rule_2", "rule_3")
    (tmp_path / "main.rules").write_text(text)
    assert RuleProgram.read(tmp_path / "main.rules").axes == program.axes
    board = RuleProgram.parse('include "standard:queens"\nmiddle: V[0, 3] => 1')
    assert board.rules == ("one_10", "columns", "diagonals", "middle")


def test_text_may_be_indented_as_a_whole() -> None:
    program = RuleProgram.parse(
        """
        axis a = 0..1  # two
        for i in a
            # the first only

            if i == 0 : V[i] => 1
        """
    )
    assert program.compile().terms[0].neurons.tolist() == [[0]]


MESSY = """

# a heading
   # kept
axis   sym={N,+,'1', "it's",-3 ,'a'}   # symbols


axis hour=0..( 23 ) cyclic
set   inner=(0..3)|{ 5 }
parameter w=-( 2**-1 )
input roads(a in sym,b , c in hour)
include 'x.rules'
one V[*,hour]=>-2
name:for (a,_,_) in roads,h in hour if not(h<3 and h in inner)or(h%2)==0  # why
    # and
    :V[a , h+(1-2)]&V['N',(h)]=>forbid
V['N', 0]=>(w-(w-1))*-w/2
"""

TIDY = """# a heading
# kept
axis sym = {N, +, '1', "it's", -3, a}  # symbols

axis hour = 0..23 cyclic
set inner = 0..3 | {5}
parameter w = -2**-1
input roads (a in sym, b, c in hour)
include "x.rules"
one V[*, hour] => -2
# why
# and
name: for (a, _, _) in roads, h in hour if not (h < 3 and h in inner) or h % 2 == 0 :
    V[a, h + (1 - 2)] & V['N', h] => forbid
V['N', 0] => (w - (w - 1)) * -w / 2
"""


def test_formatter_has_one_layout() -> None:
    assert format_rules(MESSY) == TIDY
    assert format_rules(TIDY) == TIDY
    assert format_rules("\n \n") == ""


@pytest.mark.parametrize("sign", ["-", "/", "//", "%", "*"])
def test_formatter_keeps_the_grouping(sign: str) -> None:
    for text in (f"a {sign} b {sign} c", f"a {sign} (b {sign} c)", f"(a + b) {sign} c"):
        line = f"parameter p = {text}\n"
        if sign == "-":
            line = line.replace("(a + b)", "a + b")
        assert format_rules(line) == line
