"""Function: find a known expression again from samples of it."""

from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor

from esr.equations import Expression, simplify
from esr.errors import ConfigurationError, DataError
from esr.finishing import finish_readings, promising_order, rounding_floor
from esr.models import Batch, EnergyModel, FunctionModel, SymbolicModel
from esr.problem import Problem
from esr.random import RandomStreams
from esr.training import Callback, Phase, Progress
from experiments.recovery import LARGEST_ERROR, same_law
from experiments.tasks.function_figure import draw_function
from experiments.tasks.task import Conclusion, Contender, ModelFactory

__all__ = ["Function"]


class Function:
    """Samples of an expression, to be found again.

    Arguments:
        phases: The schedule of training.
        expression: Any expression as text, for instance `x**2*sin(y)`.
        ranges: Range [low, high] of each variable; those not named have [-1, 1].
        samples: Number of training points, and of validation points, at least 2.
        noise: Standard deviation of normal noise on y, in units of that of y.
        wider: Factor by which ranges grow around their centres for the extrapolation test.
        finalists: How many of the best replicas are finished.
    Raises:
        ConfigurationError: If a size is not positive or a range is empty or unused.
        ParseError: If the text is not an expression.
    """

    callbacks: Sequence[Callback[Batch]] = ()

    def __init__(
        self,
        phases: Mapping[str, Phase],
        expression: str,
        ranges: Mapping[str, Sequence[float]] | None = None,
        samples: int = 256,
        noise: float = 0.0,
        wider: float = 2.0,
        finalists: int = 20,
    ) -> None:
        self.phases = dict(phases)
        self.truth = Expression.parse(expression)
        self.variables = self.truth.variables
        if not self.variables:
            raise ConfigurationError(f"task.expression '{expression}' has no variable")
        if samples < 2 or finalists < 1 or not noise >= 0 or not wider >= 1:
            raise ConfigurationError(
                "task.samples must be at least 2, task.finalists and task.wider at least 1 and "
                f"task.noise at least 0, but they are {samples}, {finalists}, {wider}, {noise}"
            )
        self.ranges = _ranges(self.variables, ranges or {})
        self.samples, self.noise, self.wider = samples, noise, wider
        self.finalists = finalists

    def prepare(self, streams: RandomStreams, device: torch.device) -> None:
        """Draw training, validation and test points."""
        self.training = self._problem(streams["data"], streams["noise"], self.noise, 1.0)
        self.validation = self._problem(streams["data"], streams["noise"], self.noise, 1.0)
        self.test = self._problem(streams["tests"], streams["noise"], 0.0, self.wider)
        self._batch = _batch(self.training, torch.float32)

    def build(
        self, make_model: ModelFactory, replicas: int, streams: RandomStreams
    ) -> EnergyModel[Batch]:
        """The model itself, from the variables to y."""
        return make_model(
            in_features=len(self.variables),
            out_features=1,
            replicas=replicas,
            generator=streams["init"],
        )

    def batch(self, progress: Progress) -> Batch:
        """All training points."""
        return self._batch

    def validate(self, model: EnergyModel[Batch]) -> Tensor:
        """Mean squared error on the validation points, `(R,)`."""
        return model.energy(_batch(self.validation, next(model.parameters()).dtype)).data

    def describe(self, model: EnergyModel[Batch], replica: int) -> Mapping[str, str]:
        """The equation of one replica as it stands, small weights left out."""
        if not isinstance(model, SymbolicModel):
            return {}
        equation = model.expressions(self.variables, threshold=0.01)[replica][0]
        small = simplify(equation, seconds=1.0) if equation.complexity <= 100 else equation
        return {"y": f"{small:.3g}"}

    @torch.no_grad()
    def conclude(
        self, found: Contender[Batch], reference: Contender[Batch] | None = None
    ) -> Conclusion:
        """Finish the best replicas, choose on the Pareto front, and test beyond the range."""
        model = found.model
        if not isinstance(model, FunctionModel):
            raise TypeError(f"expected what build() made, but got {type(model)}")
        errors = torch.where(found.active, self.validate(model), torch.inf).nan_to_num(
            nan=torch.inf
        )
        if not isinstance(model, SymbolicModel):
            return self._network_conclusion(model.eval(), int(errors.argmin()))
        readings = [row[0] for row in model.expressions(self.variables)]
        floor = rounding_floor(self.training.targets[:, 0])
        order = promising_order(readings, errors, self.samples, floor)
        finished = finish_readings(
            [readings[replica] for replica in order[: self.finalists]],
            self.training,
            self.validation,
            model.functions,
        )
        best, chosen = finished.best, finished.best.expression
        beyond = self._error(chosen, self.test)
        recovered = beyond < LARGEST_ERROR and same_law(chosen, self.truth)
        metrics = {
            "recovered": float(recovered),
            "training_error": best.training_error,
            "validation_error": best.validation_error,
            "extrapolation_error": beyond,
            "complexity": float(chosen.complexity),
            "replicas_right": self._share_right(model),
        }
        summary = [
            ("recovered", "yes" if recovered else "no"),
            ("validation mean squared error", f"{best.validation_error:.2e}"),
            (f"the same on {self.wider:g} times wider ranges", f"{beyond:.2e}"),
            ("replicas right beyond the range", f"{metrics['replicas_right']:.0%}"),
        ]
        figure = draw_function(self.test, finished)
        found_and_truth = {"y": chosen, "truth": self.truth}
        return Conclusion(metrics, found_and_truth, summary, {"fit": figure})

    def _network_conclusion(self, model: FunctionModel, replica: int) -> Conclusion:
        """Errors of a network without equations."""
        problems = {"training": self.training, "validation": self.validation}
        metrics = {"recovered": 0.0, "complexity": 0.0}
        for name, problem in (problems | {"extrapolation": self.test}).items():
            batch = _batch(problem, next(model.parameters()).dtype)
            prediction = model(batch.inputs)[replica]
            metrics[f"{name}_error"] = float((prediction - batch.targets).square().mean())
        rows = [(k.replace("_", " "), f"{v:.2e}") for k, v in metrics.items() if "error" in k]
        return Conclusion(metrics, {"truth": self.truth}, rows)

    def _share_right(self, model: SymbolicModel) -> float:
        """Share of replicas whose network itself is right beyond the training range."""
        batch = _batch(self.test, next(model.parameters()).dtype)
        residuals = model.eval()(batch.inputs) - batch.targets
        spread = batch.targets.var()
        return float((residuals.square().mean((1, 2)) < 1e-3 * spread).double().mean())

    def _error(self, expression: Expression, problem: Problem) -> float:
        residuals = expression.evaluate(_columns(problem)) - problem.targets[:, 0]
        return float(residuals.square().mean().nan_to_num(nan=torch.inf))

    def _problem(
        self, generator: Generator, noise: Generator, size: float, wider: float
    ) -> Problem:
        columns = []
        for low, high in self.ranges:
            unit = torch.rand(
                self.samples, generator=generator, device=generator.device, dtype=torch.float64
            )
            columns.append((low + high) / 2 + (high - low) * wider * (unit - 0.5))
        y = self.truth.evaluate(dict(zip(self.variables, columns, strict=True)))
        if not bool(torch.isfinite(y).all()):
            raise DataError(
                f"'{self.truth}' is not finite everywhere on the ranges "
                f"{dict(zip(self.variables, self.ranges, strict=True))}, widened {wider:g} "
                "times for the test; choose others with task.ranges or lower task.wider"
            )
        draw = torch.randn(len(y), generator=noise, device=y.device, dtype=y.dtype)
        y = y + size * y.std() * draw if size > 0 else y
        return Problem(torch.stack(columns, dim=1), y[:, None], self.variables)


def _ranges(
    variables: Sequence[str], given: Mapping[str, Sequence[float]]
) -> list[tuple[float, float]]:
    unknown = sorted(set(given) - set(variables))
    if unknown:
        raise ConfigurationError(
            f"task.ranges names {unknown}, but the variables are {list(variables)}"
        )
    ranges = []
    for name in variables:
        ends = [float(end) for end in given.get(name, (-1.0, 1.0))]
        if len(ends) != 2 or not ends[0] < ends[1]:
            raise ConfigurationError(
                f"task.ranges.{name} must be [low, high] with low < high, but is {ends}"
            )
        ranges.append((ends[0], ends[1]))
    return ranges


def _columns(problem: Problem) -> dict[str, Tensor]:
    return dict(zip(problem.variables, problem.inputs.unbind(1), strict=True))


def _batch(problem: Problem, dtype: torch.dtype) -> Batch:
    return Batch(problem.inputs.to(dtype), problem.targets.to(dtype))
