import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from esr.equations import Expression
from esr.errors import ConfigurationError, DataError
from esr.meta import Family, Functions, Member, single_family


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


SINE = Member(
    "sin(2*pi*f*x + phi)", {"f": [0.5, 2], "phi": [0, 2 * math.pi]}, shifted={"f": [2, 4]}
)
EXPONENTIAL = Member(
    "a*exp(x) + b*exp(-x)", {"a": [-1, 1], "b": [-1, 1]}, shifted={"a": [1, 2], "b": [1, 2]}
)
OSCILLATOR = Family({"sine": SINE, "exponential": EXPONENTIAL})
FAMILIES = {
    "two members": OSCILLATOR,
    "one member": single_family("a*sin(b*x)", {"a": [1, 2], "b": 3}, {"b": [4, 5]}),
    "two variables": Family(
        [Member("c*y**2 - x", {"c": [1, 2]}, shifted={"c": 3}), Member("x*y"), Member("y")],
        {"y": [0, 3], "x": [-2, -1]},
    ),
    "nothing but numbers": Family(
        [Member("2"), Member("c + log(c)", {"c": [1, 2]}, shifted={"c": 5}), Member("exp(x)")]
    ),
    "unequal shares": Family(
        [Member("a*x", {"a": [1, 2]}, 0.2, {"a": [2, 3]}), Member("x"), Member("x**2", {}, 7)],
        exact_shares=True,
    ),
}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
@pytest.mark.parametrize("shifted", [False, True])
class TestContract:
    def test_a_batch_equals_each_expression_evaluated_alone(
        self, family: Family, shifted: bool
    ) -> None:
        functions = family.draw(20, generator=seeded(), shifted=shifted)
        points = family.points(20, 7, generator=seeded(1), dtype=torch.float64)
        values = functions.evaluate(points)
        assert values.shape == (20, 7, 1)
        expressions = functions.expressions()
        assert len(expressions) == 20
        for expression, inputs, outputs in zip(expressions, points, values, strict=True):
            columns = dict(zip(family.variables, inputs.unbind(1), strict=True))
            torch.testing.assert_close(expression.evaluate(columns), outputs[:, 0])

    def test_an_expression_is_the_text_with_the_parameters_as_numbers(
        self, family: Family, shifted: bool
    ) -> None:
        functions = family.draw(10, generator=seeded(), shifted=shifted)
        columns = dict(
            zip(
                family.variables,
                family.points(1, 5, generator=seeded(1), dtype=torch.float64)[0].unbind(1),
                strict=True,
            )
        )
        for kind, numbers, expression in zip(
            functions.kinds.tolist(), functions.parameters(), functions.expressions(), strict=True
        ):
            text = Expression.parse(family.members[kind].expression)
            assert set(numbers) == set(family.members[kind].parameters)
            torch.testing.assert_close(
                expression.evaluate(columns), text.substitute(numbers).evaluate(columns)
            )

    def test_parameters_lie_in_their_ranges(self, family: Family, shifted: bool) -> None:
        functions = family.draw(300, generator=seeded(), shifted=shifted)
        for kind, numbers in zip(functions.kinds.tolist(), functions.parameters(), strict=True):
            within = family.members[kind].within(shifted=shifted)
            assert all(
                within[name][0] <= number <= within[name][1] for name, number in numbers.items()
            )

    def test_the_same_generator_gives_the_same_functions(
        self, family: Family, shifted: bool
    ) -> None:
        first, second = (family.draw(9, generator=seeded(3), shifted=shifted) for _ in range(2))
        assert first.expressions() == second.expressions()
        assert first.kinds.tolist() == second.kinds.tolist()

    def test_values_have_the_type_of_the_inputs_and_are_new(
        self, family: Family, shifted: bool
    ) -> None:
        functions = family.draw(9, generator=seeded(), shifted=shifted)
        for dtype in (torch.float32, torch.float64):
            points = family.points(9, 4, generator=seeded(), dtype=dtype)
            kept = points.clone()
            values = functions.evaluate(points)
            assert values.dtype == dtype
            values.zero_()
            assert torch.equal(points, kept)

    def test_a_sound_family_passes_its_check(self, family: Family, shifted: bool) -> None:
        family.check(generator=seeded(), functions=10)


