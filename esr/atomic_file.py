"""Writing a file in one step, so that there never is half a file."""

import os
import uuid
from collections.abc import Mapping
from pathlib import Path

import torch

__all__ = ["save_atomically", "write_text_atomically"]


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


def write_text_atomically(path: Path, text: str) -> None:
    """Replace a file by text; several processes may do so at a time, and one of them is last.

    Arguments:
        path: The file; its folder must exist.
        text: What it shall hold, written as UTF-8.
    Raises:
        OSError: If the file cannot be written.
    """
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
