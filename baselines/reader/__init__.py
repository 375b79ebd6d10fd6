"""Reading a network's weights and writing its equation."""

from baselines.reader.contract import Prefixes, ReadingBatch, Writer
from baselines.reader.refinement import Refined, Refinement, refine

__all__ = ["Prefixes", "ReadingBatch", "Refined", "Refinement", "Writer", "refine"]
