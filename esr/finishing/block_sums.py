"""Fitting many sums of building blocks at once."""

from collections.abc import Mapping, Sequence
from functools import reduce

import torch
from torch import Tensor

from esr.equations import STANDARD, Call, Constant, Expression, levenberg_marquardt
from esr.equations.evaluation import Evaluator, fixed_constants
from esr.finishing.blocks import ONE

__all__ = ["Block", "BlockSums"]

_RIDGE = 1e-10  # of columns of length 1, so that equal blocks have factors too


class Block:
    """A building block: a form, and values of the constants in it that are fitted.

    Arguments:
        expression: The block with its constants; exponents belong to the form, as does the
            number of `1` and that of an inverse such as `1/(x + 2)`.
    """

    def __init__(self, expression: Expression) -> None:
        held = list(fixed_constants(expression, all_exponents=True))
        if expression == ONE or _is_inverse(expression):
            held[0] = True
        self.expression = expression
        self.is_free = tuple(not fixed for fixed in held)
        pairs = zip(expression.constants, self.is_free, strict=True)
        self.values = tuple(value for value, free in pairs if free)
        self.form = self._filled([1.0] * len(self.values))

    @property
    def constants(self) -> int:
        """How many constants a term of this block has, its factor included."""
        return 1 + len(self.values)

    def term(self, factor: float, values: Sequence[float]) -> Expression:
        """The block with a factor and other values of its constants."""
        if self.expression == ONE:
            return Constant(factor)
        return factor * self._filled(values)

    def with_values(self, values: Sequence[float]) -> "Block":
        """The block with other values of its constants."""
        return Block(self._filled(values))

    def _filled(self, values: Sequence[float]) -> Expression:
        remaining = iter(values)
        pairs = zip(self.expression.constants, self.is_free, strict=True)
        return self.expression.with_constants(
            [next(remaining) if free else value for value, free in pairs]
        )


def _is_inverse(expression: Expression) -> bool:
    is_quotient = isinstance(expression, Call) and expression.primitive == STANDARD["div"]
    return is_quotient and isinstance(expression.arguments[0], Constant)


class BlockSums:
    r"""B sums of M blocks, each with a factor of its own, fitted as one batch.

    .. math:: \min_{c, \theta} \sum_n \Big(\sum_m c_m f_m(x_n; \theta_m) - y_n\Big)^2

    The constants start where they are, and the factors at their best values for those. Blocks of
    the same form are evaluated together, whichever sum they stand in.

    Arguments:
        sums: B sums of equally many blocks, at least one each.
        inputs: One tensor `(N,)` per variable, float64.
        target: y, `(N,)`, float64.
        steps: Largest number of Levenberg-Marquardt steps.
    """

    def __init__(
        self,
        sums: Sequence[Sequence[Block]],
        inputs: Mapping[str, Tensor],
        target: Tensor,
        steps: int,
    ) -> None:
        self._sums, self._target, self._values = sums, target, list(inputs.values())
        self._count, self._terms = len(sums), len(sums[0])
        slots = [block for blocks in sums for block in blocks]
        places: dict[Expression, list[int]] = {}
        for place, block in enumerate(slots):
            places.setdefault(block.form, []).append(place)
        self._width = max(block.constants for block in slots)
        self._groups = [
            (Evaluator(form, tuple(inputs)), self._numbers(slots[at[0]]), target.new_tensor(at).long())
            for form, at in places.items()
        ]
        self._order = torch.argsort(torch.cat([at for *_, at in self._groups]))
        fit = levenberg_marquardt(
            self._residuals, self._start(slots), steps=steps, linearise=self._linearised
        )
        self._fitted = fit.parameters.view(self._count, self._terms, self._width)
        self.errors: list[float] = fit.loss.tolist()
        """Mean squared error of each sum; infinite if it is not finite at the start."""

    def ranking(self) -> list[int]:
        """The sums, best first."""
        return sorted(range(self._count), key=lambda row: self.errors[row])

    def blocks(self, row: int) -> list[Block]:
        """The blocks of a sum with fitted constants."""
        pairs = zip(self._sums[row], self._fitted[row].tolist(), strict=True)
        return [block.with_values(values[1:]) for block, values in pairs]

    def expression(self, row: int) -> Expression:
        """A sum with fitted factors and constants."""
        pairs = zip(self._sums[row], self._fitted[row].tolist(), strict=True)
        terms = [block.term(values[0], values[1:]) for block, values in pairs]
        return reduce(lambda left, right: left + right, terms)

    def _numbers(self, block: Block) -> list[Tensor | None]:
        """For each constant of a form its value if it belongs to it, `()`."""
        pairs = zip(block.form.constants, block.is_free, strict=True)
        return [None if free else self._target.new_tensor(value) for value, free in pairs]

    def _start(self, slots: Sequence[Block]) -> Tensor:
        """The blocks' own constants with the best factors for them, `(B, M (1 + P))`."""
        rows = [[1.0, *b.values] + [0.0] * (self._width - b.constants) for b in slots]
        start = self._target.new_tensor(rows)  # (B M, 1 + P)
        columns = self._evaluate(start, None).view(self._count, self._terms, -1)  # (B, M, N)
        columns = columns.nan_to_num(0.0, 0.0, 0.0)
        norms = columns.norm(dim=2, keepdim=True).clamp(min=1e-300)
        columns = columns / norms
        ridge = _RIDGE * torch.eye(self._terms, dtype=start.dtype, device=start.device)
        normal = columns @ columns.mT + ridge
        factors = torch.linalg.solve(normal, columns @ self._target[:, None]) / norms
        start[:, 0] = factors.flatten()
        return start.view(self._count, -1)

    def _residuals(self, parameters: Tensor) -> Tensor:
        """Residuals `(B, N)`."""
        slots = parameters.view(-1, self._width)
        return self._summed(slots, self._evaluate(slots, None))

    def _linearised(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals `(B, N)` and their derivatives `(B, N, M (1 + P))`."""
        slots = parameters.view(-1, self._width)
        slopes = slots.new_zeros(len(slots), self._width, len(self._target))
        values = self._evaluate(slots, slopes)
        slopes *= slots[:, :1, None]
        slopes[:, 0] = values
        columns = slopes.view(self._count, self._terms * self._width, -1)
        return self._summed(slots, values), columns.mT

    def _summed(self, slots: Tensor, values: Tensor) -> Tensor:
        terms = (slots[:, :1] * values).view(self._count, self._terms, -1)
        return terms.sum(1) - self._target

    def _evaluate(self, slots: Tensor, slopes: Tensor | None) -> Tensor:
        """The value of each slot's block, `(B M, N)`, without the factor.

        Arguments:
            slots: A factor and the constants of each slot, `(B M, 1 + P)`.
            slopes: Receives the derivatives by the constants, `(B M, 1 + P, N)`, if wanted.
        """
        values = []
        for evaluator, numbers, at in self._groups:
            free = iter(slots.index_select(0, at)[:, 1:, None].unbind(1))
            constants = [next(free) if number is None else number for number in numbers]
            size = (len(at), len(self._target))
            if slopes is None:
                value = evaluator(self._values, constants)
            else:
                wanted = [number is None for number in numbers]
                value, partials = evaluator.with_slopes(self._values, constants, wanted)
                for place, partial in enumerate(partials, 1):
                    slopes[at, place] = torch.as_tensor(partial, dtype=slots.dtype).expand(size)
            values.append(value.expand(size))
        return torch.cat(values).index_select(0, self._order)
