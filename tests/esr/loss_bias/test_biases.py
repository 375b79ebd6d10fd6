import math

import pytest
import torch
from torch import Tensor

from esr.equations import STANDARD, Expression, Primitive
from esr.errors import ConfigurationError, DataError
from esr.loss_bias import (
    DataLoss,
    Logarithmic,
    OutputBank,
    SymbolLoss,
    TargetValue,
    UserLoss,
    finite_change_bias,
    gauss_newton_bias,
    gauss_newton_energies,
    linear_bias,
    slot_targets,
)
from esr.spelling import HeapTree, InfixString, PrefixString, one_hot

LINEAR = [STANDARD[name] for name in ("add", "sub", "mul", "neg")]
CURVED = [STANDARD[name] for name in ("add", "mul", "div", "sin", "exp", "square")]
INPUTS = torch.tensor([[0.6, 1.4], [1.2, 0.5], [-0.8, 0.9], [0.3, -1.1]], dtype=torch.float64)
TARGETS = torch.tensor([0.5, -1.0, 2.0, 0.1], dtype=torch.float64)


def tree(primitives: list[Primitive], depth: int = 3) -> HeapTree:
    return HeapTree(primitives, ("x", "y"), (1.0, -2.0), depth, ignore_unread=True)


def drawn(layout: HeapTree, count: int, *, seed: int = 0, valid: bool = True) -> Tensor:
    """Any symbols above; at the lowest slots leaves."""
    generator = torch.Generator().manual_seed(seed)
    symbols = torch.randint(len(layout.symbols), (count, layout.slots), generator=generator)
    first, inner = layout.vocabulary.first_primitive, layout.slots // 2
    lowest = torch.randint(1, first, (count, layout.slots - inner), generator=generator)
    symbols[:, inner:] = lowest
    return symbols[layout.valid(symbols)] if valid else symbols


def every_replacement(loss: SymbolLoss, symbols: Tensor) -> Tensor:
    """The loss with each symbol in each slot, one at a time, (R, G, S)."""
    replicas, slots = symbols.shape
    count = len(loss.layout.symbols)
    losses = torch.empty(replicas, slots, count, dtype=torch.float64)
    for slot in range(slots):
        for index in range(count):
            changed = symbols.clone()
            changed[:, slot] = index
            losses[:, slot, index] = loss.of_symbols(changed)
    return losses


def test_linear_bias_is_minus_the_difference_quotient() -> None:
    layout = tree(CURVED, depth=2)
    generator = torch.Generator().manual_seed(1)
    shape = (2, layout.slots, len(layout.symbols))
    states = torch.randn(shape, generator=generator, dtype=torch.float64).softmax(2)
    loss = DataLoss(layout, INPUTS, TARGETS, Logarithmic())
    bias = linear_bias(loss, states)
    step = 1e-6
    moved = torch.eye(layout.slots * len(layout.symbols), dtype=torch.float64) * step
    moved = moved.view(-1, *shape[1:])
    for replica in range(2):
        above, below = states[replica] + moved, states[replica] - moved
        slope = (loss.of_states(above) - loss.of_states(below)) / (2 * step)
        # rounding over the step and the third derivative times its square are both near 1e-9
        torch.testing.assert_close(bias[replica], -slope.view(shape[1:]), rtol=1e-6, atol=1e-8)


def test_linear_bias_is_finite_and_needs_no_graph() -> None:
    layout = InfixString(length=6)
    symbols = torch.randint(16, (200, 6), generator=torch.Generator().manual_seed(2))
    states = one_hot(symbols, 16, torch.float64)
    loss = TargetValue(layout, torch.tensor([2.0], dtype=torch.float64), 20.0)
    with torch.no_grad():
        bias = linear_bias(loss, states)
    assert bias.shape == states.shape
    assert bias.isfinite().all()
    assert not bias.requires_grad


INFIX = InfixString(tuple("N012+-*/x"), length=4)
PREFIX = PrefixString(CURVED, ("x", "y"), (1.0,), 4)
TREE = tree(CURVED)


def length_of(expressions: list[Expression | None]) -> list[float]:
    return [math.inf if e is None else float(e.complexity) for e in expressions]


