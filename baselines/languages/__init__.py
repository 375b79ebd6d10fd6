"""Languages of equations: what is drawn, written as tokens, checked by a grammar, evaluated."""

from baselines.languages.automaton import Automaton
from baselines.languages.equations import Equations
from baselines.languages.form import Form
from baselines.languages.language import Language
from baselines.languages.lengths import (
    SkeletonShares,
    SkewedLengths,
    UniformLengths,
    UniformSkeletons,
)
from baselines.languages.number import Number
from baselines.languages.presets import polynomials, waves_and_growth
from baselines.languages.skeleton import Skeleton
from baselines.languages.vocabulary import Vocabulary

__all__ = [
    "Automaton",
    "Equations",
    "Form",
    "Language",
    "Number",
    "Skeleton",
    "SkeletonShares",
    "SkewedLengths",
    "UniformLengths",
    "UniformSkeletons",
    "Vocabulary",
    "polynomials",
    "waves_and_growth",
]
