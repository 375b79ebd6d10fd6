import math

import pytest
import torch
from torch import Tensor

from esr.equations import Expression, fit_constants
from esr.equations.evaluation import fixed_constants
from esr.finishing import are_undecided, finish_readings, select_blocks
from esr.finishing.block_sums import Block, BlockSums
from esr.finishing.blocks import ONE, building_blocks
from esr.problem import Problem

CROWDED = Expression.parse(
    "0.3*sin(1.9*x - 1.4) - 0.2*sin(5.1*x + 0.5) + 0.1*sin(2.7*x - 1.2)*(0.2*x + 0.3)"
    "+ 0.4*exp(0.7*x + 0.1) - 0.6*exp(-0.6*x + 0.3) + 0.2*(0.7*x - 0.2)**2 + 0.5*(0.4*x + 1.1)"
    "+ 0.3*sigmoid(2.1*x - 0.3) - 0.7*sigmoid(-1.3*x + 0.8)"
)
"""More constants than ten samples decide; the blocks that are wanted among many others."""


def samples(law: str, seed: int, count: int = 10) -> tuple[dict[str, Tensor], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, generator=generator, dtype=torch.float64) * 2 - 1
    return {"x": x}, Expression.parse(law).evaluate({"x": x})


def finished(readings: list[Expression], law: str, seed: int) -> Expression:
    inputs, target = samples(law, seed)
    data = Problem(inputs["x"][:, None], target[:, None], ["x"])
    return finish_readings(readings, data, data).best.expression


@pytest.mark.parametrize("seed", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in (1, 2))])
@pytest.mark.parametrize(
    "law",
    [
        "sin(6.1*x + 4.2)",
        "sin(4.4*x - 0.3)",
        "0.81*exp(x) - 0.37*exp(-x)",
        "-0.05*exp(x) - 0.9*exp(-x)",
        "0.7*sin(2.2*x + 1) + 1.3",
        "1.5*x + 0.25",
    ],
)
def test_ten_samples_tell_a_law_whose_blocks_a_crowded_reading_has(law: str, seed: int) -> None:
    found = finished([CROWDED], law, seed)
    assert found.equals(Expression.parse(law), decimals=6) or agrees(found, law)
    assert len(found.constants) <= 4


def agrees(found: Expression, law: str) -> bool:
    """Whether an equation has the law's values far from where it was fitted, too."""
    x = {"x": torch.linspace(-3, 3, 50, dtype=torch.float64)}
    values = Expression.parse(law).evaluate(x)
    return bool((found.evaluate(x) - values).abs().max() < 1e-6 * values.abs().max())


def test_blocks_of_several_readings_are_pooled() -> None:
    halves = [
        Expression.parse("+".join(f"{k}*{part}" for k in range(1, 9)))
        for part in ("exp(0.7*x + 0.1)", "exp(-0.6*x + 0.3)")
    ]
    law = "0.81*exp(x) - 0.37*exp(-x)"
    inputs, target = samples(law, 0)
    alone = [select_blocks([half], inputs, target) for half in halves]
    assert not any(agrees(found, law) for equations in alone for found in equations)
    assert agrees(finished(halves, law, 0), law)


@pytest.mark.slow
def test_no_inexact_sum_comes_with_an_exact_one() -> None:
    for seed in range(3):
        inputs, target = samples("0.4*x*exp(-0.8*x)", seed)
        found = select_blocks([CROWDED], inputs, target)
        assert len(found) == 1
        assert fit_constants(found[0], inputs, target).mse < 1e-26 * target.square().mean()


def test_sums_have_fewer_constants_than_samples() -> None:
    inputs, target = samples("tanh(3*x)", 0)
    target = target + 0.1 * torch.randn(10, generator=torch.Generator().manual_seed(1)).double()
    found = select_blocks([CROWDED], inputs, target)
    assert len(found) > 1
    for equation in found:
        assert fixed_constants(equation, all_exponents=True).count(False) <= 8
    errors = [(equation.evaluate(inputs) - target).square().mean() for equation in found]
    assert errors == sorted(errors)


def test_readings_are_undecided_if_all_have_too_many_constants() -> None:
    small = Expression.parse("2*sin(3*x + 1)")
    assert are_undecided([CROWDED], 10)
    assert not are_undecided([CROWDED], 256)
    assert not are_undecided([CROWDED, small], 10)
    assert are_undecided([small], 4)


def test_a_large_reading_gives_blocks() -> None:
    wide = "+".join(f"{k}.5*exp(-0.{k}*x + 0.2)" for k in range(1, 8))
    inner = f"({wide}+0.3*sin(5.5*x - 1))"
    large = Expression.parse("+".join(f"{k}*sin({inner}*{k}.1)" for k in range(1, 15)))
    assert large.complexity > 400
    assert agrees(finished([large], "2*sin(6*x - 0.8)", 0), "2*sin(6*x - 0.8)")


@pytest.mark.parametrize(
    ("reading", "blocks"),
    [
        ("2*exp(3*x + 1)", ["exp(3*x)", "x"]),
        ("sin(4*x)", ["sin(4*x + 0)", "x"]),
        ("-sin(-4*x - 1)", ["sin(4*x + 1)", "x"]),
        ("0.5*(2*x + 3)**2", ["(x + 1.5)**2", "x"]),
        ("3/(2*x - 1)", ["1/(x + -0.5)", "x"]),
        ("2*x - 3*y + 1", ["x", "y"]),
        ("(x + 1)*(2*y + x)", ["x*x", "x*y", "x", "y"]),
        ("3*x*exp(2*x)", ["x*exp(2*x)", "exp(2*x)", "x"]),
        ("sin(2*x + 1) + 0.3*sin(2.001*x + 1.001)", ["sin(2*x + 1)", "x"]),
        ("1.5", []),
    ],
)
def test_blocks_lack_what_a_factor_in_front_can_do(reading: str, blocks: list[str]) -> None:
    found = [str(block) for block in building_blocks([Expression.parse(reading)], 10)]
    assert sorted(found) == sorted(str(Expression.parse(block)) for block in blocks)


def test_each_sum_of_a_batch_is_a_least_squares_fit() -> None:
    inputs, target = samples("exp(x) + 0.3*sin(5*x)", 0, count=30)
    texts = [["exp(0.7*x)", "1"], ["(x + 0.3)**2", "x"], ["sin(4.6*x + 0.1)", "exp(0.7*x)"]]
    rows = [[Block(Expression.parse(text)) for text in row] for row in texts]
    fits = BlockSums(rows, inputs, target, 100)
    assert fits.errors[2] < 1e-28
    for row, error in enumerate(fits.errors):
        values = fits.expression(row).evaluate(inputs)
        assert math.isclose(float((values - target).square().mean()), error, abs_tol=1e-28)
        further = fit_constants(fits.expression(row), inputs, target)  # has nothing to add
        assert math.isclose(further.mse, error, rel_tol=1e-9, abs_tol=1e-28)


def test_equal_blocks_have_finite_factors() -> None:
    inputs, target = samples("2*x", 0)
    x = Block(Expression.parse("x"))
    fits = BlockSums([[x, x], [Block(ONE), Block(ONE)]], inputs, target, 10)
    assert fits.errors[0] < 1e-30
    assert all(abs(value) <= 2 for value in fits.expression(0).constants)
