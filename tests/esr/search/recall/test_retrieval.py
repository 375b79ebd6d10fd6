import itertools

import pytest
import torch

from esr.equations import Expression
from esr.random import RandomStreams
from esr.search import Clock, SearchFront
from esr.search.recall import Recall, Round
from esr.search.recall.framed import explained_by_frames, framed_pairs
from esr.search.recall.retrieval import product_pairs, singles, sum_pairs, thirds
from esr.search.recall.transform import transforms
from esr.search.recall.view import LinearView, project
from tests.esr.search.recall.test_adjunction import question_of

QUESTION = question_of("x*sin(y) + 0.3*x", noise=0.1)
ROWS = QUESTION.training


def patterns_of(count=7):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, len(ROWS.target), generator=generator, dtype=torch.float64)


def view():
    columns = torch.stack([torch.ones_like(ROWS.target), ROWS.inputs[:, 0]])
    return LinearView(
        transforms(QUESTION)[0], ROWS.weights, [None, Expression.parse("x")], columns
    )


def explained(columns):
    """Share of the view's target that columns `(C, N)` explain beside its basis."""
    left = project(columns * view().weights, view().directions).T
    solution = torch.linalg.lstsq(left, view().target[:, None]).solution
    return 1 - float((left @ solution - view().target[:, None]).square().sum())


def units(patterns):
    left = project(patterns * view().weights, view().directions)
    return left / left.norm(dim=1, keepdim=True)


def best_of(columns_of, count=7):
    pairs = list(itertools.combinations_with_replacement(range(count), 2))
    return max((explained(columns_of(i, j)), (i, j)) for i, j in pairs if i != j)


def test_singles_and_thirds_are_those_of_least_squares():
    f = patterns_of()
    hits = singles(view().target, units(f), 7)
    for place, share in zip(hits.places[:, 0].tolist(), hits.explained.tolist(), strict=True):
        assert share == pytest.approx(explained(f[place : place + 1]), abs=1e-12)
    first = int(hits.places[0, 0])
    more = thirds(view().target, units(f), units(f)[None, first : first + 1], 3)
    third = int(more.places[0, 1])
    assert float(more.explained[0]) == pytest.approx(explained(f[[first, third]]), abs=1e-10)


def test_the_best_sum_is_found_among_all_pairs():
    f = patterns_of()
    hits = sum_pairs(view().target, units(f), 1, Clock())
    share, pair = best_of(lambda i, j: f[[i, j]])
    assert tuple(hits.places[0].tolist()) == pair
    assert float(hits.explained[0]) == pytest.approx(share, abs=1e-10)


def test_the_best_product_is_found_among_all_pairs():
    f = patterns_of()
    v = view()
    hits = product_pairs(v.target, v.directions, v.weights, f, 28, Clock())
    for (i, j), share in zip(hits.places.tolist(), hits.explained.tolist(), strict=True):
        assert share == pytest.approx(explained(f[i : i + 1] * f[j : j + 1]), abs=1e-10)
    assert len(hits.places) == 28


def test_the_best_product_with_shifts_is_found_among_all_pairs():
    f = patterns_of()
    f = f - f.mean(1, keepdim=True)
    hits = framed_pairs(view(), f, 21, Clock())
    exact = explained_by_frames(view(), f, hits.places)
    share, pair = best_of(lambda i, j: torch.stack([f[i] * f[j], f[i], f[j]]))
    assert tuple(hits.places[0].tolist()) == pair
    assert float(hits.explained[0]) == pytest.approx(share, abs=1e-9)
    assert torch.allclose(hits.explained, exact, atol=1e-8)


@pytest.mark.parametrize(
    "text",
    [
        "2*sin(1.3*x)*cos(y)",  # a product, numbers off the grid
        "x + y + 3*sqrt(x*y)*cos(z)",  # beside the variables
        "2*exp(-x) + sin(x*y)",  # a sum
        "x*exp(-y/z)/(1 + y)",  # a product of powers
        "q*(x + 2*y*sin(z))",  # a product with shifts
    ],
)
def test_laws_of_two_programs_are_recalled(text):
    front = SearchFront(question_of(text, count=120))
    Recall([Round(2500, 700, 1200, 300, 600)]).search(front, Clock(30), RandomStreams(0))
    assert front.exact is not None
    assert front.exact.expression.equals(Expression.parse(text), decimals=6) is not False
