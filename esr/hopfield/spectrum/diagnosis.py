"""What can be said of a network before it runs: spectrum, safe steps, and each rule's share."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.hopfield.couplings import Couplings
from esr.hopfield.discrete import as_groups, multilinear
from esr.hopfield.dynamics.activation import Activation, Softmax, usual_activation
from esr.hopfield.dynamics.conditionals import Conditionals
from esr.hopfield.exact.pairwise import forest_of
from esr.hopfield.hard import HardRules
from esr.hopfield.network import HopfieldNetwork
from esr.hopfield.spectrum.coupling_operator import CouplingOperator
from esr.hopfield.spectrum.eigenpairs import extreme_eigenpairs
from esr.hopfield.spectrum.energy_bounds import energy_bounds
from esr.hopfield.spectrum.operators import CentredOperator, SymmetricOperator
from esr.hopfield.spectrum.rule_scales import largest_rule_scales, rule_sensitivity
from esr.hopfield.spectrum.stability import (
    contraction_temperature,
    lowest_for_step,
    safe_step,
    unique_mean_field_temperature,
)
from esr.hopfield.term import CouplingTerm

__all__ = ["Diagnosis", "HardRule", "SoftRule", "Spectrum", "Structure", "diagnose"]

_FULL = 512
"""Up to so many neurons the share of a rule is multiplied as a full matrix."""

_ACCURACY = 1e-3
"""How far below the largest factor, relative to 1 + the factor, the one given may be."""


@dataclass(frozen=True)
class Spectrum:
    """The ends of the spectrum of Q.

    Arguments:
        lowest: Lowest eigenvalue, in units of energy.
        highest: Highest eigenvalue.
        error: How far either may be off, by its residual.
        curvature: How much orders above two may add to either end, at least 0.
        centred: Whether only changes that keep the sum of each slot count (`CentredOperator`).
    """

    lowest: float
    highest: float
    error: float
    curvature: float
    centred: bool

    @property
    def lower(self) -> float:
        """Below all curvature of minus the energy."""
        return self.lowest - self.error - self.curvature

    @property
    def upper(self) -> float:
        """Above all curvature of minus the energy."""
        return self.highest + self.error + self.curvature

    @property
    def unique_temperature(self) -> float:
        """Above it Potts mean field has one fixed point; of a centred spectrum."""
        return unique_mean_field_temperature(self.upper)

    @property
    def contraction_temperature(self) -> float:
        """Above it even undamped mean field contracts; of a centred spectrum."""
        return contraction_temperature(self.lower, self.upper)


@dataclass(frozen=True)
class SoftRule:
    """What a rule contributes to the energy.

    Arguments:
        name: Its name.
        source: The rule as written.
        line: Its line, counted from 1; 0 if it has none.
        orders: How many neurons its instances couple, ascending.
        instances: How many there are.
        weights: The least and the greatest weight.
        spectrum: Of its own share of Q; None for a rule without pairs, as are the following.
        sensitivity: How fast the lowest eigenvalue of Q moves with a factor on the rule, at the
            present weight. Where that eigenvalue is repeated, of one of its vectors.
        largest_factor: The largest factor on the rule's pairs alone at which the step is safe;
            infinite if any is, NaN if none is found between leaving the rule as it is and out.
    """

    name: str
    source: str
    line: int
    orders: tuple[int, ...]
    instances: int
    weights: tuple[float, float]
    spectrum: Spectrum | None
    sensitivity: float | None
    largest_factor: float | None


@dataclass(frozen=True)
class HardRule:
    """What a rule forbids.

    Arguments:
        name: Its name.
        source: The rule as written.
        line: Its line, counted from 1; 0 if it has none.
        orders: How many neurons its instances couple, ascending.
        instances: How many conjunctions are forbidden.
        ruled_out: Symbols of slots that cannot stand by this rule alone.
    """

    name: str
    source: str
    line: int
    orders: tuple[int, ...]
    instances: int
    ruled_out: int


@dataclass(frozen=True)
class Structure:
    """How a network is built.

    Arguments:
        blocks: Number of blocks of each kind that Q, as written, is the sum of.
        discrete_blocks: Those of the terms over zeros and ones, hard rules priced.
        forest: Whether the slots are joined in a forest, so that `forest_of` samples exactly.
        colours: Classes of slots that Gibbs sampling updates at once.
        symbols: Symbols of all slots over zeros and ones.
        ruled_out: Those that cannot stand by all hard rules, and what follows from them.
    """

    blocks: Mapping[str, int]
    discrete_blocks: Mapping[str, int]
    forest: bool
    colours: int
    symbols: int
    ruled_out: int


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` finds.

    Arguments:
        activation: What the step is for.
        spectrum: Of Q as written, centred for a `Softmax`.
        discrete: Of the terms over zeros and ones, hard rules priced; centred.
        energy: Bounds of the energy of the soft rules over all relaxed states.
        computed_step: A step at which the energy of graded dynamics never rises.
        step: The step asked about; the computed one unless given.
        safe: Whether the bound, without a margin, allows `step`.
        soft_rules: In the order of the terms.
        hard_rules: In the order of the terms.
        structure: Blocks, graph and colours.
    """

    activation: Activation
    spectrum: Spectrum
    discrete: Spectrum
    energy: tuple[float, float]
    computed_step: float
    step: float
    safe: bool
    soft_rules: tuple[SoftRule, ...]
    hard_rules: tuple[HardRule, ...]
    structure: Structure


