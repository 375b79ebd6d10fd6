"""Fetching MNIST's files, each checked before it gets its name."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.request import urlopen

from rich.progress import DownloadColumn, Progress, TextColumn

from esr.errors import ConfigurationError, DataError

__all__ = ["MNIST_CHECKSUMS", "MNIST_MIRROR", "MnistDownload"]

MNIST_MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MNIST_CHECKSUMS: Mapping[str, str] = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
"""MD5 of MNIST's files, as published with them."""
_CHUNK = 1 << 16
_PATIENCE = 30.0
"""Seconds without an answer after which a connection is given up."""


class MnistDownload:
    """Fetches the files a folder lacks.

    A file is written under a temporary name beside its place and renamed only when its checksum
    is right, so that an interrupted download leaves nothing that could be taken for data.

    Arguments:
        mirror: Address of the folder that holds the files, http or https.
        checksums: File name to MD5, in hexadecimal; those of MNIST unless given.
    Raises:
        ConfigurationError: If the mirror is not an http address.
    """

    def __init__(
        self, mirror: str = MNIST_MIRROR, checksums: Mapping[str, str] = MNIST_CHECKSUMS
    ) -> None:
        if not mirror.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"task.data.mirror must begin with http:// or https://, but is '{mirror}'"
            )
        self.mirror = mirror.rstrip("/") + "/"
        self.checksums = dict(checksums)

    def complete(self, folder: Path) -> None:
        """Fetch what the folder lacks; what is there, gzipped or plain, is left alone.

        Raises:
            DataError: If a file that is there, or one that came, has the wrong checksum, or one
                cannot be fetched or written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            missing = [name for name in self.checksums if not self._has(folder, name)]
            if missing:
                columns = TextColumn("{task.description}"), DownloadColumn()
                with Progress(*columns) as progress:
                    for name in missing:
                        self._fetch(folder, name, progress)
        except (OSError, HTTPException) as error:
            raise DataError(
                f"MNIST cannot be fetched from {self.mirror} into {folder}: {error}"
            ) from error

    def _has(self, folder: Path, name: str) -> bool:
        if (folder / name).is_file():
            found = hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest()
            if found != self.checksums[name]:
                raise DataError(
                    f"{folder / name} has the checksum {found}, but {self.checksums[name]} was "
                    "expected; delete it to have it fetched anew"
                )
            return True
        return (folder / name.removesuffix(".gz")).is_file()

    def _fetch(self, folder: Path, name: str, progress: Progress) -> None:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                found = self._receive(name, file, progress)
            if found != self.checksums[name]:
                raise DataError(
                    f"{self.mirror}{name} came with the checksum {found}, but "
                    f"{self.checksums[name]} was expected; it is not kept. Another mirror can be "
                    "named with task.data.mirror"
                )
            Path(temporary).replace(folder / name)
        finally:
            Path(temporary).unlink(missing_ok=True)

    def _receive(self, name: str, file: IO[bytes], progress: Progress) -> str:
        """Write what comes to the file; returns its checksum."""
        checksum = hashlib.md5(usedforsecurity=False)
        with urlopen(self.mirror + name, timeout=_PATIENCE) as answer:
            total = _announced(answer)
            task = progress.add_task(f"fetching {name}", total=total)
            came = 0
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                checksum.update(chunk)
                came += len(chunk)
                progress.update(task, completed=came)
        if total is not None and came != total:
            raise DataError(
                f"{self.mirror}{name} broke off after {came} of {total} bytes; it is not kept, "
                "try again"
            )
        return checksum.hexdigest()


def _announced(answer: HTTPResponse) -> int | None:
    """The size in bytes that the answer announces, if any."""
    length = answer.headers.get("Content-Length")
    return int(length) if length is not None and length.isdigit() else None
