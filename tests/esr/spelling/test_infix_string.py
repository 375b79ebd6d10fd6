import re
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from esr.equations import Expression
from esr.errors import ConfigurationError, DataError
from esr.spelling import INFIX_SYMBOLS, InfixString, one_hot

NUMBER = "(?:0|[1-9][0-9]*)"
OPERAND = f"(?:{NUMBER}?[xy]|{NUMBER})"
VALID = re.compile(rf"N*{OPERAND}(?:[-+*/]{OPERAND})*")
SYMBOLS = (*INFIX_SYMBOLS, "y")
INPUTS = torch.tensor(
    [[0.7, -1.3], [-2.1, 0.4], [1.9, 3.2], [0.01, -0.6]], dtype=torch.float64
)  # (N, 2)

operands = st.builds(
    lambda number, variable: number + variable or "7",
    st.one_of(st.just(""), st.integers(0, 999).map(str)),
    st.sampled_from(["", "x", "y"]),
)
strings = st.builds(
    lambda first, rest: first + "".join(operator + operand for operator, operand in rest),
    operands,
    st.lists(st.tuples(st.sampled_from("+-*/"), operands), max_size=5),
)


def parsed(text: str) -> Expression:
    """Read by esr's own parser, once the product that needs no sign is written out."""
    return Expression.parse(re.sub(r"(\d+)([xy])", r"(\1*\2)", text), variables=("x", "y"))


def evaluated(expression: Expression) -> Tensor:
    return expression.evaluate({"x": INPUTS[:, 0], "y": INPUTS[:, 1]})


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.lists(strings, min_size=1, max_size=8))
def test_strings_read_as_the_parser_reads_them(texts: list[str]) -> None:
    layout = InfixString(SYMBOLS, length=30)
    symbols = layout.encode(texts)
    assert layout.valid(symbols).all()
    assert layout.text(symbols) == texts
    expressions = layout.decode(symbols)
    assert expressions == [parsed(text) for text in texts]
    values = layout.values_of(symbols, INPUTS)
    for value, text in zip(values, texts, strict=True):
        expected = evaluated(parsed(text))
        expected[~expected.isfinite()] = torch.nan
        # the machine takes the same products and sums in the same order
        torch.testing.assert_close(value, expected, rtol=1e-12, atol=0, equal_nan=True)


@pytest.mark.parametrize("alphabet", ["N10+x", "N05/xy", "10*x", "+-x"])
def test_valid_strings_are_those_of_the_grammar(alphabet: str) -> None:
    layout = InfixString(tuple(alphabet), length=5)
    everything = ["".join(symbols) for symbols in product(alphabet, repeat=5)]
    valid = layout.valid(layout.encode(everything)).tolist()
    assert valid == [VALID.fullmatch(text) is not None for text in everything]
    assert any(valid)


def test_invalid_strings_have_no_value_and_no_expression() -> None:
    layout = InfixString(length=4)
    symbols = layout.encode(["+1", "1+", "x1", "xx", "05", "1++1", "", "1/0", "0/0x"])
    assert layout.values_of(symbols, INPUTS[:, :1]).isnan().all()
    assert layout.decode(symbols)[:7] == [None] * 7
    assert layout.decode(symbols)[7:] == [parsed("1/0"), parsed("0/0x")]


def valid_symbols(layout: InfixString, count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(layout.symbols), (40 * count, layout.slots), generator=generator)
    return drawn[layout.valid(drawn)][:count]


def test_relaxed_value_is_the_hard_one_at_vertices() -> None:
    layout = InfixString(SYMBOLS, length=8)
    symbols = valid_symbols(layout, 500)
    hard = layout.values_of(symbols, INPUTS)
    relaxed = layout.values(one_hot(symbols, len(SYMBOLS), torch.float64), INPUTS)
    defined = hard.isfinite()
    assert defined.sum() > 1500
    assert relaxed.isfinite().all()
    # reciprocal and product in place of a quotient: a few roundings more for each division
    torch.testing.assert_close(relaxed[defined], hard[defined], rtol=1e-13, atol=1e-13)


