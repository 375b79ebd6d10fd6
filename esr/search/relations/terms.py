"""Terms of sums: powers of variables, at most one function, perhaps the target itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Expression
from esr.search.relations.power_sum import Exponents, PowerSum
from esr.search.relations.view import View
from esr.search.relations.writing import Writer

__all__ = ["Combination", "Term", "Terms"]

_SAME_NUMBER = 1e-8
_NODES_OF_AN_ATOM = 3


@dataclass(frozen=True)
class Term:
    """A product of powers of variables, a power of an atom and perhaps the target.

    Arguments:
        exponents: Of the variables.
        atom: Builds an expression; None for none.
        power: Exponent of the atom.
        of_target: Whether the target is a factor.
    """

    exponents: Exponents
    atom: Callable[[], Expression] | None = None
    power: float = 1.0
    of_target: bool = False


@dataclass(frozen=True)
class Terms:
    """Terms and their values, `(N, K)`."""

    terms: tuple[Term, ...]
    values: Tensor

    def joined(self, other: "Terms") -> "Terms":
        """These and others."""
        return Terms((*self.terms, *other.terms), torch.cat([self.values, other.values], 1))


@dataclass(frozen=True)
class Combination:
    r"""An equation between a target and terms: :math:`t = \sum_k c_k m_k + t \sum_l d_l m_l`.

    Arguments:
        terms: The terms.
        numbers: As many.
    """

    terms: tuple[Term, ...]
    numbers: tuple[float, ...]

    @property
    def is_usable(self) -> bool:
        """Whether it says something about the target."""
        return any(not term.of_target for term in self.terms)

    def nodes(self) -> float:
        """About how many nodes it takes to write the target."""
        total = 0.0
        for term, number in zip(self.terms, self.numbers, strict=True):
            total += sum((2 if abs(e) == 1 else 4) for e in term.exponents if e != 0)
            total += 0 if term.atom is None else _NODES_OF_AN_ATOM + 2 * term.power
            total += 2 * (abs(number) != 1)
        return total

    def written(self, view: View, writer: Writer, tolerance: float = _SAME_NUMBER) -> Expression:
        """The equation of y.

        Arguments:
            view: Which target is meant.
            writer: Writes sums.
            tolerance: How near numbers are to fractions that they are replaced by.
        """
        builders = list(dict.fromkeys(t.atom for t in self.terms if t.atom is not None))
        atoms = (*view.variables, *(build() for build in builders))
        pairs = list(zip(self.terms, self.numbers, strict=True))
        above = _powers(atoms, builders, [(t, c) for t, c in pairs if not t.of_target], tolerance)
        below = [(t, -c) for t, c in pairs if t.of_target]
        if not below:
            return view.back(writer.sum(above))
        one = Term((0.0,) * len(view.variables))
        divisor = _powers(atoms, builders, [(one, 1.0), *below], tolerance)
        return view.back(writer.quotient(above, divisor))


def _powers(
    atoms: Sequence[Expression],
    builders: Sequence[Callable[[], Expression]],
    terms: Sequence[tuple[Term, float]],
    tolerance: float,
) -> PowerSum:
    keys = []
    for term, _ in terms:
        powers = [term.power if term.atom is build else 0.0 for build in builders]
        keys.append((*term.exponents, *powers))
    return PowerSum.of(atoms, keys, [number for _, number in terms]).rounded(tolerance)
