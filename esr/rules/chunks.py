"""Cuts rule text into statements: each begins at the margin, deeper lines continue it."""

import re
from dataclasses import dataclass

__all__ = ["Chunk", "comments_in", "cut"]

_QUOTED_OR_COMMENT = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|(#[^\n]*)")


@dataclass(frozen=True)
class Chunk:
    """Whole lines of a text that belong together: a statement, or a comment, or a blank line.

    Arguments:
        text: The lines as written, with their indentation.
        line: Number of the first of them, counted from 1.
        statement: Whether it is a statement.
    """

    text: str
    line: int
    statement: bool


def cut(text: str) -> list[Chunk]:
    """The chunks of a text in order.

    The first statement sets the margin. A line that is indented further continues the statement
    above it; blank lines and comments in between do not end it.
    """
    chunks: list[Chunk] = []
    margin: int | None = None
    waiting: list[str] = []  # blank lines and comments that may turn out to lie in a statement
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            waiting.append(line)
            continue
        indent = len(line) - len(line.lstrip())
        if margin is None:
            margin = indent
        if indent > margin and chunks:
            above = chunks.pop()
            lines = [above.text, *waiting, line]
            chunks.append(Chunk("\n".join(lines), above.line, True))
        else:
            chunks += _aside(waiting, number)
            chunks.append(Chunk(line, number, True))
        waiting = []
    return chunks + _aside(waiting, len(text.splitlines()) + 1)


def comments_in(text: str) -> list[str]:
    """The comments of a chunk, from their `#` to the line's end."""
    found = (match.group(1) for match in _QUOTED_OR_COMMENT.finditer(text))
    return [comment.rstrip() for comment in found if comment]


def _aside(lines: list[str], following: int) -> list[Chunk]:
    """Blank lines and comments outside statements, the last of them before line `following`."""
    first = following - len(lines)
    return [Chunk(line.strip(), first + offset, False) for offset, line in enumerate(lines)]
