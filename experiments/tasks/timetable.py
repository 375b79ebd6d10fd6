"""Timetable: teachers, rooms and hours, a problem of three axes."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from esr.training import Phase
from experiments.tasks.rules import Found, Rules

__all__ = ["Timetable"]


class Timetable(Rules):
    """Who teaches in which room at which hour, by the standard rules `timetable`.

    Arguments:
        phases: The schedule of graded dynamics.
        parameters: Values in place of the program's defaults.
        away: Teachers and the hours, from 0, at which they are not there.
    """

    def __init__(
        self,
        phases: Mapping[str, Phase],
        parameters: Mapping[str, float] | None = None,
        away: Sequence[Sequence[str | int]] = (),
    ) -> None:
        super().__init__("timetable", phases, parameters, {"away": [tuple(row) for row in away]})
        self.lessons = {**self.program.parameters, **self.parameters}["lessons"]

    def read(self, symbols: Tensor) -> str:
        """For each teacher the rooms hour by hour, `-` for none."""
        teachers, rooms, _ = (axis.values for axis in self.network.grid.axes)
        table = symbols.view(len(teachers), -1).tolist()
        rows = (
            f"{name}: {' '.join('-' if room == 0 else str(rooms[room]) for room in row)}"
            for name, row in zip(teachers, table, strict=True)
        )
        return "; ".join(rows)

    def solved(self, found: Found) -> Tensor:
        """Which replicas keep the hard rules and give every teacher the wanted lessons."""
        teachers = len(self.network.grid.axes[0])
        given = (found.symbols.view(len(found.symbols), teachers, -1) != 0).sum(2)
        return super().solved(found) & (given == self.lessons).all(1)

    def figures(self, found: Found) -> Mapping[str, Figure]:
        """The best timetable, teachers in rows and hours in columns."""
        teachers, rooms, hours = (axis.values for axis in self.network.grid.axes)
        table = found.symbols[found.best].view(len(teachers), -1).tolist()
        figure = Figure(
            figsize=(1.1 * len(hours) + 1.5, 0.7 * len(teachers) + 1), layout="constrained"
        )
        axes = figure.subplots()
        axes.imshow(table, cmap="Set3", vmin=0, vmax=11, aspect="auto")
        for row, line in enumerate(table):
            for column, room in enumerate(line):
                name = "" if room == 0 else str(rooms[room])
                axes.text(column, row, name, ha="center", va="center")
        axes.set_xticks(range(len(hours)), [str(hour + 1) for hour in range(len(hours))])
        axes.set_yticks(range(len(teachers)), [str(name) for name in teachers])
        axes.set_xlabel("hour")
        return {"table": figure}
