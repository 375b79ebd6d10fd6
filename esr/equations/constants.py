"""Fitting the constants of an expression to data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations.evaluation import Evaluator, check_variables, fixed_constants
from esr.equations.expression import Expression
from esr.equations.least_squares import levenberg_marquardt
from esr.errors import DataError

__all__ = ["ConstantFit", "fit_constants", "standard_errors"]

_SINGULAR = 1e-13  # eigenvalues below this share of the largest count as zero


@dataclass(frozen=True)
class ConstantFit:
    """An expression fitted to data.

    Arguments:
        expression: The expression with its fitted constants.
        mse: Weighted mean of the squared residuals; infinite if one is not finite, and then the
            constants are the ones before the fit.
        standard_errors: One per constant, in the order of `Expression.constants`: 0 for a
            constant that is kept, infinite for one that the data do not determine.
        converged: Whether the fit ended at a minimum, rather than at the largest number of steps.
    """

    expression: Expression
    mse: float
    standard_errors: tuple[float, ...]
    converged: bool


def fit_constants(
    expression: Expression,
    inputs: Mapping[str, Tensor],
    target: Tensor,
    *,
    weights: Tensor | None = None,
    steps: int = 100,
    tolerance: float = 1e-12,
    exponents: bool = False,
    keep: Sequence[bool] | None = None,
    starts: Sequence[Sequence[float]] = (),
) -> ConstantFit:
    r"""Refit the constants of an expression by least squares, from their present values.

    .. math:: \min_c \sum_n w_n (f(x_n; c) - y_n)^2, \quad
              \operatorname{cov}(c) = \hat\sigma^2 (J^T W J)^{-1}, \quad
              \hat\sigma^2 = \frac{\sum_n w_n r_n^2}{N - C}

    Exponents of `pow` are kept, since they belong to the form. The arithmetic is float64.

    Arguments:
        expression: The expression; without constants to fit it comes back as it is.
        inputs: One tensor `(N,)` per variable; others are allowed.
        target: The values to fit, `(N,)`.
        weights: Weights :math:`w`, `(N,)`, not negative, in inverse variances; 1 if `None`.
        steps: Largest number of Levenberg-Marquardt steps, at least 1.
        tolerance: Relative size of a step at which the fit has converged.
        exponents: Whether exponents that are not whole numbers are fitted too.
        keep: For each constant, in the order of `Expression.constants`, whether it is held at
            its value; none besides exponents if `None`.
        starts: Further points to start from, each with a number for every constant; all are
            fitted as one batch and the best fit is kept.
    Raises:
        DataError: If a shape is wrong or a number is not finite.
        ValueError: If a variable has no input, or a setting is out of range.
    """
    check_variables(expression, tuple(inputs))
    values = [inputs[name] for name in expression.variables]
    _check_data(dict(zip(expression.variables, values, strict=True)), target, weights)
    is_fixed = fixed_constants(expression, all_exponents=not exponents)
    if keep is not None:
        is_fixed = tuple(a or b for a, b in zip(is_fixed, keep, strict=True))
    problem = _Problem(expression, values, target, weights, is_fixed)
    start = problem.starts([expression.constants, *starts])
    result = levenberg_marquardt(
        problem.residuals, start, steps=steps, tolerance=tolerance, linearise=problem.linearised
    )
    share = target.numel() / problem.total_weight
    best = int(result.loss.argmin())
    parameters = result.parameters[best : best + 1]
    mse = float(result.loss[best]) * share
    if not math.isfinite(mse):
        errors = [math.inf] * start.shape[1]
        return ConstantFit(expression, math.inf, problem.merged(errors, fixed=0.0), False)
    fitted = expression
    if start.shape[1] > 0:
        constants = parameters[0].tolist()
        fitted = expression.with_constants(problem.merged(constants, fixed=None))
    residuals, slopes = problem.linearised(parameters)
    freedom = target.numel() - parameters.shape[1]
    errors = standard_errors(slopes[0], residuals.square().sum(), freedom).tolist()
    converged = bool(result.converged[best])
    return ConstantFit(fitted, mse, problem.merged(errors, fixed=0.0), converged)


class _Problem:
    """The residuals of one expression as a function of its free constants.

    Arguments:
        expression: The expression.
        values: One tensor `(N,)` per variable of the expression, in order.
        target: Values to fit, `(N,)`.
        weights: Weights `(N,)` or `None`.
        is_fixed: Which constants are held at their values.
    """

    def __init__(
        self,
        expression: Expression,
        values: list[Tensor],
        target: Tensor,
        weights: Tensor | None,
        is_fixed: Sequence[bool],
    ) -> None:
        self._is_fixed = is_fixed
        self._is_free = [not held for held in is_fixed]
        self._evaluator = Evaluator(expression, expression.variables)
        self._values = [value.detach().double() for value in values]
        self._target = target.detach().double()
        self._root_weights = None if weights is None else weights.detach().double().sqrt()
        self._constants = expression.constants
        self._fixed = [
            torch.full_like(self._target[0], value)
            for value, is_fixed in zip(self._constants, self._is_fixed, strict=True)
            if is_fixed
        ]
        self.total_weight = float(len(target) if weights is None else weights.double().sum())

    def starts(self, points: Sequence[Sequence[float]]) -> Tensor:
        """The free constants among the numbers for all constants, `(B, C)`."""
        return self._target.new_tensor(
            [
                [value for value, free in zip(point, self._is_free, strict=True) if free]
                for point in points
            ]
        )

    def residuals(self, parameters: Tensor) -> Tensor:
        """Weighted residuals `(B, N)` for free constants `(B, C)`."""
        return self._weighted(self._evaluator(self._values, self._tensors(parameters)), parameters)

    def linearised(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """The residuals, and their derivatives `(B, N, C)` by the free constants `(B, C)`."""
        value, slopes = self._evaluator.with_slopes(
            self._values, self._tensors(parameters), self._is_free
        )
        columns = parameters.new_empty(len(parameters), len(slopes), len(self._target))
        for place, slope in enumerate(slopes):
            columns[:, place] = slope
        if self._root_weights is not None:
            columns *= self._root_weights
        return self._weighted(value, parameters), columns.mT

    def _weighted(self, value: Tensor, parameters: Tensor) -> Tensor:
        residuals = (value - self._target).expand(len(parameters), len(self._target))
        return residuals if self._root_weights is None else residuals * self._root_weights

    def _tensors(self, parameters: Tensor) -> list[Tensor]:
        """One tensor per constant: `()` if it is held, else `(B, 1)`."""
        free, fixed = iter(parameters.unbind(1)), iter(self._fixed)
        return [next(fixed) if is_fixed else next(free)[:, None] for is_fixed in self._is_fixed]

    def merged(self, free: list[float], fixed: float | None) -> tuple[float, ...]:
        """Numbers for all constants from those for the free ones.

        Arguments:
            free: One number per free constant.
            fixed: The number for every fixed constant; its value if `None`.
        """
        remaining = iter(free)
        return tuple(
            (value if fixed is None else fixed) if is_fixed else next(remaining)
            for value, is_fixed in zip(self._constants, self._is_fixed, strict=True)
        )


def standard_errors(slopes: Tensor, squares: Tensor, freedom: int) -> Tensor:
    """Standard errors of fitted parameters.

    The Jacobian's columns are scaled to length 1 first. Its null space is spanned by eigenvectors
    of the normal matrix with eigenvalue 0; a parameter with a part in it is undetermined.

    Arguments:
        slopes: Derivatives of the weighted residuals, `(N, C)`, or any matrix with the same
            products of columns.
        squares: Sum of the squared residuals, `()`.
        freedom: Number of rows beyond that of the parameters.
    Returns:
        Shape `(C,)`; infinite for what the rows do not determine.
    """
    count = slopes.shape[1]
    if count == 0 or freedom < 1:
        return slopes.new_full((count,), math.inf)
    norms = slopes.norm(dim=0)
    scaled = slopes / torch.where(norms > 0, norms, torch.ones_like(norms))
    if not bool(torch.isfinite(scaled).all()):
        return slopes.new_full((count,), math.inf)
    sizes, vectors = torch.linalg.eigh(scaled.mT @ scaled)  # (C,), (C, C)
    is_null = sizes <= _SINGULAR * sizes[-1]
    inverse = torch.where(is_null, 0.0, 1 / sizes)
    variances = (vectors.square() * inverse).sum(1) * squares / freedom
    undetermined = ((vectors.square() * is_null).sum(1) > _SINGULAR) | (norms == 0)
    return torch.where(undetermined, math.inf, variances.sqrt() / norms)


def _check_data(inputs: Mapping[str, Tensor], target: Tensor, weights: Tensor | None) -> None:
    if target.ndim != 1 or len(target) == 0:
        raise DataError(f"target must have shape (N,) with N >= 1, but has {tuple(target.shape)}")
    tensors = {f"input {name!r}": tensor for name, tensor in inputs.items()}
    tensors["target"] = target
    if weights is not None:
        tensors["weights"] = weights
    for name, tensor in tensors.items():
        if tensor.shape != target.shape:
            raise DataError(
                f"{name} must have the shape of the target, {tuple(target.shape)}, "
                f"but has {tuple(tensor.shape)}"
            )
        invalid = int((~torch.isfinite(tensor)).sum())
        if invalid:
            raise DataError(f"{name} has {invalid} values that are NaN or infinite; remove them")
    if weights is not None and not (bool((weights >= 0).all()) and bool(weights.sum() > 0)):
        raise DataError("weights must not be negative, and at least one must be above 0")
