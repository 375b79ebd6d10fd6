"""What is wrong with rule text is told with its place and what to do, all at once."""

from pathlib import Path

import pytest
import torch

from esr.errors import ConfigurationError, DataError, RuleError
from esr.rules import RuleProgram, format_rules

HEAD = """axis row = 0..3
axis sym = {N, +, 1, x}
set ops = sym & {+}
parameter w = 1
input edges (u in row, s in sym, cost)
"""

SYNTAX = [
    ("axs a = 0..3", r"'axs' begins no statement; did you mean 'axis'\? \(line 6, column 1\)"),
    ("axis a =", r"expected a number, a name, .* but the statement ends \(line 6, column 9\)"),
    ("axis a = {x, }", r"expected a name, .* but found '}' \(line 6, column 14\)"),
    ("for i in row : V[i, *] => 1", r"'\*' stands for a whole axis only in a 'one' group"),
    ("for i in row if i = 2 : V[i, 'N'] => 1", r"write '==' to compare \(line 6, column 19\)"),
    ("V[0, 'N'] -> 1", r"write '=>' before a weight \(line 6, column 11\)"),
    ("V[0, 'N'] => 'a", r"this quote ' is never closed"),
    ("V[0, 'N'] => $", r"unexpected character '\$'"),
    ("one V[row, *", r"expected ',' or '\]'|expected '\]' or ',', but the statement ends"),
    ("for i in row V[i, 'N'] => 1", r"but found 'V' \(line 6, column 14\)"),
    ("parameter p = 99999999999999999999", "is too large"),
    ("set a = {1.5}", "whole numbers, not 1.5"),
    (f"V[{'-' * 200}1, 'N'] => 1", "nested more than 150 deep"),
]

MEANING = [
    ("V[0, 'N'] => 1 + forbid", r"'forbid' is a word of the language and cannot stand here"),
    ("for i in rov : V[i, 'N'] => w", r"'rov' is unknown; did you mean 'row'\? \(line 6, col"),
    ("V[0, N] => w", r"'N' is no variable; write it in quotes"),
    ("V[0] => w", r"V needs 2 indices, \[row, sym\], but has 1"),
    ("W[0, 'N'] => w", r"neurons are written V\[\.\.\.\], not W"),
    ("V['N', 'N'] => w", r"expected a number, but this is a symbol; index"),
    ("V[0, 1] => w", r"expected a symbol, but this is a number; write '1' in quotes"),
    ("V[0, 'y'] => w", r"axis sym has no symbol 'y'; valid names: \+, 1, N, x"),
    ("for s in sym : V[0, s] => s + 1", r"expected a number, but this is a symbol"),
    ("for s in sym if s < 'N' : V[0, s] => 1", r"symbols have no order"),
    ("for s in sym if s == 'y' : V[0, s] => 1", r"no axis or set has 'y'"),
    ("for s in sym if s in row : V[0, s] => 1", r"expected a number, but this is a symbol"),
    ("for s in {'y'} : V[0, s] => 1", r"variable 's' can be 'y', which is not on axis sym"),
    ("for i, j in row : V[i, 'N'] => 1", r"variable 'j' is bound but never used; remove it"),
    ("for (u, s, k) in edges : V[u, s] => 1", r"'k' is bound but never used; write _ for it"),
    ("for (_, _, _) in edges : V[0, 'N'] => 1", r"this binds no variable"),
    ("for i, i in row : V[i, 'N'] => 1", r"variable 'i' is bound already"),
    ("for w in row : V[w, 'N'] => 1", r"'w' is declared already"),
    ("for abs in row : V[abs, 'N'] => 1", r"'abs' cannot name a variable"),
    ("for i in row if i + 1 : V[i, 'N'] => 1", r"expected a condition, but this is a number"),
    ("for (u, s) in edges : V[u, s] => 1", r"has 3 columns \(u, s, cost\), but 2 variables"),
    ("for (u, s, _) in edgs : V[u, s] => 1", r"expected an input.*did you mean 'edges'"),
    ("for u in edges : V[u, 'N'] => 1", r"'edges' is an input; bind its rows with"),
    ("for i in row, j in i..3 : V[i, 'N'] & V[j, 'N'] => 1", r"cannot depend on the variable 'i'"),
    ("V[0, 'N'] => sqrt(2)", r"function 'sqrt' is unknown; valid names: abs"),
    ("V[0, 'N'] => abs(1, 2)", r"abs takes 1 argument, but got 2"),
    ("V[0, 'N'] => min(1)", r"min takes 2 to 9 arguments, but got 1"),
    ("V[0, 'N'] => index('N', sim)", r"expected an axis; did you mean 'sym'"),
    ("parameter w = 2", r"'w' is declared already in line 4"),
    ("set row = {1}", r"'row' is declared already in line 1"),
    ("axis size = 0..2", r"'size' is a word of the language"),
    ("input twice (a, a)", r"input twice has two columns 'a'"),
    ("a: V[0, 'N'] => 1\na: V[1, 'N'] => 1", r"rule 'a' is declared already in line 6"),
    ("one V[row, *]\none V[*, sym]", r"in groups already \(line 6\); give this one a weight"),
    ("one V[sym, *]", r"expected '\*' or 'row' at this place of a group, but found 'sym'"),
    ("one V[row, sym]", r"a group needs a '\*'"),
    ("one V[*]", r"V needs 2 indices"),
    ("one V[*, sym] => forbid", r"takes a price such as"),
    ("set a = b\nset b = a", r"'a' is defined through itself"),
    ("parameter p = q\nparameter q = p", r"'p' is defined through itself"),
    ("set a = {1, 1}", r"1 occurs twice"),
    ("set a = ops | row", r"expected a set of symbols, but this is a set of numbers"),
    ("set a = sym - {1}", r"put its members in quotes"),
    ("set a = 0..1/2", r"bounds of a range are whole numbers, but this is 0.5"),
    ("set a = 0..10000000", r"at most 1000000 values"),
    ("parameter p = 1 / 0", r"division by zero"),
    ("parameter p = 10**400", r"not a finite number"),
    ("parameter p = 2**99", r"too large for a whole number"),
    ("parameter p = size(edges)", r"known in rules only"),
    ("axis a = 1..0", r"axis a has no values"),
    ("axis a = {1, 4} cyclic", r"a cyclic axis counts through a range"),
    ('include "other.rules"', r"no folder to include from"),
    ('include "/other.rules"', r"named relative to the file"),
    ('include "standard:queen"', r"no standard rules 'queen'; did you mean queens\?"),
]

