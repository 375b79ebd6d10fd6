"""What an equation that was found is worth, on the rows it was fitted to and on others."""

import csv
import io
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from esr.equations import Expression
from esr.finishing import Candidate
from esr.metrics import r_squared
from experiments.discoveries import Discoveries
from experiments.recovery import LARGEST_ERROR, same_law
from experiments.tasks.equation_search import Wanted

__all__ = ["Part", "curves_of", "front_table", "is_recovered", "measure", "parts_of"]

Part = tuple[Mapping[str, Tensor], Tensor]
"""The values `(N,)` of each variable, and those of the target, `(N,)`."""


def parts_of(wanted: Wanted, found: Discoveries) -> dict[str, Part]:
    """The rows that constants were fitted to, those that judged, and those of the test."""
    question = found.front.question
    parts: dict[str, Part] = {
        "training": (question.training.columns, question.training.target),
        "validation": (question.validation.columns, question.validation.target),
    }
    if wanted.test is not None:
        columns = zip(wanted.test.variables, wanted.test.inputs.unbind(1), strict=True)
        parts["test"] = (dict(columns), wanted.test.targets[:, 0])
    return parts


@torch.no_grad()
def measure(wanted: Wanted, found: Discoveries, best: Candidate) -> dict[str, float]:
    """Flat name to number: errors on each part of the rows, and how the search went.

    `r2_*` is the coefficient of determination and `rmse_*` the root mean square error.
    """
    metrics = {}
    for name, (columns, target) in parts_of(wanted, found).items():
        predicted = best.expression.evaluate(columns)
        metrics[f"r2_{name}"] = float(r_squared(predicted, target))
        metrics[f"rmse_{name}"] = float((predicted - target).square().mean().sqrt())
    metrics |= {
        "complexity": float(best.expression.complexity),
        "exact": float(found.front.is_exact(best)),
        "found_after_seconds": found.seconds_of(best),
        "proposals": float(found.front.proposals),
        "front": float(len(found.front.candidates)),
    }
    if wanted.truth is not None:
        metrics["recovered"] = float(is_recovered(best.expression, wanted))
    return metrics


def is_recovered(expression: Expression, wanted: Wanted) -> bool:
    """Whether an equation is the known truth, by its values on the test rows and by its law."""
    if wanted.truth is None or wanted.test is None:
        return False
    columns = dict(zip(wanted.test.variables, wanted.test.inputs.unbind(1), strict=True))
    residuals = expression.evaluate(columns) - wanted.test.targets[:, 0]
    error = float(residuals.square().mean().nan_to_num(nan=math.inf))
    return error < LARGEST_ERROR and same_law(expression, wanted.truth)


def front_table(found: Discoveries) -> str:
    """The front as a table of comma-separated values, simplest first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["complexity", "training_mse", "validation_mse", "seconds", "expression"])
    for candidate in found.front.candidates:
        writer.writerow(
            [
                candidate.expression.complexity,
                candidate.training_error,
                candidate.validation_error,
                f"{found.seconds_of(candidate):.3f}",
                candidate.expression,
            ]
        )
    return text.getvalue()


def curves_of(found: Discoveries) -> dict[str, list[tuple[int, float]]]:
    """The errors and sizes of the candidates that entered the front, at their milliseconds."""
    steps = [max(1, round(1000 * discovery.seconds)) for discovery in found.history]
    candidates = [discovery.candidate for discovery in found.history]
    values = {
        "front/validation_rmse": [c.validation_error**0.5 for c in candidates],
        "front/complexity": [float(c.expression.complexity) for c in candidates],
    }
    return {name: list(zip(steps, numbers, strict=True)) for name, numbers in values.items()}
