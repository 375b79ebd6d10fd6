"""Reading a network's weights and writing its equation."""

from baselines.reader.contract import Prefixes, ReadingBatch, Writer
from baselines.reader.decoding import Beam, Decoded, Decoding, Greedy, Sampling
from baselines.reader.refinement import Refined, Refinement, refine

__all__ = [
    "Beam",
    "Decoded",
    "Decoding",
    "Greedy",
    "Prefixes",
    "ReadingBatch",
    "Refined",
    "Refinement",
    "Sampling",
    "Writer",
    "refine",
]
