"""An equation without its numbers."""

from collections.abc import Sequence

from baselines.languages.form import Form
from baselines.languages.number import Number
from baselines.languages.vocabulary import Vocabulary

__all__ = ["Piece", "Skeleton"]

Piece = str | Number
"""A part of an equation: a symbol, or the place of a number."""


class Skeleton:
    """An equation without its numbers: some of the language's terms, in order.

    Arguments:
        terms: Indices of the terms, ascending.
        forms: The terms themselves.
        coefficient: What stands before a term.
        inner: What stands inside.
    """

    def __init__(
        self, terms: Sequence[int], forms: Sequence[Form], coefficient: Number, inner: Number
    ) -> None:
        self.terms, self.forms = tuple(terms), tuple(forms)
        self.text = "+".join(form.text for form in forms)
        """With # for each number."""
        self.numbers = tuple(
            coefficient if place == 0 else inner for form in forms for place in range(form.numbers)
        )
        """What may stand at each place, in the order of the text."""

    def pieces(self, vocabulary: Vocabulary) -> list[Piece]:
        """Its symbols and numbers, in the order of the text."""
        numbers, pieces = iter(self.numbers), list[Piece]()
        for form in self.forms:  # a coefficient brings its sign, so nothing stands between
            for part in form.text.replace("#", " # ").split():
                pieces += [next(numbers)] if part == "#" else vocabulary.split(part)
        return pieces

    def __repr__(self) -> str:
        return f"Skeleton({self.text!r})"
