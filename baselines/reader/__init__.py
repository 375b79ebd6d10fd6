"""Reading a network's weights and writing its equation."""

from baselines.reader.contract import Prefixes, ReadingBatch, Writer
from baselines.reader.encoders import (
    CanonicalOrder,
    FlatEncoder,
    GivenOrder,
    GraphEncoder,
    NeuronEncoder,
    ProbeEncoder,
    RandomOrder,
)
from baselines.reader.reader import Reader
from baselines.reader.size import ReaderSize

__all__ = [
    "CanonicalOrder",
    "FlatEncoder",
    "GivenOrder",
    "GraphEncoder",
    "NeuronEncoder",
    "Prefixes",
    "ProbeEncoder",
    "RandomOrder",
    "Reader",
    "ReaderSize",
    "ReadingBatch",
    "Writer",
]
