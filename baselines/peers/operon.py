"""Operon: genetic programming in C++ with Levenberg-Marquardt inside, through `pyoperon`."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from baselines.peers.columns import require_columns
from baselines.peers.operon_search import OperonFind, OperonSearch
from baselines.peers.package import load
from esr.equations import Expression, simplify
from esr.errors import ConfigurationError, ParseError, TrainingError, suggestion
from esr.finishing import Candidate, choose, rounding_floor

__all__ = ["OPERON_SYMBOLS", "OperonEstimator", "read_operon"]

OPERON_SYMBOLS = ("add", "sub", "mul", "div", "sin", "cos", "exp", "log", "sqrt", "square")
_READABLE = {*OPERON_SYMBOLS, "abs", "acos", "asin", "atan", "cosh", "pow", "sinh", "tan", "tanh"}
_SPARE_SECONDS = 1.0
_LEFT = 5
_CLOSE = 0.01


def read_operon(text: str, variables: Sequence[str]) -> Expression | None:
    """The expression of Operon's infix text; None if a constant in it is not finite.

    Operon writes `((-1.5) * x) ^ 2`, which our grammar reads as it stands.

    Arguments:
        text: As its infix formatter prints it.
        variables: Names that may occur.
    """
    try:
        return Expression.parse(text, variables=variables)
    except ParseError:
        return None  # nan and inf are no numbers of our grammar


class OperonEstimator:
    """Operon with NSGA-II on accuracy and length, and constants fitted inside the search.

    Of the front that it returns, the expression with the shortest description of the rows is
    chosen, as for our own estimators: its own choice needs the size of the noise, which nobody
    knows. Its arithmetic is float32. `front` holds its front and, before it, up to five models
    that were exact to that precision when they left it; `times` says when each was first seen
    with its constants to three digits.

    What is not an argument has the default of `pyoperon.sklearn.SymbolicRegressor` 0.6.2, which
    is the authors' own; so have population and the two objectives of their example. Departures:
    five steps of local search, as they submitted it to SRBench, where the class has none; trees
    of 30 nodes instead of 50; the functions below; no limit on evaluations, the clock alone.

    Arguments:
        seed: Determines its draws.
        seconds: Budget of wall-clock time.
        symbols: Functions of the search, by Operon's names.
        population: Number of individuals.
        length: Largest number of nodes.
        iterations: Levenberg-Marquardt steps on each individual.
        until_exact: Whether to end at the first model that is exact in single precision, which
            need not be the simplest; the budget is used up otherwise.
    Raises:
        ConfigurationError: If `pyoperon` is missing, or a symbol cannot be read back.
    Source: Burlacu, Kronberger and Kommenda (2020), https://doi.org/10.1145/3377929.3398099;
        https://github.com/heal-research/pyoperon, example/operon-sklearn.py;
        https://github.com/cavalab/srbench, experiment/methods/OperonRegressor.py.
    """

    def __init__(
        self,
        seed: int,
        seconds: float,
        symbols: Sequence[str] = OPERON_SYMBOLS,
        population: int = 1000,
        length: int = 30,
        iterations: int = 5,
        until_exact: bool = False,
    ) -> None:
        self._program = load("pyoperon")
        for symbol in symbols:
            if symbol not in _READABLE:
                raise ConfigurationError(
                    f"symbols has '{symbol}', which cannot be read back: "
                    f"{suggestion(symbol, _READABLE)}"
                )
        self._seed, self._seconds, self._until_exact = seed, seconds, until_exact
        self._search = (tuple(symbols), population, length, iterations)
        self.front: tuple[Expression, ...] = ()
        self.times: tuple[float, ...] = ()
        self.details: dict[str, float] = {}

    def fit(self, inputs: Tensor, targets: Tensor, variables: Sequence[str]) -> "OperonEstimator":
        """Search until the budget is over.

        Arguments:
            inputs: Shape `(N, D)`.
            targets: Shape `(N,)`.
            variables: D names.
        Raises:
            TrainingError: If nothing that was found can be read as an expression.
        """
        names = list(variables)
        search = OperonSearch(self._program, *self._search)
        budget = max(1, math.floor(self._seconds - _SPARE_SECONDS))
        last = search.run(inputs, targets, names, self._seed, budget, self._until_exact)
        left = [find for find in search.history if find.exact and find not in last]
        found: dict[Expression, OperonFind] = {}
        for find in (*left[:_LEFT], *last):
            expression = read_operon(find.text, names)
            if expression is not None:
                found.setdefault(simplify(expression), find)
        columns = dict(zip(names, inputs.double().unbind(1), strict=True))
        candidates = [
            _judged(expression, columns, targets.double())
            for expression, find in found.items()
            if find in last
        ]
        if not any(math.isfinite(candidate.validation_error) for candidate in candidates):
            raise TrainingError("Operon found nothing that is finite on the rows")
        chosen = choose(candidates, len(targets), rounding_floor(targets.double()))
        self._expression, self.front = chosen.expression, tuple(found)
        self.times = tuple(_first_seen(find, search.history, names) for find in found.values())
        self._tree, self._features = found[chosen.expression].tree, inputs.shape[1]
        self.details = {
            "generations": float(search.generations),
            "residual_evaluations": float(search.evaluations),
            "front": float(len(last)),
        }
        return self

    @property
    def expression(self) -> Expression:
        """The expression chosen, simplified."""
        return self._expression

    def predict(self, inputs: Tensor) -> Tensor:
        """Operon's own predictions `(N,)` for inputs `(N, D)`.

        Raises:
            DataError: If the number of columns is not that of the fit, at which Operon aborts.
        """
        require_columns(inputs, self._features)
        op = self._program
        data = op.Dataset(np.asfortranarray(inputs.double().numpy()))
        values = op.Evaluate(op.DispatchTable(), self._tree, data, op.Range(0, data.Rows))
        return torch.as_tensor(values, dtype=torch.float64).reshape(-1)


def _judged(expression: Expression, columns: dict[str, Tensor], targets: Tensor) -> Candidate:
    """An expression with its error on all rows, in place of both errors."""
    residuals = expression.evaluate(columns) - targets
    error = float(residuals.square().mean().nan_to_num(nan=torch.inf))
    return Candidate(expression, error, error)


def _first_seen(find: OperonFind, history: Sequence[OperonFind], names: Sequence[str]) -> float:
    """When a model was first on the front with these constants to three digits.

    Earlier ones are read only if their errors are close enough for that.
    """
    here = read_operon(find.text, names)
    for other in history:
        if other is find:
            break
        close = abs(other.error - find.error) <= _CLOSE * max(other.error, find.error)
        if close or (other.exact and find.exact):
            there = read_operon(other.text, names)
            if there is not None and f"{there:.3g}" == f"{here:.3g}":
                return other.seconds
    return find.seconds
