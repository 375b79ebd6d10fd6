import pytest
import torch
from torch import Generator

from esr.equations import Expression, Variable
from esr.errors import ConfigurationError
from esr.random import RandomStreams
from esr.search import Clock, Question, Rows, SearchFront
from esr.search.splits import Splits, SplitSettings, part_front, remainder_splits
from esr.search.splits.part_front import signature
from esr.search.splits.reduction import Reduction

FORMS = ("1/{u}", "exp({u})", "exp(-{u})", "exp(1/{u})", "sin({u})")


class Forms:
    """Tries a few functions of the first and second column, up to a factor and a constant."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        names = front.question.variables
        self.asked.append(names)
        columns = [*names, f"({' + '.join(names)})"] if len(names) > 1 else list(names)
        for column in columns:
            for form in FORMS:
                text = form.format(u=column)
                front.propose(Expression.parse(f"2*{text} + 1"), "forms")
                if front.exact is not None or clock.expired:
                    return


def ask(text: str, noise: float = 0.0, low: float = 1.0) -> SearchFront:
    truth, generator = Expression.parse(text), Generator().manual_seed(4)
    names = truth.variables
    inputs = low + 2 * torch.rand(200, len(names), generator=generator, dtype=torch.float64)
    target = truth.evaluate(dict(zip(names, inputs.unbind(1), strict=True)))
    draw = torch.randn(200, generator=generator, dtype=torch.float64)
    data = Rows.of(inputs, target + noise * target.std() * draw, names)
    rows = torch.arange(200)
    return SearchFront(Question(data.taken(rows[:150]), data.taken(rows[150:])))


def few(
    single: int = 2, several: int = 2, remainders: int = 0, inner_functions: int = 400
) -> SplitSettings:
    """Little is tried, and never ended by the clock, since machines differ."""
    return SplitSettings(single, several, remainders, 3, inner_functions, seconds=1e6)


def searched(front: SearchFront, settings: SplitSettings | None = None) -> Forms:
    inner = Forms()
    Splits(inner, settings or few()).search(front, Clock(), RandomStreams(0))
    return inner


@pytest.mark.parametrize(
    "text",
    [
        "m*exp(-a*b/c)/a",
        "3*a**2*b/c",
        "a + b + sqrt(a*b)*exp(-c)",
        "q*m/(a**2 + b**2)",
        "q*(d + b*v*exp(s))",
    ],
)
def test_equations_of_several_variables_are_found_by_functions_of_one(text: str) -> None:
    front = ask(text)
    searched(front)
    assert front.exact is not None
    columns = front.question.validation.columns
    found = front.exact.expression.evaluate(columns)
    torch.testing.assert_close(found, Expression.parse(text).evaluate(columns))


def test_symmetries_lead_to_splits_of_what_is_left() -> None:
    front = ask("g*exp(-(a - b)/c)")
    inner = searched(front, few(single=1, inner_functions=60))
    assert front.exact is not None
    assert "symmetry" in front.accepted
    assert max(map(len, inner.asked)) == 2  # never all four variables


def test_noise_leaves_the_form() -> None:
    front = ask("m*exp(-a*b)", noise=0.02)
    searched(front, few(several=0))
    best = front.best
    assert best is not None
    columns = front.question.validation.columns
    truth = Expression.parse("m*exp(-a*b)").evaluate(columns)
    misses = (best.expression.evaluate(columns) - truth).square().mean() / truth.var()
    assert float(misses) < 0.02**2 / 10  # constants are known better than a row


def test_the_search_ends_with_an_exact_equation_and_with_time() -> None:
    front = ask("a**2*b")
    assert searched(front).asked == []  # a product of powers needs no inner engine
    front = ask("sin(a)*b + c")
    inner = Forms()
    Splits(inner).search(front, Clock(0), RandomStreams(0))
    assert inner.asked == []


def test_one_variable_is_not_split() -> None:
    front = ask("sin(x)")
    assert searched(front).asked == []


def test_remainders_are_searched_as_terms_and_factors() -> None:
    front = ask("exp(2*x) + 3*sin(y)")
    front.propose(Expression.parse("exp(2*x)"), "start", refit=False)
    reductions = remainder_splits(front, 1)
    assert {str(r.offset) for r in reductions} == {"exp(2*x)", "0"}
    inner = searched(front, few(single=0, several=0, remainders=1))
    assert inner.asked == [("x", "y")]
    assert front.exact is not None


def test_a_part_hands_on_what_is_best_and_ends_with_the_whole() -> None:
    front = ask("b*exp(a)")
    reduction = Reduction({"u1": Variable("a")}, Variable("b"))
    part = part_front(reduction, front, "test")
    assert part is not None
    part.propose(Expression.parse("sin(u1)"), "inner")
    assert front.accepted == {"test": 1}
    assert part.exact is None
    part.propose(Expression.parse("2*exp(u1)"), "inner")
    assert front.exact is not None
    assert front.exact.expression.variables == ("a", "b")
    assert part.exact is front.exact


def test_signatures_are_in_the_variables_of_the_first_question() -> None:
    front = ask("b*exp(a)")
    swapped = Reduction({"u1": Expression.parse("b - a"), "u2": Expression.parse("a")})
    part = part_front(swapped, front, "test")
    assert part is not None
    direct = Reduction({"u1": Expression.parse("b - a")}, Variable("a"))
    nested = Reduction({"v": Variable("u1")}, Variable("u2"))
    assert signature(direct, front).split(" ; ")[2:] == signature(nested, part).split(" ; ")[2:]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depth": 0}, "depth must be at least 1, but is 0"),
        ({"single": -1}, "single must be at least 0, but is -1"),
        ({"share": 1.5}, "share in"),
    ],
)
def test_settings_are_checked(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        SplitSettings(**settings)
