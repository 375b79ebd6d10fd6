import torch
from torch import Generator

from esr.equations import STANDARD, PrimitiveSet
from esr.search import Rows
from esr.search.splits.pool import inner_pool


def rows(count: int, low: float = 0.5) -> Rows:
    generator = Generator().manual_seed(0)
    inputs = low + torch.rand(12, count, generator=generator, dtype=torch.float64)
    return Rows.of(inputs, inputs.sum(1), [f"x{k}" for k in range(count)])


def test_values_and_nodes_are_those_of_the_expressions() -> None:
    data = rows(3)
    pool = inner_pool(data, STANDARD, 10_000)
    for inner, values in zip(pool.inner, pool.values, strict=True):
        expression = inner.expression(STANDARD, data.variables)
        torch.testing.assert_close(expression.evaluate(data.columns), values)
        assert expression.complexity == inner.nodes


def test_the_simplest_are_kept_and_come_first() -> None:
    pool = inner_pool(rows(5), STANDARD, 100)
    nodes = [inner.nodes for inner in pool.inner]
    assert nodes == sorted(nodes)
    assert len(nodes) <= 100
    assert len(pool.up_to(1).inner) == 5
    assert {inner.nodes for inner in pool.up_to(3).inner} == {1, 3}


def test_only_allowed_functions_occur() -> None:
    allowed = PrimitiveSet([STANDARD["exp"]])
    texts = " ".join(inner.text for inner in inner_pool(rows(3), allowed, 10_000).inner)
    assert "exp(" in texts
    assert not any(name in texts for name in ("sin(", "cos(", "log(", "sqrt(", "tanh("))


def test_negative_and_zero_inputs_leave_finite_columns_only() -> None:
    inputs = torch.tensor([[0.0, -1.0], [1.0, 2.0], [-2.0, 3.0]], dtype=torch.float64)
    data = Rows.of(inputs, inputs[:, 0], ("x", "y"))
    pool = inner_pool(data, STANDARD, 1000)
    assert torch.isfinite(pool.values).all()
    texts = [inner.text for inner in pool.inner]
    assert "x*y" in texts
    assert "log" not in " ".join(texts)


def test_many_variables_cost_no_more_than_is_kept() -> None:
    pool = inner_pool(rows(25), STANDARD, 500)
    assert 400 < len(pool.inner) <= 500
