"""Each replica's own way through the schedule."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from esr.training.phases import Phase, locate
from esr.training.portfolio import Portfolio, turns
from esr.training.restarts import Restarts, Rungs

__all__ = ["Course", "at_pace"]


def at_pace(phases: Mapping[str, Phase], pace: float) -> dict[str, Phase]:
    """The schedule as a replica of this pace goes through it."""
    return {
        name: replace(phase, steps=max(1, round(phase.steps / pace)))
        for name, phase in phases.items()
    }


class Course:
    """Where each replica is in its own schedule, and the settings that hold for it there.

    All its tensors are on the CPU, so that looking at them never waits for another device.

    Arguments:
        phases: The schedule.
        portfolio: Factors on its settings, and the replicas' paces.
        replicas: Number of replicas R.
        restarts: When a replica starts afresh; never unless given.
    """

    def __init__(
        self,
        phases: Mapping[str, Phase],
        portfolio: Portfolio,
        replicas: int,
        restarts: Restarts | None = None,
    ) -> None:
        paces = sorted(set(portfolio.pace))
        schedules = [at_pace(phases, pace) for pace in paces]
        lengths = [sum(phase.steps for phase in schedule.values()) for schedule in schedules]
        places = [  # one schedule after the other, each followed by where it ends
            locate(schedule, min(step, length - 1))
            for schedule, length in zip(schedules, lengths, strict=True)
            for step in range(length + 1)
        ]
        ends = torch.tensor(lengths).add(1).cumsum(0) - 1  # the place where each schedule ends
        self._rates = _table([p.phase.learning_rate_at(p.fraction) for p in places])
        self._rates[ends] = 0
        self._structures = _table([p.phase.structure_at(p.fraction) for p in places])
        self._phases = _table([p.index for p in places]).long()
        self._prunes = [phase.prune for phase in phases.values()]
        own = turns(portfolio.pace, replicas).tolist()
        rows = torch.tensor([paces.index(pace) for pace in own])
        self._rate_factors = turns(portfolio.learning_rate, replicas)
        self._structure_factors = turns(portfolio.structure, replicas)
        self.lengths = torch.tensor(lengths)[rows]  # (R,), steps of each one's schedule
        self._starts = ends[rows] - self.lengths
        self.clock = torch.zeros(replicas, dtype=torch.long)  # (R,), own steps done
        self.entered = torch.full_like(self.clock, -1)  # (R,), the newest phase entered
        self.restarted = torch.zeros_like(self.clock)  # (R,), how often each one started afresh
        self.rungs = Rungs(restarts, self.lengths) if restarts is not None else None
        self._look()

    def _look(self) -> None:
        """See where the replicas are once their clocks have changed."""
        self._place = self._starts + self.clock
        self.completed = self.clock >= self.lengths  # (R,), who is through the whole schedule
        self.any_completed = bool(self.completed.any())
        self.all_completed = self.any_completed and bool(self.completed.all())

    def learning_rates(self) -> Tensor:
        """The learning rate of each replica's next step, `(R,)`; zero where it is completed."""
        return self._rates[self._place] * self._rate_factors

    def structures(self) -> Tensor:
        """The factor on each replica's structure term in its next step, `(R,)`."""
        return self._structures[self._place] * self._structure_factors

    def enter(self) -> Iterator[tuple[float, Tensor]]:
        """Enter the phases of the next step: what to prune, and of which replicas, `(R,)`."""
        now = self._phases[self._place]
        if torch.equal(now, self.entered):
            return
        for index, threshold in enumerate(self._prunes):
            which = (self.entered < index) & (now >= index)
            if threshold is not None and bool(which.any()):
                yield threshold, which
        self.entered.copy_(now)

    def advance(self) -> None:
        """A step was done by every replica whose schedule is not completed."""
        self.clock += ~self.completed
        self._look()

    def state(self) -> dict[str, Tensor]:
        """Where the replicas are and what is known of others, for a checkpoint."""
        records = self.rungs.records if self.rungs is not None else []
        return {
            "clock": self.clock,
            "entered": self.entered,
            "restarted": self.restarted,
            **{f"record {index}": record for index, record in enumerate(records)},
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state that `state()` returned.

        Raises:
            ValueError: If it has other records.
        """
        if state.keys() != self.state().keys():
            raise ValueError("it has another number of shares at which replicas are judged")
        self.clock.copy_(state["clock"])
        self.entered.copy_(state["entered"])
        self.restarted.copy_(state["restarted"])
        self._look()
        if self.rungs is not None:
            count = len(self.rungs.records)
            self.rungs.records = [state[f"record {index}"].cpu() for index in range(count)]

    def restart(self, which: Tensor) -> None:
        """Put the replicas where `which`, bool `(R,)`, is true at the start of the schedule."""
        self.clock[which] = 0
        self.entered[which] = -1
        self._look()
        self.restarted += which


def _table(numbers: Sequence[float]) -> Tensor:
    """A number for each place of all schedules."""
    return torch.tensor(numbers, dtype=torch.float64)
