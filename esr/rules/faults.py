"""Collects the faults of a program, so that all of them are told at once."""

from esr.errors import Fault, RuleError
from esr.rules.tree import Place, Source

__all__ = ["EvaluationError", "Faults"]


class EvaluationError(Exception):
    """A value that cannot be computed; caught by the compiler and told as a fault."""

    def __init__(self, at: Place, reason: str) -> None:
        super().__init__(reason)
        self.at, self.reason = at, reason


class Faults:
    """The faults found so far.

    `declarations_lost` says whether a declaration could not be read, so that names are missing
    through no fault of the rules.
    """

    def __init__(self) -> None:
        self._found: list[Fault] = []
        self.declarations_lost = False

    def __len__(self) -> int:
        return len(self._found)

    def add(self, at: Place, reason: str) -> None:
        """One more fault, unless it is known."""
        fault = Fault(reason, at.source.text, at.line, at.column, at.source.file)
        if fault not in self._found:
            self._found.append(fault)

    def raise_if_any(self) -> None:
        """Tell all faults, in the order of the text.

        Raises:
            RuleError: If there is a fault.
        """
        if self._found:
            raise RuleError(sorted(self._found, key=lambda f: (f.file, f.line, f.column)))

    def at_start(self, source: Source, reason: str) -> None:
        """A fault of a whole text."""
        self.add(Place(source, 1, 1), reason)
