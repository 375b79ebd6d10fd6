"""Reading a network's weights and writing its equation."""

from baselines.reader.contract import Prefixes, ReadingBatch, Writer
from baselines.reader.monomials import read_as_polynomials
from baselines.reader.refinement import Refined, refine
from baselines.reader.search import search_skeletons
from baselines.reader.settings import Refinement

__all__ = [
    "Prefixes",
    "ReadingBatch",
    "Refined",
    "Refinement",
    "Writer",
    "read_as_polynomials",
    "refine",
    "search_skeletons",
]