def diagnose(
    network: HopfieldNetwork,
    activation: Activation | None = None,
    step: float | None = None,
    *,
    generator: Generator | None = None,
) -> Diagnosis:
    """Spectra, safe steps and temperatures of a network, and what each rule has to do with them.

    Everything is computed in float64 from products with Q, which is not written out.

    Arguments:
        network: What to look at; it is not changed.
        activation: Of graded dynamics; `usual_activation` unless given.
        step: A step of graded dynamics that is to be judged, positive; the computed one unless
            given.
        generator: Draws the starts of the eigenvalue iterations.
    Raises:
        ConfigurationError: If the step is not positive.
        TrainingError: If an eigenvalue iteration does not settle.
    """
    if activation is None:
        activation = usual_activation(network.grid.grouped)
    one_of_many = isinstance(activation, Softmax)
    couplings = Couplings(network.grid, network.terms, torch.float64)
    ends = _spectrum(couplings, one_of_many, generator)
    plain = _spectrum(couplings, False, generator) if one_of_many else ends
    computed = safe_step(ends.lower, activation.slope)
    judged = computed if step is None else step
    limit = _limit(judged, activation.slope, ends.curvature)
    searched = Conditionals(
        network.discrete_grid, network.discrete_terms, network.allowed, dtype=torch.float64
    )
    return Diagnosis(
        activation=activation,
        spectrum=ends,
        discrete=_spectrum(searched.couplings, True, generator),
        energy=energy_bounds(
            couplings, plain.lowest - plain.error, plain.highest + plain.error, one_of_many
        ),
        computed_step=computed,
        step=judged,
        safe=limit is not None and ends.lower >= limit - ends.curvature,
        soft_rules=_soft_rules(couplings, one_of_many, limit, generator),
        hard_rules=_hard_rules(network),
        structure=_structure(network, couplings, searched),
    )


def _limit(step: float, slope: float, curvature: float) -> float | None:
    """How low the eigenvalues of Q may be at a step; None if none makes it safe."""
    if step > 1:  # the leak alone overshoots
        return None
    return lowest_for_step(step, slope) + curvature


def _operator(couplings: Couplings, centred: bool) -> SymmetricOperator:
    operator = CouplingOperator(couplings)
    if not centred:
        return operator
    grid = couplings.grid
    groups = torch.arange(grid.size, device=couplings.bias.device) // grid.symbols
    return CentredOperator(operator, groups)


