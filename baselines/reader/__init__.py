"""Reading a network's weights and writing its equation."""

from baselines.reader.contract import Lengths, Prefixes, ReadingBatch, Writer
from baselines.reader.decoding import (
    Beam,
    Decoded,
    Decoding,
    Greedy,
    Sampling,
    SkeletonBeam,
)
from baselines.reader.encoders import (
    CanonicalOrder,
    FlatEncoder,
    GivenOrder,
    GraphEncoder,
    NeuronEncoder,
    ProbeEncoder,
    RandomOrder,
)
from baselines.reader.equation_of import (
    Candidate,
    NetworkEquation,
    equation_of,
    equations_of,
)
from baselines.reader.reader import Reader
from baselines.reader.saved import load_reader, read_reader_note, save_reader
from baselines.reader.size import ReaderSize

__all__ = [
    "Beam",
    "Candidate",
    "CanonicalOrder",
    "Decoded",
    "Decoding",
    "FlatEncoder",
    "GivenOrder",
    "GraphEncoder",
    "Greedy",
    "Lengths",
    "NetworkEquation",
    "NeuronEncoder",
    "Prefixes",
    "ProbeEncoder",
    "RandomOrder",
    "Reader",
    "ReaderSize",
    "ReadingBatch",
    "Sampling",
    "SkeletonBeam",
    "Writer",
    "equation_of",
    "equations_of",
    "load_reader",
    "read_reader_note",
    "save_reader",
]
