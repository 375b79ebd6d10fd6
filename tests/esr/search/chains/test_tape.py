"""Values and slopes on the tape against expressions, the dense heap and autograd."""

import torch

from esr.search.chains.descent import Descent
from esr.search.chains.heap import Programs
from esr.search.chains.landscape import Landscape
from esr.spelling import HeapTree


def inputs_of(landscape: Landscape) -> torch.Tensor:
    return landscape.table[1 : landscape.alphabet.number].T


def test_values_are_those_of_the_expressions(landscape: Landscape, drawn: Programs) -> None:
    tape = landscape.tape(drawn.symbols)
    values = tape.values(drawn.gains, landscape.table)[tape.roots]
    columns = dict(zip(landscape.alphabet.variables, inputs_of(landscape).unbind(1), strict=True))
    for row in range(len(drawn)):
        expression = landscape.alphabet.expression(
            drawn.symbols[row].tolist(), drawn.gains[row].tolist()
        )
        expected = expression.evaluate(columns)
        # gains are applied before or after a product: rounding apart, which steep functions
        # of large arguments enlarge
        torch.testing.assert_close(
            values[row], expected, rtol=1e-9, atol=1e-9, equal_nan=True, msg=str(expression)
        )


def test_slots_agree_with_the_dense_heap(landscape: Landscape, drawn: Programs) -> None:
    heap, alphabet = landscape.heap, landscape.alphabet
    tree = HeapTree(alphabet.functions, alphabet.variables, (1.0,), heap.depth)
    assert bool(tree.valid(drawn.symbols).all())
    ones = torch.ones_like(drawn.gains)
    tape = landscape.tape(drawn.symbols)
    values = tape.values(ones, landscape.table)
    dense = tree.slot_values(drawn.symbols, inputs_of(landscape)).flatten(0, 1)[tape.places]
    finite = dense.isfinite()
    torch.testing.assert_close(values[finite], dense[finite], rtol=1e-13, atol=0)
    descent = Descent(tape, drawn.symbols > 0)
    slopes = descent.slopes(ones, values)
    sound = tree.values_of(drawn.symbols, inputs_of(landscape)).isfinite().all(1)
    expected = tree.slot_slopes(
        drawn.symbols, tree.slot_values(drawn.symbols, inputs_of(landscape))
    )
    kept = sound[descent.places // heap.slots]
    assert int(kept.sum()) > 300
    # powers are differentiated by another formula: rounding, relative to large terms
    torch.testing.assert_close(
        slopes[kept], expected.flatten(0, 1)[descent.places][kept], rtol=1e-9, atol=1e-9
    )


def test_slopes_with_gains_are_those_of_autograd(landscape: Landscape, drawn: Programs) -> None:
    tape = landscape.tape(drawn.symbols)
    values = tape.values(drawn.gains, landscape.table)
    finite = values[tape.roots].isfinite().all(1) & (values[tape.roots].abs().amax(1) < 1e3)
    for row in finite.nonzero()[:25, 0].tolist():
        symbols, gains = drawn.symbols[row : row + 1], drawn.gains[row : row + 1]
        one = landscape.tape(symbols)
        inner = one.values(gains, landscape.table)
        descent = Descent(one, symbols > 0)
        by_gain = descent.slopes(gains, inner) * inner[one.row[descent.places]]
        by_gain = by_gain / gains[0, descent.places][:, None]
        step = 1e-6
        for edge, slot in enumerate(descent.places.tolist()):
            moved = gains.repeat(2, 1)
            moved[0, slot] += step
            moved[1, slot] -= step
            two = landscape.tape(symbols.repeat(2, 1))
            high, low = two.values(moved, landscape.table)[two.roots]
            difference = (high - low) / (2 * step)
            if not bool(difference.isfinite().all()):
                continue
            # the error of a central difference is its curvature times the step squared, and
            # rounding over the step
            torch.testing.assert_close(by_gain[edge], difference, rtol=1e-4, atol=1e-4)


def test_pruned_descents_have_the_slopes_of_full_ones(
    landscape: Landscape, drawn: Programs
) -> None:
    tape = landscape.tape(drawn.symbols)
    values = tape.values(drawn.gains, landscape.table)
    full = Descent(tape, drawn.symbols > 0)
    some = Descent(tape, (drawn.symbols > 0) & (drawn.gains != 1))
    expected = full.slopes(drawn.gains, values)[full.edge[some.places]]
    found = some.slopes(drawn.gains, values)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    assert len(some.places) < len(full.places)
