"""Images of handwritten digits: scikit-learn's own, or MNIST from a folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Generator, Tensor

from esr.errors import ConfigurationError, DataError
from experiments.tasks.digits_download import MNIST_MIRROR, MnistDownload
from experiments.tasks.idx import find_idx, read_idx

__all__ = ["DigitData", "DigitImages", "DigitSplit"]


@dataclass(frozen=True)
class DigitImages:
    """Images and the digits they show.

    Arguments:
        pixels: `(N, H, W)`, brightness from 0 to 1.
        digits: Integers from 0 to 9, `(N,)`.
    """

    pixels: Tensor
    digits: Tensor

    def to(self, device: torch.device) -> "DigitImages":
        """The same images on a device."""
        return DigitImages(self.pixels.to(device), self.digits.to(device))

    def rows(self, which: Tensor) -> "DigitImages":
        """Those images, in that order."""
        return DigitImages(self.pixels[which], self.digits[which])


@dataclass(frozen=True)
class DigitSplit:
    """Images to train on, to choose by, and to measure with; no image is in two of them."""

    training: DigitImages
    validation: DigitImages
    test: DigitImages

    def to(self, device: torch.device) -> "DigitSplit":
        """The same images on a device."""
        return DigitSplit(*(images.to(device) for images in vars(self).values()))


class DigitData:
    """Where images come from, and how they are split.

    Arguments:
        path: A folder with MNIST's four IDX files, plain or gzipped, under their usual names
            (`train-images-idx3-ubyte` and so on; tests come from the `t10k` files). Without it,
            the 1797 images of 8 by 8 pixels that scikit-learn carries are used.
        download: Fetch the files that the folder lacks, 11 MB, each checked by its checksum.
        mirror: Where to fetch them from.
        validation: Number of images to choose by, taken from those for training.
        test: Number of images to measure with, likewise; MNIST has its own.
    Raises:
        ConfigurationError: If a number is not positive, or there is no folder to download into.
    """

    def __init__(
        self,
        path: str | None = None,
        download: bool = False,
        mirror: str = MNIST_MIRROR,
        validation: int = 300,
        test: int = 300,
    ) -> None:
        for name, size in (("validation", validation), ("test", test)):
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise ConfigurationError(
                    f"task.data.{name} must be an integer of at least 1, but is {size!r}"
                )
        if download and path is None:
            raise ConfigurationError(
                "task.data.download needs a folder to write to: name it with task.data.path"
            )
        self.path = Path(path) if path is not None else None
        self.source = MnistDownload(mirror) if download else None
        self.validation, self.test = validation, test

    def split(self, generator: Generator) -> DigitSplit:
        """Read the images and split them at random.

        Raises:
            DataError: If files are missing or damaged, or there are too few images.
        """
        if self.path is None:
            bundled = load_digits()
            everything = _images(bundled.images / 16, bundled.target)
            test, others = self._taken(everything, self.test, "test", generator)
        else:
            if self.source is not None:
                self.source.complete(self.path)
            others, test = _read(self.path, "train"), _read(self.path, "t10k")
            if others.pixels.shape[1:] != test.pixels.shape[1:]:
                raise DataError(
                    f"{self.path}: training and test images differ in size: "
                    f"{tuple(others.pixels.shape[1:])} and {tuple(test.pixels.shape[1:])}"
                )
        validation, training = self._taken(others, self.validation, "validation", generator)
        return DigitSplit(training, validation, test)

    @staticmethod
    def _taken(
        images: DigitImages, count: int, name: str, generator: Generator
    ) -> tuple[DigitImages, DigitImages]:
        """That many images at random, and the others."""
        total = len(images.digits)
        if count >= total:
            raise DataError(
                f"task.data.{name}={count} images cannot be taken from {total} and leave some"
            )
        order = torch.randperm(total, generator=generator, device=generator.device).cpu()
        return images.rows(order[:count]), images.rows(order[count:])


def _read(folder: Path, part: str) -> DigitImages:
    if not folder.is_dir():
        raise DataError(
            f"task.data.path: there is no folder {folder}; expected one with MNIST's files, which "
            "task.data.download=true fetches"
        )
    image_file = find_idx(folder, f"{part}-images-idx3-ubyte")
    label_file = find_idx(folder, f"{part}-labels-idx1-ubyte")
    pixels, digits = read_idx(image_file, 3), read_idx(label_file, 1)
    if len(pixels) != len(digits):
        raise DataError(
            f"{image_file} has {len(pixels)} images, but {label_file} has {len(digits)} labels"
        )
    if pixels.size == 0:
        raise DataError(f"{image_file} has shape {pixels.shape}: it holds no image")
    if digits.max() > 9:
        raise DataError(f"{label_file} has the label {digits.max()}; digits are from 0 to 9")
    return _images(pixels / np.float32(255), digits)


def _images(pixels: NDArray[np.floating], digits: NDArray[np.integer]) -> DigitImages:
    return DigitImages(
        torch.from_numpy(pixels.astype(np.float32)), torch.from_numpy(digits.astype(np.int64))
    )
