import time

import pytest
import torch
from torch import Tensor

from esr.equations import Expression
from experiments.recovery import Recovery, judge_recovery, same_law


def columns(*names: str) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.rand(200, generator=generator, dtype=torch.float64) * 4 - 2 for name in names
    }


def judged(found: str, truth: str) -> Recovery:
    law = Expression.parse(truth)
    return judge_recovery(Expression.parse(found), law, columns(*law.variables))


@pytest.mark.parametrize(
    ("found", "truth", "same"),
    [
        ("sin(6.2831853*x)", "sin(2*pi*x)", True),
        ("0.49998*x*y + 0.5*z", "(x*y + z)/2", True),
        ("sigmoid(10.0001*x)", "1/(1 + exp(-10*x))", True),
        ("sin(3.993*x - 0.6224)", "sin(3.993*x + 5.6608)", True),
        ("-0.9*sin(2*x + 4)", "0.9*sin(2*x + 0.85841)", True),
        ("sin(2*x + 1.5708)", "cos(2*x)", True),
        ("-0.342*exp(-x) - 0.2682*exp(x + 0.7272)", "-0.55499*exp(x) - 0.342*exp(-x)", True),
        ("0.5*exp(x + 0.01)", "0.5*exp(x)", False),
        ("exp(10*x - 10)", "exp(11*x - 11)", False),  # small factors are not zero
        ("exp(10*x - 5)", "exp(10*x - 5.05)", False),
        ("log(1.82 + 1.3*x + 1.4*x**2 + x**3)", "log(x + 1.4) + log(x**2 + 1.3)", True),
        ("sqrt(w**2*(c + v)/(c - v))", "w*(1 + v/c)/sqrt(1 - v**2/c**2)", True),
        ("sqrt(w**2*(c + v)/(c - v) + v)", "w*(1 + v/c)/sqrt(1 - v**2/c**2)", False),
        ("log(1.83 + 1.3*x + 1.4*x**2 + x**3)", "log(x + 1.4) + log(x**2 + 1.3)", False),
        ("sin(3.993*x - 0.6224)", "sin(3.993*x + 5.664)", False),
        ("1.001*x", "x", False),
        ("x + 0.001", "x", False),
        ("sin(x)", "x", False),
    ],
)
def test_a_law_is_the_same_if_its_constants_are_to_three_decimals(
    found: str, truth: str, same: bool
) -> None:
    assert same_law(Expression.parse(found), Expression.parse(truth)) is same


@pytest.mark.parametrize(
    ("found", "truth"),
    [
        ("sin(6.2831853*x)", "sin(2*pi*x)"),
        ("x*x*1.00001", "x**2"),
        ("exp(x)*exp(-x)*x", "x"),
        ("x + 2e-8*sin(x) - 3e-8", "x"),
        ("62499996/(62500000*exp(-10*x) + 62499996) - 2e-8", "1/(1 + exp(-10*x))"),
    ],
)
def test_the_truth_in_another_form_is_recovered(found: str, truth: str) -> None:
    assert judged(found, truth) == Recovery(exact=True, structure=True)


@pytest.mark.parametrize(
    ("found", "truth"),
    [
        ("1.02*x**2 + 0.97*y - 2.05*z", "x**2 + y - 2*z"),
        ("1.1*sin(6.2*x)", "sin(2*pi*x)"),
        ("sin(6.29*x + 1.56)", "cos(2*pi*x)"),  # a phase that the truth hides
        ("0.98*exp(-1.03*x**2)", "exp(-x**2)"),
        ("sigmoid(9.6*x)", "1/(1 + exp(-10*x))"),
        ("1.01*x**2.03", "x**2"),
        ("1.01*x**2 + 2e-5*sin(x)", "x**2"),  # a term of no size
        ("1/(0.98 + 1.1*exp(-9.8*x))", "1/(1 + exp(-10*x))"),
    ],
)
def test_constants_from_noise_leave_the_structure(found: str, truth: str) -> None:
    inputs = {n: v.abs() + 0.1 for n, v in columns("x", "y", "z").items()}
    law = Expression.parse(truth)
    expected = Recovery(exact=False, structure=True)
    assert judge_recovery(Expression.parse(found), law, inputs) == expected


@pytest.mark.parametrize(
    ("found", "truth"),
    [
        ("1.02*x**2 + 0.003*x", "x**2"),  # a term that is needed nowhere
        ("x**2 + 0.004", "x**2"),
        ("sin(6.2*x) + 0.01*sin(6.4*x)", "sin(2*pi*x)"),
        ("sin(6.28*x + 0.01)", "sin(2*pi*x)"),
        ("x*(1.02 + 0.01*exp(0.002*x))", "x"),
        ("0.99*x", "x**2"),
        ("1.02*x - 0.17*x**3 + 0.008*x**5", "sin(x)"),
        ("log(x)", "x"),
        ("1.5", "x"),
        ("x + w", "x"),
    ],
)
def test_another_structure_is_refused(found: str, truth: str) -> None:
    assert judged(found, truth) == Recovery(exact=False, structure=False)


def test_a_judgement_ends_in_time() -> None:
    x = Expression.parse("x")
    nested = Expression.parse("+".join(f"sin({k}.1*x + exp(sin({k}*x)))**2" for k in range(40)))
    started = time.monotonic()
    assert not judge_recovery(nested, x, columns("x"), seconds=0.5).exact
    assert time.monotonic() - started < 5
