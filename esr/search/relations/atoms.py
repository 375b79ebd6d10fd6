"""What sums and products are made of beside powers: functions of simple arguments."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Call, Expression, Primitive
from esr.equations.standard import ARITHMETIC
from esr.search.question import NoRules, Question
from esr.search.relations.exponents import laurent, power_products
from esr.search.relations.power_sum import Exponents, PowerSum
from esr.search.relations.view import View
from esr.search.relations.writing import Writer

_COMMON = ("exp", "log", "sin", "cos", "tanh")

__all__ = ["Atoms", "arguments", "functions_of", "joined", "product_arguments"]


@dataclass(frozen=True)
class Atoms:
    """Values, and expressions that are only built when asked for.

    Arguments:
        values: One column for each, `(N, K)`, finite.
        write: Builds the expression of a column.
    """

    values: Tensor
    write: Sequence[Callable[[], Expression]]

    def __len__(self) -> int:
        return len(self.write)

    def first(self, most: int) -> "Atoms":
        """At most so many of them."""
        return Atoms(self.values[:, :most], self.write[:most])

    def where(self, mask: Tensor) -> "Atoms":
        """Those for which a mask `(K,)` is true."""
        places = mask.nonzero()[:, 0].tolist()
        return Atoms(self.values[:, places], [self.write[place] for place in places])


def joined(parts: Iterable[Atoms]) -> Atoms:
    """All of them, in order; at least one part."""
    found = list(parts)
    write = [build for part in found for build in part.write]
    return Atoms(torch.cat([part.values for part in found], 1), write)


def product_arguments(view: View, writer: Writer, exponents: Sequence[Exponents]) -> Atoms:
    """Products of whole powers of the variables; those with values that are not finite go."""
    values = power_products(view.values, exponents)
    write = [_product(writer, key, view.variables) for key in exponents]
    return Atoms(values, write).where(torch.isfinite(values).all(0))


def _product(
    writer: Writer, exponents: Exponents, variables: Sequence[Expression]
) -> Callable[[], Expression]:
    return lambda: writer.product(1.0, exponents, variables)


def arguments(view: View, writer: Writer, most: int) -> Atoms:
    """What functions are often taken of: variables, sums and differences, products, quotients.

    Arguments:
        view: Whose variables.
        writer: Writes products.
        most: Largest number of products; sums and differences of two come beside them.
    """
    count = len(view.variables)
    units = laurent(count, 1, most)[::2]
    simple = laurent(count, 2, most)
    simple += [key for key in laurent(count, 6, 3 * most, largest=1) if key not in set(simple)]
    if count == 1:
        simple += [(3.0,), (-3.0,)]
    further = [key for key in simple[:most] if key not in units]
    return joined(
        [
            product_arguments(view, writer, units),
            _halves(view),
            _sums(view, writer),
            product_arguments(view, writer, further),
        ]
    )


def _sums(view: View, writer: Writer) -> Atoms:
    """Sums and differences of two variables; of a single variable and its powers."""
    count = len(view.variables)
    pairs: list[tuple[Exponents, Exponents]]
    if count == 1:
        pairs = [((1.0,), (2.0,)), ((1.0,), (3.0,)), ((2.0,), (3.0,))]
    else:
        units = [tuple(float(i == j) for j in range(count)) for i in range(count)]
        pairs = [(a, b) for place, a in enumerate(units) for b in units[place + 1 :]]
    sums = [PowerSum(view.variables, {a: 1.0, b: sign}) for a, b in pairs for sign in (1.0, -1.0)]
    columns = [view.values[:, :0]]
    for first, second in pairs:
        left, right = power_products(view.values, [first, second]).unbind(1)
        columns.append(torch.stack([left + right, left - right], 1))
    return Atoms(torch.cat(columns, 1), [_sum(writer, powers) for powers in sums])


def _sum(writer: Writer, powers: PowerSum) -> Callable[[], Expression]:
    return lambda: writer.sum(powers)


def _halves(view: View) -> Atoms:
    """Halves of variables."""
    return Atoms(view.values / 2, [_half(variable) for variable in view.variables])


def _half(variable: Expression) -> Callable[[], Expression]:
    return lambda: variable / 2


def functions_of(insides: Atoms, question: Question, *, everywhere: bool = True) -> Atoms:
    """Every allowed function of one argument, of every argument in its domain, argument by
    argument.

    Arguments:
        insides: The arguments, simple ones first.
        question: Says which functions and which parts are allowed.
        everywhere: Whether functions that are less common are taken of all arguments, rather
            than of as many as there are variables.
    """
    functions = [
        base
        for base in (primitive.base for primitive in question.primitives.values())
        if base.arity == 1 and base not in ARITHMETIC and base.name != "abs"
    ]
    if not functions:
        return Atoms(insides.values[:, :0], [])
    simple = torch.arange(len(insides)) < len(question.variables)
    values, fine = [], []
    for base in functions:
        values.append(base.torch_function(insides.values))
        usable = torch.isfinite(values[-1]).all(0) & base.in_domain(insides.values).all(0)
        fine.append(usable if everywhere or base.name in _COMMON else usable & simple)
    write = [_called(base, inside) for inside in insides.write for base in functions]
    found = Atoms(torch.stack(values, 2).flatten(1), write)
    return _tolerated(found.where(torch.stack(fine, 1).flatten()), question)


def _called(primitive: Primitive, inside: Callable[[], Expression]) -> Callable[[], Expression]:
    return lambda: Call(primitive, (inside(),))


def _tolerated(atoms: Atoms, question: Question) -> Atoms:
    if isinstance(question.rules, NoRules):
        return atoms
    fine = [question.rules.tolerates(write()) for write in atoms.write]
    return atoms.where(torch.tensor(fine, dtype=torch.bool))