COMPUTED = [
    ("for i in row : V[i, 'N'] => 1 / i", r"division by zero; exclude it by a condition"),
    ("for i in row if 1 // i > 0 : V[i, 'N'] => 1", r"division by zero"),
    ("for i in row : V[i / 2, 'N'] => 1", r"an index is a whole number, but is 0.5 here"),
    ("for i in row : V[i, 'N'] => (i - 1)**-1", r"not a finite number"),
    ("for i in row : V[i, 'N'] => i * 9007199254740992", r"product is too large"),
    ("for i in row : V[i, 'N'] => index(i + 2, row)", r"values that are not on axis row"),
    ("for i in row if i < w : V[i, 'N'] => 1", r"parameter 'w' is learned and can only stand"),
]

DATA = [
    (None, r"input edges is missing; compile with inputs=\{'edges': rows of \(u, s, cost\)\}"),
    ([(1, "N")], r"row 0 of input edges should be \(u, s, cost\), but is \(1, 'N'\)"),
    ([(0, "N", 1), (1, "y", 1)], r"row 1 of input edges has 'y' in column s"),
    ([(9, "N", 1)], r"row 0 of input edges has 9 in column u.*valid names: 0, 1, 2, 3"),
    ([(1, "N", "z")], r"column cost of input edges holds finite numbers, but row 0 has 'z'"),
    ([(1, "N", float("nan"))], r"holds finite numbers"),
    (["abc"], r"row 0 of input edges should be"),
    (torch.zeros(2, 2), r"takes a tensor of shape \(rows, 3\), but got \(2, 2\)"),
    (torch.zeros(2, 3), r"column s of input edges holds symbols; give a list"),
    (torch.full((1, 3), float("inf")), r"has values that are not finite"),
    (torch.full((1, 3), 0.5), r"row 0 of input edges has 0.5 in column u"),
]


