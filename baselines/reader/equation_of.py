"""From a trained network to its equation: read, write candidates, refine, take the nearest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from baselines.languages import Equations, Language
from baselines.population import Points, gauss_legendre, matching, network_of
from baselines.reader.decoding import Decoded, Decoding, SkeletonBeam
from baselines.reader.reader import Reader
from baselines.refinement.price import prices
from baselines.refinement.refine import refine
from baselines.refinement.settings import Refinement
from esr.equations import Expression
from esr.errors import ConfigurationError, DataError

__all__ = ["Candidate", "NetworkEquation", "equation_of", "equations_of"]

_NODES = 16
"""Nodes of quadrature in each direction, where a network is compared with its equation."""


@dataclass(frozen=True)
class Candidate:
    """An equation that a network may stand for.

    Arguments:
        text: As the language writes it.
        misfit: Relative mean squared error between the network and this equation.
        log_probability: What the reader thinks of the equation that this was refined from, or
            of the one itself: its logarithm under the constrained distribution.
        language: Reads the text.
    """

    text: str
    misfit: float
    log_probability: float
    language: Language

    @property
    def expression(self) -> Expression:
        """The equation as a tree."""
        return self.language.expression(self.text)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class NetworkEquation:
    """What a network was read as.

    Arguments:
        candidates: All different, at least one: by their misfits, longer ones with a handicap
            (`baselines.refinement.prices`).
        tolerance: Misfit up to which an equation counts as the network's own.
    """

    candidates: tuple[Candidate, ...]
    tolerance: float

    @property
    def text(self) -> str:
        """The nearest equation as the language writes it."""
        return self.candidates[0].text

    @property
    def expression(self) -> Expression:
        """The nearest equation as a tree."""
        return self.candidates[0].expression

    @property
    def misfit(self) -> float:
        """Relative mean squared error between the network and the nearest equation."""
        return self.candidates[0].misfit

    @property
    def verified(self) -> bool:
        """Whether the misfit is at most the tolerance."""
        return self.misfit <= self.tolerance

    def __str__(self) -> str:
        return self.text


def equation_of(
    module: nn.Module,
    reader: Reader,
    *,
    decoding: Decoding | None = None,
    refinement: Refinement | None = None,
    points: Points | None = None,
    generator: Generator | None = None,
) -> NetworkEquation:
    """The equation of one network, as `equations_of`."""
    found = equations_of(
        [module],
        reader,
        decoding=decoding,
        refinement=refinement,
        points=points,
        generator=generator,
    )
    return found[0]


def equations_of(
    modules: Sequence[nn.Module],
    reader: Reader,
    *,
    decoding: Decoding | None = None,
    refinement: Refinement | None = None,
    points: Points | None = None,
    generator: Generator | None = None,
) -> list[NetworkEquation]:
    """The equations of networks.

    The reader writes candidates; the numbers of each candidate's skeleton are fitted to what the
    network says and rounded; what was written and what was fitted are ranked by their distance
    from the network, in favour of short ones, never by the reader's opinion alone. Candidates of
    all replicas compete.

    Arguments:
        modules: Networks of the reader's architecture, as `network_of` reads them.
        reader: Trained, in evaluation mode.
        decoding: How candidates are chosen; a beam of 8 skeletons unless given.
        refinement: Settings of the fit; `Refinement()` unless given.
        points: Where networks and equations are compared; unless given, quadrature with 16 nodes
            on [-1, 1] for each input. It should be where the networks were trained.
        generator: Feeds the draws, if the decoding draws.
    Raises:
        ConfigurationError: If the points have another number of inputs than the networks.
        DataError: If a module is no network that can be read or is of another architecture than
            the reader's, or the reader's scores are not numbers.
    """
    if not modules:
        return []
    settings = refinement if refinement is not None else Refinement()
    decoding = decoding if decoding is not None else SkeletonBeam()
    weights = _weights(modules, reader)
    if points is None:
        points = gauss_legendre(_NODES, reader.architecture.inputs)
    if points.points.ndim != 2 or points.points.shape[1] != reader.architecture.inputs:
        raise ConfigurationError(
            f"points must be (N, {reader.architecture.inputs}), one column for each input of the "
            f"reader's networks, but are {tuple(points.points.shape)}"
        )
    points = points.to(weights)
    written = _pool(decoding.decode(reader, reader.language, weights, generator=generator))
    fitted = _refined(written, reader, weights, points, settings)
    candidates = _ranked(_joined(written, fitted), reader, weights, points)
    for index, found in enumerate(candidates):
        if not found:
            raise DataError(
                f"modules[{index}]: the reader wrote no equation: its scores are not numbers, or "
                f"decoding was not constrained; take another replica or decoding"
            )
    return [NetworkEquation(tuple(found), settings.tolerance) for found in candidates]


class _Pool(NamedTuple):
    """Candidates of all networks in one row.

    Arguments:
        network: Which network each is for, int64 `(M,)`.
        equations: `(M,)`; skeleton -1 where there is none.
        log_probabilities: `(M,)`.
    """

    network: Tensor
    equations: Equations
    log_probabilities: Tensor


def _weights(modules: Sequence[nn.Module], reader: Reader) -> Tensor:
    """Weights `(B, P)` in float64 on the reader's device, each checked."""
    rows = []
    device = next(reader.parameters()).device
    for index, module in enumerate(modules):
        try:
            architecture, weights = network_of(module)
            matching(architecture, reader.architecture)
        except DataError as error:
            raise DataError(f"modules[{index}]: {error}") from error
        rows.append(weights.to(device, torch.float64))
    return torch.cat(rows)


