"""Random programs: the compiler against a naive reading, and the formatter against the parser."""

import math
import re
from contextlib import suppress

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreter import Interpreter

from esr.errors import ConfigurationError, RuleError
from esr.rules import CompiledRules, RuleProgram, format_rules
from esr.rules.faults import Faults
from esr.rules.parser import parse_text
from esr.rules.tree import Source, Statement

HEAD = """
axis pos = 0..2{cyclic}
axis sym = {{N, 1, +, x}}
axis odd = {{2, -1, 5}}
set few = sym - {{N}} & {{'1', x}}
set some = 1..2 | {{5}}
parameter w = 1.5
parameter k = 2
"""

numbers = st.recursive(
    st.sampled_from(["i", "j", "o", "k", "0", "1", "2", "3", "index(s)", "size(few)"]),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*"]), inner),
        st.builds("{} {} {}".format, inner, st.sampled_from(["+", "-"]), inner),
        st.builds("({}) {} {}".format, inner, st.sampled_from(["//", "%"]), st.just("3")),
        st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), inner, inner),
        st.builds("abs({})".format, inner),
        st.builds("-{}".format, inner.filter(lambda text: not text.startswith("-"))),
        st.builds("({})**2".format, inner),
    ),
    max_leaves=4,
)
comparers = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
conditions = st.recursive(
    st.one_of(
        st.builds("{} {} {}".format, numbers, comparers, numbers),
        st.builds("{} < {} <= {}".format, numbers, numbers, numbers),
        st.builds("{} {} some".format, numbers, st.sampled_from(["in", "not in"])),
        st.sampled_from(["s == t", "s != 'x'", "s in few", "t not in sym - few", "s in {N, +}"]),
    ),
    lambda inner: st.one_of(
        st.builds("{} and {}".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=3,
)
symbols = st.sampled_from(["s", "t", "'N'", "'+'"])
cells = st.builds(
    "V[{}, {}, {}]".format, numbers, symbols, st.sampled_from(["o", "5", "o - 3", "2 * i", "-1"])
)
weights = st.one_of(st.builds("w * ({})".format, numbers), numbers, st.just("w / (k + 1)"))
# the last cell uses every variable, so that none is idle
rules = st.builds(
    "for i, j in pos, s in sym, t in few, o in odd{} : {} => {}".format,
    st.one_of(st.just(""), conditions.map(lambda text: f" if {text}")),
    st.lists(cells, min_size=0, max_size=2).map(
        lambda some: " & ".join([*some, "V[i + j, s, o]", "V[i, t, o]"])
    ),
    weights,
)
programs = st.builds(
    lambda cyclic, lines: HEAD.format(cyclic=cyclic) + "\n".join(lines),
    st.sampled_from(["", " cyclic"]),
    st.lists(rules, min_size=1, max_size=2),
)
TOKENS = sorted(
    set(
        re.findall(
            r"\w+|\s|=>|\.\.|.",
            HEAD + "for one at most least in V[a] & if => forbid // ** ( ) * % # : '",
        )
    )
)


def tree(text: str) -> list[Statement]:
    faults = Faults()
    statements = parse_text(Source(text), faults)
    faults.raise_if_any()
    return statements


def couplings(compiled: CompiledRules) -> dict[tuple[tuple[int, ...], ...], float]:
    total: dict[tuple[tuple[int, ...], ...], float] = {}
    for term in compiled.terms:
        places = torch.stack(compiled.grid.positions(term.neurons), 2)  # (n, order, axes)
        for cells, weight in zip(places.tolist(), term.weights.tolist(), strict=True):
            key = tuple(tuple(cell) for cell in cells)
            total[key] = total.get(key, 0.0) + weight
    return total


@settings(max_examples=15, deadline=None)
@given(programs)
def test_compiled_couplings_equal_a_naive_reading(text: str) -> None:
    found = couplings(RuleProgram.parse(text).compile(dtype=torch.float64))
    expected = Interpreter(text, {"w": 1.5, "k": 2}).couplings()
    assert found.keys() == expected.keys()
    for key, weight in expected.items():
        # float64 sums of a few dozen numbers below a thousand
        assert math.isclose(found[key], weight, rel_tol=1e-12, abs_tol=1e-9)


@settings(max_examples=15, deadline=None)
@given(programs)
def test_formatting_keeps_the_program_and_settles(text: str) -> None:
    formatted = format_rules(text)
    assert tree(formatted) == tree(text)
    assert format_rules(formatted) == formatted
    assert all(len(line) <= 99 for line in formatted.splitlines())


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(programs)
def test_many_compiled_couplings_equal_a_naive_reading(text: str) -> None:
    found = couplings(RuleProgram.parse(text).compile(dtype=torch.float64))
    expected = Interpreter(text, {"w": 1.5, "k": 2}).couplings()
    assert found.keys() == expected.keys()
    for key, weight in expected.items():
        assert math.isclose(found[key], weight, rel_tol=1e-12, abs_tol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=12))
def test_any_text_is_read_or_told(tokens: list[str]) -> None:
    with suppress(RuleError, ConfigurationError):
        RuleProgram.parse("axis a = 0..2\n" + "".join(tokens)).compile()
