"""The engine of relations: cheap exact stages, and what noise leaves of them."""

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from itertools import islice

from esr.equations import Constant, Expression
from esr.random import RandomStreams
from esr.search.clock import Clock
from esr.search.front import SearchFront
from esr.search.relations.atoms import Atoms, arguments, functions_of
from esr.search.relations.desk import Desk
from esr.search.relations.factors import (
    Factors,
    function_factors,
    shifted_factors,
    variable_factors,
)
from esr.search.relations.modulated import offer_modulated
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
from esr.search.relations.subsets import suggest_sparse_polynomials
from esr.search.relations.sums import few_terms, offer_few_terms, offer_function_terms
from esr.search.relations.transforms import function_views, power_views
from esr.search.relations.view import View
from esr.search.relations.waves import offer_waves

__all__ = ["Relations"]

_FEW_POWERS = 2
"""Reciprocal and square, where all powers would take too long."""
_ARGUMENTS, _MANY_VARIABLES = 60, 6
_RAISED = (1.0, -1.0, 2.0, -2.0, 3.0, -3.0)
"""Powers of a single variable by which a target is divided."""


class Relations:
    """Looks for relations that can be told by linear algebra, in about a second.

    Sparse polynomials and quotients of them are found as null vectors, products of powers and
    functions as linear relations of logarithms, sums of few terms by retrieving pairs; each for
    the target, for functions of it and with factors that are powers split off. With noise the
    same are least-squares fits of which the shortest are proposed. Nothing is drawn at random.
    """

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        """Propose relations until one is exact; see `Engine`."""
        task = _Task(Desk(front, clock), View.of(front.question))
        if not task.view.variables:
            front.propose(Constant(float(front.question.training.target.mean())), "relations")
            return
        for stage, most in task.stages():
            for step in stage():
                if task.desk.closed():
                    return
                step()
            task.desk.settle(most)


Step = Callable[[], None]
_Stages = tuple[tuple[Callable[[], Iterator[Step]], int], ...]


class _Task:
    """The stages of one search, each a series of short steps.

    Arguments:
        desk: Where equations are offered.
        view: The data as they are.
    """

    def __init__(self, desk: Desk, view: View) -> None:
        self.desk, self.view = desk, view

    def stages(self) -> "_Stages":
        """In order, each with the largest number of inexact equations that are fitted after it.

        Products with functions of all arguments come late where many variables make them costly.
        """
        costly: _Stages = ((self._functions, 5), (self._remainders, 0))
        sums: _Stages = (
            (self._waves, 0),
            (self._sums, 8),
            (self._function_terms, 4),
            (self._modulated, 12),
        )
        simple: _Stages = ((self._algebra, 6), (self._products, 3), (self._transforms, 0))
        later = sums + costly if len(self.view.variables) > _MANY_VARIABLES else costly + sums
        return (*simple, *later, (self._inexact, 8))

    @cached_property
    def _peeled(self) -> list[View]:
        """Views of the target without factors that are powers of variables."""
        if len(self.view.variables) == 1:
            return self._raised()
        return [self.view.divided(key, self.desk.writer) for key in power_factors(self.view)]

    def _raised(self) -> list[View]:
        """Views of the target divided by powers of its only variable, which stays."""
        column, found = self.view.values[:, 0], list[View]()
        for exponent in () if bool((column == 0).any()) else _RAISED:
            factor = column**exponent

            def times(expression: Expression, exponent: float = exponent) -> Expression:
                parts = (*self.view.variables, expression)
                return self.desk.writer.product(1.0, (exponent, 1.0), parts)

            found.append(self.view.transformed(self.view.target / factor, factor.abs(), times))
        return found

    @property
    def _bases(self) -> tuple[View, ...]:
        return (*self._peeled, self.view)

    def _with_powers(self, view: View, most: int | None = _FEW_POWERS) -> Iterator[View]:
        yield view
        yield from islice(power_views(view, self.desk.writer), most)

    def _through_functions(self, view: View) -> Iterator[View]:
        return function_views(view, self.desk.question.primitives)

    def _calls(self, view: View) -> Atoms:
        """Functions of simple arguments."""
        insides = arguments(view, self.desk.writer, _ARGUMENTS)
        return functions_of(insides, self.desk.question, everywhere=False)

    def _factors(self, view: View) -> Factors:
        return shifted_factors(view, self.desk).joined(function_factors(view, self.desk))

    def _algebra(self) -> Iterator[Step]:
        """Power laws, polynomials and quotients of them."""
        desk = self.desk
        yield partial(offer_products, self.view, desk, variable_factors(self.view))
        for view in (self.view, *self._peeled):
            yield partial(exact_polynomials, view, desk)
            yield partial(exact_quotients, view, desk)
        for view in (self.view, *self._peeled):
            yield partial(inexact_polynomials, view, desk)
            yield partial(suggest_sparse_polynomials, view, desk)

    def _products(self) -> Iterator[Step]:
        yield partial(offer_products, self.view, self.desk, shifted_factors(self.view, self.desk))

    def _transforms(self) -> Iterator[Step]:
        """Polynomials and quotients of them for functions of the target."""
        desk = self.desk
        for base in self._bases:
            views = (
                *islice(self._with_powers(base, None), 1, None),
                *self._through_functions(base),
            )
            for view in views:
                yield partial(exact_polynomials, view, desk)
                yield partial(exact_quotients, view, desk)
                if len(view.variables) > 1:
                    yield partial(exact_quotients, view, desk, 2.0)

    def _functions(self) -> Iterator[Step]:
        """Products with functions of simple arguments."""
        factors = self._factors(self.view)
        for view in (self.view, *self._through_functions(self.view)):
            yield partial(offer_products, view, self.desk, factors)

    def _remainders(self) -> Iterator[Step]:
        """Sums of a simple term and a product."""
        for base in self._bases:
            remainders = Remainders(base, self._factors(base))
            for view in (*self._with_powers(base), *self._through_functions(base)):
                yield partial(remainders.offer, view, self.desk)

    def _waves(self) -> Iterator[Step]:
        """Sums of waves, and functions of a variable on a scale of its own."""
        for view in self._bases if len(self.view.variables) == 1 else (self.view,):
            yield partial(offer_waves, view, self.desk)
            yield partial(offer_scaled_functions, view, self.desk)

    def _sums(self) -> Iterator[Step]:
        """Sums of few terms, whatever they are."""
        for base in self._bases:
            terms = few_terms(base, self.desk, self._calls(base))
            for view in self._with_powers(base):
                yield partial(offer_few_terms, view, self.desk, terms)

    def _function_terms(self) -> Iterator[Step]:
        """Quadratic polynomials with a function in one or two terms."""
        for base in self._bases:
            called = self._calls(base)
            for view in self._with_powers(base):
                yield partial(offer_function_terms, view, self.desk, called)

    def _modulated(self) -> Iterator[Step]:
        """Sums with factors of one function that has a number inside."""
        views = (self.view, *self._peeled) if len(self.view.variables) > 1 else (self.view,)
        for view in views:
            yield partial(offer_modulated, view, self.desk)

    def _inexact(self) -> Iterator[Step]:
        """Least squares for reciprocal and square, and quotients for all of them."""
        desk = self.desk
        for base in self._bases:
            for view in islice(self._with_powers(base), 1, None):
                yield partial(inexact_polynomials, view, desk)
                yield partial(inexact_quotients, view, desk)
            yield partial(inexact_quotients, base, desk)