def spread(functions: Functions) -> Tensor:
    return torch.tensor([list(numbers.values()) for numbers in functions.parameters()])


@pytest.mark.parametrize("shifted", [False, True])
def test_parameters_are_uniform_on_their_ranges(shifted: bool) -> None:
    family = Family([EXPONENTIAL])
    values = spread(family.draw(4000, generator=seeded(), shifted=shifted))
    low, high = (1.0, 2.0) if shifted else (-1.0, 1.0)
    # mean and variance of a uniform draw, each within five standard errors of 4000 draws
    spans = high - low
    standard_error = spans / math.sqrt(12 * 4000)
    assert ((values.mean(0) - (low + high) / 2).abs() < 5 * standard_error).all()
    variance = spans**2 / 12
    assert ((values.var(0) - variance).abs() < 5 * variance * math.sqrt(0.8 / 4000)).all()
    assert torch.corrcoef(values.T)[0, 1].abs() < 5 / math.sqrt(4000)


def test_mean_squares_are_those_of_the_closed_form() -> None:
    # E sin^2 = 1/2; E (a e^x + b e^-x)^2 = (E a^2 + E b^2) sinh(2)/2 + 2 E a E b
    inside = 0.5 * (0.5 + (2 / 3) * math.sinh(2) / 2)
    outside = 0.5 * (0.5 + (14 / 3) * math.sinh(2) / 2 + 2 * 1.5**2)
    points = OSCILLATOR.points(20000, 5, generator=seeded(1), dtype=torch.float64)
    for shifted, expected in ((False, inside), (True, outside)):
        functions = OSCILLATOR.draw(20000, generator=seeded(), shifted=shifted)
        squares = functions.evaluate(points).square().mean((1, 2))
        # five standard errors of the mean of 20000 functions
        error = 5 * float(squares.std()) / math.sqrt(20000)
        assert float(squares.mean()) == pytest.approx(expected, abs=error)


def test_a_shift_keeps_members_and_quantiles() -> None:
    family = Family([SINE, Member("c*x", {"c": [0, 1]}), EXPONENTIAL])
    inside, outside = (family.draw(50, generator=seeded(), shifted=s) for s in (False, True))
    assert inside.kinds.tolist() == outside.kinds.tolist()
    for kind, before, after in zip(
        inside.kinds.tolist(), inside.parameters(), outside.parameters(), strict=True
    ):
        if kind == 0:
            assert after["phi"] == before["phi"]
            assert (after["f"] - 2) / 2 == pytest.approx((before["f"] - 0.5) / 1.5)
        elif kind == 1:
            assert after == before
        else:
            assert after["a"] - 1 == pytest.approx((before["a"] + 1) / 2)


def test_members_are_drawn_by_their_shares() -> None:
    family = Family([Member("x", share=1), Member("x**2", share=3)])
    drawn = family.draw(4000, generator=seeded()).kinds.double()
    # five standard errors of a share of 3/4
    assert float(drawn.mean()) == pytest.approx(0.75, abs=5 * math.sqrt(0.75 * 0.25 / 4000))
    # independent draws: neighbours are uncorrelated
    assert torch.corrcoef(torch.stack([drawn[1:], drawn[:-1]]))[0, 1].abs() < 5 / math.sqrt(4000)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0.01, 100), min_size=1, max_size=6), st.integers(1, 60), st.integers(0, 99)
)
def test_exact_shares_are_rounded_up_or_down(shares: list[float], count: int, seed: int) -> None:
    family = Family([Member("x", share=share) for share in shares], exact_shares=True)
    kinds = family.draw(count, generator=seeded(seed)).kinds
    assert len(kinds) == count
    sizes = torch.bincount(kinds, minlength=len(shares)).tolist()
    for size, share in zip(sizes, shares, strict=True):
        # 1e-6: the border between two members is kept clear by 1e-9 of a function
        assert abs(size - count * share / sum(shares)) < 1 + 1e-6