def test_relaxed_gradient_equals_finite_differences_inside_and_at_vertices() -> None:
    layout = InfixString(tuple("N2+-*/x"), length=5)
    generator = torch.Generator().manual_seed(3)
    inside = torch.randn(1, 5, 7, generator=generator, dtype=torch.float64).softmax(2)
    vertices = one_hot(layout.encode(["2x/22", "22-x"]), 7, torch.float64)
    states = torch.cat([inside, vertices]).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: layout.values(v, INPUTS[:1, :1]), (states,))


@pytest.mark.parametrize("alphabet", ["N12+-*x", "2*/+xy"])
def test_relaxed_value_is_the_mean_over_drawn_strings(alphabet: str) -> None:
    """Where no number can be a divisor; in the second alphabet strings with one are left out."""
    layout = InfixString(tuple(alphabet), length=4)
    size, columns = len(alphabet), len(layout.variables)
    generator = torch.Generator().manual_seed(7)
    state = torch.rand(1, 4, size, generator=generator, dtype=torch.float64)
    if "/" in alphabet:
        state[:, 1:, alphabet.index("2")] = 0
    symbols = torch.cartesian_prod(*[torch.arange(size)] * 4)
    chances = state[0].gather(1, symbols.T).prod(0)
    each = layout.values(one_hot(symbols, size, torch.float64), INPUTS[:, :columns])
    torch.testing.assert_close(layout.values(state, INPUTS[:, :columns])[0], chances @ each)


def test_slope_at_a_vertex_is_the_exact_change_of_the_value() -> None:
    layout = InfixString(tuple("N0123+-*/x"), length=7)
    (start,) = layout.encode(["12*3x+2"])
    state = one_hot(start[None], 10, torch.float64).requires_grad_()
    value = layout.values(state, INPUTS[:1, :1])
    (slope,) = torch.autograd.grad(value.sum(), state)
    changed = start.repeat(7, 10, 1)  # (P, S, P)
    changed[torch.arange(7), :, torch.arange(7)] = torch.arange(10)
    values = layout.values_of(changed.flatten(0, 1), INPUTS[:1, :1]).view(7, 10)
    predicted = value + slope[0] - slope[0].gather(1, start[:, None])
    valid = values.isfinite()
    assert valid.sum() > 25
    torch.testing.assert_close(predicted[valid], values[valid])


def test_relaxed_value_and_gradient_stay_finite_next_to_poles() -> None:
    layout = InfixString(length=6)
    drawn = torch.randint(16, (300, 6), generator=torch.Generator().manual_seed(1))
    states = one_hot(drawn, 16, torch.float64).requires_grad_()
    values = layout.values(states, torch.zeros(2, 1, dtype=torch.float64))
    (slope,) = torch.autograd.grad(values.sum(), states)
    assert values.isfinite().all()
    assert slope.isfinite().all()


def test_numbers_follow_the_type_of_the_inputs() -> None:
    layout = InfixString(length=3)
    assert layout.values_of(layout.encode(["2x"]), torch.ones(2, 1)).dtype == torch.float32


def test_a_number_beyond_all_floats_has_no_expression() -> None:
    layout = InfixString(tuple("9"), length=400)
    symbols = layout.encode(["9" * 400])
    assert layout.decode(symbols) == [None]
    assert layout.values_of(symbols, torch.zeros(1, 0, dtype=torch.float64)).isnan().all()


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"symbol '\(' has no meaning"):
        InfixString(("x", "("))
    with pytest.raises(ConfigurationError, match="must be distinct"):
        InfixString(("x", "x"))
    with pytest.raises(ConfigurationError, match="no expression can be spelled"):
        InfixString(("N", "+"))
    with pytest.raises(ConfigurationError, match="length must be at least 1"):
        InfixString(length=0)
    layout = InfixString(length=3)
    with pytest.raises(DataError, match="no symbol begins 'y'"):
        layout.encode(["1+y"])
    with pytest.raises(DataError, match="has 4 symbols, but the layout has 3 positions"):
        layout.encode(["1+11"])
    with pytest.raises(DataError, match=r"symbols must be long of shape \(R, 3\)"):
        layout.valid(torch.zeros(2, 4, dtype=torch.long))
    with pytest.raises(DataError, match=r"states must have shape \(R, 3, 16\)"):
        layout.values(torch.zeros(2, 3, 4), torch.zeros(2, 1))
    with pytest.raises(DataError, match=r"inputs must have shape \(N, 1\)"):
        layout.values_of(layout.encode(["1"]), torch.zeros(2, 3))
