"""The figure of a function run: prediction against truth, and the Pareto front."""

from matplotlib.figure import Figure

from esr.finishing import FinishedFront
from esr.problem import Problem

__all__ = ["draw_function"]


def draw_function(test: Problem, finished: FinishedFront) -> Figure:
    """Fit on the wider test points, and complexity against validation error.

    Arguments:
        test: Test points.
        finished: The Pareto front and the choice on it.
    """
    chosen, best = finished.best.expression, finished.best
    figure = Figure(figsize=(10, 4), layout="constrained")
    fit, pareto = figure.subplots(1, 2)
    columns = dict(zip(test.variables, test.inputs.unbind(1), strict=True))
    predicted, truth = chosen.evaluate(columns).cpu(), test.targets[:, 0].cpu()
    if len(test.variables) == 1:
        x = test.inputs[:, 0].cpu()
        order = x.argsort()
        fit.plot(x[order], truth[order], "k-", lw=3, alpha=0.3, label="truth")
        fit.plot(x[order], predicted[order], "--", label="found")
        fit.set(xlabel=test.variables[0], ylabel="y", title="beyond the training range")
    else:
        fit.plot(truth, predicted, ".", label="test points")
        ends = [float(truth.min()), float(truth.max())]
        fit.plot(ends, ends, "k-", lw=1, label="truth")
        fit.set(xlabel="true y", ylabel="found y", title="beyond the training range")
    fit.legend()
    sizes = [candidate.expression.complexity for candidate in finished.front]
    errors = [max(candidate.validation_error, 1e-18) for candidate in finished.front]
    pareto.semilogy(sizes, errors, "o-", label="Pareto front")
    pareto.semilogy(
        [best.expression.complexity], [max(best.validation_error, 1e-18)], "r*", ms=14,
        label="chosen",
    )  # fmt: skip
    pareto.set(xlabel="complexity (nodes)", ylabel="validation error", title="candidates")
    pareto.legend()
    return figure
