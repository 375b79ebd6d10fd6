"""The search for equations: questions, fronts, engines and the stages they are made of."""

from esr.search.clock import Clock
from esr.search.engine import Engine, Stages
from esr.search.front import SearchFront
from esr.search.patience import Patience
from esr.search.polish import Polish
from esr.search.question import ExpressionRules, NoRules, Question, Rows

__all__ = [
    "Clock",
    "Engine",
    "ExpressionRules",
    "NoRules",
    "Patience",
    "Polish",
    "Question",
    "Rows",
    "SearchFront",
    "Stages",
]