@pytest.mark.parametrize("penalty", [math.inf, 3.0])
@pytest.mark.parametrize(
    ("loss", "symbols"),
    [
        (DataLoss(INFIX, INPUTS[:, :1], TARGETS), INFIX.encode(["1+2x", "x/x", "2", "1/0", "++"])),
        (DataLoss(TREE, INPUTS, TARGETS, Logarithmic()), drawn(TREE, 100)[:3]),
        (
            DataLoss(PREFIX, INPUTS, TARGETS),
            PREFIX.encode([Expression.parse(t) for t in ("x", "x + y", "sin(exp(x))")]),
        ),
        (UserLoss(INFIX, length_of, torch.float64), INFIX.encode(["1+2x", "x", "/2"])),
    ],
    ids=["infix", "heap", "prefix", "user"],
)
def test_finite_change_is_brute_force(loss: SymbolLoss, symbols: Tensor, penalty: float) -> None:
    losses = every_replacement(loss, symbols)
    present = loss.of_symbols(symbols)[:, None, None].expand_as(losses)
    expected = torch.where(present.isinf(), 0, present) - losses
    expected[losses.isinf()] = -penalty
    expected[losses.isinf().all(2)] = 0
    bias = finite_change_bias(loss, symbols, penalty=penalty)
    torch.testing.assert_close(bias, expected, rtol=1e-13, atol=1e-13)
    few = finite_change_bias(loss, symbols, penalty=penalty, memory_limit=30_000)
    torch.testing.assert_close(few, bias, rtol=0, atol=0)
    assert finite_change_bias(loss, symbols[:0]).shape == (0, *losses.shape[1:])


def test_finite_change_of_the_present_symbol_is_0() -> None:
    symbols = INFIX.encode(["1+2x", "x/x"])
    bias = finite_change_bias(DataLoss(INFIX, INPUTS[:, :1], TARGETS), symbols)
    assert (bias.gather(2, symbols[..., None]) == 0).all()


@pytest.mark.parametrize("compression", [None, Logarithmic(0.5)])
def test_gauss_newton_is_exact_where_the_root_is_linear_in_every_slot(
    compression: Logarithmic | None,
) -> None:
    layout = tree(LINEAR, depth=4)
    symbols = drawn(layout, 250)
    assert len(symbols) > 50
    loss = DataLoss(layout, INPUTS, TARGETS, compression)
    exact = finite_change_bias(loss, symbols)
    model = gauss_newton_bias(layout, loss, symbols)
    read = layout.read(symbols)
    torch.testing.assert_close(model[read], exact[read], rtol=1e-10, atol=1e-10)
    assert (model[~read] == 0).all()


def test_gauss_newton_without_its_second_order_is_the_linear_bias() -> None:
    layout = tree(CURVED)
    symbols = drawn(layout, 1500, seed=4)
    loss = DataLoss(layout, INPUTS, TARGETS)
    symbols = symbols[loss.of_symbols(symbols) < 1e3][:100]
    assert len(symbols) == 100
    linear = linear_bias(loss, one_hot(symbols, len(layout.symbols), torch.float64))
    linear = linear - linear.gather(2, symbols[..., None])
    model = gauss_newton_bias(layout, loss, symbols)
    values = layout.slot_values(symbols, INPUTS)
    slopes = layout.slot_slopes(symbols, values)
    checked, (rows, slots) = 0, layout.read(symbols).nonzero(as_tuple=True)
    for index in range(1, len(layout.symbols)):
        present, slope = values[rows, slots], slopes[rows, slots]
        if index >= layout.vocabulary.first_primitive:
            outputs = layout.candidate_values(values, index, rows, slots)
        else:
            outputs = layout.vocabulary.leaf_values(INPUTS)[index].expand_as(present)
        expected = linear[rows, slots, index] - (slope * (outputs - present)).square().mean(1)
        # outputs and slopes beyond the relaxed path's bound are cut off there
        sound = ((outputs.abs() < 1e4) & (slope.abs() < 1e4)).all(1)
        checked += int(sound.sum())
        torch.testing.assert_close(
            model[rows, slots, index][sound], expected[sound], rtol=1e-8, atol=1e-8
        )
    assert checked > 1500


