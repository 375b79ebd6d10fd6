import pytest
import torch
from torch import Tensor

from esr.equations import STANDARD, Expression, Primitive
from esr.errors import ConfigurationError, DataError
from esr.spelling import HeapTree, PrefixString, one_hot

PRIMITIVES = [
    STANDARD[name]
    for name in ("add", "sub", "mul", "div", "pow", "sin", "exp", "log", "sqrt", "max")
]
INPUTS = torch.tensor([[0.7, 1.3], [2.1, 0.4], [1.9, 3.2]], dtype=torch.float64)  # (N, 2)


def heap(depth: int = 4, *, ignore_unread: bool = False) -> HeapTree:
    return HeapTree(
        PRIMITIVES, ("x", "y"), (1.0, -0.5), depth, bound=1e6, ignore_unread=ignore_unread
    )


def random_trees(layout: HeapTree, count: int, seed: int = 0) -> Tensor:
    """Valid trees, drawn from the root down."""
    generator = torch.Generator().manual_seed(seed)
    vocabulary, first = layout.vocabulary, layout.vocabulary.first_primitive
    symbols = torch.zeros(count, layout.slots, dtype=torch.long)
    for slot in range(layout.slots):
        inner = slot < layout.slots // 2
        high = len(vocabulary.symbols) if inner else first
        drawn = torch.randint(1, high, (count,), generator=generator)
        read = layout.read(symbols)[:, slot]
        symbols[:, slot] = torch.where(read, drawn, 0)
    return symbols


def evaluated(expression: Expression | None) -> Tensor:
    assert expression is not None
    return expression.evaluate({"x": INPUTS[:, 0], "y": INPUTS[:, 1]})


def test_hard_values_are_those_of_the_expressions() -> None:
    layout = heap()
    symbols = random_trees(layout, 400)
    assert layout.valid(symbols).all()
    values = layout.values_of(symbols, INPUTS)
    assert values.isfinite().all(1).sum() > 150
    for value, expression in zip(values, layout.decode(symbols), strict=True):
        expected, defined = evaluated(expression), value.isfinite()
        torch.testing.assert_close(value[defined], expected[defined], rtol=1e-12, atol=0)


def test_text_is_read_by_the_parser() -> None:
    layout = heap()
    symbols = random_trees(layout, 100)
    texts, expressions = layout.text(symbols), layout.decode(symbols)
    assert [Expression.parse(text) for text in texts] == expressions
    assert layout.encode([e for e in expressions if e is not None]).equal(symbols)


def test_undefined_parts_never_vanish() -> None:
    layout = heap()
    texts = ["1/(1/(x - x))", "pow(log(-0.5), x - x)", "max(sqrt(-0.5), x)", "exp(exp(exp(y)))"]
    values = layout.values_of(layout.encode([Expression.parse(t) for t in texts]), INPUTS)
    assert values[:3].isnan().all()
    assert values[3].isfinite().tolist() == [True, True, False]


def test_prefix_strings_agree_with_heap_trees() -> None:
    tree = heap()
    expressions = [e for e in tree.decode(random_trees(tree, 300)) if e is not None]
    layout = PrefixString(PRIMITIVES, ("x", "y"), (1.0, -0.5), length=15)
    symbols = layout.encode(expressions)
    assert layout.valid(symbols).all()
    assert layout.decode(symbols) == expressions
    torch.testing.assert_close(
        layout.values_of(symbols, INPUTS),
        tree.values_of(tree.encode(expressions), INPUTS),
        rtol=0,
        atol=0,
        equal_nan=True,
    )
    assert layout.text(layout.encode([Expression.parse("x + sin(y)")])) == ["add x sin y"]


def test_prefix_strings_are_valid_where_a_stack_says_so() -> None:
    layout = PrefixString([STANDARD["add"], STANDARD["sin"]], ("x",), (), length=5)
    symbols = torch.cartesian_prod(*[torch.arange(4)] * 5)
    arity = {"N": None, "x": 0, "sin": 1, "add": 2}

    def is_valid(row: list[int]) -> bool:
        names = [layout.symbols[index] for index in row]
        missing = 1  # expressions still to be read
        while names and missing and names[0] != "N":
            missing += (arity[names.pop(0)] or 0) - 1
        return missing == 0 and all(name == "N" for name in names)

    valid = layout.valid(symbols).tolist()
    assert valid == [is_valid(row) for row in symbols.tolist()]
    values = layout.values_of(symbols, INPUTS[:, :1])
    assert values.isfinite().all(1).tolist() == valid
    assert [e is not None for e in layout.decode(symbols)] == valid


def test_tree_validity_counts_arguments() -> None:
    strict, loose = heap(2), heap(2, ignore_unread=True)
    names = [
        ["x", "N", "N"], ["add", "x", "y"], ["sin", "x", "N"],
        ["x", "y", "N"], ["sin", "x", "y"],
        ["N", "N", "N"], ["add", "x", "N"], ["sin", "N", "x"], ["sin", "sin", "N"],
    ]  # fmt: skip
    symbols = torch.tensor([[strict.symbols.index(name) for name in row] for row in names])
    assert strict.valid(symbols).tolist() == [True] * 3 + [False] * 6
    assert loose.valid(symbols).tolist() == [True] * 5 + [False] * 4
    assert strict.text(symbols)[3:5] == ["x y N", "sin x y"]
    assert loose.text(symbols)[3:5] == ["x", "sin(x)"]
    assert loose.decode(symbols)[3:5] == [Expression.parse("x"), Expression.parse("sin(x)")]
    assert strict.values_of(symbols, INPUTS)[3:].isnan().all()
    assert loose.values_of(symbols, INPUTS)[:5].isfinite().all()