def _pool(decoded: Decoded) -> _Pool:
    """All replicas' candidates, the networks' one after the other, the probable first."""
    replicas, networks, count = decoded.log_probabilities.shape
    together = decoded.log_probabilities.transpose(0, 1).flatten(1)  # (B, R * C)
    best, order = together.sort(dim=1, descending=True, stable=True)
    skeletons = decoded.equations.skeletons.transpose(0, 1).flatten(1).gather(1, order)
    steps = decoded.equations.steps.transpose(0, 1).flatten(1, 2)
    steps = steps.gather(1, order[..., None].expand_as(steps))
    network = torch.arange(networks, device=order.device).repeat_interleave(replicas * count)
    return _Pool(network, Equations(skeletons.flatten(), steps.flatten(0, 1)), best.flatten())


def _refined(
    pool: _Pool, reader: Reader, weights: Tensor, points: Points, settings: Refinement
) -> _Pool:
    """One refined equation for each network and each skeleton that was written for it, from the
    most probable candidate with that skeleton."""
    skeletons = pool.equations.skeletons
    pairs = pool.network * (len(reader.language.skeletons) + 1) + skeletons + 1
    _, kind = torch.unique(pairs, return_inverse=True)
    place = torch.arange(len(kind), device=kind.device)
    first = place.new_full((int(kind.max()) + 1,), len(kind)).scatter_reduce(
        0, kind, place, "amin"
    )
    picked = pool.equations[first]
    network = pool.network[first]
    found = refine(
        reader.language,
        reader.architecture,
        weights[network],
        picked.skeletons,
        reader.language.values(picked),
        points,
        settings,
    )
    return _Pool(network, found.equations, pool.log_probabilities[first])


def _joined(first: _Pool, second: _Pool) -> _Pool:
    """Both in one row."""
    skeletons = torch.cat([first.equations.skeletons, second.equations.skeletons])
    steps = torch.cat([first.equations.steps, second.equations.steps])
    return _Pool(
        torch.cat([first.network, second.network]),
        Equations(skeletons, steps),
        torch.cat([first.log_probabilities, second.log_probabilities]),
    )


def _ranked(pool: _Pool, reader: Reader, weights: Tensor, points: Points) -> list[list[Candidate]]:
    """Different candidates of each network, by their misfits and numbers."""
    language, equations = reader.language, pool.equations
    outputs = reader.architecture.outputs(weights, points.points)
    values = language.evaluate(equations.skeletons, language.values(equations), points.points)
    misfits = points.mean((values - outputs[pool.network]).square())
    misfits = misfits / points.mean(values.square())
    misfits = misfits.nan_to_num(nan=torch.inf, posinf=torch.inf)
    order = prices(language, equations.skeletons, misfits).argsort(stable=True)
    found: list[list[Candidate]] = [[] for _ in range(len(weights))]
    seen: set[tuple[int, str]] = set()
    rows = zip(
        pool.network[order].tolist(),
        language.texts(equations[order]),
        misfits[order].tolist(),
        pool.log_probabilities[order].tolist(),
        strict=True,
    )
    for network, text, misfit, log_probability in rows:
        if text and (network, text) not in seen:
            seen.add((network, text))
            found[network].append(Candidate(text, misfit, log_probability, language))
    return found
