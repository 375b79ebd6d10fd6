"""Fitting many sums of building blocks at once."""

import math
from collections.abc import Mapping, Sequence
from functools import reduce

import torch
from torch import Tensor

from esr.equations import STANDARD, Call, Constant, Expression, levenberg_marquardt
from esr.equations.evaluation import Evaluator, fixed_constants
from esr.finishing.blocks import ONE

__all__ = ["Block", "BlockSums"]

_DEPENDENT = 1e-7
"""Share of a block's length below which what the others leave of it is rounding."""


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

    .. math:: \min_\theta \min_c \sum_n \Big(\sum_m c_m f_m(x_n; \theta_m) - y_n\Big)^2

    The constants start where they are; the factors always have their best values for them. Blocks
    of the same form are evaluated together, whichever sum they stand in.

    Arguments:
        sums: B sums of equally many blocks, at least one each.
        inputs: One tensor `(N,)` per variable, float64.
        target: y, `(N,)`, float64.
        steps: Largest number of Levenberg-Marquardt steps.
    Source: G. H. Golub, V. Pereyra (1973), The differentiation of pseudo-inverses and nonlinear
        least squares problems whose variables separate, SIAM J. Numer. Anal. 10, 413-432;
        derivatives simplified as by L. Kaufman (1975), BIT 15, 49-57.
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
        self._width = max(len(block.values) for block in slots)
        self._groups = [
            (Evaluator(form, tuple(inputs)), self._numbers(slots[at[0]]), self._index(at))
            for form, at in places.items()
        ]
        self._order = torch.argsort(torch.cat([at for *_, at in self._groups]))
        fit = levenberg_marquardt(
            self._residuals, self._start(slots), steps=steps, linearise=self._linearised
        )
        columns = self._columns(fit.parameters, None)
        factors = _Basis(columns, target).factors
        residuals = (factors[:, :, None] * columns).sum(1) - target
        self.errors: list[float] = (
            residuals.square().mean(1).nan_to_num(math.inf, math.inf).tolist()
        )
        """Mean squared error of each sum; infinite if it is not finite at the start."""
        self._constants = fit.parameters.view(self._count, self._terms, self._width)
        self._factors = factors

    def ranking(self) -> list[int]:
        """The sums, best first."""
        return sorted(range(self._count), key=lambda row: self.errors[row])

    def blocks(self, row: int) -> list[Block]:
        """The blocks of a sum with fitted constants."""
        pairs = zip(self._sums[row], self._constants[row].tolist(), strict=True)
        return [block.with_values(values) for block, values in pairs]

    def expression(self, row: int) -> Expression:
        """A sum with fitted factors and constants."""
        factors = self._factors[row].tolist()
        pairs = zip(self.blocks(row), factors, strict=True)
        terms = [
            Constant(factor) if block.expression == ONE else factor * block.expression
            for block, factor in pairs
        ]
        return reduce(lambda left, right: left + right, terms)

    def _index(self, places: list[int]) -> Tensor:
        return torch.tensor(places, device=self._target.device)

    def _numbers(self, block: Block) -> list[Tensor | None]:
        """For each constant of a form its value if it belongs to it, `()`."""
        pairs = zip(block.form.constants, block.is_free, strict=True)
        return [None if free else self._target.new_tensor(value) for value, free in pairs]

    def _start(self, slots: Sequence[Block]) -> Tensor:
        """The blocks' own constants, `(B, M P)`."""
        rows = [[*b.values] + [0.0] * (self._width - len(b.values)) for b in slots]
        return self._target.new_tensor(rows).view(self._count, self._terms * self._width)

    def _residuals(self, parameters: Tensor) -> Tensor:
        """Residuals `(B, N)` at the best factors."""
        return -_Basis(self._columns(parameters, None), self._target).rest

    def _linearised(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals `(B, N)`, and derivatives `(B, N, M P)` less what factors make up for."""
        samples = len(self._target)
        slopes = parameters.new_zeros(self._count * self._terms, self._width, samples)
        basis = _Basis(self._columns(parameters, slopes), self._target)
        slopes *= basis.factors.view(-1, 1, 1)
        return -basis.rest, basis.without(slopes.view(self._count, -1, samples)).mT

    def _columns(self, parameters: Tensor, slopes: Tensor | None) -> Tensor:
        """The value of each block without its factor, `(B, M, N)`.

        Arguments:
            parameters: Constants, `(B, M P)`.
            slopes: Receives the derivatives by the constants, `(B M, P, N)`, if wanted.
        """
        slots, values = parameters.view(self._count * self._terms, self._width), []
        for evaluator, numbers, at in self._groups:
            free = iter(slots.index_select(0, at)[:, :, None].unbind(1))
            constants = [next(free) if number is None else number for number in numbers]
            size = (len(at), len(self._target))
            if slopes is None:
                value = evaluator(self._values, constants)
            else:
                wanted = [number is None for number in numbers]
                value, partials = evaluator.with_slopes(self._values, constants, wanted)
                for place, partial in enumerate(partials):
                    slopes[at, place] = torch.as_tensor(partial, dtype=slots.dtype).expand(size)
            values.append(value.expand(size))
        columns = torch.cat(values).index_select(0, self._order)
        return columns.view(self._count, self._terms, -1)


class _Basis:
    """An orthonormal basis of what M columns span, and the target in it.

    A column that the ones before it span gets no part and the factor 0.

    Arguments:
        columns: Shape `(B, M, N)`.
        target: y, `(N,)`.
    """

    def __init__(self, columns: Tensor, target: Tensor) -> None:
        self._directions: list[Tensor] = []  # each (B, N)
        rest = target.expand(len(columns), -1)
        parts, upper = [], columns.new_zeros(len(columns), columns.shape[1], columns.shape[1])
        for place, column in enumerate(columns.unbind(1)):
            length = torch.linalg.vector_norm(column, dim=1, keepdim=True)
            for _ in range(2):  # the second time mends the rounding of the first
                for number, direction in enumerate(self._directions):
                    share = (direction * column).sum(1, keepdim=True)
                    column = column - share * direction
                    upper[:, number, place] += share[:, 0]
            left = torch.linalg.vector_norm(column, dim=1, keepdim=True)
            is_new = left > _DEPENDENT * length
            left = torch.where(is_new, left, 1.0)
            self._directions.append(torch.where(is_new, column / left, 0.0))
            upper[:, place, place] = left[:, 0]
            parts.append((self._directions[-1] * rest).sum(1))
            rest = rest - parts[-1][:, None] * self._directions[-1]
        self.rest = rest
        """What the columns leave of the target, `(B, N)`."""
        along = torch.stack(parts, 1)[:, :, None]
        solved = torch.linalg.solve_triangular(upper, along, upper=True)
        self.factors = solved[:, :, 0]
        """The factors of the columns that fit the target best, `(B, M)`."""

    def without(self, rows: Tensor) -> Tensor:
        """Rows `(B, C, N)` less their parts in the columns' span."""
        for direction in self._directions:
            share = (rows * direction[:, None]).sum(2, keepdim=True)
            rows = rows - share * direction[:, None]
        return rows
