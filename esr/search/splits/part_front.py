"""The front of a part of a question: what enters it is joined and proposed to the whole."""

from esr.equations import Expression
from esr.finishing import Candidate
from esr.search.front import SearchFront
from esr.search.question import Question
from esr.search.splits.reduction import Reduction

__all__ = ["PartFront", "part_front", "signature"]


class PartFront(SearchFront):
    """Judges equations of a part, and hands the best of them on to the front of the whole.

    Arguments:
        question: The part.
        reduction: How its equations are joined.
        whole: Where they are proposed, their constants fitted anew.
        source: Which part of the search proposes them.
    """

    def __init__(
        self, question: Question, reduction: Reduction, whole: SearchFront, source: str
    ) -> None:
        super().__init__(question)
        self._reduction, self._whole, self._source = reduction, whole, source

    def propose(
        self, expression: Expression, source: str, *, refit: bool = True
    ) -> Candidate | None:
        """As the base; what is exact, or the best so far, is also proposed to the whole."""
        before = sum(self.accepted.values())
        candidate = super().propose(expression, source, refit=refit)
        entered = sum(self.accepted.values()) > before
        if candidate is None or not entered:
            return candidate
        if candidate is self.best or self.is_exact(candidate):
            self._whole.propose(self._reduction.join(candidate.expression), self._source)
        return candidate

    @property
    def exact(self) -> Candidate | None:
        """What ends the search: an exact equation of the whole, or else of the part."""
        return self._whole.exact or super().exact

    @property
    def settled(self) -> bool:
        """Whether the search of the whole, or of the part, may end."""
        return self._whole.settled or super().settled

    def in_whole(self, expression: Expression) -> Expression:
        """What an expression of the part's variables is in those of the first question."""
        joined = self._reduction.join(expression)
        return self._whole.in_whole(joined) if isinstance(self._whole, PartFront) else joined


def part_front(reduction: Reduction, whole: SearchFront, source: str) -> PartFront | None:
    """The front of a part; None if the part is defined on too few rows."""
    question = reduction.question(whole.question)
    return None if question is None else PartFront(question, reduction, whole, source)


def signature(reduction: Reduction, whole: SearchFront) -> str:
    """A text that is the same for parts that are the same in terms of the first question.

    Arguments:
        reduction: Of the question of `whole`.
        whole: A front, of a part or not.
    """
    shown = [reduction.factor, reduction.offset, *reduction.columns.values()]
    if isinstance(whole, PartFront):
        shown = [whole.in_whole(expression) for expression in shown]
    texts = [f"{expression:.4g}" for expression in shown]
    return " ; ".join([*texts[:2], *sorted(texts[2:])])
