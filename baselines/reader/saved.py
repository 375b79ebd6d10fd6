"""Readers as files: all that is needed to read networks elsewhere."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from textwrap import shorten

import torch
from torch import Generator, Tensor

from baselines.languages import Language
from baselines.population import Architecture
from baselines.reader.encoders import describe_encoder, described_encoder
from baselines.reader.reader import Reader
from baselines.reader.size import ReaderSize
from esr.atomic_file import save_atomically
from esr.errors import ConfigurationError, DataError

__all__ = ["load_reader", "read_reader_note", "save_reader"]

_KIND, _FORMAT = "esr reader", 1
_LONGEST = 200
"""Characters of torch's reasons that a message repeats."""


def save_reader(
    path: Path | str,
    reader: Reader,
    replica: int = 0,
    note: Mapping[str, str | float] | None = None,
) -> None:
    """Write one replica of a reader, in one step.

    Arguments:
        path: The file; its folder must exist. `torch.load` reads it with `weights_only=True`.
        reader: With an encoder of this package.
        replica: Which, from 0 to R - 1.
        note: What a reader of the file should know, such as what it was trained on;
            `read_reader_note` gives it back.
    Raises:
        ConfigurationError: If there is no such replica or folder, the encoder is one of one's
            own, or a weight is not finite.
    """
    path, note = Path(path), dict(note or {})
    if not 0 <= replica < reader.replicas:
        raise ConfigurationError(
            f"replica must be from 0 to {reader.replicas - 1}, but is {replica}"
        )
    if not path.parent.is_dir():
        raise ConfigurationError(f"{path} cannot be written: there is no folder {path.parent}")
    if not all(isinstance(value, (str, int, float)) for value in note.values()):
        raise ConfigurationError(f"a note must hold text and numbers, but is {note}")
    tensors = {name: value[[replica]] for name, value in reader.named_parameters()}
    tensors |= dict(reader.named_buffers())
    tensors = {name: value.detach().cpu().clone() for name, value in tensors.items()}
    bad = _not_finite(tensors)
    if bad:
        raise ConfigurationError(
            f"weights must be finite, but {bad} of replica {replica} are not; save one that "
            f"trained to the end"
        )
    settings = {
        "architecture": reader.architecture.describe(),
        "language": reader.language.describe(),
        "encoder": describe_encoder(reader.encoder),
        "size": asdict(reader.size),
        "numbers_weight": float(reader.numbers_weight),
    }
    head = {"kind": _KIND, "format": _FORMAT, "note": note}
    save_atomically(path, head | {"settings": settings, "tensors": tensors})


def load_reader(path: Path | str, device: torch.device | str = "cpu") -> Reader:
    """The reader in a file, with one replica, in evaluation mode.

    Arguments:
        path: As `save_reader` wrote it.
        device: Where it shall be.
    Raises:
        DataError: If the file is missing, damaged, of another kind or format, or holds values
            that are not finite.
        ConfigurationError: If the device cannot be used.
    """
    path = Path(path)
    content = _read(path)
    damaged = f"{path} is damaged: its parts do not belong together; copy or save it again"
    try:
        settings: dict[str, dict[str, object]] = content["settings"]  # type: ignore[assignment]
        tensors: dict[str, Tensor] = content["tensors"]  # type: ignore[assignment]
        reader = Reader(
            Architecture.described(settings["architecture"]),
            Language.described(settings["language"]),
            described_encoder(settings["encoder"]),
            ReaderSize(**settings["size"]),  # type: ignore[arg-type]
            float(settings["numbers_weight"]),  # type: ignore[arg-type]
            generator=Generator(),  # what is drawn is replaced, and nobody else's draws move
        )
        reader.load_state_dict(tensors, assign=True)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = shorten(str(error), _LONGEST, placeholder=" ...")
        raise DataError(f"{damaged} ({reason})") from error
    bad = _not_finite(tensors)
    if bad:
        raise DataError(f"weights must be finite, but {bad} in {path} are not; save it again")
    try:
        return reader.to(device).eval()
    except (AssertionError, RuntimeError) as error:
        reason = shorten(str(error), _LONGEST, placeholder=" ...")
        raise ConfigurationError(
            f"device {device} cannot be used here ({reason}); cpu works everywhere"
        ) from error


def read_reader_note(path: Path | str) -> dict[str, str | float]:
    """The note that a reader was saved with.

    Raises:
        DataError: If the file is missing, damaged, or of another kind or format.
    """
    note: dict[str, str | float] = _read(Path(path))["note"]  # type: ignore[assignment]
    return note


def _read(path: Path) -> dict[str, object]:
    """A file's content, checked to be a reader of this format."""
    remedy = "name a file that save_reader wrote"
    if not path.is_file():
        what = "a folder, not a file" if path.is_dir() else "not there"
        raise DataError(f"the reader {path} is {what}; {remedy}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as a reader ({type(error).__name__}): it is cut off or "
            f"something else; {remedy}"
        ) from error
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        kind = content.get("kind", "something else") if isinstance(content, dict) else "no reader"
        raise DataError(f"{path} must hold a reader, but holds {kind}; {remedy}")
    if content.get("format") != _FORMAT:
        raise DataError(
            f"{path} must be a reader of format {_FORMAT}, but is of format "
            f"{content.get('format')!r}; save it again with this version"
        )
    return content


def _not_finite(tensors: Mapping[str, Tensor]) -> int:
    """How many values are not finite."""
    return sum(int((~torch.isfinite(value)).sum()) for value in tensors.values())
