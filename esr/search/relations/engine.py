"""The engine of relations: cheap exact stages first, and what noise leaves of them."""

from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import islice

from esr.equations import Expression
from esr.random import RandomStreams
from esr.search.clock import Clock
from esr.search.front import SearchFront
from esr.search.relations.atoms import Atoms, arguments, functions_of
from esr.search.relations.desk import Desk
from esr.search.relations.factors import (
    function_factors,
    shifted_factors,
    variable_factors,
)
from esr.search.relations.peeling import power_factors
from esr.search.relations.products import offer_products
from esr.search.relations.quotients import (
    exact_polynomials,
    exact_quotients,
    inexact_polynomials,
    inexact_quotients,
)
from esr.search.relations.remainders import Remainders
from esr.search.relations.scaled import offer_scaled_functions
from esr.search.relations.sums import few_terms, offer_few_terms, offer_function_terms
from esr.search.relations.transforms import function_views, power_views
from esr.search.relations.view import View
from esr.search.relations.waves import offer_waves

__all__ = ["Relations"]


_ARGUMENTS = 60
_RAISED = (1.0, -1.0, 2.0, -2.0, 3.0, -3.0)
"""Powers of a single variable by which a target is divided."""


class Relations:
    """An engine of algebraic relations, products of powers and sparse sums.

    Relations that hold to the last bit are null vectors of a matrix of monomials, and are offered
    at once. Then come products of powers of variables and simple functions, which are linear in
    logarithms; what is left of such products; sums of waves; and sums of few terms. What does
    not hold exactly is suggested, and the most promising suggestions are proposed as well.
    """

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        """As `Engine.search`; nothing is drawn."""
        task = _Task(Desk(front, clock), View.of(front.question))
        stages: tuple[tuple[Callable[[], None], int], ...] = (
            (task.algebra, 6),
            (task.products, 3),
            (task.roots, 0),
            (task.functions, 5),
            (task.remainders, 0),
            (task.waves, 0),
            (task.sums, 8),
            (task.function_terms, 4),
            (task.inexact, 8),
        )
        for stage, proposals in stages:
            stage()
            if proposals:
                task.desk.settle(proposals)
            if task.desk.closed():
                return


class _Task:
    """The stages for one question.

    Arguments:
        desk: Where equations are offered.
        view: The whole target.
    """

    def __init__(self, desk: Desk, view: View) -> None:
        self.desk, self.view = desk, view

    @cached_property
    def peeled(self) -> list[View]:
        """The target without factors that it seems to have."""
        if len(self.view.variables) == 1:
            return self._raised()
        return [self.view.divided(e, self.desk.writer) for e in power_factors(self.view)]

    @property
    def bases(self) -> list[View]:
        """The target without factors, and as it is."""
        return [*self.peeled, self.view]

    def algebra(self) -> None:
        """Power laws, polynomials and rational functions."""
        desk = self.desk
        offer_products(self.view, desk, variable_factors(self.view))
        for view in (self.view, *self.peeled):
            self._exact(view)
        for view in (self.view, *self.peeled):
            if not desk.closed():
                inexact_polynomials(view, desk)

    def products(self) -> None:
        """Products of powers of variables and of one plus or minus monomials."""
        if not self.desk.closed():
            offer_products(self.view, self.desk, shifted_factors(self.view, self.desk))

    def roots(self) -> None:
        """Functions of the target that are polynomials or rational functions."""
        for base in self.bases:
            for view in (*power_views(base, self.desk.writer), *self._functions(base)):
                self._exact(view)
                if len(view.variables) > 1 and not self.desk.closed():
                    exact_quotients(view, self.desk, 2.0)

    def functions(self) -> None:
        """Products with functions of monomials."""
        desk = self.desk
        factors = shifted_factors(self.view, desk).joined(function_factors(self.view, desk))
        for view in (self.view, *self._functions(self.view)):
            if desk.closed():
                return
            offer_products(view, desk, factors)

    def remainders(self) -> None:
        """A product plus something simple."""
        desk = self.desk
        for base in self.bases:
            if desk.closed():
                return
            factors = shifted_factors(base, desk).joined(function_factors(base, desk))
            remainders = Remainders(base, factors)
            for view in (*self._powers(base), *self._functions(base)):
                if desk.closed():
                    return
                remainders.offer(view, desk)

    def waves(self) -> None:
        """Sums of waves, and functions of a variable with a scale of its own."""
        for base in self.bases if len(self.view.variables) == 1 else [self.view]:
            if not self.desk.closed():
                offer_waves(base, self.desk)
            if not self.desk.closed():
                offer_scaled_functions(base, self.desk)

    def sums(self) -> None:
        """Sums of few terms."""
        for base in self.bases:
            terms = few_terms(base, self.desk, self._called(base))
            for view in (base, *power_views(base, self.desk.writer)):
                if self.desk.closed():
                    return
                offer_few_terms(view, self.desk, terms)

    def function_terms(self) -> None:
        """Sums of terms with functions."""
        for base in self.bases:
            called = self._called(base)
            for view in self._powers(base):
                if self.desk.closed():
                    return
                offer_function_terms(view, self.desk, called)

    def inexact(self) -> None:
        """Polynomials and rational functions that miss the data."""
        for base in self.bases:
            for view in self._powers(base):
                if self.desk.closed():
                    return
                inexact_polynomials(view, self.desk)
            if self.desk.closed():
                return
            inexact_quotients(base, self.desk)

    def _exact(self, view: View) -> None:
        if not self.desk.closed():
            exact_polynomials(view, self.desk)
        if not self.desk.closed():
            exact_quotients(view, self.desk)

    def _raised(self) -> list[View]:
        """The target divided by powers of its only variable."""
        column, found = self.view.values[:, 0], list[View]()
        if bool((column == 0).any()):
            return found
        for exponent in _RAISED:
            factor = column**exponent

            def times(expression: Expression, exponent: float = exponent) -> Expression:
                parts = (*self.view.variables, expression)
                return self.desk.writer.product(1.0, (exponent, 1.0), parts)

            found.append(self.view.transformed(self.view.target / factor, factor.abs(), times))
        return found

    def _powers(self, base: View) -> list[View]:
        """The base, and two powers of its target."""
        return [base, *islice(power_views(base, self.desk.writer), 2)]

    def _functions(self, base: View) -> Iterable[View]:
        return function_views(base, self.desk.question.primitives)

    def _called(self, base: View) -> Atoms:
        names = arguments(base, self.desk.writer, _ARGUMENTS)
        return functions_of(names, self.desk.question, everywhere=False)
