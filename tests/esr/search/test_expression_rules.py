"""Rules on equations: what users wish, what is told, and what parts may be."""

import pickle
import re
import runpy
from pathlib import Path

import pytest

from esr.equations import STANDARD, Call, PrimitiveSet, Variable, parse
from esr.errors import ConfigurationError, RuleError
from esr.rules import format_rules
from esr.search import ExpressionRules
from esr.search.expression_rules import compile_rules

PAGE = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```equation\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
WISHES = dict(line.split(": ", 1) for line in EXAMPLE.splitlines())

# the wish, an equation that it allows, and one that it does not
CASES = [
    ("nested", "sin(x) + sin(y)*cos(x)", "sin(1 + exp(sin(x)))"),
    ("mixed", "sin(sin(x)) + cos(y)", "tan(x*cos(y))"),
    ("no_abs", "sin(x)", "1 + abs(x)"),
    ("functions", "sin(x) + exp(y) - sin(x)", "sin(x) + exp(y) - sin(sin(x))"),
    ("once", "sin(x) + exp(y) - sin(x)", "sin(x)*sin(y) + sin(x)"),
    ("all_variables", "y - x*2", "x + x"),
    ("exponents", "(x + y)**2.5", "2**(1 + x)"),
    ("fractions", "x/(1 + 1/y)", "x/(y/2)"),
    ("folded", "2*x + 3", "x + 2*3"),
    ("deep", "sin(sin(sin(sin(sin(sin(x))))))", "sin(sin(sin(sin(sin(sin(x + sin(y)))))))"),
    ("short", "exp(x + y + 1) + x*x*x*x", "exp(x + y + 1 + x)"),
    ("small", "+".join(["x"] * 15), "+".join(["x"] * 16)),
    ("sum", "x + sin(x)", "x"),
]


@pytest.mark.parametrize(("name", "allowed", "refused"), CASES, ids=[c[0] for c in CASES])
def test_a_wish_of_one_line_allows_and_refuses(name: str, allowed: str, refused: str) -> None:
    rules: ExpressionRules = compile_rules(WISHES[name], ["x", "y"], STANDARD)
    assert rules.allows(parse(allowed))
    assert not rules.allows(parse(refused))


def test_wishes_hold_together_and_name_what_is_broken() -> None:
    assert [name for name, _, _ in CASES] == list(WISHES)
    assert format_rules(EXAMPLE) == EXAMPLE
    rules = compile_rules(EXAMPLE, ["x", "y"], STANDARD)
    assert rules.allows(parse("sin(x)/y + 2*exp(x*y)"))
    assert rules.broken(parse("sin(cos(x)) * abs(y)")) == ("mixed", "no_abs", "sum")
    assert rules.broken(parse("2")) == ("all_variables", "sum")


def test_the_guide_shows_what_happens(tmp_path: Path) -> None:
    (block,) = re.findall(
        r"^```python\n([^`]*compile_rules.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
    )
    (tmp_path / "block.py").write_text(block, encoding="utf-8")
    rules = runpy.run_path(str(tmp_path / "block.py"))["rules"]
    shown = dict(re.findall(r"^rules\.\w+\(parse\(\"(.*)\"\)\)  # (.*)$", block, re.MULTILINE))
    allowed, broken = shown.items()
    assert allowed == (str(parse(allowed[0])), str(rules.allows(parse(allowed[0]))))
    assert broken[1] == str(rules.broken(parse(broken[0])))


def test_parts_are_judged_by_what_no_whole_can_mend() -> None:
    rules = compile_rules(EXAMPLE, ["x", "y"], STANDARD)
    for part in ("x", "2", "sin(y)", "sin(x)*cos(x)"):  # lack a variable or the sum
        assert rules.tolerates(parse(part))
        assert not rules.allows(parse(part))
    for _, _, refused in CASES[:-1]:
        whole = parse(refused) + parse("x + y")
        assert rules.tolerates(parse(refused)) is rules.allows(whole), refused


@pytest.mark.parametrize(
    ("text", "part", "tolerated"),
    [
        ("for (i, n) in depth if n < 3 : V[i, 'constant'] => forbid", "2", True),
        ("for (i, n) in depth if 3 < n : V[i, 'constant'] => forbid", "x*(x + sin(2))", False),
        ("for (i, n) in depth if not n <= 1 : V[i, 'x'] => forbid", "-x", False),
        ("for i in node if i == 1 : V[i, 'x'] => forbid", "-x", True),
        ("for i, j in node if j - i == 1 : V[i, 'neg'] & V[j, 'x'] => forbid", "-x", False),
        ("for i in node : V[i, 'neg'] & V[i + 1, 'x'] => forbid", "-x", False),
        ("for i in node - {0} : V[i, 'x'] => forbid", "-x", True),
        ("for i in node if 2 * i > 5 - size(node) : V[i, 'x'] => forbid", "sin(-x)", False),
        ("V[0, 'neg'] => forbid", "-x", True),
        ("at most 0 V[{1}, 'x']", "-x", True),
        ("at most 1 V[node, *]", "-x", False),
        ("at most size(node) // 2 V[*, 'x']", "x", True),
        ("for s in symbol if size(node) > 1 : V[0, s] => forbid", "-x", True),
    ],
)
def test_rules_last_if_larger_trees_cannot_undo_them(
    text: str, part: str, tolerated: bool
) -> None:
    rules = compile_rules(text, ["x"], STANDARD)
    assert not rules.allows(parse(part))
    assert rules.tolerates(parse(part)) is tolerated


def test_squares_and_such_show_as_they_are_written() -> None:
    x = Variable("x")
    rules = compile_rules("at most 1 V[*, {'^', '/'}]\nat most 0 V[*, '*']", ["x"], STANDARD)
    for name in ("square", "cube", "inverse"):
        call = Call(STANDARD[name], [Call(STANDARD["identity"], [x])])
        assert rules.allows(call)
        assert not rules.allows(call**2.0)


def test_constants_do_not_matter() -> None:
    rules = compile_rules("at most 1 V[*, 'constant']", ["x"], STANDARD)
    assert rules.allows(parse("2*x"))
    assert rules.allows(parse("-3.5*x"))
    assert not rules.allows(parse("2*x + 1"))


def test_rules_travel_between_processes() -> None:
    rules = pickle.loads(pickle.dumps(compile_rules(EXAMPLE, ["x", "y"], STANDARD)))
    assert rules.broken(parse("sin(cos(x))*abs(y)")) == ("mixed", "no_abs", "sum")


def test_no_rules_allow_everything() -> None:
    assert compile_rules("# nothing\n", ["x"], STANDARD).allows(parse("sin(sin(x))"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("V[0, 'sine'] => forbid", r"no symbol 'sine'; did you mean 'sin'.*line 1, column 6"),
        ("at most 2 V[*, {sin, coz}]", r"has no symbol 'coz'; did you mean 'cos'.*column 22"),
        ("for (i, j) in insde : V[i, '+'] & V[j, '+'] => forbid", r"did you mean 'inside'"),
        ("V[0, 'sin'] => -1", r"have no prices; write '=> forbid' or a count \(line 1, column 16"),
        ("input a (b in node)\nV[0, 'x'] => forbid", r"no inputs of their own; there are child"),
        ("axis a = 0..3", r"V needs 3 indices"),
        ("for (i, n) in depth if 8 / n > 2 : V[i, 'x'] => forbid", r"'/' stands with plain numb"),
        ("for (i, n) in depth if n**2 > 9 : V[i, 'x'] => forbid", r"'\*\*' stands between plain"),
        ("for (i, n) in depth if n / 0 > 2 : V[i, 'x'] => forbid", r"division by zero"),
        ("for i in node if index(i, node) > 2 : V[i, 'x'] => forbid", r"index\(...\) is of sym"),
        ("for i in node if i in 0..size(node) / 2 : V[i, 'x'] => forbid", r"bounds of a range"),
        ("at most size(node) - 2 V[*, 'x']", r"a count is a whole number from 0 on, not -1"),
    ],
)
def test_faults_are_told_with_their_places(text: str, message: str) -> None:
    with pytest.raises(RuleError, match=re.compile(message, re.DOTALL)):
        compile_rules(text, ["x"], STANDARD)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "uses_x: at least 1 V[*, 'x']\nno_x: at most 0 V[*, 'x']",
            r"uses_x \(line 1\) needs at least 1 'x', but no_x \(line 2\) allows none; loosen",
        ),
        (
            "for v in variable : at least 1 V[*, v]\nfor i in node : V[i, 'y'] => forbid",
            r"rule_1 \(line 1\) needs at least 1 'y', but rule_2 \(line 2\) allows none",
        ),
        (
            "many: at least 2 V[*, function]\nfew: at most 1 V[*, *]",
            r"many \(line 1\) needs at least 2 .*but few \(line 2\) allows at most 1",
        ),
        (
            "a: at least 1 V[*, 'exp']\nb: at least 1 V[*, 'sin']\nc: at most 1 V[*, function]",
            r"a \(line 1\) and b \(line 2\) need at least 2 of 'exp', 'sin', but c \(line 3\)",
        ),
        (
            "a: at least 3 V[*, unary]\nb: for s in unary : at most 1 V[*, s]\nc: at most 0 V[*, "
            "function - {exp}]",
            r"a \(line 1\) needs at least 3 of .*but .*c \(line 3\).*allow at most 2",
        ),
        ("at least 1 V[*, 'tan']", r"needs at least 1 'tan', but the primitives allow none"),
        (
            "for v in variable : at least 1 V[*, v]\nno: at most 0 V[*, binary]",
            r"rule_1 \(line 1\) needs at least 2 of 'x', 'y', but no \(line 2\) allows at",
        ),
        ("at least 2 V[*, '+']\nat most 2 V[*, leaf]", r"at least 3 of 'constant', 'x', 'y'"),
        ("no: for i in node, s in leaf : V[i, s] => forbid", r"an equation needs at least 1"),
    ],
)
def test_rules_that_cannot_all_hold_are_named(text: str, message: str) -> None:
    primitives = PrimitiveSet([STANDARD["sin"], STANDARD["exp"]])
    with pytest.raises(ConfigurationError, match=re.compile(message, re.DOTALL)):
        compile_rules(text, ["x", "y"], primitives)


def test_the_conflict_shown_is_the_conflict_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_rules("uses_x: at least 1 V[*, 'x']\nno_x: at most 0 V[*, 'x']", ["x"], STANDARD)
    assert " ".join(str(caught.value).split()) in " ".join(PAGE.split())


@pytest.mark.parametrize("name", ["constant", "neg", "sin"])
def test_variables_with_names_of_symbols_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"variable '{name}' has a name.*rename"):
        compile_rules("at most 3 V[*, *]", ["x", name], STANDARD)
    if name == "sin":  # a free name where there is no such function
        compile_rules("at most 3 V[*, 'sin']", ["x", name], PrimitiveSet())
