import pytest
import torch

from esr.equations import STANDARD, Expression, PrimitiveSet
from esr.equations.standard import ADD, MUL, SQUARE, SUB
from esr.search import Clock, Question, Rows
from esr.search.memory import Growth, Keys, Memory, Operation, remember


def rows(variables: int = 2, count: int = 40) -> Rows:
    generator = torch.Generator().manual_seed(0)
    inputs = 0.5 + torch.rand(count, variables, generator=generator, dtype=torch.float64)
    return Rows.of(inputs, inputs.prod(1), [f"x{d}" for d in range(variables)])


def question(variables: int = 2, primitives: PrimitiveSet = STANDARD) -> Question:
    return Question(rows(variables), rows(variables), primitives)


@pytest.mark.parametrize("variables", [1, 3])
def test_every_program_is_what_its_expression_computes(variables: int) -> None:
    memory = remember(question(variables), 1500, Clock())
    assert len(memory) == 1500
    columns = rows(variables).columns
    for place in range(0, len(memory), 7):
        expression = memory.expression(place)
        torch.testing.assert_close(expression.evaluate(columns), memory.values[place])
        assert expression.complexity == memory.sizes[place]
        assert expression.depth == memory.heights[place]
        bits = sum(1 << int(name[1:]) for name in expression.variables)
        assert bits == memory.used[place]


def test_no_two_programs_are_multiples_of_each_other() -> None:
    memory = remember(question(), 600, Clock())
    units = memory.values / memory.values.norm(dim=1, keepdim=True)
    cosines = (units @ units.T - torch.eye(len(memory), dtype=torch.float64)).abs()
    # a cosine of 1 - 1e-15 means a distance of 5e-8, a little above the resolution of keys
    assert float(cosines.max()) < 1 - 1e-15


def test_keys_ignore_factors_and_shifts_as_asked() -> None:
    values = torch.randn(5, 30, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    keys = Keys(30)
    assert keys(-3 * values, shifts=False).equal(keys(values, shifts=False))
    assert keys(values + 2, shifts=False).ne(keys(values, shifts=False)).all()
    assert keys(2 - values, shifts=True).equal(keys(values, shifts=True))
    assert len(keys(values, shifts=True).unique()) == 5


def test_distinct_programs_differ_by_more_than_a_shift() -> None:
    memory = Memory(rows())
    places = torch.tensor([0])
    shifted = memory.extend([Operation(ADD, number=1.0), Operation(SQUARE)], places)
    assert shifted.tolist() == [2, 3]
    assert memory.distinct.tolist() == [True, True, False, True]


def test_what_is_constant_cancelled_infinite_or_known_is_not_stored() -> None:
    memory = Memory(rows())
    x = torch.tensor([0, 0, 1])
    y = torch.tensor([0, 1, 0])
    assert len(memory.extend([Operation(SUB)], x, y)) == 1  # x - x cancels, y - x = -(x - y)
    assert len(memory.extend([Operation(STANDARD["asin"], factor=9.0)], x)) == 0
    assert memory.write(Expression.parse("3*x0")) is None
    assert memory.write(Expression.parse("x0/x0")) is None
    assert len(memory) == 3


def test_capacity_bounds_growth() -> None:
    memory = Memory(rows(), capacity=50)
    Growth(memory, STANDARD).grow(10000, Clock())
    assert len(memory) == 50
    assert memory.full


def test_growth_ends_with_the_clock() -> None:
    memory = remember(question(), 5000, Clock(0.0))
    assert len(memory) == 2


def test_a_written_program_can_be_built_upon() -> None:
    memory = Memory(rows())
    place = memory.write(Expression.parse("sin(x0)*x1"))
    assert place == 2
    assert memory.used[place] == 3
    (product,) = memory.extend([Operation(MUL)], torch.tensor([place]), torch.tensor([0])).tolist()
    assert str(memory.expression(product)) == "sin(x0)*x1*x0"


def test_only_allowed_functions_occur() -> None:
    allowed = PrimitiveSet([STANDARD["cos"]])
    memory = remember(question(primitives=allowed), 800, Clock())
    texts = [str(memory.expression(place)) for place in range(len(memory))]
    assert not any(name in text for text in texts for name in ("sin", "exp", "sqrt", "log"))
    assert any("cos" in text for text in texts)


class NoCosine:
    def allows(self, expression: Expression) -> bool:
        return self.tolerates(expression)

    def tolerates(self, part: Expression) -> bool:
        return "cos" not in str(part)


def test_what_rules_do_not_tolerate_is_left_out() -> None:
    asked = Question(rows(), rows(), rules=NoCosine())
    memory = remember(asked, 300, Clock())
    texts = [str(memory.expression(place)) for place in range(len(memory))]
    assert len(texts) == 300
    assert not any("cos" in text for text in texts)
