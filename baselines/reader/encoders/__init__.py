"""Encoders: from the weights of networks to a memory that a decoder attends to."""

from baselines.reader.encoders.canonical import canonical
from baselines.reader.encoders.described import describe_encoder, described_encoder
from baselines.reader.encoders.encoder import Encoder, EncoderFactory
from baselines.reader.encoders.flat import FlatEncoder
from baselines.reader.encoders.graph import GraphEncoder
from baselines.reader.encoders.neuron import NeuronEncoder
from baselines.reader.encoders.orders import (
    CanonicalOrder,
    GivenOrder,
    NeuronOrder,
    RandomOrder,
)
from baselines.reader.encoders.probe import ProbeEncoder

__all__ = [
    "CanonicalOrder",
    "Encoder",
    "EncoderFactory",
    "FlatEncoder",
    "GivenOrder",
    "GraphEncoder",
    "NeuronEncoder",
    "NeuronOrder",
    "ProbeEncoder",
    "RandomOrder",
    "canonical",
    "describe_encoder",
    "described_encoder",
]
