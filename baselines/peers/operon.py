"""Operon: genetic programming in C++ with Levenberg-Marquardt inside, through `pyoperon`."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.peers.columns import require_columns
from baselines.peers.package import load
from esr.equations import Expression, simplify
from esr.errors import ConfigurationError, ParseError, TrainingError, suggestion
from esr.finishing import Candidate, choose, rounding_floor

__all__ = ["OPERON_SYMBOLS", "OperonEstimator", "read_operon"]

OPERON_SYMBOLS = ("add", "sub", "mul", "div", "sin", "cos", "exp", "log", "sqrt", "square")
_READABLE = {*OPERON_SYMBOLS, "abs", "acos", "asin", "atan", "cosh", "pow", "sinh", "tan", "tanh"}
_PRECISION = 17
_UNLIMITED = 2**40
_SPARE_SECONDS = 1.0


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
    knows. Its arithmetic is float32.

    Arguments:
        seed: Determines its draws.
        seconds: Budget of wall-clock time; it is used up.
        symbols: Functions of the search, by Operon's names.
        population: Number of individuals.
        length: Largest number of nodes.
        iterations: Levenberg-Marquardt steps on each individual; none is Operon's own default.
        uncertainty: Its guess of the noise's standard deviation.
    Raises:
        ConfigurationError: If `pyoperon` is missing, or a symbol cannot be read back.
    Source: Burlacu, Kronberger and Kommenda (2020), https://doi.org/10.1145/3377929.3398099.
    """

    def __init__(
        self,
        seed: int,
        seconds: float,
        symbols: Sequence[str] = OPERON_SYMBOLS,
        population: int = 1000,
        length: int = 30,
        iterations: int = 5,
        uncertainty: float = 0.01,
    ) -> None:
        self._program = load("pyoperon", "sklearn")
        for symbol in symbols:
            if symbol not in _READABLE:
                raise ConfigurationError(
                    f"symbols has '{symbol}', which cannot be read back: "
                    f"{suggestion(symbol, _READABLE)}"
                )
        self._seed, self._seconds = seed, seconds
        self._symbols, self._population, self._length = tuple(symbols), population, length
        self._iterations, self._uncertainty = iterations, uncertainty
        self.front: tuple[Expression, ...] = ()
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
        regressor = self._program.SymbolicRegressor(
            allowed_symbols=",".join([*self._symbols, "constant", "variable"]),
            objectives=["r2", "length"],
            optimizer_iterations=self._iterations,
            population_size=self._population,
            max_length=self._length,
            uncertainty=[self._uncertainty],
            generations=_UNLIMITED,
            max_evaluations=_UNLIMITED,
            max_time=max(1, math.floor(self._seconds - _SPARE_SECONDS)),
            n_threads=1,
            random_state=self._seed,
        )
        regressor.fit(inputs.double().numpy(), targets.double().numpy())
        names = list(variables)
        found: dict[Expression, object] = {}
        for solution in regressor.pareto_front_:
            text = regressor.get_model_string(solution["tree"], _PRECISION, names)
            expression = read_operon(text, names)
            if expression is not None:
                found.setdefault(simplify(expression), solution["tree"])
        columns = dict(zip(names, inputs.double().unbind(1), strict=True))
        candidates = [_judged(expression, columns, targets.double()) for expression in found]
        if not any(math.isfinite(candidate.validation_error) for candidate in candidates):
            raise TrainingError("Operon found nothing that is finite on the rows")
        chosen = choose(candidates, len(targets), rounding_floor(targets.double()))
        self._expression, self.front = chosen.expression, tuple(found)
        self._regressor, self._tree = regressor, found[chosen.expression]
        self._features = inputs.shape[1]
        self.details = {
            "generations": float(regressor.stats_["generations"]),
            "residual_evaluations": float(regressor.stats_["residual_evaluations"]),
            "front": float(len(found)),
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
        values = self._regressor.evaluate_model(self._tree, inputs.double().numpy())
        return torch.as_tensor(values, dtype=torch.float64)


def _judged(expression: Expression, columns: dict[str, Tensor], targets: Tensor) -> Candidate:
    """An expression with its error on all rows, in place of both errors."""
    residuals = expression.evaluate(columns) - targets
    error = float(residuals.square().mean().nan_to_num(nan=torch.inf))
    return Candidate(expression, error, error)
