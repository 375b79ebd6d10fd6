"""Queens: n queens on a board of n x n, none of which attacks another."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor

from esr.errors import ConfigurationError
from esr.training import Phase
from experiments.tasks.board_figure import draw_board
from experiments.tasks.rules import Found, Rules

__all__ = ["Queens"]


class Queens(Rules):
    """N queens: one in each row by the groups, attacks cost energy.

    Arguments:
        phases: The schedule of graded dynamics.
        size: Rows and columns of the board, at least 1.
        parameters: Values in place of the program's other defaults, such as `clash`.
    Raises:
        ConfigurationError: If the size is not positive.
    """

    def __init__(
        self,
        phases: Mapping[str, Phase],
        size: int = 8,
        parameters: Mapping[str, float] | None = None,
    ) -> None:
        if size < 1:
            raise ConfigurationError(f"task.size must be at least 1, but is {size}")
        super().__init__("queens", phases, {"n": size, **(parameters or {})}, goal=0.0)
        self.size = size

    def read(self, symbols: Tensor) -> str:
        """The column of the queen in each row, counted from 1."""
        return " ".join(str(column + 1) for column in symbols.tolist())

    def figures(self, found: Found) -> Mapping[str, Figure]:
        """The best board."""
        columns = found.symbols[found.best].tolist()
        marks = dict.fromkeys(enumerate(columns), "♛")
        title = f"{round(float(found.energy[found.best]))} attacks"
        return {"board": draw_board(self.size, marks, title=title)}
