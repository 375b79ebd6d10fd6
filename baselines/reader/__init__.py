"""Reading a network's weights and writing its equation."""

from baselines.reader.contract import Prefixes, ReadingBatch, Writer
from baselines.reader.decoding import Beam, Decoded, Decoding, Greedy, Sampling

__all__ = [
    "Beam",
    "Decoded",
    "Decoding",
    "Greedy",
    "Prefixes",
    "ReadingBatch",
    "Sampling",
    "Writer",
]
