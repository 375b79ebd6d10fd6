"""Phases of training: what the learning rate and the structure's weight are at each step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from esr.errors import ConfigurationError

__all__ = ["Phase", "Position", "locate"]

Ramp = float | Sequence[float]


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one schedule.

    Arguments:
        steps: Number of optimizer steps, at least 1.
        learning_rate: A positive number, or (start, end) of a geometric ramp.
        structure: Factor on the structure term, at least 0, or (start, end) of a linear ramp.
        prune: If given, what contributes at most this much is dropped as the phase begins.
    Raises:
        ConfigurationError: If a value is out of range.
    """

    steps: int
    learning_rate: Ramp
    structure: Ramp = 1.0
    prune: float | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigurationError(f"a phase's steps must be at least 1, but is {self.steps}")
        if min(_ends(self.learning_rate, "learning_rate")) <= 0:
            raise ConfigurationError(
                f"a phase's learning_rate must be positive, but is {self.learning_rate}"
            )
        if min(_ends(self.structure, "structure")) < 0:
            raise ConfigurationError(
                f"a phase's structure must be at least 0, but is {self.structure}"
            )
        if self.prune is not None and self.prune < 0:
            raise ConfigurationError(f"a phase's prune must be at least 0, but is {self.prune}")

    def learning_rate_at(self, fraction: float) -> float:
        """The learning rate after `fraction` in [0, 1] of the phase."""
        start, end = _ends(self.learning_rate, "learning_rate")
        return float(start * (end / start) ** fraction)

    def structure_at(self, fraction: float) -> float:
        """The structure factor after `fraction` in [0, 1] of the phase."""
        start, end = _ends(self.structure, "structure")
        return start + (end - start) * fraction


@dataclass(frozen=True)
class Position:
    """A place in a schedule.

    Arguments:
        index: Which phase, from 0.
        name: The phase's name.
        phase: The phase.
        fraction: How much of the phase is done, in [0, 1].
    """

    index: int
    name: str
    phase: Phase
    fraction: float


def locate(phases: Mapping[str, Phase], step: int) -> Position:
    """Where step number `step`, from 0 to the total minus 1, lies in a schedule."""
    first = 0
    for index, (name, phase) in enumerate(phases.items()):
        if step < first + phase.steps:
            return Position(index, name, phase, (step - first) / max(1, phase.steps - 1))
        first += phase.steps
    raise ValueError(f"step {step} lies beyond the {first} steps of the schedule")


def _ends(ramp: Ramp, name: str) -> tuple[float, float]:
    if isinstance(ramp, (int, float)):
        return float(ramp), float(ramp)
    ends = tuple(ramp)
    if len(ends) != 2:
        raise ConfigurationError(
            f"a phase's {name} must be a number or a pair (start, end), but is {ramp!r}"
        )
    return float(ends[0]), float(ends[1])