def test_gauss_newton_has_the_slope_of_the_loss_at_the_present_output() -> None:
    layout = tree(CURVED)
    symbols = layout.encode([Expression.parse("sin(x*y)"), Expression.parse("exp(x)/y")])
    values = layout.slot_values(symbols, INPUTS)
    targets = slot_targets(layout, symbols, values, TARGETS)
    slots = torch.tensor([1, 1])
    outputs = values[torch.arange(2), slots].requires_grad_()
    modelled = targets.at(torch.arange(2), slots).energies(outputs)
    root = torch.stack([torch.sin(outputs[0]), outputs[1] / INPUTS[:, 1]])
    actual = (root - TARGETS).square().mean(1)
    torch.testing.assert_close(modelled, actual)
    (slope,) = torch.autograd.grad(modelled.sum(), outputs, retain_graph=True)
    torch.testing.assert_close(slope, *torch.autograd.grad(actual.sum(), outputs))


def test_bank_scores_every_output_in_every_slot() -> None:
    layout = tree(CURVED)
    symbols = drawn(layout, 200)[:20]
    values = layout.slot_values(symbols, INPUTS)
    targets = slot_targets(layout, symbols, values, TARGETS)
    outputs = torch.randn(30, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    outputs[7, 2] = math.inf
    bank = OutputBank(outputs)
    scores = bank.energies(targets)
    assert scores.shape == (20, layout.slots, 30)
    for index, output in enumerate(outputs):
        each = targets.energies(output.expand_as(targets.weights))
        torch.testing.assert_close(scores[..., index], each)
    assert scores[..., 7].isinf().all()
    # at the root it is the mean squared error itself
    expected = (outputs - TARGETS).square().mean(1)
    torch.testing.assert_close(scores[0, 0], torch.where(expected.isnan(), math.inf, expected))
    chosen = torch.arange(20) % layout.slots
    torch.testing.assert_close(
        bank.energies(targets.at(torch.arange(20), chosen)), scores[torch.arange(20), chosen]
    )


def test_gauss_newton_judges_the_root_of_a_tree_without_value() -> None:
    layout = HeapTree([STANDARD["log"], STANDARD["add"]], ("x",), (), 2)
    symbols = layout.encode([Expression.parse("log(x)")])
    loss = DataLoss(layout, INPUTS[:, :1], INPUTS[:, 0])
    energies = gauss_newton_energies(layout, loss, symbols)
    assert energies[0, 0].tolist() == [math.inf, 0.0, math.inf, math.inf]  # N, x, log, add
    bias = gauss_newton_bias(layout, loss, symbols, penalty=2.0)
    assert bias[0, 0].tolist() == [-2.0, 0.0, -2.0, -2.0]
    assert bias.isfinite().all()


def test_biases_that_cannot_be_found_are_refused() -> None:
    loss = DataLoss(TREE, INPUTS, TARGETS)
    symbols = TREE.encode([Expression.parse("x")])
    with pytest.raises(ConfigurationError, match="penalty must be at least 0, but is -1"):
        finite_change_bias(loss, symbols, penalty=-1)
    with pytest.raises(ConfigurationError, match="the loss must read the same tree"):
        gauss_newton_bias(tree(CURVED), loss, symbols)
    with pytest.raises(DataError, match=r"outputs must have shape \(K, N\)"):
        OutputBank(TARGETS)


@pytest.mark.gpu
def test_biases_follow_the_device_of_the_state() -> None:
    inputs, targets = INPUTS.cuda(), TARGETS.cuda()
    symbols = drawn(TREE, 100)
    here, there = DataLoss(TREE, INPUTS, TARGETS), DataLoss(TREE, inputs, targets)
    for bias, moved in (
        (finite_change_bias(here, symbols), finite_change_bias(there, symbols.cuda())),
        (gauss_newton_bias(TREE, here, symbols), gauss_newton_bias(TREE, there, symbols.cuda())),
    ):
        assert moved.is_cuda
        torch.testing.assert_close(moved.cpu(), bias)
    strings = INFIX.encode(["1+2x", "x/x", "2"])
    states = one_hot(strings, len(INFIX.symbols), torch.float64)
    text_here = DataLoss(INFIX, INPUTS[:, :1], TARGETS)
    text_there = DataLoss(INFIX, inputs[:, :1], targets)
    moved = linear_bias(text_there, states.cuda())
    assert moved.is_cuda
    torch.testing.assert_close(moved.cpu(), linear_bias(text_here, states))
    assert text_there.of_symbols(strings.cuda()).is_cuda
