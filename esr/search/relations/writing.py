"""Writing sums of powers and their quotients as short expressions."""

from collections.abc import Iterator, Sequence

from esr.equations import STANDARD, Call, Constant, Expression, PrimitiveSet
from esr.finishing import Candidate, description_length
from esr.search.relations.factoring import real_factors
from esr.search.relations.power_sum import Exponents, PowerSum, is_fraction, near_fraction
from esr.search.relations.rewriting import grouped, squares_completed

__all__ = ["Writer", "length"]

_SQRT, _MUL, _DIV, _POW = (STANDARD[name] for name in ("sqrt", "mul", "div", "pow"))
_MOST_TERMS = 16
"""Longer sums are written term by term."""
_DEPTH, _FEW_TERMS = 2, 6
"""How often factors of some terms are taken out, one within another, where terms are few."""
_WHOLE = 1e-12
_UNITS_TRIED, _WRITTEN = 5, 2
_LARGEST_DIVISOR, _LARGEST_RADICAND = 1000, 10


def length(expression: Expression) -> float:
    """Description length of an equation by itself, in nats."""
    return description_length(Candidate(expression, 0.0, 1.0), 0, 1.0)


class Writer:
    """Writes with the functions that are allowed.

    Arguments:
        primitives: The functions that may occur; whole powers always may.
    """

    def __init__(self, primitives: PrimitiveSet) -> None:
        self._has_sqrt, self._has_pow = "sqrt" in primitives, "pow" in primitives

    @property
    def has_roots(self) -> bool:
        """Whether halves can be exponents."""
        return self._has_sqrt or self._has_pow

    @property
    def has_powers(self) -> bool:
        """Whether any number can be an exponent."""
        return self._has_pow

    def power(self, base: Expression, exponent: float) -> Expression:
        """A power with a positive exponent.

        Arguments:
            base: Any expression.
            exponent: Whole, or half of a whole number, or what is allowed.
        """
        if exponent == 1:
            return base
        if exponent == 0.5 and self._has_sqrt:
            return Call(_SQRT, (base,))
        if (2 * exponent).is_integer() and not exponent.is_integer() and not self._has_pow:
            return Call(_SQRT, (base ** (2 * exponent),))
        return base**exponent

    def product(
        self, number: float, exponents: Sequence[float], atoms: Sequence[Expression]
    ) -> Expression:
        """A number times powers, with divisors below the line and roots under one sign.

        A number below 1 becomes a divisor, unless it is a short decimal.

        Arguments:
            number: Any number but 0.
            exponents: As many as atoms.
            atoms: What is raised to powers.
        """
        above, below = self._sides(exponents, atoms)
        size = abs(number)
        inverse = near_fraction(1 / size, _WHOLE)
        divides = inverse.is_integer() and inverse < _LARGEST_DIVISOR and not size.is_integer()
        if divides or (size < 1 and above and below and not is_fraction(size)):
            size, below = 1.0, [Constant(inverse), *below]
        if size != 1 or not above:
            above = [Constant(size), *above]
        if number < 0:
            first = above[0]
            above[0] = Constant(-first.value) if isinstance(first, Constant) else -first
        whole = _times(above)
        return whole / _times(below) if below else whole

    def root(self, expression: Expression) -> Expression:
        """The root of an expression that is not negative; fourth powers and numbers come out.

        Arguments:
            expression: Any, such as a product.
        """
        factors: list[tuple[Expression, float]] = []
        number = 1.0
        for factor, exponent in _factors(expression):
            if isinstance(factor, Constant) and factor.value > 0:
                number *= factor.value**exponent
            else:
                factors.append((factor, exponent / 2))
        parts: list[tuple[Expression, float]] = []
        for factor, exponent in factors:
            base, power = _base(factor)
            whole = exponent * power
            parts.append((base, whole) if whole % 2 == 0 else (factor, exponent))
        outer = number**0.5
        if number.is_integer() and number < _LARGEST_RADICAND and not is_fraction(outer):
            parts.insert(0, (Constant(number), 0.5))  # sqrt(2*x) reads better than 1.414*sqrt(x)
            outer = 1.0
        return self.product(outer, [e for _, e in parts], [base for base, _ in parts])

    def sum(self, powers: PowerSum) -> Expression:
        """The shortest form found: common factors taken out, squares completed."""
        return self._shortest(powers, _DEPTH if len(powers.terms) <= _FEW_TERMS else 1)

    def quotient(self, above: PowerSum, below: PowerSum) -> Expression:
        """The shortest form found of a quotient of two sums with the same atoms.

        Arguments:
            above: The dividend, not empty.
            below: The divisor, not empty.
        """
        if len(below.terms) == 1:
            ((exponents, number),) = below.terms.items()
            return self.sum(above.divided(exponents, number).rounded(_WHOLE))
        units: dict[tuple[Exponents, float], None] = {
            (below.content(), 1.0): None,
            (above.content(), 1.0): None,
        }
        for part in (below, above):
            units |= dict.fromkeys(list(part.terms.items())[:_UNITS_TRIED])
        forms = []
        for exponents, number in units:
            top, bottom = (
                part.divided(exponents, number).rounded(_WHOLE) for part in (above, below)
            )
            if 2 * sum(value < 0 for value in bottom.terms.values()) > len(bottom.terms):
                nothing = (0.0,) * len(above.atoms)
                top, bottom = top.divided(nothing, -1.0), bottom.divided(nothing, -1.0)
            forms.append((top.nodes() + bottom.nodes(), top, bottom))
        forms.sort(key=lambda form: form[0])
        written = [self.sum(top) / self.sum(bottom) for _, top, bottom in forms[:_WRITTEN]]
        return min(written, key=length)

    def _sides(
        self, exponents: Sequence[float], atoms: Sequence[Expression]
    ) -> tuple[list[Expression], list[Expression]]:
        """The factors above and below the line."""
        above: list[Expression] = []
        below: list[Expression] = []
        over: list[Expression] = []
        under: list[Expression] = []
        for exponent, atom in zip(exponents, atoms, strict=True):
            if exponent == 0.5:
                over.append(atom)
            elif exponent == -0.5:
                under.append(atom)
            elif exponent != 0:
                (above if exponent > 0 else below).append(self.power(atom, abs(exponent)))
        if over:
            radicand = _times(over) / _times(under) if under else _times(over)
            above.append(self.power(radicand, 0.5))
        elif under:
            below.append(self.power(_times(under), 0.5))
        return above, below

    def _shortest(self, powers: PowerSum, depth: int) -> Expression:
        return min(self._forms(powers, depth), key=length)

    def _forms(self, powers: PowerSum, depth: int) -> Iterator[Expression]:
        yield self._flat(powers)
        if not 2 <= len(powers.terms) <= _MOST_TERMS or depth == 0:
            return
        common = powers.content()
        numbers = [1.0] if any(common) else []
        sizes = [abs(value) for value in powers.terms.values()]
        repeated = [size for size in dict.fromkeys(sizes) if sizes.count(size) > 1 and size != 1]
        numbers += repeated[:1] or [size for size in sizes if size != 1][:1]
        for number in numbers:
            inner = powers.divided(common, number).rounded(_WHOLE)
            yield self.product(
                number, (*common, 1.0), (*powers.atoms, self._shortest(inner, depth - 1))
            )
        squares = squares_completed(powers, lambda inner: self._shortest(inner, 1))
        if squares is not None:
            yield self._shortest(squares, depth)
            return
        for sums in grouped(powers, lambda inner: self._shortest(inner, depth - 1)):
            yield self._shortest(sums, depth - 1)
        factors = real_factors(powers)
        if len(factors) > 1:
            yield _times([self._flat(factor) for factor in factors])

    def _flat(self, powers: PowerSum) -> Expression:
        """Term by term, positive ones first."""
        if not powers.terms:
            return Constant(0.0)
        ordered = sorted(powers.terms.items(), key=lambda term: term[1] < 0)
        (first, number), *rest = ordered
        whole = self.product(number, first, powers.atoms)
        for exponents, number in rest:
            term = self.product(abs(number), exponents, powers.atoms)
            whole = whole - term if number < 0 else whole + term
        return whole


def _times(factors: Sequence[Expression]) -> Expression:
    whole = factors[0]
    for factor in factors[1:]:
        whole = whole * factor
    return whole


def _factors(expression: Expression) -> list[tuple[Expression, float]]:
    """Factors with exponents 1 and divisors with exponents -1."""
    found: list[tuple[Expression, float]] = []
    stack = [(expression, 1.0)]
    while stack:
        node, exponent = stack.pop()
        if isinstance(node, Call) and node.primitive in (_MUL, _DIV):
            left, right = node.arguments
            stack.append((right, -exponent if node.primitive == _DIV else exponent))
            stack.append((left, exponent))
        else:
            found.append((node, exponent))
    return found


def _base(factor: Expression) -> tuple[Expression, float]:
    """Base and exponent of a power with a number as its exponent, or the factor itself."""
    if isinstance(factor, Call) and factor.primitive == _POW:
        base, exponent = factor.arguments
        if isinstance(exponent, Constant):
            return base, exponent.value
    return factor, 1.0
