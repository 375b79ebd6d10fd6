"""A search behind the trainer's interface: it reports, ends early, and keeps what it found."""

import os
import signal
from dataclasses import dataclass, field

import pytest
import torch
from random_rules import random_grid, random_terms
from torch import Tensor, nn

from esr.errors import ConfigurationError
from esr.hopfield import (
    Annealing,
    Axis,
    CouplingTerm,
    ExactSampling,
    Goal,
    Grid,
    HopfieldNetwork,
    MeanField,
    NetworkState,
    Searcher,
)
from esr.models import Energy, EnergyModel
from esr.random import RandomStreams
from esr.training import Report


def network(seed: int = 2) -> HopfieldNetwork:
    grid = random_grid(seed, grouped=True)
    return HopfieldNetwork(grid, random_terms(grid, seed, hard=True))


@dataclass
class Listener:
    """Hears of progress; sends Ctrl-C at a report if asked to."""

    interrupt_at: int = -1
    reports: list[Report] = field(default_factory=list)
    ended: list[bool] = field(default_factory=list)

    def started(self, total_steps: int, step: int) -> None:
        assert step == 0

    def reported(self, report: Report, model: EnergyModel[object]) -> None:
        self.reports.append(report)
        if len(self.reports) == self.interrupt_at:
            os.kill(os.getpid(), signal.SIGINT)

    def finished(self, interrupted: bool) -> None:
        self.ended.append(interrupted)


def test_the_model_holds_the_best_states_that_were_met() -> None:
    model, listener = NetworkState(network(), 8), Listener()
    searcher = Searcher(None, Annealing(sweeps=30, watch_every=5))
    result = searcher.fit(model, None, RandomStreams(0), callbacks=[listener])
    assert (result.steps, result.interrupted) == (30, False)
    assert [report.step for report in listener.reports] == [5, 10, 15, 20, 25, 30]
    assert result.clipped.tolist() == listener.reports[-1].clipped.tolist() == [0] * 8
    best = listener.reports[-1].validation
    states = model.network.states(model.symbols())
    price = model.network.price * model.network.violations(states)
    torch.testing.assert_close(model.network.energy(states) + price, best, rtol=0, atol=1e-4)
    assert bool((best <= listener.reports[0].validation + 1e-6).all())
    again = NetworkState(network(), 8)
    searcher.fit(again, None, RandomStreams(0))
    assert torch.equal(again.internal, model.internal)


def test_ctrl_c_keeps_the_work() -> None:
    model, listener = NetworkState(network(), 4), Listener(interrupt_at=2)
    searcher = Searcher(None, Annealing(sweeps=1000, watch_every=5))
    result = searcher.fit(model, None, RandomStreams(0), callbacks=[listener])
    assert (result.steps, result.interrupted) == (10, True)
    assert listener.ended == [True]
    assert bool(model.held().all())


@pytest.mark.parametrize(("share", "needed"), [(0.0, 1), (0.5, 2), (1.0, 4)])
def test_a_goal_counts_replicas(share: float, needed: int) -> None:
    goal = Goal(1.0, share)
    energies = torch.full((4,), 2.0)
    for reached in range(5):
        assert goal.reached(energies) == (reached >= needed)
        energies[min(reached, 3)] = 1.0


def test_goals_and_times_end_a_search() -> None:
    model = NetworkState(network(), 4)
    early = Searcher(None, Annealing(sweeps=500), goal=Goal(float("inf")))
    assert early.fit(model, None, RandomStreams(0)).steps == 10
    late = Searcher(None, Annealing(sweeps=10**6), seconds=1e-6)
    assert late.fit(model, None, RandomStreams(0)).steps == 10


def test_mean_field_keeps_masks_and_stops_when_told() -> None:
    grid = Grid([Axis("v", (0, 1, 2)), Axis("k", (0, 1, 2))], ["k"])
    pairs = torch.tensor([[3 * g + k, 3 * h + k] for g, h in ((0, 1), (1, 2)) for k in range(3)])
    differ = CouplingTerm("differ", pairs, torch.ones(6), hard=True)
    closed = CouplingTerm("closed", torch.tensor([[0], [4]]), torch.ones(2), hard=True)
    problem = HopfieldNetwork(grid, [differ, closed])
    found = MeanField(sweeps=200, levels=20).solve(
        problem, 16, generator=torch.Generator().manual_seed(0)
    )
    assert bool(found.satisfied.all())
    assert bool((found.symbols[:, 0] != 0).all())
    assert bool((found.symbols[:, 1] != 1).all())
    stopped = MeanField(sweeps=200, levels=20).solve(problem, 2, watcher=lambda seen: True)
    assert stopped.sweeps == 10


class Other(EnergyModel[object]):
    """A model that is no network's state."""

    def __init__(self) -> None:
        super().__init__(1)
        self.weight = nn.Parameter(torch.zeros(1))

    def energy(self, batch: object, *, generator: torch.Generator | None = None) -> Energy:
        return Energy(self.weight**2, self.weight**2)


class Outside:
    """Something outside the network."""

    def field(self, symbols: Tensor, slots: Tensor) -> Tensor:
        raise NotImplementedError

    def energy(self, symbols: Tensor) -> Tensor:
        raise NotImplementedError


def test_misuse_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="state of a network, but the model is Other"):
        Searcher(None, Annealing()).fit(Other(), None, RandomStreams(0))
    with pytest.raises(ConfigurationError, match="seconds must be positive"):
        Searcher(None, Annealing(), seconds=0.0)
    with pytest.raises(ConfigurationError, match="share must be in"):
        Goal(share=2.0)
    with pytest.raises(ConfigurationError, match="levels must be from 1"):
        MeanField(sweeps=2, levels=3)
    with pytest.raises(ConfigurationError, match="takes no loss by exact fields"):
        MeanField().solve(network(), 2, external=Outside())


def test_exact_draws_keep_hard_rules_and_have_the_right_frequencies() -> None:
    grid = Grid([Axis("v", (0, 1)), Axis("k", (0, 1))], ["k"])
    differ = CouplingTerm("differ", torch.tensor([[0, 2]]), torch.ones(1), hard=True)
    liking = CouplingTerm("liking", torch.tensor([[1, 3]]), torch.tensor([2.0]))
    problem = HopfieldNetwork(grid, [differ, liking])
    count = 20_000
    found = ExactSampling(temperature=2.0).solve(
        problem, count, generator=torch.Generator().manual_seed(0)
    )
    assert bool(found.satisfied.all())
    share = float((found.symbols.sum(1) == 2).double().mean())
    exact = torch.tensor(2.0 / 2.0).exp() / (torch.tensor(2.0 / 2.0).exp() + 2)
    assert abs(share - float(exact)) < 5 * (0.25 / count) ** 0.5  # five deviations at most
    several = ExactSampling(sweeps=20, temperature=2.0).solve(
        problem, 8, generator=torch.Generator().manual_seed(0)
    )
    assert several.energy.tolist() == [-2.0] * 8


def test_exact_draws_refuse_loops() -> None:
    grid = Grid([Axis("v", (0, 1, 2)), Axis("k", (0, 1))], ["k"])
    ring = torch.tensor([[0, 2], [2, 4], [0, 4]])
    problem = HopfieldNetwork(grid, [CouplingTerm("ring", ring, torch.ones(3))])
    with pytest.raises(ConfigurationError, match="slots that form a forest"):
        ExactSampling().solve(problem, 2)
