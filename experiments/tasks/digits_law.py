"""From trained replicas to one law of addition, as an equation where the adder has any."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.digits import DigitBatch, DigitSumModel
from esr.equations import Constant, Expression, simplify
from esr.finishing import eliminate_terms
from esr.models import SymbolicModel

__all__ = ["SUM", "VARIABLES", "DigitLaw", "find_law", "reading_of", "share_right"]

VARIABLES = ("z1", "z2")
SUM = "s"
_LARGEST_READING = 300
"""Nodes of an equation, as read from the network, that is worth finishing."""
_AS_GOOD = 0.005
"""Share of validation pairs by which an equation may be worse and still count as good."""


@dataclass(frozen=True)
class DigitLaw:
    """One replica's encoder and how it adds.

    Arguments:
        replica: Which one.
        encode: Latents `(M,)` of images `(M, H, W)`.
        network: Sums `(N,)` by the network, from latents of both digits `(N, 2)`.
        equation: The equation of the sum; None for a plain network.
    """

    replica: int
    encode: Callable[[Tensor], Tensor]
    network: Callable[[Tensor], Tensor]
    equation: Expression | None = None

    def add(self, latents: Tensor) -> Tensor:
        """Sums `(N,)` from latents `(N, 2)`: by the equation if there is one."""
        if self.equation is None:
            return self.network(latents)
        return self.equation.evaluate(_columns(latents)).expand(len(latents))


def reading_of(model: DigitSumModel, standardised: Expression) -> Expression:
    """The equation of the sum itself, from that of the standardised sum."""
    return Constant(model.unit) * standardised + Constant(model.mean)


def share_right(predicted: Tensor, sums: Tensor) -> float:
    """Share of predictions `(N,)` that round to the sums `(N,)`; NaN counts as wrong."""
    return float(((predicted - sums).abs() < 0.5).double().mean())


def find_law(
    model: DigitSumModel,
    errors: Tensor,
    training: DigitBatch,
    validation: DigitBatch,
    finalists: int,
    tolerance: float,
) -> DigitLaw:
    """The law of the replica that rounds most validation pairs right.

    Equations of the best replicas lose the terms that the training pairs do not need and are
    refitted to them. Among those nearly as often right as the best, the least complex is chosen.

    Arguments:
        model: A trained model in float64 and evaluation mode.
        errors: Validation error of each replica, `(R,)`; not finite means unusable.
        training: Pairs to refit equations to, of images as they are.
        validation: Pairs to choose by, with sums from the same range.
        finalists: How many replicas are considered, those of least error.
        tolerance: As for `eliminate_terms`.
    """
    order = errors.nan_to_num(nan=torch.inf).argsort()
    chosen = [int(r) for r in order[:finalists] if torch.isfinite(errors[r])] or [int(order[0])]
    readings = model.adder.expressions(VARIABLES) if isinstance(model.adder, SymbolicModel) else []
    laws = []
    for replica in chosen:
        law = DigitLaw(replica, _encoder(model, replica), _network(model, replica))
        if readings:
            reading = reading_of(model, readings[replica][0])
            equation = _finish(reading, law, training, tolerance)
            if equation is None:  # too large, as when interrupted before anything was pruned
                continue
            law = DigitLaw(replica, law.encode, law.network, equation)
        laws.append(law)
    if not laws:
        best = chosen[0]
        reading = reading_of(model, readings[best][0])
        return DigitLaw(best, _encoder(model, best), _network(model, best), reading)
    wrong = [1 - _accuracy(law, validation) for law in laws]
    good = [pair for pair in zip(laws, wrong, strict=True) if pair[1] <= min(wrong) + _AS_GOOD]
    return min(good, key=lambda pair: (_complexity(pair[0]), pair[1]))[0]


def _finish(
    reading: Expression, law: DigitLaw, training: DigitBatch, tolerance: float
) -> Expression | None:
    """The reading shortened and refitted, unless it is too large."""
    if reading.complexity > _LARGEST_READING:
        return None
    columns = _columns(law.encode(training.images)[training.pairs])
    target = training.sums[:, 0]
    result = eliminate_terms(simplify(reading), columns, target, tolerance=tolerance)
    return simplify(result.expression) if result is not None else None


def _accuracy(law: DigitLaw, pairs: DigitBatch) -> float:
    return share_right(law.add(law.encode(pairs.images)[pairs.pairs]), pairs.sums[:, 0])


def _complexity(law: DigitLaw) -> int:
    return law.equation.complexity if law.equation is not None else 0


def _encoder(model: DigitSumModel, replica: int) -> Callable[[Tensor], Tensor]:
    return lambda images: model.encode(images)[replica, :, 0]


def _network(model: DigitSumModel, replica: int) -> Callable[[Tensor], Tensor]:
    return lambda latents: model.add(latents)[replica, :, 0]


def _columns(latents: Tensor) -> dict[str, Tensor]:
    return dict(zip(VARIABLES, latents.unbind(1), strict=True))
