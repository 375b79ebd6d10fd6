"""The record of a state against what is computed from the model itself."""

import itertools
import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from esr.errors import ConfigurationError
from esr.hopfield import (
    Annealing,
    Axis,
    CouplingTerm,
    Grid,
    HopfieldNetwork,
    NetworkState,
    Searcher,
)
from esr.models import Energy, EnergyModel
from esr.optim import HebbianOptimizer
from esr.random import RandomStreams
from esr.training import Phase, Progress, Report, Trainer
from experiments.state_record import StateRecord


@dataclass(frozen=True)
class Alphabet:
    """What of a layout is needed to try every symbol."""

    symbols: range


class Wanted:
    """A loss of states: the squared distance of a weighted sum from one."""

    samples = 1

    def __init__(self, network: HopfieldNetwork, smooth: bool = True) -> None:
        size = network.grid.slots, network.grid.symbols
        self.weights = torch.linspace(-1, 1, network.grid.size).view(size)
        self.layout = Alphabet(range(network.discrete_grid.symbols))
        self.network, self.smooth = network, smooth

    def of_symbols(self, symbols: Tensor) -> Tensor:
        return self.of_states(self.network.states(symbols))

    def of_states(self, states: Tensor) -> Tensor:
        loss = ((states * self.weights).flatten(1).sum(1) - 1) ** 2
        return loss if self.smooth else loss.detach()

    def slope(self, states: Tensor) -> Tensor:
        return 2 * ((states * self.weights).sum() - 1) * self.weights


class Nothing:
    """A source of batches for a model that needs none."""

    def batch(self, progress: Progress) -> object:
        return None


class Other(EnergyModel[object]):
    """A model that is no network's state."""

    def __init__(self) -> None:
        super().__init__(1)
        self.weight = nn.Parameter(torch.zeros(1))

    def energy(self, batch: object, *, generator: torch.Generator | None = None) -> Energy:
        return Energy(self.weight**2, self.weight**2)


def network(grouped: bool = True) -> HopfieldNetwork:
    """Three slots of three symbols: neighbours differ, softly; the ends must."""
    grid = Grid([Axis("place", (0, 1, 2)), Axis("kind", ("a", "b", "c"))], ["kind"] * grouped)
    near = torch.tensor([[3 * g + s, 3 * g + 3 + s] for g in (0, 1) for s in range(3)])
    ends = torch.tensor([[s, 6 + s] for s in range(3)])
    return HopfieldNetwork(
        grid,
        [
            CouplingTerm("near", near, -torch.ones(6)),
            CouplingTerm("liking", torch.tensor([[0], [4]]), torch.tensor([0.5, 0.25])),
            CouplingTerm("ends", ends, torch.ones(3), hard=True),
        ],
    )


def state(loss: bool = True, grouped: bool = True) -> NetworkState:
    made = network(grouped)
    generator = torch.Generator().manual_seed(0)
    return NetworkState(made, 4, Wanted(made) if loss else None, generator=generator)


def report(step: int, best: int = 0) -> Report:
    errors = torch.ones(4).index_fill(0, torch.tensor(best), 0.0)
    zeros, nobody = torch.zeros(4), torch.zeros(4, dtype=torch.long)
    told = (zeros, zeros, errors, nobody, nobody)
    return Report(step, 100, "settle", 0.1, 1.0, *told, 1.0, 1.0, step)


