"""Counts against counting: which states of tiny grids they allow."""

import itertools
from collections.abc import Callable

import pytest
import torch

from esr.errors import RuleError
from esr.rules import RuleProgram, format_rules

HEAD = "axis p = 0..3\naxis s = {a, b, c}\nset few = s - {c}\nparameter n = 2\n"
GROUPED = HEAD + "one V[p, *]\n"

# a state is a word of four letters
GROUPED_CASES: list[tuple[str, Callable[[str], bool]]] = [
    ("at most 0 V[*, 'a']", lambda w: "a" not in w),
    ("at most n V[*, few]", lambda w: w.count("a") + w.count("b") <= 2),
    ("at most 1 V[1..2, {b, c}]", lambda w: sum(x in "bc" for x in w[1:3]) <= 1),
    ("at most size(p) V[*, *]", lambda w: True),
    ("at least 1 V[*, 'b']", lambda w: "b" in w),
    ("at least n V[p, few - {a}]", lambda w: w.count("b") >= 2),
    ("at least 1 V[0, few]", lambda w: w[0] != "c"),
    ("at least 4 V[*, {a, c}]", lambda w: "b" not in w),
    ("at least 0 V[*, 'a']", lambda w: True),
    ("for t in few : at least 1 V[*, t]", lambda w: "a" in w and "b" in w),
    ("for i in p if i < 2 : at most 0 V[i + 1, 'a']", lambda w: "a" not in w[1:3]),
    ("for i in p : at least 1 V[i + 2, few]", lambda w: "c" not in w[2:]),
    ("for t in s if t != 'c' : at most 1 V[*, t]", lambda w: max(map(w.count, "ab")) <= 1),
]
FREE_CASES: list[tuple[str, Callable[[tuple[int, ...]], bool]]] = [
    ("at most 2 V[*]", lambda bits: sum(bits) <= 2),
    ("at most 0 V[0..1]", lambda bits: not any(bits[:2])),
    ("for i in row : at most 0 V[i + 2]", lambda bits: not any(bits[2:])),
    ("at most 7 V[*]", lambda bits: True),
]


@pytest.mark.parametrize(("line", "allowed"), GROUPED_CASES, ids=[c[0] for c in GROUPED_CASES])
def test_a_count_allows_the_states_that_count_so(
    line: str, allowed: Callable[[str], bool]
) -> None:
    compiled = RuleProgram.parse(GROUPED + line).compile()
    words = ["".join(letters) for letters in itertools.product("abc", repeat=4)]
    states = compiled.grid.one_hot(torch.tensor([["abc".index(x) for x in w] for w in words]))
    keeps = torch.ones(len(words), dtype=torch.bool)
    for term in compiled.terms:
        assert term.hard
        keeps &= term.broken(states) == 0
    assert keeps.tolist() == [allowed(word) for word in words]
    assert bool(compiled.empty_rules) == all(map(allowed, words))


@pytest.mark.parametrize(("line", "allowed"), FREE_CASES, ids=[c[0] for c in FREE_CASES])
def test_free_neurons_have_upper_counts(
    line: str, allowed: Callable[[tuple[int, ...]], bool]
) -> None:
    compiled = RuleProgram.parse("axis row = 0..3\n" + line).compile()
    bits = list(itertools.product((0, 1), repeat=4))
    states = torch.tensor(bits).view(-1, compiled.grid.slots, compiled.grid.symbols)
    keeps = torch.ones(len(bits), dtype=torch.bool)
    for term in compiled.terms:
        keeps &= term.broken(states) == 0
    assert keeps.tolist() == [allowed(row) for row in bits]


def test_counts_of_several_orders_have_a_term_each() -> None:
    text = GROUPED + "late: for t in few, i in p if i > 1 : at most 0 V[i, t]"
    assert [term.name for term in RuleProgram.parse(text).compile().terms] == ["late"]
    half = "axis p = 0..1\naxis q = 0..2 cyclic\none V[p, *]\nturn: at least 1 V[*, {0, 4}]"
    (term,) = RuleProgram.parse(half).compile().terms
    assert (term.name, term.order, len(term.neurons)) == ("turn", 2, 1)


def test_counts_are_written_in_one_way() -> None:
    text = "few :at   most 2*n-1 V[ * ,{a,'b c'} ]\nfor t in s if t!='a':  at least 1 V[0..1,t]\n"
    shown = (
        "few: at most 2 * n - 1 V[*, {a, 'b c'}]\nfor t in s if t != 'a' : at least 1 V[0..1, t]\n"
    )
    assert format_rules(text) == shown
    assert format_rules(shown) == shown


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "at mots 2 V[*, 'a']",
            r"expected 'most' or 'least', but found 'mots' \(line 6, column 4",
        ),
        ("at most 2 V[*]", r"V needs 2 indices, \[p, s\], but has 1"),
        ("at most 2 W[*, 'a']", r"neurons are written V\[...\], not W"),
        ("at most 'a' V[*, 'a']", r"expected a number, but this is a symbol"),
        ("at most 1 V['a', *]", r"expected a number or a set of numbers, but this is a symbol"),
        ("at most 1 V[*, {a, d}]", r"axis s has no symbol 'd'; .*line 6, column 20"),
        ("set odd = {a, z}\nat most 1 V[*, odd]", r"set 'odd' can be 'z', which is not on axis s"),
        ("for t in s : at most index(t) V[*, t]", r"a count cannot depend on the variable 't'"),
        ("for i in p : at most 1 V[i..3, 'a']", r"a set cannot depend on the variable 'i'"),
        ("for i in p : at most 1 V[*, 'a']", r"'i' is bound but never used"),
        ("at least 1 V[*, 'a'] => 2", r"expected the end of the line, but found '=>'"),
        ("at most n - 3 V[*, 'a']", r"a count is a whole number from 0 on, not -1"),
        ("at most 1 / 2 V[*, 'a']", r"a count is a whole number from 0 on, not 0.5"),
        ("at least 5 V[*, 'a']", r"at least 5 cannot be on, since there are 4 groups"),
        ("parameter at = 1", r"'at'"),
    ],
)
def test_what_is_wrong_with_a_count_is_told(line: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        RuleProgram.parse(GROUPED + line).compile()


def test_free_neurons_cannot_be_required_and_counts_have_a_size() -> None:
    with pytest.raises(RuleError, match=r"only neurons in groups can be required.*line 5"):
        RuleProgram.parse(HEAD + "at least 1 V[*, 'a']").compile()
    many = RuleProgram.parse("axis p = 0..99\nat most 3 V[*]")
    with pytest.raises(RuleError, match=r"more than 1,000,000 combinations of neurons"):
        many.compile()
