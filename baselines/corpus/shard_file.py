"""One shard in one file: written at once, read with its checksum verified."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from baselines.corpus.shard import Shard
from baselines.languages import Equations
from esr.atomic_file import save_atomically
from esr.errors import DataError

__all__ = [
    "DamagedShardError",
    "Label",
    "inspect_shard",
    "read_shard",
    "shard_path",
    "write_shard",
]

KIND, FORMAT = "esr corpus shard", 1
TENSORS = ("skeletons", "steps", "weights", "errors")


class DamagedShardError(DataError):
    """A shard that is truncated, altered, or holds what it cannot; it has to be made anew."""


@dataclass(frozen=True)
class Label:
    """Which shard of which corpus a file holds.

    Arguments:
        fingerprint: Of the recipe and the shards' size.
        index: Number of the shard, from 0.
    """

    fingerprint: str
    index: int


def shard_path(folder: Path, index: int) -> Path:
    """The file of a shard."""
    return folder / f"shard-{index:05}.pt"


def write_shard(folder: Path, label: Label, shard: Shard, seed: int) -> None:
    """Write a shard, so that a process killed at any moment leaves all of it or none.

    Arguments:
        folder: The corpus's, which must exist.
        label: Which shard it is.
        shard: Networks on the CPU.
        seed: The recipe's, for people to look at; the fingerprint has it too.
    Raises:
        OSError: If the file cannot be written.
    """
    equations = shard.equations
    values = (equations.skeletons, equations.steps, shard.weights, shard.errors)
    tensors = {name: value.contiguous() for name, value in zip(TENSORS, values, strict=True)}
    head = {"kind": KIND, "format": FORMAT, "fingerprint": label.fingerprint}
    numbers = {"index": label.index, "seed": seed, "checksum": _checksum(label, tensors)}
    save_atomically(shard_path(folder, label.index), head | numbers | tensors)


def read_shard(folder: Path, label: Label, tolerance: float) -> Shard:
    """A shard, with everything about it verified.

    Arguments:
        folder: The corpus's.
        label: Which shard is expected.
        tolerance: Largest error of a converged network.
    Raises:
        DataError: If there is no file or it holds another shard, corpus or format.
        DamagedShardError: If it is truncated or altered, or a network that counts as converged has
            weights that are not finite.
    """
    path = shard_path(folder, label.index)
    tensors, checksum = _content(path, label, mapped=False)
    if _checksum(label, tensors) != checksum:
        raise _damaged(path, "its checksum does not agree with what it holds")
    equations = Equations(tensors["skeletons"], tensors["steps"])
    shard = Shard(equations, tensors["weights"], tensors["errors"], tolerance)
    wrong = shard.converged & ~torch.isfinite(shard.weights).all(1)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        count = int(wrong.sum())
        raise _damaged(
            path,
            f"{count} networks count as converged with weights that are not finite, number {row} "
            f"the first",
        )
    return shard


def inspect_shard(folder: Path, label: Label) -> None:
    """Check that a shard is there, complete and the one expected, without reading its tensors.

    Arguments:
        folder: The corpus's.
        label: Which shard is expected.
    Raises:
        DataError: If there is no file or it holds another shard, corpus or format.
        DamagedShardError: If it is truncated.
    """
    _content(shard_path(folder, label.index), label, mapped=True)


def _content(path: Path, label: Label, mapped: bool) -> tuple[dict[str, Tensor], str]:
    """The tensors of a file and the checksum they should have."""
    if not path.is_file():
        raise DataError(f"{path} is missing; generate the corpus again, which keeps the others")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:
        raise _damaged(path, f"it cannot be read ({type(error).__name__})") from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise DataError(f"{path} must hold a shard of a corpus, but holds something else")
    if content.get("format") != FORMAT:
        raise DataError(
            f"{path} must be a shard of format {FORMAT}, but is of format "
            f"{content.get('format')!r}; generate the corpus anew in another folder"
        )
    if content.get("fingerprint") != label.fingerprint:
        raise DataError(
            f"{path} belongs to another corpus: expected fingerprint {label.fingerprint[:12]}, "
            f"but it has {str(content.get('fingerprint'))[:12]}; move it away"
        )
    if content.get("index") != label.index:
        raise DataError(
            f"{path} must hold shard {label.index}, but holds {content.get('index')!r}; "
            f"give the file its name back"
        )
    tensors = {name: content.get(name) for name in TENSORS}
    if not all(isinstance(value, Tensor) for value in tensors.values()):
        raise _damaged(path, f"it does not have all of {', '.join(TENSORS)}")
    checksum = str(content.get("checksum"))
    return {name: torch.as_tensor(value) for name, value in tensors.items()}, checksum


def _checksum(label: Label, tensors: dict[str, Tensor]) -> str:
    """SHA-256 of what the file is and of every tensor's name, type, shape and bytes."""
    found = hashlib.sha256(f"{FORMAT} {label.fingerprint} {label.index}".encode())
    for name, value in tensors.items():
        found.update(f" {name} {value.dtype} {tuple(value.shape)} ".encode())
        found.update(value.contiguous().flatten().numpy().data)
    return found.hexdigest()


def _damaged(path: Path, why: str) -> DamagedShardError:
    return DamagedShardError(
        f"{path} is damaged: {why}; delete it and generate the corpus again, which keeps the "
        f"other shards"
    )
