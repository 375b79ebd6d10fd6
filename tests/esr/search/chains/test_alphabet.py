"""From programs to expressions and back."""

import pytest
import torch
from small_programs import SMALL

from esr.equations import Expression
from esr.search.chains.alphabet import Alphabet
from esr.search.chains.heap import Programs
from esr.search.chains.landscape import Landscape


def test_written_programs_are_placed_as_they_were(landscape: Landscape, drawn: Programs) -> None:
    alphabet, depth = landscape.alphabet, landscape.heap.depth
    columns = {"x": torch.tensor([0.7, 1.9]), "y": torch.tensor([1.3, 0.6])}
    for row in range(len(drawn)):
        written = alphabet.expression(drawn.symbols[row].tolist(), drawn.gains[row].tolist())
        placed = alphabet.placed(written, depth)
        if placed is None:  # constants that are factors of each other need no slot, others do
            continue
        symbols, gains = [0] * landscape.heap.slots, [1.0] * landscape.heap.slots
        for slot, (symbol, gain) in placed.items():
            symbols[slot], gains[slot] = symbol, gain
        again = alphabet.expression(symbols, gains)
        torch.testing.assert_close(
            again.evaluate(columns),
            written.evaluate(columns),
            rtol=1e-4,
            atol=1e-4,
            equal_nan=True,
        )  # single precision, and factors in another order


def test_sizes_are_those_of_the_expressions(landscape: Landscape, drawn: Programs) -> None:
    drawn.gains[drawn.gains < -1] = -1
    sizes = landscape.sizes(drawn)
    for row in range(len(drawn)):
        written = landscape.alphabet.expression(
            drawn.symbols[row].tolist(), drawn.gains[row].tolist()
        )
        assert written.complexity == int(sizes[row])


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("3*x", {0: ("x", 3.0)}),
        ("-x/4", {0: ("x", -0.25)}),
        ("sin(2*x)", {0: ("sin", 1.0), 1: ("x", 2.0)}),
        ("x**2", {0: ("square", 1.0), 1: ("x", 1.0)}),
        ("x**5", {0: ("pow", 1.0), 1: ("x", 1.0), 2: ("1", 5.0)}),
        ("1/x", {0: ("div", 1.0), 1: ("1", 1.0), 2: ("x", 1.0)}),
    ],
)
def test_constant_factors_become_gains(text: str, slots: dict[int, tuple[str, float]]) -> None:
    alphabet = Alphabet(SMALL, ("x",))
    names = ["", "x", "1", *(f.name for f in alphabet.functions)]
    placed = alphabet.placed(Expression.parse(text), 3)
    assert placed is not None
    assert {slot: (names[symbol], gain) for slot, (symbol, gain) in placed.items()} == slots


def test_what_has_no_place_is_none() -> None:
    alphabet = Alphabet(SMALL, ("x",))
    assert alphabet.placed(Expression.parse("tan(x)"), 3) is None
    assert alphabet.placed(Expression.parse("z"), 3) is None
    assert alphabet.placed(Expression.parse("sin(cos(sin(x)))"), 3) is None


def test_names_of_variables_may_be_anything() -> None:
    alphabet = Alphabet(SMALL, ("N", "sin", "add"))
    symbols = [alphabet.symbol("add"), 1, 2]
    assert alphabet.expression(symbols, [1.0, 1.0, 2.0]) == Expression.parse(
        "N + 2*sin", variables=("N", "sin")
    )
