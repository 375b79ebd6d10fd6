"""Dense associative memory of what small programs compute on the rows of a question."""

from esr.search.memory.families import Recipe, recipes
from esr.search.memory.growth import Growth, remember
from esr.search.memory.memory import Memory
from esr.search.memory.operation import Operation
from esr.search.memory.semantics import Keys

__all__ = ["Growth", "Keys", "Memory", "Operation", "Recipe", "recipes", "remember"]
