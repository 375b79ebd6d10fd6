"""gplearn: genetic programming in Python on numpy."""

import math
import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.peers.columns import require_columns
from baselines.peers.package import load
from esr.equations import STANDARD, Call, Constant, Expression, Variable, simplify
from esr.errors import ConfigurationError, suggestion

__all__ = ["GPLEARN_FUNCTIONS", "GplearnEstimator", "read_gplearn"]

GPLEARN_FUNCTIONS = ("add", "sub", "mul", "div", "sin", "cos", "exp", "log", "sqrt")
_ARITIES = {"add": 2, "sub": 2, "mul": 2, "div": 2, "max": 2, "min": 2} | dict.fromkeys(
    ("sqrt", "log", "abs", "neg", "inv", "sin", "cos", "tan", "exp"), 1
)
_LARGEST_EXPONENT = 30.0
_SPARE_SHARE = 0.05
_ROUNDING = 1e-10


def read_gplearn(program: Sequence[str | int | float], variables: Sequence[str]) -> Expression:
    """The expression of a program of gplearn.

    Its protected functions are spelled as what they compute: `sqrt` is sqrt(abs(x)) and `log` is
    log(abs(x)). Two differences remain: within 0.001 of zero gplearn's division gives 1 and its
    `log` and `inv` give 0, and our `exp` for it stays at exp(30) beyond 30.

    Arguments:
        program: In prefix order: names of functions, whole numbers for columns, floats for
            constants.
        variables: Names of the columns.
    Raises:
        ValueError: If it is not a program.
    """
    done: list[Expression] = []
    for node in reversed(program):
        if isinstance(node, str):
            arity = _ARITIES.get(node, 0)
            if arity == 0 or len(done) < arity:
                raise ValueError(f"'{node}' is not a function of gplearn with its arguments")
            done.append(_call(node, [done.pop() for _ in range(arity)]))
        elif isinstance(node, int):
            done.append(Variable(variables[node]))
        else:
            done.append(Constant(float(node)))
    if len(done) != 1:
        raise ValueError(f"a program must be one expression, but this is {len(done)}")
    return done[0]


class GplearnEstimator:
    """gplearn, one generation after another until the budget is over.

    Arguments:
        seed: Determines its draws.
        seconds: Budget of wall-clock time.
        functions: Functions of the search, by gplearn's names, and `exp`, which it lacks.
        population: Number of programs.
        parsimony: Its price of a node, in units of the root mean squared error.
        constants: Largest size of a constant.
    Raises:
        ConfigurationError: If `gplearn` is missing, or a function is unknown.
    Source: https://gplearn.readthedocs.io. Deviation: the search ends with the time budget.
    """

    def __init__(
        self,
        seed: int,
        seconds: float,
        functions: Sequence[str] = GPLEARN_FUNCTIONS,
        population: int = 1000,
        parsimony: float = 0.001,
        constants: float = 5.0,
    ) -> None:
        self._functions_module = load("gplearn", "functions")
        self._genetic_module = load("gplearn", "genetic")
        for name in functions:
            if name not in _ARITIES:
                raise ConfigurationError(
                    f"functions has '{name}', which is unknown: {suggestion(name, _ARITIES)}"
                )
        self._seed, self._seconds, self._functions = seed, seconds, tuple(functions)
        self._population, self._parsimony, self._constants = population, parsimony, constants
        self.details: dict[str, float] = {}

    def fit(self, inputs: Tensor, targets: Tensor, variables: Sequence[str]) -> "GplearnEstimator":
        """Search until the budget is over or the error is rounding.

        Arguments:
            inputs: Shape `(N, D)`.
            targets: Shape `(N,)`.
            variables: D names.
        """
        started = time.monotonic()
        make_function = self._functions_module.make_function
        exp = make_function(function=_limited_exp, name="exp", arity=1, wrap=False)
        regressor = self._genetic_module.SymbolicRegressor(
            population_size=self._population,
            function_set=[exp if name == "exp" else name for name in self._functions],
            parsimony_coefficient=self._parsimony,
            const_range=(-self._constants, self._constants),
            metric="rmse",
            stopping_criteria=_ROUNDING,
            warm_start=True,
            low_memory=True,
            n_jobs=1,
            random_state=self._seed,
        )
        x, y = inputs.double().numpy(), targets.double().numpy()
        best_error, generation, longest = math.inf, 0, 0.0
        while best_error > _ROUNDING:
            before = time.monotonic()
            generation += 1
            regressor.set_params(generations=generation)
            regressor.fit(x, y)
            error = float(regressor._program.raw_fitness_)
            if generation == 1 or error < best_error:
                self._program, best_error = regressor._program, error
            longest = max(longest, time.monotonic() - before)
            left = (1 - _SPARE_SHARE) * self._seconds - (time.monotonic() - started)
            if left < longest:
                break
        self._features = inputs.shape[1]
        self._expression = simplify(read_gplearn(_tokens(self._program.program), variables))
        self.details = {"generations": float(generation), "training_rmse": best_error}
        return self

    @property
    def expression(self) -> Expression:
        """The best program found, simplified."""
        return self._expression

    def predict(self, inputs: Tensor) -> Tensor:
        """gplearn's own predictions `(N,)` for inputs `(N, D)`, protected functions and all.

        Raises:
            DataError: If the number of columns is not that of the fit.
        """
        require_columns(inputs, self._features)
        values = np.broadcast_to(self._program.execute(inputs.double().numpy()), len(inputs))
        return torch.as_tensor(values.copy(), dtype=torch.float64)


def _call(name: str, arguments: Sequence[Expression]) -> Expression:
    if name in ("sqrt", "log"):
        return Call(STANDARD[name], [Call(STANDARD["abs"], arguments)])
    if name == "inv":
        return Call(STANDARD["div"], [Constant(1.0), *arguments])
    return Call(STANDARD[name], arguments)


def _tokens(program: Sequence[object]) -> list[str | int | float]:
    """A program of gplearn with its functions by name."""
    tokens: list[str | int | float] = []
    for node in program:
        name = getattr(node, "name", None)
        if isinstance(name, str):
            tokens.append(name)
        elif isinstance(node, (int, np.integer)):
            tokens.append(int(node))
        else:
            tokens.append(float(str(node)))
    return tokens


def _limited_exp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(x), constant beyond 30, since gplearn takes NaN for a good fitness."""
    limited: NDArray[np.float64] = np.exp(np.minimum(x, _LARGEST_EXPONENT))
    return limited
