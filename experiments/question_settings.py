"""What a user may say of the question that a search is asked, whatever the rows are."""

from collections.abc import Sequence

import torch
from torch import Generator

from esr.equations import STANDARD, PrimitiveSet
from esr.errors import ConfigurationError, DataError
from esr.search import Question, Rows

__all__ = ["FEWEST_ROWS", "QuestionSettings"]

FEWEST_ROWS = 4
"""Rows that a search can do with: some to fit, one to judge."""


class QuestionSettings:
    """Makes questions of rows.

    Arguments:
        primitives: Names of the functions that may occur, besides operators and whole powers, as
            `esr.search.Question` has it; all of the standard ones if None.
        max_complexity: Largest number of nodes of an equation, at least 1.
        held_out: Share of the rows that judge equations and are never fitted, above 0 and below 1.
    Raises:
        ConfigurationError: If a number is out of range.
        UnknownPrimitiveError: If a function is unknown.
    """

    def __init__(
        self,
        primitives: Sequence[str] | None = None,
        max_complexity: int = 60,
        held_out: float = 0.25,
    ) -> None:
        if max_complexity < 1 or not 0 < held_out < 1:
            raise ConfigurationError(
                "max_complexity must be at least 1 and held_out between 0 and 1, but they are "
                f"{max_complexity} and {held_out}"
            )
        names = STANDARD if primitives is None else primitives
        self._primitives = PrimitiveSet(STANDARD[name] for name in dict.fromkeys(names))
        self._max_complexity, self._held_out = max_complexity, held_out

    def ask(self, rows: Rows, *, generator: Generator | None = None) -> Question:
        """The question of some rows.

        Arguments:
            rows: All that the search may see, at least 4.
            generator: Draws the rows that are held out, at least one.
        Raises:
            DataError: If there are too few rows.
        """
        count = len(rows.target)
        if count < FEWEST_ROWS:
            raise DataError(f"a search needs at least {FEWEST_ROWS} rows, but there are {count}")
        device = None if generator is None else generator.device
        order = torch.randperm(count, generator=generator, device=device).to(rows.target.device)
        held = min(max(1, round(self._held_out * count)), count - 1)
        return Question(
            rows.taken(order[held:]),
            rows.taken(order[:held]),
            primitives=self._primitives,
            max_complexity=self._max_complexity,
        )
