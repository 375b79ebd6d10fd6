"""A training callback that records how the state of a Hopfield network moves."""

from esr.errors import ConfigurationError
from esr.hopfield import Grid, NetworkState
from esr.models import EnergyModel
from esr.training import Report
from experiments.state_frame import Frame, look_at

__all__ = ["StateRecord"]


class StateRecord:
    """Training callback that looks at one replica of a `NetworkState` now and then.

    The first report and the end are kept, and in between every report, every second, every
    fourth, ...: the stride doubles whenever there would be too many. Training that goes on from
    a checkpoint is recorded from there. The last frame shows the state training ended with,
    which after a search is the best it met.

    Arguments:
        replica: Which replica; at each look the one of the lowest validation error, which for a
            search is the lowest energy met so far, unless given.
        most: Largest number of frames, at least 2.
    Raises:
        ConfigurationError: If a number is out of range.
    """

    def __init__(self, replica: int | None = None, most: int = 60) -> None:
        if most < 2 or (replica is not None and replica < 0):
            raise ConfigurationError(
                "a record needs at least two frames and a replica from 0 on, but has "
                f"most={most}, replica={replica}"
            )
        self.replica, self.most = replica, most
        self._frames: list[Frame] = []
        self._last: Frame | None = None
        self._grid: Grid | None = None
        self._reports, self._stride = 0, 1
        self._latest: tuple[Report, NetworkState] | None = None

    @property
    def frames(self) -> tuple[Frame, ...]:
        """What was recorded, at growing steps; empty if training never reported."""
        if self._last is None:
            return tuple(self._frames)
        before = [frame for frame in self._frames if frame.step < self._last.step]
        return (*before, self._last)

    @property
    def grid(self) -> Grid:
        """The neurons that were looked at.

        Raises:
            ConfigurationError: If nothing has been recorded.
        """
        if self._grid is None:
            raise ConfigurationError(
                "nothing has been recorded; give the record to training as a callback, and train "
                "until the first report"
            )
        return self._grid

    def started(self, total_steps: int, step: int) -> None:
        """Begin anew."""
        self._frames, self._last, self._grid, self._latest = [], None, None, None
        self._reports, self._stride = 0, 1

    def reported(self, report: Report, model: EnergyModel[object]) -> None:
        """Look at the model, if it is time.

        Raises:
            ConfigurationError: If it is not the state of a network, or lacks the replica.
        """
        if not isinstance(model, NetworkState):
            raise ConfigurationError(
                f"a record looks at the state of a network, but the model is "
                f"{type(model).__name__}; take it off the callbacks"
            )
        if self.replica is not None and self.replica >= model.replicas:
            raise ConfigurationError(
                f"replica {self.replica} was to be recorded, but there are 0 to "
                f"{model.replicas - 1}"
            )
        self._grid, self._latest = model.network.grid, (report, model)
        if self._reports % self._stride == 0:
            self._frames.append(self._look(report, model))
            if len(self._frames) == self.most:  # one place is for the end
                self._frames, self._stride = self._frames[::2], 2 * self._stride
        self._reports += 1

    def finished(self, interrupted: bool) -> None:
        """Look at what training ended with, and let go of the model."""
        if self._latest is not None:
            self._last = self._look(*self._latest)
        self._latest = None

    def _look(self, report: Report, model: NetworkState) -> Frame:
        replica = report.best_replica if self.replica is None else self.replica
        return look_at(model, replica, report.step, report.structure_scale)
