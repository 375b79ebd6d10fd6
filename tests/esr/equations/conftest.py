"""Random expressions for the tests of laws."""

import pytest
from hypothesis import strategies as st

from esr.equations import STANDARD, Call, Constant, Expression, Variable


def tree_strategy(
    constants: st.SearchStrategy[float], functions: tuple[str, ...], max_leaves: int
) -> st.SearchStrategy[Expression]:
    """Trees over x, y and `rate_1` with the given constants and primitives."""
    leaves = constants.map(Constant) | st.sampled_from(["x", "y", "rate_1"]).map(Variable)

    def extend(children: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        def call(name: str) -> st.SearchStrategy[Expression]:
            primitive = STANDARD[name]
            return st.tuples(*[children] * primitive.arity).map(lambda a: Call(primitive, a))

        return st.sampled_from(functions).flatmap(call)

    return st.recursive(leaves, extend, max_leaves=max_leaves)


@pytest.fixture(scope="session")
def any_trees() -> st.SearchStrategy[Expression]:
    """Any tree: every float64, every primitive, mostly operators."""
    numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 3).map(float)
    operators = ("add", "sub", "mul", "div", "pow", "neg") * 4
    return tree_strategy(numbers, operators + tuple(STANDARD), max_leaves=12)


@pytest.fixture(scope="session")
def tame_trees() -> st.SearchStrategy[Expression]:
    """Trees with moderate constants and smooth primitives, whose values stay moderate."""
    numbers = st.integers(-30, 30).map(lambda n: n / 10)
    functions = ("add", "sub", "mul", "add", "mul", "neg", "square", "sin", "tanh", "gaussian")
    return tree_strategy(numbers, functions, max_leaves=6)