def test_relaxed_values_are_the_hard_ones_at_vertices() -> None:
    layout = heap()
    symbols = random_trees(layout, 400, seed=1)
    hard = layout.slot_values(symbols, INPUTS)
    relaxed = layout.relaxed_slot_values(
        one_hot(symbols, len(layout.symbols), torch.float64), INPUTS
    )
    assert relaxed.isfinite().all()
    # within the bound all the way up; empty slots have no hard value
    sound = (hard.isfinite() & (hard.abs() < 1e6)) | ~layout.read(symbols)[..., None]
    sound = sound.all(1)[:, None] & hard.isfinite()
    assert sound[:, 0].sum() > 500
    torch.testing.assert_close(relaxed[sound], hard[sound], rtol=0, atol=0)


def test_relaxed_gradient_equals_finite_differences() -> None:
    smooth = [STANDARD[name] for name in ("add", "mul", "sin", "exp", "sigmoid")]
    layout = HeapTree(smooth, ("x", "y"), (1.0,), 3)
    generator = torch.Generator().manual_seed(2)
    states = torch.randn(1, 7, 9, generator=generator, dtype=torch.float64).softmax(2)
    states.requires_grad_()
    assert torch.autograd.gradcheck(lambda v: layout.values(v, INPUTS), (states,))


def test_relaxed_path_stays_finite_out_of_domains() -> None:
    layout = HeapTree(STANDARD, ("x", "y"), (0.0, -9.0), 4)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(len(layout.symbols), (60, 15), generator=generator)
    vertices = one_hot(drawn, len(layout.symbols), torch.float64)
    inside = torch.randn(60, 15, len(layout.symbols), generator=generator).double().softmax(2)
    states = torch.cat([vertices, inside]).requires_grad_()
    values = layout.values(states, INPUTS * 50)
    (slope,) = torch.autograd.grad(values.sum(), states)
    assert values.isfinite().all()
    assert slope.isfinite().all()


def test_relaxed_slot_slopes_match_autograd() -> None:
    layout = heap(3)
    generator = torch.Generator().manual_seed(4)
    states = torch.rand(4, 7, len(layout.symbols), generator=generator, dtype=torch.float64)
    states.requires_grad_()
    values = layout.relaxed_slot_values(states, INPUTS)
    slopes = layout.relaxed_slot_slopes(states, values)
    # a slot's value is the state times its leaves, so the state's slope at a leaf is that of
    # the slot times the leaf
    (by_state,) = torch.autograd.grad(values[:, 0].sum(), states)
    constant = layout.symbols.index("1")
    torch.testing.assert_close(by_state[..., constant], slopes.sum(2))


def test_hard_slot_slopes_match_the_relaxed_ones_and_are_0_for_unread_slots() -> None:
    layout = heap()
    symbols = random_trees(layout, 300, seed=5)
    values = layout.slot_values(symbols, INPUTS)
    slopes = layout.slot_slopes(symbols, values)
    states = one_hot(symbols, len(layout.symbols), torch.float64)
    relaxed = layout.relaxed_slot_slopes(states, layout.relaxed_slot_values(states, INPUTS))
    read = layout.read(symbols)
    assert (slopes[~read] == 0).all()
    # every value and slope on the way within the bound
    sound = (values.abs().nan_to_num(0) < 1e3) & (slopes.abs() < 1e3)
    sound &= values.isfinite() | ~read[..., None]
    sound = sound.all(1)  # (R, N)
    assert sound.sum() > 300
    for place in range(layout.slots):
        chosen = sound & read[:, place, None]
        torch.testing.assert_close(slopes[:, place][chosen], relaxed[:, place][chosen])


def test_symbols_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="sin came twice"):
        HeapTree([STANDARD["sin"]], ("sin",), (), 2)
    with pytest.raises(ConfigurationError, match="N came twice"):
        HeapTree([STANDARD["sin"]], ("N",), (), 2)
    with pytest.raises(ConfigurationError, match="a tree needs leaves"):
        HeapTree([STANDARD["sin"]], (), (), 2)
    with pytest.raises(ConfigurationError, match="give its base"):
        HeapTree([STANDARD["sin"].scaled(input_scale=2)], ("x",), (), 2)
    with pytest.raises(ConfigurationError, match="depth must be at least 1"):
        heap(0)
    with pytest.raises(DataError, match="depth 3, but the tree 2 levels"):
        heap(2).encode([Expression.parse("sin(sin(x))")])
    with pytest.raises(DataError, match="no symbol stands for 'cos'"):
        heap(2).encode([Expression.parse("cos(x)")])
    with pytest.raises(DataError, match="3 nodes, but the layout 2 positions"):
        PrefixString(PRIMITIVES, ("x",), (), 2).encode([Expression.parse("x + x")])


def test_a_single_level_holds_leaves() -> None:
    layout = heap(1)
    symbols = torch.arange(len(layout.symbols))[:, None]
    first: Primitive = layout.vocabulary.primitives[0]
    valid = [0 < index < layout.symbols.index(first.name) for index in range(len(symbols))]
    assert layout.valid(symbols).tolist() == valid
    states = one_hot(symbols, len(symbols), torch.float64)
    assert layout.values(states, INPUTS)[1].equal(INPUTS[:, 0])