@pytest.mark.parametrize("most", [2, 3, 10, 17])
@pytest.mark.parametrize("reports", [1, 2, 9, 10, 11, 64])
def test_records_are_thinned_evenly_and_keep_both_ends(reports: int, most: int) -> None:
    model, record = state(), StateRecord(most=most)
    record.started(reports, 0)
    for step in range(1, reports + 1):
        record.reported(report(step), model)
    record.finished(False)
    steps = [frame.step for frame in record.frames]
    assert steps[0] == 1
    assert steps[-1] == reports
    assert min(reports, math.ceil(most / 2)) <= len(steps) <= most
    gaps = {after - before for before, after in itertools.pairwise(steps[:-1])}
    assert len(gaps) <= 1  # the end alone may come sooner
    assert all(math.log2(gap).is_integer() for gap in gaps)
    if reports <= most - 1:
        assert steps == list(range(1, reports + 1))


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_graded_training_is_recorded_as_the_model_has_it(grouped: bool, scale: float) -> None:
    model, record = state(grouped=grouped), StateRecord(replica=2)
    trainer = Trainer(
        {"settle": Phase(40, 0.1, structure=scale)},
        optimizer=lambda parameters, lr=0.1: HebbianOptimizer(parameters, lr=lr),
        report_every=10,
    )
    trainer.fit(model, Nothing(), RandomStreams(0), callbacks=[record])
    assert [frame.step for frame in record.frames] == [10, 20, 30, 40]
    last, couplings = record.frames[-1], model.network.relaxed
    with torch.no_grad():
        active = model.activation(model.internal)
        energy = model.energy()
        shares = couplings.energy_by_rule(active)
    assert last.replica == 2
    assert torch.equal(last.internal, model.internal[2])
    assert torch.equal(last.active, active[2])
    torch.testing.assert_close(last.product, couplings.product(active)[2])
    assert isinstance(model.loss, Wanted)
    assert last.loss_bias is not None
    torch.testing.assert_close(last.loss_bias, -model.loss.slope(active[2]))
    found = last.energies
    assert found.by_rule == pytest.approx({name: float(e[2]) for name, e in shares.items()})
    total = energy.per_replica(scale)
    assert found.total == pytest.approx(float(total[2]))
    assert found.data == pytest.approx(float(energy.data[2]))
    assert found.best == pytest.approx(float(total.min()))
    assert found.median == pytest.approx(float(total.median()))
    assert found.violations == int(model.network.violations(active)[2])
    parts = sum(found.by_rule.values()) + found.integral
    assert found.total == pytest.approx(found.data + scale * parts, rel=1e-5)
    assert not torch.equal(record.frames[0].internal, last.internal)


@pytest.mark.parametrize("grouped", [True, False])
def test_a_search_is_recorded_with_the_energies_it_sees(grouped: bool) -> None:
    class Listener:
        """Keeps the energies that the search reports."""

        def __init__(self) -> None:
            self.reports: list[Report] = []

        def started(self, total_steps: int, step: int) -> None: ...

        def reported(self, report: Report, model: EnergyModel[object]) -> None:
            self.reports.append(report)

        def finished(self, interrupted: bool) -> None: ...

    model, record, listener = state(grouped=grouped), StateRecord(), Listener()
    search = Searcher(None, Annealing(sweeps=12, high=2.0, watch_every=2))
    search.fit(model, None, RandomStreams(0), callbacks=[listener, record])
    assert len(record.frames) == 6
    for frame, heard in zip(record.frames[:-1], listener.reports, strict=False):
        assert frame.replica == heard.best_replica
        assert set(frame.active.unique().tolist()) <= {0.0, 1.0}
        # the search adds up changes in single precision
        energies = heard.structure
        assert frame.energies.total == pytest.approx(float(energies[frame.replica]), abs=1e-4)
        assert frame.energies.best == pytest.approx(float(energies.min()), abs=1e-4)
        price = frame.energies.violations * model.network.price
        assert frame.energies.by_rule["ends"] == pytest.approx(price)
    last = record.frames[-1]
    assert torch.equal(last.symbols, model.symbols()[last.replica])
    assert last.energies.total == pytest.approx(float(listener.reports[-1].validation.min()))


def test_a_loss_without_a_slope_has_no_bias() -> None:
    record = StateRecord()
    for model in (state(loss=False), state()):
        if model.loss is not None:
            model.loss = Wanted(model.network, smooth=False)
        record.started(1, 0)
        with torch.no_grad():  # as a trainer reports
            record.reported(report(1), model)
        record.finished(False)
        (frame,) = record.frames
        assert frame.loss_bias is None
        assert (frame.energies.data is None) == (model.loss is None)


def test_the_best_replica_is_followed() -> None:
    model, record = state(), StateRecord()
    record.started(2, 0)
    for step, best in ((1, 3), (2, 1)):
        record.reported(report(step, best), model)
    record.finished(False)
    assert [frame.replica for frame in record.frames] == [3, 1]


def test_misuse_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"at least two frames .* most=1"):
        StateRecord(most=1)
    with pytest.raises(ConfigurationError, match="nothing has been recorded"):
        _ = StateRecord().grid
    with pytest.raises(ConfigurationError, match="the model is Other; take it off"):
        StateRecord().reported(report(1), Other())
    with pytest.raises(ConfigurationError, match=r"replica 4 .* there are 0 to 3"):
        StateRecord(replica=4).reported(report(1), state())
