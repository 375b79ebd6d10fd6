"""The closing table of a weights run."""

from baselines.corpus import Recipe
from experiments.tasks.weights_data import Population
from experiments.tasks.weights_measures import Judgement
from experiments.tasks.weights_reading import Findings

__all__ = ["summary_rows"]

WAYS = {
    "raw": "reader alone",
    "unconstrained": "reader without grammar",
    "refined": "numbers fitted to the network",
    "beam_refined": "beam, numbers fitted",
    "least_squares": "least squares on monomials",
    "every_skeleton": "every skeleton tried",
}
WIDTH = 10


def summary_rows(
    recipe: Recipe, population: Population, findings: Findings, reference: Findings | None
) -> list[tuple[str, str]]:
    """What was right of each way of writing; the reference's below, if any."""
    rows = [("held-out equations", _cells("valid", "skeleton", "exact", "numbers off by"))]
    rows += [(label, _shares(findings.judgements[name])) for name, label in WAYS.items()]
    if reference is not None:
        rows += [
            (f"reference: {WAYS[name]}", _shares(reference.judgements[name]))
            for name in ("raw", "refined", "beam_refined")
        ]
    rows.append(("by length", _cells("skeleton", "exact", "refined")))
    raw, refined = (findings.judgements[name].by_length() for name in ("raw", "refined"))
    for length, shares in raw.items():
        cells = (shares["skeleton"], shares["exact"], refined[length]["exact"])
        rows.append((f"{length} characters", _cells(*(f"{share:.3f}" for share in cells))))
    times = ", ".join(f"{name} {1e3 * each:.2g} ms" for name, each in findings.seconds.items())
    return [
        *rows,
        ("same with neurons permuted", f"{findings.same_when_permuted:.1%}"),
        ("processor time a network", times),
        ("networks", f"{recipe.architecture}; {_population(recipe, population)}"),
    ]


def _population(recipe: Recipe, population: Population) -> str:
    """How the networks came about."""
    converged = f"{population.converged:.2%} within {recipe.training.tolerance:g}"
    text = f"{population.made} made, {converged}, {len(population.training)} learnt from"
    if population.seconds > 0:
        text += f", {population.made / population.seconds:.0f} a second"
    return text


def _shares(judgement: Judgement) -> str:
    metrics = judgement.metrics()
    shares = [f"{metrics[name]:.3f}" for name in ("valid", "skeleton", "exact")]
    return _cells(*shares, f"{metrics.get('number_error', float('nan')):.3f}")


def _cells(*texts: str) -> str:
    return "".join(f"{text:<{WIDTH}}" for text in texts).rstrip()
