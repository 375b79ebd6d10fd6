import math

import pytest
import torch
from torch import Tensor

from esr.equations import STANDARD, Expression
from esr.errors import ConfigurationError, DataError
from esr.loss_bias import (
    DataLoss,
    Logarithmic,
    RelaxedUserLoss,
    Saturating,
    TargetValue,
    UserLoss,
    ValueLoss,
)
from esr.spelling import InfixString, PrefixString, one_hot

LAYOUT = InfixString(length=5)
INPUTS = torch.tensor([[0.5], [-1.5], [2.0]], dtype=torch.float64)
TARGETS = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)
COMPRESSIONS = [Logarithmic(0.5), Logarithmic(), Saturating(2.0)]


def spelled(*texts: str) -> Tensor:
    return LAYOUT.encode(texts)


def relaxed(symbols: Tensor) -> Tensor:
    return one_hot(symbols, len(LAYOUT.symbols), torch.float64)


def test_data_loss_is_the_mean_squared_error() -> None:
    losses = DataLoss(LAYOUT, INPUTS, TARGETS).of_symbols(spelled("2x+1", "x/0", "+x"))
    expected = ((2 * INPUTS[:, 0] + 1 - TARGETS) ** 2).mean()
    torch.testing.assert_close(losses[0], expected)
    assert losses[1:].tolist() == [math.inf, math.inf]


def test_target_value_is_the_distance_from_the_wanted_value() -> None:
    at = torch.tensor([2.0], dtype=torch.float64)
    symbols = spelled("5x+3", "9x+2", "+")
    plain = TargetValue(LAYOUT, at, 20.0, compression=None)
    assert plain.of_symbols(symbols).tolist() == [7.0, 0.0, math.inf]
    square = TargetValue(LAYOUT, at, 20.0, exponent=2.0, compression=None)
    assert square.of_symbols(symbols).tolist() == [49.0, 0.0, math.inf]
    # 1 is the scale of the default compression
    small = TargetValue(LAYOUT, at, 20.0).of_symbols(symbols)
    assert small.tolist() == pytest.approx([math.log(8), 0.0, math.inf])


@pytest.mark.parametrize(
    "loss",
    [
        DataLoss(LAYOUT, INPUTS, TARGETS),
        DataLoss(LAYOUT, INPUTS, TARGETS, Logarithmic(3.0)),
        TargetValue(LAYOUT, torch.tensor([0.7], dtype=torch.float64), 3.0),
        ValueLoss(LAYOUT, INPUTS, lambda values: (values - TARGETS).abs().amax(1)),
    ],
    ids=["data", "compressed data", "target", "values"],
)
def test_loss_of_a_vertex_is_that_of_its_symbols(loss: ValueLoss) -> None:
    symbols = spelled("x", "7", "x*x", "12-3x", "4/x-1", "9/2x")
    hard = loss.of_symbols(symbols)
    assert hard.isfinite().all()
    torch.testing.assert_close(loss.of_states(relaxed(symbols)), hard)


@pytest.mark.parametrize("compression", COMPRESSIONS, ids=repr)
def test_compression_begins_as_the_identity_and_grows(
    compression: Logarithmic | Saturating,
) -> None:
    losses = torch.linspace(0, 50, 101, dtype=torch.float64, requires_grad=True)
    small = compression(losses)
    (slope,) = torch.autograd.grad(small.sum(), losses)
    assert small[0] == 0
    assert slope[0] == 1
    assert (small.diff() > 0).all()
    assert (small <= losses).all()


def test_what_has_no_value_stays_infinite_under_compression() -> None:
    loss = DataLoss(LAYOUT, INPUTS, TARGETS, Saturating())
    assert loss.of_symbols(spelled("1/0", "x")).isinf().tolist() == [True, False]


def test_user_loss_sees_expressions_and_every_state_once() -> None:
    seen: list[Expression | None] = []

    def complexity(expressions: list[Expression | None]) -> list[float]:
        seen.extend(expressions)
        return [math.nan if e is None else float(e.complexity) for e in expressions]

    loss = UserLoss(LAYOUT, complexity, dtype=torch.float64)
    losses = loss.of_symbols(spelled("x+1", "2x", "x+1", "+", "x"))
    assert losses.tolist() == [3.0, 3.0, 3.0, math.inf, 1.0]
    assert losses.dtype == torch.float64
    assert len(seen) == 4
    assert loss.of_symbols(spelled()).shape == (0,)


def test_relaxed_user_loss_passes_states_on() -> None:
    loss = RelaxedUserLoss(LAYOUT, lambda found: [0.0] * len(found), lambda v: v.sum((1, 2)))
    assert loss.of_states(torch.ones(2, 5, 16)).tolist() == [80.0, 80.0]


def test_losses_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(DataError, match=r"targets must be finite of shape \(3,\)"):
        DataLoss(LAYOUT, INPUTS, TARGETS[:2])
    with pytest.raises(DataError, match="inputs must be finite"):
        DataLoss(LAYOUT, INPUTS * math.nan, TARGETS)
    with pytest.raises(DataError, match=r"inputs must have shape \(N, 1\)"):
        TargetValue(LAYOUT, torch.zeros(2), 1.0)
    with pytest.raises(ConfigurationError, match="an exponent from 1 to 2"):
        TargetValue(LAYOUT, torch.zeros(1), 1.0, exponent=0.5)
    with pytest.raises(ConfigurationError, match="scale must be above 0, but is 0"):
        Saturating(0)
    with pytest.raises(DataError, match="got 1 expressions, so it must give as many"):
        UserLoss(LAYOUT, lambda found: [1.0, 2.0]).of_symbols(spelled("x"))
    prefix = PrefixString([STANDARD["add"]], ("x",), (), 3)
    with pytest.raises(ConfigurationError, match="PrefixString has no relaxed values"):
        DataLoss(prefix, INPUTS, TARGETS).of_states(torch.zeros(1, 3, 3))