def _spectrum(couplings: Couplings, centred: bool, generator: Generator | None) -> Spectrum:
    lowest, highest = extreme_eigenpairs(
        _operator(couplings, centred), couplings.bias, generator=generator
    )
    return Spectrum(
        lowest=float(lowest.values[0]),
        highest=float(highest.values[0]),
        error=max(float(lowest.residuals[0]), float(highest.residuals[0])),
        curvature=couplings.higher_curvature(),
        centred=centred,
    )


def _soft_rules(
    couplings: Couplings, centred: bool, limit: float | None, generator: Generator | None
) -> tuple[SoftRule, ...]:
    soft = _by_rule(term for term in couplings.terms if not term.hard)
    paired = [name for name, terms in soft.items() if any(term.order == 2 for term in terms)]
    grid, full = couplings.grid, couplings.grid.size <= _FULL
    shares = {name: Couplings(grid, soft[name], torch.float64, full) for name in paired}
    operators = [_operator(shares[name], centred) for name in paired]
    sensitivities: dict[str, float] = {}
    factors: dict[str, float] = {}
    if paired:
        like = couplings.bias
        lowest, _ = extreme_eigenpairs(_operator(couplings, centred), like, generator=generator)
        rates = rule_sensitivity(operators, lowest.vectors[:1].to(like))[:, 0]
        sensitivities = dict(zip(paired, rates.tolist(), strict=True))
        scales = (
            largest_rule_scales(operators, limit, like, generator=generator, tolerance=_ACCURACY)
            if limit is not None
            else [float("nan")] * len(paired)
        )
        factors = dict(zip(paired, scales, strict=True))
    return tuple(
        SoftRule(
            name=name,
            source=terms[0].source,
            line=terms[0].line,
            orders=_orders(terms),
            instances=sum(len(term.neurons) for term in terms),
            weights=_range([term.weights for term in terms]),
            spectrum=_spectrum(shares[name], centred, generator) if name in shares else None,
            sensitivity=sensitivities.get(name),
            largest_factor=factors.get(name),
        )
        for name, terms in soft.items()
    )


def _hard_rules(network: HopfieldNetwork) -> tuple[HardRule, ...]:
    grid, terms = network.discrete_grid, _discrete(network)
    return tuple(
        HardRule(
            name=name,
            source=found[0].source,
            line=found[0].line,
            orders=_orders(found),
            instances=sum(len(term.neurons) for term in found),
            ruled_out=_ruled_out(HardRules(grid, multilinear(grid, found)).allowed()),
        )
        for name, found in _by_rule(term for term in terms if term.hard).items()
    )


def _structure(
    network: HopfieldNetwork, couplings: Couplings, searched: Conditionals
) -> Structure:
    return Structure(
        blocks=_kinds(couplings),
        discrete_blocks=_kinds(searched.couplings),
        forest=forest_of(network.discrete_grid, _discrete(network)) is not None,
        colours=len(searched.classes),
        symbols=network.discrete_grid.size,
        ruled_out=_ruled_out(network.allowed),
    )


def _discrete(network: HopfieldNetwork) -> Sequence[CouplingTerm]:
    """The terms as written, on the grid of zeros and ones."""
    return as_groups(network.grid, network.terms)[1]


def _by_rule(terms: Iterable[CouplingTerm]) -> dict[str, list[CouplingTerm]]:
    """Terms that have instances, under the names of their rules."""
    found: dict[str, list[CouplingTerm]] = {}
    for term in terms:
        if len(term.neurons):
            found.setdefault(term.name, []).append(term)
    return found


def _orders(terms: Sequence[CouplingTerm]) -> tuple[int, ...]:
    return tuple(sorted({term.order for term in terms}))


def _range(weights: Sequence[Tensor]) -> tuple[float, float]:
    together = torch.cat([each.detach().double() for each in weights])
    return float(together.min()), float(together.max())


def _kinds(couplings: Couplings) -> dict[str, int]:
    return dict(Counter(type(block).__name__ for block in couplings.structured()))


def _ruled_out(allowed: Tensor) -> int:
    return int((~allowed).sum())
