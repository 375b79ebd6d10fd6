"""Names for columns, and the columns that a search can use."""

from collections.abc import Sequence

import torch
from torch import Tensor

from esr.equations.names import is_name

__all__ = ["usable_columns", "variable_names"]


def variable_names(columns: Sequence[str]) -> tuple[str, ...]:
    """Distinct identifiers that resemble the names of columns.

    Arguments:
        columns: Any text, such as `length (cm)`, which becomes `length_cm`.
    """
    taken = {name for name in columns if is_name(name)}
    names: list[str] = []
    for column in columns:
        name = column
        if not is_name(name) or name in names:
            letters = (letter if is_name(f"x{letter}") else " " for letter in column)
            stem = "_".join("".join(letters).split()).strip("_") or "x"
            stem = stem if is_name(stem) else f"x_{stem}"
            name, count = stem, 1
            while name in taken:
                count += 1
                name = f"{stem}_{count}"
        taken.add(name)
        names.append(name)
    return tuple(names)


def usable_columns(inputs: Tensor, variables: Sequence[str]) -> tuple[list[int], list[str]]:
    """The columns that vary and repeat no earlier one.

    Arguments:
        inputs: Shape `(N, D)`, at least one row.
        variables: D names.
    Returns:
        Their indices, and a note on each column that is left out.
    """
    low, high = inputs.min(0).values, inputs.max(0).values  # (D,)
    kept: list[int] = []
    notes: list[str] = []
    first_of: dict[tuple[float, ...], list[int]] = {}
    ends = torch.stack((low, high, inputs[0], inputs[-1]), dim=1).tolist()
    for column, key in enumerate(map(tuple, ends)):
        if key[0] == key[1]:
            notes.append(f"column '{variables[column]}' is constant and is not searched")
            continue
        alike = first_of.setdefault(key, [])
        twin = next((c for c in alike if torch.equal(inputs[:, c], inputs[:, column])), None)
        if twin is None:
            alike.append(column)
            kept.append(column)
        else:
            notes.append(
                f"column '{variables[column]}' equals '{variables[twin]}' and is not searched"
            )
    return kept, notes
