"""Languages of many kinds to test with."""

import torch
from torch import Generator

from baselines.languages import Language, Number, polynomials, waves_and_growth

LANGUAGES = [
    polynomials(),
    polynomials(3, max_terms=2, max_length=14),
    polynomials(0),
    waves_and_growth(),
    Language(["#*sin(#*x)", "#*x**2", "#"], inner=Number(-3, 12)),
    Language(["#*sin(2*x)", "#*sin(-#*x)"], coefficient=Number(-12_34, -3, 2)),
    Language(["#*t/s", "#*t*t", "#*exp(#*s)*t"], ("t", "s"), inner=Number(5, 250, 2), leading=1),
    Language(["#*exp(#*x)*sin(#*x)", "#*x"], coefficient=Number(-50, 50), inner=Number(-50, 50)),
]


def generator(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)
