"""Rules on equations mean what the compiled program says: no hard term of a tree is broken."""

from collections.abc import Iterator

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.equations import STANDARD, Call, Constant, Expression, PrimitiveSet, Variable, prefix
from esr.errors import ConfigurationError, RuleError
from esr.rules import RuleProgram
from esr.search.expression_rules import EquationRules, compile_rules

SIGNS = {"add": "+", "sub": "-", "mul": "*", "pow": "^", "sin": "sin"}
SYMBOLS = ("constant", "x", "y", "+", "*", "^", "sin")
PRIMITIVES = PrimitiveSet([STANDARD["sin"]])
VARIABLES = ("x", "y")

leaves = st.sampled_from([Variable("x"), Variable("y"), Constant(2.0)])
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda a: Call(STANDARD["sin"], [a]), inner),
        st.builds(
            lambda name, a, b: Call(STANDARD[name], [a, b]),
            st.sampled_from(["add", "mul", "pow"]),
            inner,
            inner,
        ),
    ),
    max_leaves=4,
).filter(lambda tree: tree.complexity <= 7)

conditions = st.sampled_from(
    [
        *("j - i > 1", "d > 2", "d <= 2 or s == 'x'", "s in variable", "not (s == t)"),
        *("size(node) > 4", "index(s) < index(t)", "i < k and d != 3", "i in node - {0}"),
        *("2 * d >= k + 1 > i", "abs(i - k) < 2", "max(d, j) % 2 == 1", "t not in leaf"),
        *("k == i", "k == j", "i < nodes // 2", "min(k, 2) == 2 and not i == 1"),
    ]
)
cells = st.sampled_from(
    ["V[i, 'sin']", "V[j + 1, 'x']", "V[size(node) - 1, s]", "V[k, 'x']", "V[i - 1, t]"]
)
RELATIONS = ("child", "inside", "first", "second", "beside")
forbidding = st.builds(
    "for (i, j) in {}, (k, d) in {}, s in {}, t in {}{} : {}V[{}, s] & V[{}, t] => forbid".format,
    st.sampled_from(RELATIONS),
    st.sampled_from(["depth", "extent"]),
    st.sampled_from(["symbol", "operator", "leaf"]),
    st.sampled_from(["symbol", "{x, '+', sin}", "function | variable"]),
    st.lists(conditions, min_size=1, max_size=2).map(
        lambda c: " if " + " and ".join(map("({})".format, c)) + " and i + j + d + k > 0"
    ),
    st.lists(cells, max_size=1).map(lambda c: "".join(f"{cell} & " for cell in c)),
    *[st.sampled_from(["i", "j", "k"])] * 2,
)
counting = st.builds(
    "{}at {} {} V[{}]".format,
    st.sampled_from(["", "", "for s in operator : ", "for (i, _) in child, s in leaf : "]),
    st.sampled_from(["most", "least"]),
    st.sampled_from(["0", "1", "2", "size(node) // 3"]),
    st.sampled_from(["*, 'x'", "*, {sin, '+'}", "node - {0}, leaf", "*, *", "0..1, 'sin'"]),
).map(
    lambda text: (
        text
        if " : " not in text
        else text.split("V[")[0] + ("V[i, s]" if "child" in text else "V[*, s]")
    )
)


def parts(expression: Expression) -> list[Expression]:
    return list(prefix(expression))


def below(expression: Expression, node: int) -> Iterator[list[int]]:
    """The numbers of the nodes of each argument of a node."""
    start = node + 1
    for argument in parts(expression)[node].arguments:
        yield list(range(start, start + argument.complexity))
        start += argument.complexity


def rows(tree: Expression) -> dict[str, list[tuple[int, int]]]:
    nodes = parts(tree)
    found: dict[str, list[tuple[int, int]]] = {n: [] for n in (*RELATIONS, "depth", "extent")}
    for i, node in enumerate(nodes):
        arguments = list(below(tree, i))
        found["child"] += [(i, a[0]) for a in arguments]
        found["inside"] += [(i, j) for a in arguments for j in a]
        found["first"] += [(i, j) for a in arguments[:1] for j in a]
        found["second"] += [(i, j) for a in arguments[1:] for j in a]
        found["beside"] += [(arguments[0][0], a[0]) for a in arguments[1:]]
        found["extent"].append((i, node.complexity))
    for i in range(len(nodes)):
        found["depth"].append((i, 1 + sum(j == i for _, j in found["inside"])))
    return found


def symbol(node: Expression) -> str:
    if isinstance(node, Call):
        return SIGNS[node.primitive.name]
    return node.name if isinstance(node, Variable) else "constant"


def reference(text: str, tree: Expression) -> bool:
    """Whether the neurons of a tree break no hard term of the program for its shape."""
    program = RuleProgram.parse(
        text,
        include="equation",
        axes={"symbol": SYMBOLS},
        sets={"variable": VARIABLES, "binary": ("+", "*", "^")},
    )
    try:
        compiled = program.compile(rows(tree), {"nodes": tree.complexity})
    except (ConfigurationError, RuleError):  # a group without a symbol; more required than fits
        return False
    held = torch.tensor([[SYMBOLS.index(symbol(node)) for node in parts(tree)]])
    states = compiled.grid.one_hot(held)
    return all(int(term.broken(states)) == 0 for term in compiled.terms)


def rules_of(text: str) -> EquationRules | None:
    """The rules, or None if none of their equations are left."""
    try:
        return compile_rules(text, VARIABLES, PRIMITIVES)
    except ConfigurationError:
        return None


@settings(max_examples=25, deadline=None)
@given(forbidding, trees)
def test_what_is_forbidden_is_what_breaks_a_hard_term(text: str, tree: Expression) -> None:
    rules = rules_of(text)
    assert (rules is not None and rules.allows(tree)) is reference(text, tree)


@settings(max_examples=20, deadline=None)
@given(counting, trees.filter(lambda tree: tree.complexity <= 5))
def test_counts_are_what_hard_terms_count(text: str, tree: Expression) -> None:
    rules = rules_of(text)
    assert (rules is not None and rules.allows(tree)) is reference(text, tree)


@settings(max_examples=25, deadline=None)
@given(st.one_of(forbidding, counting), trees)
def test_no_whole_is_allowed_with_a_part_that_is_not_tolerated(
    text: str, whole: Expression
) -> None:
    rules = rules_of(text)
    if rules is not None and any(not rules.tolerates(part) for part in parts(whole)):
        assert not rules.allows(whole)
