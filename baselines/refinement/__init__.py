"""From the skeleton of a network's equation to its numbers, by what the network says."""

from baselines.refinement.monomials import read_as_polynomials
from baselines.refinement.price import prices
from baselines.refinement.refine import Refined, refine
from baselines.refinement.search import search_skeletons
from baselines.refinement.settings import Refinement

__all__ = ["Refined", "Refinement", "prices", "read_as_polynomials", "refine", "search_skeletons"]
