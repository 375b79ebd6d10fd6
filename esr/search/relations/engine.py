"""The engine of relations: cheap exact stages first, and what noise leaves of them."""

from collections.abc import Iterator
from functools import cached_property

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


class Relations:
    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        from time import process_time
        t=process_time()
        task = _Task(Desk(front, clock), View.of(front.question))
        for stage, most in ((task.algebra,6), (task.products,3), (task.roots,0), (task.functions,5), (task.remainders,0), (task.waves,0), (task.sums,8), (task.function_terms,4), (task.inexact,8)):
            stage()
            if most: task.desk.settle(most)
            if __import__('os').environ.get('TRACE'): print(stage.__name__, f"{process_time()-t:.2f}", front.proposals, task.desk.closed)
            if task.desk.closed:
                return


class _Task:
    def __init__(self, desk, view):
        self.desk, self.view = desk, view

    @cached_property
    def peeled(self):
        return [self.view.divided(e, self.desk.writer) for e in power_factors(self.view)]

    @property
    def bases(self):
        return [*self.peeled, self.view]

    def algebra(self):
        desk = self.desk
        offer_products(self.view, desk, variable_factors(self.view))
        for view in (self.view, *self.peeled):
            if desk.closed: return
            exact_polynomials(view, desk)
            if desk.closed: return
            exact_quotients(view, desk)
        for view in (self.view, *self.peeled):
            inexact_polynomials(view, desk)

    def products(self):
        desk = self.desk
        offer_products(self.view, desk, shifted_factors(self.view, desk))

    def roots(self):
        desk = self.desk
        for base in self.bases:
            for view in (*power_views(base, desk.writer), *function_views(base, desk.question.primitives)):
                if desk.closed: return
                exact_polynomials(view, desk)
                if desk.closed: return
                exact_quotients(view, desk)
                if desk.closed: return
                if len(view.variables) > 1: exact_quotients(view, desk, 2.0)

    def functions(self):
        desk = self.desk
        factors = shifted_factors(self.view, desk).joined(function_factors(self.view, desk))
        for view in (self.view, *function_views(self.view, desk.question.primitives)):
            if desk.closed: return
            offer_products(view, desk, factors)

    def remainders(self):
        desk = self.desk
        for base in self.bases:
            if desk.closed: return
            factors = shifted_factors(base, desk).joined(function_factors(base, desk))
            remainders = Remainders(base, factors)
            for view in (base, *list(power_views(base, desk.writer))[:2], *function_views(base, desk.question.primitives)):
                if desk.closed: return
                remainders.offer(view, desk)

    def sums(self):
        desk = self.desk
        for base in self.bases:
            called = functions_of(arguments(base, desk.writer, 60), desk.question, everywhere=False)
            terms = few_terms(base, desk, called)
            for view in (base, *power_views(base, desk.writer)):
                if desk.closed: return
                offer_few_terms(view, desk, terms)

    def waves(self):
        desk = self.desk
        for base in self.bases[-1:]:
            if desk.closed: return
            offer_waves(base, desk)
            if desk.closed: return
            offer_scaled_functions(base, desk)

    def function_terms(self):
        desk = self.desk
        for base in self.bases:
            called = functions_of(arguments(base, desk.writer, 60), desk.question, everywhere=False)
            for view in (base, *list(power_views(base, desk.writer))[:2]):
                if desk.closed: return
                offer_function_terms(view, desk, called)

    def inexact(self):
        desk = self.desk
        for base in self.bases:
            for view in (base, *list(power_views(base, desk.writer))[:2]):
                if desk.closed: return
                inexact_polynomials(view, desk)
            if desk.closed: return
            inexact_quotients(base, desk)