def test_exact_shares_are_right_on_average() -> None:
    family = Family([Member("x", share=s) for s in (1, 2, 4)], exact_shares=True)
    generator = seeded()
    totals = Counter[int]()
    for _ in range(1000):
        totals.update(family.draw(3, generator=generator).kinds.tolist())
    for kind, share in enumerate((1, 2, 4)):
        # five standard errors; a count varies by at most one between draws
        assert totals[kind] / 1000 == pytest.approx(3 * share / 7, abs=5 * 0.5 / math.sqrt(1000))


@pytest.mark.parametrize("members", [1, 2, 6, 49])
def test_equal_exact_shares_take_turns(members: int) -> None:
    family = Family([Member("x")] * members, exact_shares=True)
    for seed in range(5):
        kinds = family.draw(3 * members, generator=seeded(seed)).kinds
        assert kinds.tolist() == [*range(members)] * 3


def test_points_are_uniform_on_the_ranges_and_widen_around_the_centre() -> None:
    family = Family([Member("x*y")], {"y": [0.1, 0.7], "x": [-1, 3]})
    assert family.variables == ("y", "x")
    low, high = torch.tensor([0.1, -1]), torch.tensor([0.7, 3])
    points = family.points(40, 100, generator=seeded())
    assert points.shape == (40, 100, 2)
    assert points.dtype == torch.float32
    assert (points >= low).all()
    assert (points <= high).all()
    wide = family.points(40, 100, generator=seeded(), wider=3)
    torch.testing.assert_close(wide - (low + high) / 2, 3 * (points - (low + high) / 2))
    unit = ((points - low) / (high - low)).flatten(0, 1)
    # five standard errors of the mean of 4000 uniform draws
    assert ((unit.mean(0) - 0.5).abs() < 5 / math.sqrt(12 * 4000)).all()


def test_x_lies_between_minus_one_and_one_if_no_range_is_given() -> None:
    assert Family([Member("x")]).ranges == {"x": (-1, 1)}
    assert single_family("x", ranges={}).ranges == {"x": (-1, 1)}


