"""Saving tensors to a file in one step, so that there never is half a file."""

import os
from collections.abc import Mapping
from pathlib import Path

import torch

__all__ = ["save_atomically"]


def save_atomically(path: Path, content: Mapping[str, object]) -> None:
    """Replace a file, so that a process killed at any moment leaves the old one or the new one.

    Arguments:
        path: The file; its folder must exist.
        content: Tensors, numbers, text and containers of them, for `torch.load` with
            `weights_only=True`.
    Raises:
        OSError: If the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        torch.save(dict(content), stream)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
