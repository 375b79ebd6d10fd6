"""Small files in the format of MNIST."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def small_mnist(images: int = 40) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", images), ("t10k", images // 2)):
        arrays[f"{part}-images-idx3-ubyte"] = random.integers(0, 256, (count, 10, 9))
        arrays[f"{part}-labels-idx1-ubyte"] = np.arange(count) % 10
    return arrays


def write_files(folder: Path, arrays: dict[str, np.ndarray], gzipped: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        content = idx_bytes(array)
        if gzipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            (folder / name).write_bytes(content)


def checksums(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.md5(p.read_bytes()).hexdigest() for p in sorted(folder.glob("*.gz"))}
