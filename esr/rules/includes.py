"""Reads the files that a program includes, each of them once."""

from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from esr.errors import nearest
from esr.rules.faults import Faults
from esr.rules.parser import parse_text
from esr.rules.tree import IncludeLine, Source, Statement

__all__ = ["STANDARD", "standard_names", "statements_of"]

STANDARD = "standard:"
"""What a path begins with that names one of the standard files."""


def standard_names() -> list[str]:
    """Names of the standard rule files, as for `standard(name)`."""
    folder = files("esr.rules").joinpath("standard")
    return sorted(
        entry.name.removesuffix(".rules")
        for entry in folder.iterdir()
        if entry.name.endswith(".rules")
    )


def statements_of(
    source: Source, folder: Path | None, faults: Faults, include: str | None = None
) -> list[Statement]:
    """The statements of a text and of all files it includes, in the order of inclusion.

    Arguments:
        source: The text.
        folder: Where its includes are looked up; None if it has no place.
        faults: Takes what cannot be read.
        include: Standard rules that it includes without saying so.
    """
    reading = _Reading(faults)
    given = reading.standard(include) if include is not None else []
    return [*given, *reading.statements(source, folder)]


class _Reading:
    """One reading: knows which files are read, and which are being read."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._done: set[str] = set()
        self._open: list[str] = []

    def statements(self, source: Source, folder: Path | None) -> list[Statement]:
        if source.file:
            self._open.append(_key(source.file, folder))
        found = self._followed(parse_text(source, self._faults), folder)
        if source.file:
            self._done.add(self._open.pop())
        return found

    def standard(self, name: str) -> list[Statement]:
        """The statements of standard rules that there are."""
        self._done.add(STANDARD + name)
        return self._followed(_standard_statements(name), None)

    def _followed(self, statements: Iterable[Statement], folder: Path | None) -> list[Statement]:
        """Statements with those of included files in their places."""
        found: list[Statement] = []
        for statement in statements:
            if isinstance(statement, IncludeLine):
                found += self._included(statement, folder)
            else:
                found.append(statement)
        return found

    def _included(self, line: IncludeLine, folder: Path | None) -> list[Statement]:
        path = line.path
        if path.startswith(STANDARD):
            return self._standard(line, path.removeprefix(STANDARD).removesuffix(".rules"))
        if Path(path).is_absolute():
            self._faults.add(line.at, "an included file is named relative to the file it is in")
            return []
        if folder is None:
            reason = "this text has no folder to include from; parse it with folder=..."
            self._faults.add(line.at, reason)
            return []
        where = folder / path
        key = _key(where.name, where.parent)
        if key in self._open:
            self._faults.add(line.at, f"'{path}' includes itself, in the end; remove one include")
            return []
        if key in self._done:
            return []
        if not where.is_file():
            near = [p.name for p in where.parent.glob("*.rules")] if where.parent.is_dir() else []
            close = nearest(where.name, near, 1)
            hint = f"; did you mean '{close[0]}'?" if close else f" in {folder}"
            self._faults.add(line.at, f"there is no file '{path}'{hint}")
            return []
        try:
            text = where.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self._faults.add(line.at, f"'{path}' cannot be read as text: {error}")
            return []
        return self.statements(Source(text, where.name), where.parent)

    def _standard(self, line: IncludeLine, name: str) -> list[Statement]:
        if STANDARD + name in self._done:
            return []
        known = standard_names()
        if name not in known:
            close = nearest(name, known)
            hint = "did you mean " + close[0] + "?" if close else "there are " + ", ".join(known)
            self._faults.add(line.at, f"there are no standard rules '{name}'; {hint}")
            return []
        return self.standard(name)


@lru_cache
def _standard_statements(name: str) -> tuple[Statement, ...]:
    """The statements of a standard file, which are the same for all programs and without fault."""
    entry = files("esr.rules").joinpath("standard", f"{name}.rules")
    faults = Faults()
    statements = parse_text(Source(entry.read_text(encoding="utf-8"), entry.name), faults)
    faults.raise_if_any()
    return tuple(statements)


def _key(name: str, folder: Path | None) -> str:
    """A name for one file, whichever way it is reached."""
    return str((folder / name).resolve()) if folder is not None else STANDARD + name
