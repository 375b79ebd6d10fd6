"""Families of programs that laws are often made of, as recipes for growing a memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from esr.equations import STANDARD, Primitive, PrimitiveSet
from esr.equations.standard import ADD, ARITHMETIC, DIV, MUL, POW, SQRT, SUB
from esr.search.memory.operation import Operation

__all__ = ["Recipe", "recipes"]

_SQUARE, _CUBE = Operation(POW, number=2.0), Operation(POW, number=3.0)
_INVERSE = Operation(DIV, number=1.0, number_first=True)
_PLUS_ONE = Operation(ADD, number=1.0)
_ONE_MINUS = Operation(SUB, number=1.0, number_first=True)
_PRODUCT, _QUOTIENT = Operation(MUL), Operation(DIV)
_SUM, _DIFFERENCE = Operation(ADD), Operation(SUB)
_CORE = ("sin", "cos", "exp", "tanh", "log")
_USUAL = (*_CORE, "cosh", "sinh", "asin", "acos", "atan", "tan", "gaussian")
_RATES, _PERIODIC = ("exp", "sin", "cos", "tanh", "cosh", "sinh"), ("sin", "cos")
"""Functions to try first, and those to try next."""
_FEW = 2
"""Up to so many variables numbers inside functions are tried on a fine grid."""
_FINE = (0.25, 0.4, 0.5, 0.63, 0.8, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 5.0, 6.3, 8.0, 10.0)
_COARSE = (0.5, 2.0)
_TURNS = (math.pi, 2 * math.pi, math.pi / 2, 4 * math.pi)
_WHOLE = (2.0, -2.0, 3.0, -3.0)
_SHIFTS = (-2.0, -1.5, -0.5, 0.25, 0.5, 1.5, 2.0, 3.0, 5.0)


@dataclass(frozen=True)
class Recipe:
    """Operations on the programs of some groups, whose results join another group.

    Arguments:
        into: Name of the group that they join.
        operations: What is done, all of one arity.
        left: Names of the groups of the first programs; early members come first.
        right: Names of the groups of the second programs; none if the operations take one.
        share: How much room it is given, in relation to the other recipes.
        since: The round, from 0, in which it is first followed.
        disjoint: Whether programs are paired only if they have no variable in common.
    """

    into: str
    operations: tuple[Operation, ...]
    left: tuple[str, ...]
    right: tuple[str, ...] = ()
    share: float = 1.0
    since: int = 0
    disjoint: bool = False


def recipes(primitives: PrimitiveSet, variables: int) -> list[Recipe]:
    """The recipes, in the order in which they build on each other.

    Terms are products of up to two variables, ratios products and quotients of distinct ones,
    Laurent monomials those with whole powers. Sums, what is one more or less, squared sums and
    their sums (distances) follow; then waves, which are functions of all those; then what is made
    of waves, and functions of that.

    Arguments:
        primitives: Functions that may occur, besides operators and whole powers.
        variables: How many variables there are, in a group `variables`, at least 1.
    """
    few = variables <= _FEW
    core = _with_factors(_functions(primitives, _CORE))
    usual = _with_factors(_functions(primitives, _USUAL))
    every = _with_factors(_functions(primitives))
    bounded = _with_factors(_functions(primitives, _RATES))
    periodic = _with_factors(_functions(primitives, _PERIODIC), (0.5,))
    grid = _with_factors(
        _functions(primitives, _USUAL if few else _CORE),
        _FINE + _TURNS if few else _COARSE + _TURNS[:2],
    )
    doubled = _with_factors(_functions(primitives, _CORE), _COARSE)
    root = (Operation(SQRT),) if SQRT.name in primitives else ()
    shifts = [Operation(ADD, number=c) for c in (_SHIFTS if few else _WHOLE)]
    powers = tuple(Operation(p) for p in primitives.values() if _is_binary(p))
    v, made = ("variables",), ("products", "mixed")
    longer = ("triples", "quadruples", "quintuples")
    monomials = ("terms", "ratios", *longer, "laurent")
    both, signed = (_PRODUCT, _QUOTIENT), (_SUM, _DIFFERENCE)
    one_off, simple = (_PLUS_ONE, _ONE_MINUS), ("terms", "differences")
    every_recipe = [
        Recipe("terms", (_SQUARE,), v),
        Recipe("terms", (_PRODUCT,), v, v),
        *[Recipe("waves", (operation,), v) for operation in usual],
        Recipe("ratios", (_INVERSE,), v),
        Recipe("ratios", (_QUOTIENT,), v, v, disjoint=True),
        Recipe("differences", signed, v, v),
        *[Recipe("waves", (operation,), simple, share=2) for operation in core],
        Recipe("squared", (_SQUARE,), ("waves",), share=2),
        Recipe("waves", powers, v, v),
        Recipe("rates", bounded, ("ratios",), share=3),
        Recipe("roots", root, ("terms",)),
        Recipe("shifted", one_off, ("terms", "ratios"), share=2),
        Recipe("waves", grid, v, share=6),
        Recipe("triples", both, ("terms", "ratios"), v, 5, disjoint=True),
        Recipe("quadruples", both, ("triples",), v, 6, disjoint=True),
        Recipe("quintuples", both, ("quadruples",), v, 6, disjoint=True),
        Recipe("laurent", (_SQUARE,), ("ratios",), share=2),
        Recipe("laurent", (_CUBE,), v),
        Recipe("laurent", both, ("terms", "laurent", "ratios", *longer), v, 2),
        Recipe("roots", root, ("ratios", "laurent", *longer), share=2),
        Recipe("sums", signed, ("terms",), ("terms",), 4),
        Recipe("shifted", (*one_off, *shifts), monomials, share=4),
        Recipe("squares", (_SQUARE,), ("differences", "sums")),
        Recipe("distances", (_SUM,), ("squares",), ("squares",)),
        Recipe("gaps", both, ("differences",), v, 2, disjoint=True),
        Recipe("compounds", (_PRODUCT,), ("sums",), v, 1),
        Recipe("compounds", (_QUOTIENT,), ("variables", "terms"), ("differences", "sums"), 2),
        Recipe("compounds", (_INVERSE, *root), ("shifted", "sums", "distances"), share=2),
        *[Recipe("rates", (operation,), longer, share=3) for operation in bounded],
        Recipe("moved", one_off, ("rates",), share=4),
        Recipe("moved", one_off, ("waves",), share=4),
        Recipe("moved", (_INVERSE,), ("waves", "rates"), share=2),
        *[Recipe("waves", (operation,), ("gaps",), share=2) for operation in periodic],
        Recipe("waves", usual, ("sums", "shifted"), share=4),
        Recipe("waves", doubled, ("terms", "compounds"), share=4),
        Recipe("quintuples", both, ("quadruples",), v, 6, since=1, disjoint=True),
        *[Recipe("rates", (operation,), longer, share=4, since=1) for operation in bounded],
        Recipe("moved", one_off, ("rates",), share=9, since=1),
        Recipe("rates", doubled, ("ratios", *longer), share=4, since=1),
        Recipe("waves", every, ("variables", "terms"), share=3, since=1),
        Recipe("waves", grid, ("terms", "shifted"), share=4, since=1),
        Recipe("products", (_PRODUCT,), ("squared",), v, 2, since=1),
        Recipe("products", (_PRODUCT,), ("waves", "moved"), v, 4, since=1),
        Recipe("products", (_PRODUCT,), ("waves",), ("terms", "roots"), 5, since=1),
        Recipe("products", (_PRODUCT,), ("waves",), ("waves",), 5, since=1),
        Recipe("products", both, ("waves",), ("moved", "differences", "sums"), 4, since=1),
        Recipe("products", (_QUOTIENT,), ("waves",), v, 2, since=1),
        Recipe("mixed", signed, ("waves",), ("waves",), 4, since=1),
        Recipe("mixed", signed, ("waves",), ("variables", "terms"), 4, since=1),
        Recipe("moved", one_off, ("waves", "products"), share=4, since=1),
        Recipe("deep", root, ("moved", *made), share=2, since=1),
        Recipe("deep", core, ("moved", *made), share=5, since=1),
        Recipe("deep", both, (*made, "compounds"), ("variables", "waves"), 5, since=2),
        Recipe("waves", every, ("laurent", "sums", "compounds", "roots"), share=4, since=2),
        Recipe("moved", (*one_off, *root), ("waves", *made), share=4, since=2),
    ]
    return [recipe for recipe in every_recipe if recipe.operations]


def _functions(primitives: PrimitiveSet, names: Sequence[str] | None = None) -> list[Primitive]:
    """The functions of one argument that are not arithmetic: those of these names, or all."""
    found = [p.base for p in primitives.values() if p.arity == 1 and p.base not in ARITHMETIC]
    if names is None:
        return found
    known = [p for name in names for p in found if p.name == name]
    unknown = [p for p in found if p not in STANDARD.values()]
    return known + unknown


def _is_binary(primitive: Primitive) -> bool:
    """Whether it is a function of two arguments and no operator."""
    return primitive.arity == 2 and primitive.base not in (ADD, SUB, MUL, DIV)


def _with_factors(
    functions: Sequence[Primitive], factors: Sequence[float] = ()
) -> tuple[Operation, ...]:
    """Each function of its argument as it is, and times each of the factors and their negatives.

    Negatives are left out for functions that are odd or even.
    """
    operations = []
    for function in functions:
        both = (1.0,) if _has_parity(function) else (1.0, -1.0)
        operations += [
            Operation(function, factor=sign * factor)
            for factor in (1.0, *factors)
            for sign in both
        ]
    return tuple(operations)


def _has_parity(function: Primitive) -> bool:
    """Whether a function is odd or even where it is defined on both sides of 0."""
    points = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
    right, left = function.torch_function(points), function.torch_function(-points)
    if not bool(torch.isfinite(left).all()):
        return True
    return bool(torch.allclose(left, right) or torch.allclose(left, -right))
