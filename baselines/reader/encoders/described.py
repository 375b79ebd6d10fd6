"""Encoders as plain values and back, so that a reader can be written to a file."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

from baselines.population import UNITS
from baselines.reader.encoders.encoder import Encoder, EncoderFactory
from baselines.reader.encoders.flat import FlatEncoder
from baselines.reader.encoders.graph import COSINE, GraphEncoder
from baselines.reader.encoders.neuron import NeuronEncoder
from baselines.reader.encoders.orders import (
    CanonicalOrder,
    GivenOrder,
    NeuronOrder,
    RandomOrder,
)
from baselines.reader.encoders.probe import ProbeEncoder
from baselines.reader.size import ReaderSize
from esr.errors import ConfigurationError, DataError

__all__ = ["describe_encoder", "described_encoder"]

_ENCODERS: tuple[type[Encoder], ...] = (FlatEncoder, GraphEncoder, NeuronEncoder, ProbeEncoder)
_ORDERS: tuple[type[NeuronOrder], ...] = (CanonicalOrder, GivenOrder, RandomOrder)
_FEATURES = (*UNITS, COSINE)


def describe_encoder(encoder: Encoder) -> dict[str, object]:
    """Plain values from which `described_encoder` makes an encoder of the same settings.

    Raises:
        ConfigurationError: If the encoder, its order of neurons or a feature is one of one's own.
    """
    settings: dict[str, object] = {"kind": _name(type(encoder), _ENCODERS)}
    if isinstance(encoder, FlatEncoder | GraphEncoder | ProbeEncoder):
        settings["expanded"] = encoder.readout.second.out_features
    if isinstance(encoder, FlatEncoder | NeuronEncoder):
        settings["order"] = _name(type(encoder.order), _ORDERS)
    if isinstance(encoder, ProbeEncoder):
        settings["nodes"] = encoder.nodes
    if isinstance(encoder, NeuronEncoder):
        settings["size"] = asdict(encoder.size)
    if isinstance(encoder, GraphEncoder):
        own = [unit.name for unit in encoder.features if unit not in _FEATURES]
        if own:
            raise ConfigurationError(f"features of one's own cannot be described: {own}")
        settings["channels"] = encoder.channels
        settings["features"] = [unit.name for unit in encoder.features]
    return settings


def described_encoder(description: Mapping[str, object]) -> EncoderFactory:
    """Makes encoders as `describe_encoder` described one.

    Raises:
        DataError: If something is missing or unknown.
    """
    settings = dict(description)
    try:
        kind = {one.__name__: one for one in _ENCODERS}[str(settings.pop("kind"))]
        if "order" in settings:
            settings["order"] = {one.__name__: one for one in _ORDERS}[str(settings["order"])]()
        if "size" in settings:
            settings["size"] = ReaderSize(**settings["size"])  # type: ignore[arg-type]
        if "features" in settings:
            known = {unit.name: unit for unit in _FEATURES}
            settings["features"] = [known[name] for name in settings["features"]]  # type: ignore[attr-defined]
    except (KeyError, TypeError) as error:
        raise DataError(f"this does not describe an encoder ({error}): {description}") from error
    return partial(kind, **settings)  # type: ignore[arg-type]


def _name(kind: type, known: tuple[type, ...]) -> str:
    if kind not in known:
        names = ", ".join(one.__name__ for one in known)
        raise ConfigurationError(
            f"{kind.__name__} cannot be described, so the reader cannot be written to a file; "
            f"known are {names}"
        )
    return kind.__name__
