"""Rules: find states that obey a rule program; the base of all tasks made of rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from matplotlib.figure import Figure
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.hopfield import HopfieldNetwork, NetworkState
from esr.loss_bias import StateLoss
from esr.models import EnergyModel
from esr.random import RandomStreams
from esr.rules import RuleProgram, standard
from esr.rules.includes import standard_names
from esr.training import Callback, Phase, Progress
from experiments.couplings_figure import draw_couplings
from experiments.hopfield_figures import animate_record, draw_record, still_frames
from experiments.state_record import StateRecord
from experiments.tasks.task import Conclusion, Contender

__all__ = ["NetworkFactory", "RuleInputs", "Rules"]

RuleInputs = Mapping[str, Tensor | Sequence[Sequence[str | int]]]

FEW = 1024
"""With at most so many neurons Q is one full matrix, which is quicker than many small blocks."""


class NetworkFactory(Protocol):
    """Makes the model a configuration names, for the network of a rule program."""

    def __call__(
        self,
        *,
        network: HopfieldNetwork,
        replicas: int,
        loss: StateLoss | None,
        generator: Generator,
    ) -> NetworkState:
        """R states of the network."""
        ...


@dataclass(frozen=True)
class Found:
    """The states a search has ended with.

    Arguments:
        symbols: `(R, G)`.
        energy: Of the soft rules, and the loss of what is spelled, `(R,)`.
        violations: Broken instances of hard rules, `(R,)`.
        best: The replica with the fewest violations and then the lowest energy.
    """

    symbols: Tensor
    energy: Tensor
    violations: Tensor
    best: int


class Rules:
    """States of least energy of any rule program.

    Arguments:
        rules: Name of a standard program, such as `queens`, or path of a file of rules.
        phases: The schedule of graded dynamics, for trainers that take steps.
        parameters: Values in place of the program's defaults.
        inputs: Rows of each input that the program names.
        goal: Energy of the soft rules at which a state counts as solved; any unless given.
    Raises:
        ConfigurationError: If there is no such program, or a name or value does not fit.
        RuleError: If the program has faults; all are shown.
    """

    def __init__(
        self,
        rules: str,
        phases: Mapping[str, Phase],
        parameters: Mapping[str, float] | None = None,
        inputs: RuleInputs | None = None,
        goal: float | None = None,
    ) -> None:
        self.phases, self.goal = dict(phases), goal
        self.program = _program(rules)
        self.parameters, self.inputs = dict(parameters or {}), dict(inputs or {})
        self.axes: Mapping[str, Sequence[str | int]] = {}
        self.record = StateRecord()
        self.callbacks: Sequence[Callback[object]] = [self.record]

    def prepare(self, streams: RandomStreams, device: torch.device) -> None:
        """Compile the rules."""
        compiled = self.program.compile(self.inputs, self.parameters, axes=self.axes)
        terms = [term.to(device) for term in compiled.terms]
        few = compiled.grid.size <= FEW
        self.network = HopfieldNetwork(compiled.grid, terms, full=few)
        self.empty_rules = compiled.empty_rules

    def build(
        self, make_model: NetworkFactory, replicas: int, streams: RandomStreams
    ) -> NetworkState:
        """R states of the network."""
        return make_model(
            network=self.network, replicas=replicas, loss=self.loss(), generator=streams["init"]
        )

    def loss(self) -> StateLoss | None:
        """The loss of what a state spells; none unless a task has one."""
        return None

    def batch(self, progress: Progress) -> None:
        """Nothing: a state needs no data."""
        return None

    @torch.no_grad()
    def validate(self, model: EnergyModel[object]) -> Tensor:
        """Energy of what each replica stands for, with a price on broken rules, `(R,)`."""
        found = self.found(model)
        return found.energy + self.network.price * found.violations

    def describe(self, model: EnergyModel[object], replica: int) -> Mapping[str, str]:
        """What one replica stands for, as it is."""
        return {"state": self.read(self.found(model).symbols[replica])}

    def read(self, symbols: Tensor) -> str:
        """What the symbols of one state, `(G,)`, stand for, on one line."""
        grid = self.network.grid
        states = self.network.states(symbols[None])
        on = states.flatten().nonzero()[:, 0].tolist()
        return " ".join(grid.label(neuron) for neuron in on)

    @torch.no_grad()
    def found(self, model: EnergyModel[object]) -> Found:
        """The states of a model, read as symbols and judged."""
        if not isinstance(model, NetworkState):
            raise ConfigurationError(
                f"tasks made of rules train the state of a network (model=network), not a "
                f"{type(model).__name__}"
            )
        symbols = model.symbols()
        states = self.network.states(symbols)
        energy, violations = self.network.energy(states), self.network.violations(states)
        outside = model.loss_field()
        if outside is not None:
            energy = energy + outside.energy(symbols).to(energy)
        fewest = violations == violations.min()
        best = int(torch.where(fewest, energy, torch.inf).argmin())
        return Found(symbols, energy, violations, best)

    def solved(self, found: Found) -> Tensor:
        """Which replicas keep every hard rule and reach the goal, bool `(R,)`."""
        reached = found.violations == 0
        return reached if self.goal is None else reached & (found.energy <= self.goal + 1e-5)

    def judge_model(self, model: EnergyModel[object]) -> dict[str, float]:
        """The metrics of the states that a model holds."""
        states = self.found(model)
        solved = self.solved(states)
        return {
            "solved": float(solved.any()),
            "solved_share": float(solved.double().mean()),
            "best_energy": float(states.energy[states.best]),
            "best_violations": float(states.violations[states.best]),
            **self.measures(states),
        }

    def conclude(
        self, found: Contender[object], reference: Contender[object] | None = None
    ) -> Conclusion:
        """How many replicas solve the problem, and what the best one stands for."""
        states = self.found(found.model)
        solved = self.solved(states)
        best = states.best
        metrics = self.judge_model(found.model)
        distinct = len(torch.unique(states.symbols[solved], dim=0))
        summary = [
            ("solved", f"{int(solved.sum())} of {len(solved)} replicas, {distinct} distinct"),
            ("energy of the best", f"{metrics['best_energy']:.6g}"),
            ("hard rules it breaks", f"{states.violations[best]}"),
            *[("note", f"rule {name} has no instances") for name in self.empty_rules],
            ("the best", self.read(states.symbols[best])),
        ]
        return Conclusion(
            metrics,
            summary=summary,
            figures={
                "states": draw_record(self.record, self.read),
                "couplings": draw_couplings(self.network),
                **self.figures(states),
            },
            animations={"states": animate_record(self.record, self.read)},
            frames={"states": still_frames(self.record, self.read)},
        )

    def measures(self, found: Found) -> Mapping[str, float]:
        """Further metrics of a task; none unless it has some."""
        return {}

    def figures(self, found: Found) -> Mapping[str, Figure]:
        """Further figures of a task; none unless it has some."""
        return {}


def _program(rules: str) -> RuleProgram:
    if rules in standard_names():
        return standard(rules)
    if not Path(rules).is_file():
        known = ", ".join(sorted(standard_names()))
        raise ConfigurationError(
            f"task.rules={rules} is neither a file nor one of the standard rules: {known}"
        )
    return RuleProgram.read(rules)
