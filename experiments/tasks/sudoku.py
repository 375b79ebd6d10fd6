"""Sudoku: fill a grid so that no row, column or box has a digit twice."""

import math
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor

from esr.errors import DataError
from esr.training import Phase
from experiments.tasks.board_figure import draw_board
from experiments.tasks.rules import Found, Rules

__all__ = ["Sudoku", "read_givens"]


class Sudoku(Rules):
    """One digit in each cell by the groups; rows, columns, boxes and givens are hard rules.

    Arguments:
        phases: The schedule of graded dynamics.
        puzzle: The cells row by row: digits, and 0 or . for empty ones; white space does not
            count. 16 or 81 cells. Or the path of a file that holds them.
    Raises:
        DataError: If the number of cells is wrong or one is no digit.
    """

    def __init__(self, phases: Mapping[str, Phase], puzzle: str) -> None:
        self.givens, self.side = read_givens(str(puzzle))
        super().__init__("sudoku", phases, {"box": math.isqrt(self.side)}, {"givens": self.givens})

    def read(self, symbols: Tensor) -> str:
        """The digits row by row."""
        digits = [str(symbol + 1) for symbol in symbols.tolist()]
        starts = range(0, len(digits), self.side)
        return " ".join("".join(digits[start : start + self.side]) for start in starts)

    def figures(self, found: Found) -> Mapping[str, Figure]:
        """The best grid, what was given in bold."""
        symbols = found.symbols[found.best].view(self.side, self.side).tolist()
        marks = {
            (row, column): str(symbol + 1)
            for row, line in enumerate(symbols)
            for column, symbol in enumerate(line)
        }
        bold = {(row, column) for row, column, _ in self.givens}
        title = f"{int(found.violations[found.best])} conflicts"
        box = math.isqrt(self.side)
        return {"board": draw_board(self.side, marks, title=title, bold=bold, box=box)}


def read_givens(puzzle: str) -> tuple[list[tuple[int, int, int]], int]:
    """The given cells (row, column, digit), rows and columns from 0, and the side of the grid.

    Raises:
        DataError: If the text is no sudoku.
    """
    path = Path(puzzle)
    text = path.read_text(encoding="utf-8") if len(puzzle) < 256 and path.is_file() else puzzle
    cells = "".join(text.split()).replace(".", "0")
    side = math.isqrt(len(cells))
    if len(cells) not in (16, 81):
        raise DataError(
            f"a sudoku has 81 cells (or 16), written row by row with 0 or . for empty ones, but "
            f"task.puzzle has {len(cells)}: {puzzle[:90]}"
        )
    givens = []
    for place, cell in enumerate(cells):
        if not (cell.isascii() and cell.isdigit()) or int(cell) > side:
            raise DataError(
                f"cell {place // side + 1}, {place % side + 1} of the sudoku must be a digit from "
                f"0 to {side}, but is '{cell}'"
            )
        if cell != "0":
            givens.append((place // side, place % side, int(cell)))
    return givens, side
