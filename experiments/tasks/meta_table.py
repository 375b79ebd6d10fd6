"""What is told of meta-learning: the closing table, flat metrics, and curves for TensorBoard."""

from collections.abc import Mapping

from torch import Tensor

from esr.meta import ErrorSummary
from experiments.tasks.meta_figure import DOMAINS
from experiments.tasks.meta_measures import Evaluation, Findings

__all__ = ["adaptation_curves", "summary_rows", "tally_rows", "yardstick_metrics"]

YARDSTICKS = {
    "zero": "zero predictor",
    "least_squares": "least squares on a fixed basis",
    "scratch": "trained from scratch",
}
TALLIES = {"inner_clip": "inner steps clipped", "query_limit": "query errors over the limit"}
TALLY_SHOWN = 0.01
"""Share above which the closing table mentions a tally."""
WIDTH = 20

Errors = Mapping[str, Mapping[str, Tensor]]
"""Of each yardstick and domain, `(K,)`."""


def yardstick_metrics(yardsticks: Errors) -> dict[str, float]:
    """Means, medians and quartiles."""
    metrics: dict[str, float] = {}
    for name, domains in yardsticks.items():
        for domain, errors in domains.items():
            metrics |= ErrorSummary.of(errors).metrics(f"{domain}_{name}")
    return metrics


def tally_rows(tallies: Mapping[str, float]) -> list[tuple[str, str]]:
    """Rows of the shares above 1% of what was clipped and limited while meta-training.

    Arguments:
        tallies: Of the chosen replica, as `Learner.tallies` names them.
    """
    return [
        (TALLIES[name], f"{share:.0%}") for name, share in tallies.items() if share > TALLY_SHOWN
    ]


def summary_rows(
    findings: Findings,
    evaluation: Evaluation,
    yardsticks: Errors,
    reference: Findings | None = None,
) -> list[tuple[str, str]]:
    """Mean and median errors in domain and out of it; the reference's below, if any."""
    header = "".join(f"{DOMAINS[domain]:<{WIDTH}}" for domain in findings.few)
    rows = [("query error: mean (median)", header.rstrip())]
    rows += _rows_of(findings, evaluation, "")
    if reference is not None:
        rows += _rows_of(reference, evaluation, "reference ")
    rows += [(YARDSTICKS[name], _cells(domains)) for name, domains in yardsticks.items()]
    chosen = f"step size {findings.rate:g}, replica {findings.replica}"
    return [*rows, ("chosen on validation functions", chosen)]


def adaptation_curves(findings: Findings) -> dict[str, list[tuple[int, float]]]:
    """Mean and median errors of the chosen replica against the number of steps of adaptation."""
    curves = {}
    for kind, domains in (("adaptation", findings.few), ("adaptation_adam", findings.many)):
        for domain, curve in domains.items():
            found = curve.summaries(findings.replica)
            for name in ("mean", "median"):
                values = [float(getattr(summary, name)) for summary in found]
                points = list(zip(curve.steps, values, strict=True))
                curves[f"{kind}/{domain}_{name}"] = points
    return curves


def _rows_of(findings: Findings, evaluation: Evaluation, whose: str) -> list[tuple[str, str]]:
    rows = []
    for name, domains in findings.table(evaluation).items():
        steps, _, kind = name.partition("_")
        plural = "step" if steps == "1" else "steps"
        labels = {
            "": f"after {steps} {plural}" if steps != "0" else "before",
            "adam": f"after {steps} {plural} of Adam",
            "own_rates": f"after {steps}, learnt sizes",
        }
        label = labels[kind]
        chosen = {domain: errors[findings.replica] for domain, errors in domains.items()}
        rows.append((whose + label, _cells(chosen)))
    return rows


def _cells(domains: Mapping[str, Tensor]) -> str:
    found = [ErrorSummary.of(errors) for errors in domains.values()]
    cells = [f"{summary.mean:.3g} ({summary.median:.3g})" for summary in found]
    return "".join(f"{cell:<{WIDTH}}" for cell in cells).rstrip()
