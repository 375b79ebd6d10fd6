import pytest
import torch

from esr.equations import Expression
from esr.search import Rows
from esr.search.signs import with_signs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sqrt(m**2*(a**2 + c**2))", "-m*sqrt(a**2 + c**2)"),
        ("sqrt(c**6*a)", "c**3*sqrt(a)"),
        ("sqrt(x**2*a)", "sqrt(x**2*a)"),
        ("sin(x) + a", "sin(x) + a"),
    ],
)
def test_even_roots_are_taken_of_columns_that_keep_their_sign(text, expected):
    generator = torch.Generator().manual_seed(0)
    values = 1 + torch.rand(30, 4, generator=generator, dtype=torch.float64)
    values[:, 1] *= -1
    values[:, 3] -= 1.5
    rows = Rows.of(values, values[:, 0], ["a", "m", "c", "x"])
    form = with_signs(Expression.parse(text), rows)
    assert form is not None
    assert form.equals(Expression.parse(expected))
    assert torch.allclose(
        form.evaluate(rows.columns), Expression.parse(text).evaluate(rows.columns), rtol=1e-14
    )
    assert form.complexity <= Expression.parse(text).complexity + 2
