"""The IDX file format of MNIST: arrays of bytes, plain or gzipped."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esr.errors import DataError

__all__ = ["find_idx", "read_idx"]

_BYTES = 8
"""IDX code of the element type, unsigned bytes."""


def find_idx(folder: Path, name: str) -> Path:
    """The file of that name, plain or with `.gz`.

    Raises:
        DataError: If there is neither.
    """
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"there is neither {folder / name} nor the same with .gz")


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """An array of unsigned bytes.

    Arguments:
        path: An IDX file; gzipped if its name ends in `.gz`.
        dimensions: How many the array must have.
    Raises:
        DataError: If the file cannot be read, is not of this kind, or is too short or too long.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    start = 4 + 4 * dimensions
    magic = bytes([0, 0, _BYTES, dimensions])
    if content[:4] != magic or len(content) < start:
        raise DataError(
            f"{path} must begin with the magic number {magic.hex()} of an IDX array of bytes with "
            f"{dimensions} dimensions, and their sizes, but begins with {content[:4].hex()}"
        )
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    expected, came = math.prod(shape), len(content) - start
    if expected != came:
        raise DataError(
            f"{path} announces an array of shape {shape}, {expected} bytes, but holds {came}; it "
            "is truncated or damaged"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