@pytest.mark.parametrize(("line", "message"), SYNTAX, ids=[line[:40] for line, _ in SYNTAX])
def test_syntax_is_told(line: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        RuleProgram.parse(HEAD + line)
    with pytest.raises(RuleError, match=message):
        format_rules(HEAD + line)


@pytest.mark.parametrize(("line", "message"), MEANING, ids=[line[:40] for line, _ in MEANING])
def test_meaning_is_told(line: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        RuleProgram.parse(HEAD + line)


@pytest.mark.parametrize(("line", "message"), COMPUTED, ids=[line[:40] for line, _ in COMPUTED])
def test_values_without_meaning_are_told(line: str, message: str) -> None:
    program = RuleProgram.parse(HEAD + line)
    learned = {"w": torch.tensor(1.0, requires_grad=True)}
    with pytest.raises(RuleError, match=message):
        program.compile({"edges": []}, learned)


@pytest.mark.parametrize(("rows", "message"), DATA)
def test_unfit_data_is_told(rows: list[tuple[str | float, ...]] | None, message: str) -> None:
    program = RuleProgram.parse(HEAD + "for (u, s, c) in edges : V[u, s] => c")
    with pytest.raises(RuleError, match=message):
        program.compile({} if rows is None else {"edges": rows})


def test_all_faults_are_told_with_carets() -> None:
    text = HEAD + "V[0, 'N' => 1\nfor i in rov : V[i, s] => w\nV[1, 'y'] => 1\nV[2] => ww\n"
    with pytest.raises(RuleError) as caught:
        RuleProgram.parse(text)
    assert [fault.line for fault in caught.value.faults] == [6, 7, 7, 8, 9, 9]
    assert str(caught.value).startswith("6 mistakes in the rules:\n")
    assert "    for i in rov : V[i, s] => w\n             ^\n" in str(caught.value)


def test_lost_declarations_are_told_without_their_echoes() -> None:
    with pytest.raises(RuleError) as caught:
        RuleProgram.parse("axis a = \nV[0] => 1\nset b = {\nfor i in a : V[i => 1")
    assert [fault.line for fault in caught.value.faults] == [1, 3, 4]


def test_places_in_continued_lines_are_exact() -> None:
    text = HEAD + "for i in row\n    # why\n    if i > 1 :\n      V[i, 'N'] => v"
    with pytest.raises(RuleError, match=r"line 9, column 20\)\n          V\[i, 'N'\] => v\n"):
        RuleProgram.parse(text)


def test_programs_need_an_axis_and_a_statement() -> None:
    with pytest.raises(RuleError, match="there are no rules in this text"):
        RuleProgram.parse("# nothing\n")
    with pytest.raises(RuleError, match="there is no axis"):
        RuleProgram.parse("set a = {x}")


def test_index_without_an_axis_needs_one_of_symbols() -> None:
    with pytest.raises(RuleError, match=r"name the axis, as in index\(s, axis\).*: a, b"):
        RuleProgram.parse("axis a = {x}\naxis b = {y}\nV['x', 'y'] => index('x')")


def test_faults_of_included_files_name_them(tmp_path: Path) -> None:
    (tmp_path / "main.rules").write_text('include "part.rules"\naxis a = 0..1\n')
    (tmp_path / "part.rules").write_text("V[b] => 1\n")
    with pytest.raises(RuleError, match=r"'b' is unknown; .*\(part.rules, line 1, column 3\)"):
        RuleProgram.read(tmp_path / "main.rules")


def test_includes_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "main.rules").write_text('include "prt.rules"\naxis a = 0..1\n')
    (tmp_path / "part.rules").write_text('include "again.rules"\n')
    (tmp_path / "again.rules").write_text('include "part.rules"\n')
    with pytest.raises(RuleError, match=r"no file 'prt.rules'; did you mean 'part.rules'"):
        RuleProgram.read(tmp_path / "main.rules")
    with pytest.raises(RuleError, match=r"'part.rules' includes itself"):
        RuleProgram.parse('include "part.rules"', folder=tmp_path)
    with pytest.raises(DataError, match="expected a file of rules"):
        RuleProgram.read(tmp_path / "none.rules")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"parameters": {"v": 1.0}}, r"no parameter 'v'; valid names: w"),
        ({"parameters": {"w": float("nan")}}, r"parameter 'w' takes a number of at most"),
        ({"parameters": {"w": torch.zeros(2)}}, r"a tensor of shape \(\)"),
        ({"axes": {"raw": [1]}}, r"no axis 'raw'; did you mean 'row'"),
        ({"axes": {"sym": [1, 2]}}, r"'sym' takes a list of distinct texts"),
        ({"axes": {"row": [1, 1]}}, r"'row' takes a list of distinct whole numbers"),
        ({"sets": {"ops": "+-"}}, r"'ops' takes a list of distinct texts"),
        ({"sets": {"op": ["+"]}}, r"no set 'op'; did you mean 'ops'"),
        ({"inputs": {"edgs": []}}, r"no input 'edgs'; did you mean 'edges'"),
    ],
)
def test_unknown_and_unfit_arguments_are_told(given: dict[str, object], message: str) -> None:
    program = RuleProgram.parse(HEAD)
    with pytest.raises(ConfigurationError, match=message):
        program.compile(**given)  # type: ignore[arg-type]


def test_rules_that_leave_no_symbol_are_named() -> None:
    text = "axis a = 0..3\none V[*]\nlow: for i in a if i < 2 : V[i] => forbid\n"
    program = RuleProgram.parse(text + "for i in a if i >= 2 : V[i] => forbid")
    message = r"no symbol to the group V\[0\] to V\[3\]: low \(line 3\), rule_4 \(line 4\)"
    with pytest.raises(ConfigurationError, match=message):
        program.compile()
    RuleProgram.parse(text).compile()


def test_products_of_too_many_values_are_refused() -> None:
    many = RuleProgram.parse("axis a = 0..99999\nfor i, j in a : V[i] & V[j] => 1")
    with pytest.raises(RuleError, match=r"more than 1,000,000,000 combinations"):
        many.compile()


@pytest.mark.slow
def test_too_many_instances_are_refused() -> None:
    program = RuleProgram.parse("axis a = 0..9999\nfor i, j in a if i != j : V[i] & V[j] => 1")
    with pytest.raises(RuleError, match=r"more than 20,000,000 instances"):
        program.compile()
