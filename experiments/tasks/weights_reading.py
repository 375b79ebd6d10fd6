"""What a trained reader writes for held-out networks, and what refinement makes of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from baselines.corpus import Recipe
from baselines.languages import Equations
from baselines.population import Points, gauss_legendre
from baselines.reader import Greedy, Reader, SkeletonBeam
from baselines.refinement import prices, read_as_polynomials, refine, search_skeletons
from esr.errors import ConfigurationError
from experiments.tasks.weights_data import Networks
from experiments.tasks.weights_measures import Judgement, judge

__all__ = ["Evaluation", "Findings", "read_networks"]


@dataclass(frozen=True)
class Evaluation:
    """How the reader is judged.

    Arguments:
        beam: Skeletons for each network that are refined, at least 1.
        nodes: Quadrature nodes in each direction where numbers are fitted.
        degree: Highest total degree of the monomials of the least-squares baseline.
        permuted: Networks whose hidden neurons are put into another order to see whether the
            equation stays.
        exhaustive: Networks for which every skeleton of the language is tried, for comparison.
        examples: Networks that are drawn.
    Raises:
        ConfigurationError: If a number is below 1.
    """

    beam: int = 8
    nodes: int = 16
    degree: int = 4
    permuted: int = 500
    exhaustive: int = 100
    examples: int = 8

    def __post_init__(self) -> None:
        if min(vars(self).values()) < 1:
            raise ConfigurationError(
                f"task.evaluation needs numbers of at least 1, but got {self}"
            )


@dataclass(frozen=True)
class Findings:
    """What was written for N networks.

    Arguments:
        raw: By the reader alone, the most probable token at each place.
        refined: The raw skeleton with numbers fitted to the network.
        searched: The refined candidate of a beam that is nearest to the network.
        judgements: Name of a way to what is right of it.
        same_when_permuted: Share of networks whose equation does not change with the order of
            their neurons.
        seconds: Processor time for each network, by stage.
    """

    raw: Equations
    refined: Equations
    searched: Equations
    judgements: Mapping[str, Judgement]
    same_when_permuted: float
    seconds: Mapping[str, float]


def read_networks(
    reader: Reader,
    replica: int,
    recipe: Recipe,
    networks: Networks,
    settings: Evaluation,
    *,
    generator: Generator,
) -> Findings:
    """Write, refine and judge.

    Arguments:
        reader: Trained.
        replica: Which of its replicas is asked.
        recipe: How the networks came about.
        networks: N of them.
        settings: How it is judged.
        generator: Feeds the orders of neurons.
    """
    language, architecture, weights = recipe.language, recipe.architecture, networks.weights
    points = gauss_legendre(settings.nodes, architecture.inputs)
    seconds: dict[str, float] = {}
    clock = _Clock(seconds, len(networks))
    raw = Greedy().decode(reader, language, weights).best(replica)
    clock.lap("reading")
    free = Greedy(constrained=False).decode(reader, language, weights).best(replica)
    clock.lap("")
    numbers = language.values(raw)
    refined = refine(language, architecture, weights, raw.skeletons, numbers, points).equations
    clock.lap("refining")
    searched = _searched(reader, replica, recipe, weights, points, settings.beam)
    clock.lap("beam and refining")
    monomials = read_as_polynomials(language, architecture, weights, points, settings.degree)
    clock.lap("least squares")
    few = networks[: settings.exhaustive]
    clock.networks = len(few)
    every = search_skeletons(language, architecture, few.weights, points).equations
    clock.lap("every skeleton")
    ways = {
        "raw": raw,
        "unconstrained": free,
        "refined": refined,
        "beam_refined": searched,
        "least_squares": monomials.equations,
    }
    check = gauss_legendre(recipe.training.check_nodes, architecture.inputs)
    judgements = {
        name: judge(language, networks.equations, written, check) for name, written in ways.items()
    }
    judgements["every_skeleton"] = judge(language, few.equations, every, check)
    some = weights[: settings.permuted]
    orders = architecture.random_orders(len(some), generator=generator)
    shuffled = architecture.permuted(some, orders)
    again = Greedy().decode(reader, language, shuffled).best(replica)
    same = again.equal(raw[: len(some)])
    return Findings(raw, refined, searched, judgements, float(same.double().mean()), seconds)


def _searched(
    reader: Reader, replica: int, recipe: Recipe, weights: Tensor, points: Points, width: int
) -> Equations:
    """Of the refined candidates of a beam, that with the least price for each network."""
    language, count = recipe.language, len(weights)
    decoded = SkeletonBeam(width).decode(reader, language, weights)
    skeletons = decoded.equations.skeletons[replica]  # (N, C)
    steps = decoded.equations.steps[replica]
    candidates = skeletons.shape[1]
    equations = Equations(skeletons.flatten(), steps.flatten(0, 1))
    repeated = weights.repeat_interleave(candidates, 0)
    found = refine(
        language,
        recipe.architecture,
        repeated,
        equations.skeletons,
        language.values(equations),
        points,
    )
    price = prices(language, equations.skeletons, found.misfit).view(count, candidates)
    best = price.argmin(1) + torch.arange(count, device=price.device) * candidates
    return found.equations[best]


class _Clock:
    """Processor seconds for each network between laps."""

    def __init__(self, seconds: dict[str, float], networks: int) -> None:
        self._seconds, self.networks, self._last = seconds, networks, time.process_time()

    def lap(self, name: str) -> None:
        now = time.process_time()
        if name:
            self._seconds[name] = (now - self._last) / self.networks
        self._last = now