def test_values_carry_gradients_to_the_inputs() -> None:
    functions = OSCILLATOR.draw(4, generator=seeded())
    points = OSCILLATOR.points(4, 3, generator=seeded(), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(functions.evaluate, (points,))


def test_declared_names_precede_constants() -> None:
    family = single_family("e*x + pi", {"e": 5.0})
    assert f"{family.draw(1, generator=None).expressions()[0]:.3g}" == "5*x + 3.14"


def test_equations_read_well() -> None:
    family = single_family("-k*x + b*exp(k*x)/k**2", {"k": 1, "b": -2})
    assert str(family.draw(1, generator=None).expressions()[0]) == "-x - 2*exp(x)"


MISTAKES: list[tuple[str, list[Member], dict[str, list[float]], str]] = [
    ("no member", [], {}, "at least one member"),
    ("cannot be read", [Member("sin(x")], {}, r"member 'sin\(x' cannot be read: .*never closed"),
    ("unknown function", [Member("sn(x)")], {}, "did you mean 'sin'"),
    ("unknown name", [Member("amp*x", {"amb": 1})], {}, "'amp' is unknown; did you mean 'amb'"),
    ("unknown variable", [Member("sin(x)")], {"t": [0, 1]}, "'x' is unknown; valid names: t"),
    ("unused", [Member("x", {"a": 1})], {}, "parameter 'a' of the member 'x' does not occur"),
    ("both", [Member("x*t", {"t": 1})], {"x": [0, 1], "t": [0, 1]}, "also a variable"),
    ("empty", [Member("x")], {"x": [1, 1]}, r"range of 'x' must be \[low, high\] with low < high"),
    ("a point", [Member("x")], {"x": 1}, "but is the number 1"),  # type: ignore[dict-item]
]


@pytest.mark.parametrize(
    ("members", "ranges", "message"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_a_family_that_cannot_work_is_refused(
    members: list[Member], ranges: dict[str, list[float]], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"(?s){message}"):
        Family(members, ranges)


def test_a_member_that_cannot_work_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"parameters.a of the member 'a\*x' must be"):
        Member("a*x", {"a": [2, 1]})
    with pytest.raises(ConfigurationError, match=r"but is \[1\]"):
        Member("a*x", {"a": [1]})
    with pytest.raises(ConfigurationError, match="but is nan"):
        Member("a*x", {"a": math.nan})
    with pytest.raises(ConfigurationError, match=r"shifted.a of .* low < high"):
        Member("a*x", {"a": [1, 2]}, shifted={"a": [2, 2]})
    with pytest.raises(ConfigurationError, match=r"names 'fi', .* valid names: phi"):
        Member("sin(x + phi)", {"phi": [0, 1]}, shifted={"fi": [1, 2]})
    for share in (0, -1, math.inf):
        with pytest.raises(ConfigurationError, match=r"share .* must be positive"):
            Member("x", share=share)
    with pytest.raises(ConfigurationError, match="write it in quotes"):
        Member(3)  # type: ignore[arg-type]


def test_a_draw_that_cannot_work_is_refused() -> None:
    family = Family([Member("a*x", {"a": [1, 2]})])
    assert not family.has_shift
    with pytest.raises(ConfigurationError, match="no ranges out of domain"):
        family.draw(3, generator=seeded(), shifted=True)
    with pytest.raises(ConfigurationError, match="count must be at least 1, but is 0"):
        family.draw(0, generator=seeded())
    with pytest.raises(ConfigurationError, match="wider must be positive"):
        family.points(1, 1, generator=seeded(), wider=0)
    with pytest.raises(DataError, match=r"expected inputs \(3, N, 1\) .* of x, .* \(2, 5, 1\)"):
        family.draw(3, generator=seeded()).evaluate(torch.zeros(2, 5, 1))
    with pytest.raises(DataError, match=r"\(3, 5, 2\)"):
        family.draw(3, generator=seeded()).evaluate(torch.zeros(3, 5, 2))


def test_a_function_that_is_not_finite_is_named() -> None:
    root = Member("sqrt(a*x)", {"a": [1, 2]}, share=1e-9, shifted={"a": [-2, -1]})
    family = Family({"fine": Member("x"), "root": root}, {"x": [0.5, 1]})
    message = r"member 'root' is not finite at x = 0\.\d+ with a = -1\.\d+, out of domain"
    with pytest.raises(DataError, match=message):
        family.check(generator=seeded())
    with pytest.raises(DataError, match=r"member 'log\(x\)' is not finite at x = -[\d.]+; choose"):
        Family([Member("log(x)")]).check(generator=seeded())
    Family([Member("log(x)")], {"x": [1, 2]}).check(generator=seeded())
    for ranges in ([-1, 1], [0, 1], [-1, 3], [-2, 0]):
        for pole, others in (("1/x", {}), ("1/x + y", {"y": [1, 2]}), ("y/x", {"y": [0, 1]})):
            with pytest.raises(DataError, match=r"not finite at x = -?0"):
                Family([Member(pole)], {"x": ranges, **others}).check(generator=seeded())
    with pytest.raises(DataError, match="not finite"):
        Family([Member("log(x)")], {"x": [1, 2]}).check(generator=seeded(), wider=5)
