"""A table of numbers: one column is explained by others."""

from collections.abc import Mapping, Sequence

import torch

from esr.errors import ConfigurationError, DataError, TrainingError, suggestion
from esr.problem import Problem
from esr.random import RandomStreams
from esr.search import Rows
from experiments.csv_file import Table, find_file, read_table
from experiments.question_settings import FEWEST_ROWS
from experiments.tasks.equation_search import EquationSearch, Wanted, searched
from experiments.tasks.search_figure import draw_search
from experiments.tasks.search_measures import curves_of, front_table, measure
from experiments.tasks.task import Conclusion, Contender

__all__ = ["CsvTable"]

_CHOICES = ("refuse", "drop")


class CsvTable(EquationSearch):
    """An equation for a column of a file.

    Rows that are the same in every column are one row of more weight, so that none of them
    judges what another was fitted to.

    Arguments:
        path: A file whose first line names the columns, or the name of data of the package.
        target: The column to explain; the last one if None.
        columns: The inputs; all other columns of numbers if None.
        separator: What separates cells; the one that the first line has if None.
        missing: `refuse`, or `drop` for rows in which a cell is missing.
        test: Share of the rows that only the closing test sees, from 0 to below 1.
        units: Of columns, for figures; those that the first line has in brackets unless given.
    Raises:
        ConfigurationError: If a setting is out of range.
        DataError: If the file cannot be used; it names the line or column.
    """

    def __init__(
        self,
        path: str,
        target: str | None = None,
        columns: Sequence[str] | None = None,
        separator: str | None = None,
        missing: str = "refuse",
        test: float = 0.2,
        units: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        if missing not in _CHOICES:
            raise ConfigurationError(
                f"task.missing must be refuse or drop, but is '{missing}': "
                f"{suggestion(str(missing), _CHOICES)}"
            )
        if not 0 <= test < 1:
            raise ConfigurationError(f"task.test must be from 0 to below 1, but is {test}")
        self.path, self.test = find_file(str(path)), test
        self.table = read_table(
            self.path, target, columns, separator=separator, drop=missing == "drop"
        )
        self.units = {**self.table.units, **dict(units or {})}
        self.rows, self.notes = _distinct(self.table)
        self._check()

    def prepare(self, streams: RandomStreams, device: torch.device) -> None:
        """Put rows aside for the test."""
        count = len(self.rows.target)
        generator = streams["tests"]
        order = torch.randperm(count, generator=generator, device=generator.device).cpu()
        tests = round(self.test * count)
        seen, unseen = order[tests:].sort().values, order[:tests].sort().values
        rows, table = self.rows.taken(seen), self.table
        test = None
        if tests:
            inputs, targets = self.rows.inputs[unseen], self.rows.target[unseen, None]
            test = Problem(inputs.to(device), targets.to(device), table.variables)
        here = Rows(
            rows.inputs.to(device), rows.target.to(device), rows.weights.to(device), rows.variables
        )
        self.wanted = {table.target: Wanted(table.target, here, test, None, self.units)}

    def conclude(
        self, found: Contender[object], reference: Contender[object] | None = None
    ) -> Conclusion:
        """The equation, what it misses rows by, and the front it was chosen from."""
        ((name, wanted),) = self.wanted.items()
        chosen = searched(found.model).chosen(name)
        if chosen is None:
            raise TrainingError("the search found no equation; give it more time: search.seconds")
        discoveries, best = chosen
        metrics = measure(wanted, discoveries, best)
        summary = [
            *[("note", note) for note in self.notes],
            ("rows", f"{len(self.rows.target)} in {self.path.name}"),
            *[
                (part, f"R2 {metrics[f'r2_{part}']:.8g}, error {metrics[f'rmse_{part}']:.3g}")
                for part in ("training", "validation", "test")
                if f"r2_{part}" in metrics
            ],
            ("found after", f"{metrics['found_after_seconds']:.2f} s"),
            ("complexity", f"{best.expression.complexity} nodes"),
        ]
        figures = draw_search(wanted, discoveries, best)
        texts = {"front.csv": front_table(discoveries)}
        return Conclusion(
            metrics,
            {name: best.expression},
            summary,
            figures,
            texts=texts,
            curves=curves_of(discoveries),
        )

    def _check(self) -> None:
        """Refuse rows that no search can use."""
        target, needed = self.rows.target, FEWEST_ROWS
        while needed - round(self.test * needed) < FEWEST_ROWS:
            needed += 1
        if len(target) < needed:
            raise DataError(
                f"{self.path} has {len(target)} different rows, but at least {needed} are needed"
                + (f" with task.test={self.test:g}" if self.test else "")
            )
        if bool((target == target[0]).all()):
            raise DataError(
                f"{self.path}: '{self.table.target}' is {float(target[0]):g} in every row, so "
                "that there is nothing to explain"
            )


def _distinct(table: Table) -> tuple[Rows, list[str]]:
    """Each row once, with its count as weight, and notes."""
    together = torch.cat((table.inputs, table.targets[:, None]), dim=1)
    rows, counts = torch.unique(together, dim=0, return_counts=True)
    notes = list(table.notes)
    if len(rows) < len(together):
        notes.append(f"{len(together) - len(rows)} rows are repetitions, which count as weight")
    weights = counts.double() / counts.double().mean()
    return Rows(rows[:, :-1], rows[:, -1], weights, table.variables), notes
