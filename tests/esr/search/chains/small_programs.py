"""Small questions, and programs written by hand."""

import torch
from torch import Tensor

from esr.equations import STANDARD, Expression, PrimitiveSet
from esr.search import Question, Rows
from esr.search.chains.heap import Programs
from esr.search.chains.landscape import Landscape
from esr.search.chains.transforms import transforms

SMALL = PrimitiveSet(STANDARD[name] for name in ("exp", "log", "sin", "cos", "sqrt"))


def rows_of(
    text: str, count: int = 24, seed: int = 0, names: tuple[str, ...] = ("x", "y")
) -> Rows:
    generator = torch.Generator().manual_seed(seed)
    inputs = 0.5 + 1.5 * torch.rand(count, len(names), generator=generator, dtype=torch.float64)
    columns = dict(zip(names, inputs.unbind(1), strict=True))
    return Rows.of(inputs, Expression.parse(text).evaluate(columns), names)


def question_of(text: str, primitives: PrimitiveSet = SMALL, **names: tuple[str, ...]) -> Question:
    return Question(rows_of(text, **names), rows_of(text, seed=1, **names), primitives)


def landscape_of(text: str, depth: int = 5, primitives: PrimitiveSet = SMALL) -> Landscape:
    question = question_of(text, primitives)
    found = transforms(question.training.target, primitives)[:1]
    return Landscape(question, question.training, found, depth)


def programs_of(landscape: Landscape, *texts: str) -> Programs:
    """Programs of given expressions, written by hand."""
    slots = landscape.heap.slots
    symbols = torch.zeros(len(texts), slots, dtype=torch.long)
    gains = torch.ones(len(texts), slots, dtype=torch.float64)
    for row, text in enumerate(texts):
        placed = landscape.alphabet.placed(Expression.parse(text), landscape.heap.depth)
        assert placed is not None
        for slot, (symbol, gain) in placed.items():
            symbols[row, slot], gains[row, slot] = symbol, gain
    return Programs(symbols, gains)


def aimless(programs: Programs) -> Tensor:
    """The first target for all."""
    return torch.zeros(len(programs), dtype=torch.long)
