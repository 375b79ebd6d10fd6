import pytest
import torch

from esr.equations import Expression
from esr.search.products import with_products


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("x**4 + x**3 + x**2 + x", 11),
        ("(x - x**5)/(1 - x)", 11),
        ("sqrt(2*z**2*y/(y - x) - z**2)", 12),
        ("y*y/2 + y*x*sin(z*y + z*x)", 20),
        ("1.23456789012345*x*z + 2*x*y", 9),
    ],
)
def test_common_factors_are_taken_out_and_values_stay(text, nodes):
    given = Expression.parse(text)
    found = with_products(given)
    assert found is not None
    assert found.complexity <= nodes
    generator = torch.Generator().manual_seed(0)
    x, y, z = torch.rand(3, 20, generator=generator, dtype=torch.float64) + 0.1
    values = {"x": 0.5 * x, "y": y + 0.6, "z": z}
    assert torch.allclose(found.evaluate(values), given.evaluate(values), rtol=1e-12)


def test_a_quotient_has_few_minus_signs():
    found = with_products(Expression.parse("(c*w/v + w)*(v/(c - v))"))
    assert found is not None
    assert "-" not in str(found).replace("c - v", "")
