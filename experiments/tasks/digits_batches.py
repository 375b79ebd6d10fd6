"""Training batches of digit pairs: a few moved images and many pairs among them."""

import torch
from torch import Generator

from baselines.digits import DigitBatch
from esr.errors import ConfigurationError
from experiments.tasks.digits_augmentation import move_images
from experiments.tasks.digits_data import DigitImages
from experiments.tasks.digits_pairs import draw_pairs

__all__ = ["DigitBatches", "pair_up"]


class DigitBatches:
    """How training batches are drawn.

    Arguments:
        images: Number of images in a batch, drawn with replacement, at least 16.
        pairs: Number of pairs among them.
        shift: Largest shift of an image along each axis, in pixels.
        rotation: Largest rotation of an image, in degrees.
    Raises:
        ConfigurationError: If a value is out of range.
    """

    def __init__(
        self, images: int = 128, pairs: int = 1024, shift: float = 0.75, rotation: float = 10.0
    ) -> None:
        if images < 16 or pairs < 1:
            raise ConfigurationError(
                "task.batches.images must be at least 16 and task.batches.pairs at least 1, but "
                f"they are {images} and {pairs}"
            )
        if not (shift >= 0 and rotation >= 0):
            raise ConfigurationError(
                "task.batches.shift and task.batches.rotation must be at least 0, but they are "
                f"{shift} and {rotation}"
            )
        self.images, self.pairs, self.shift, self.rotation = images, pairs, shift, rotation

    def draw(self, source: DigitImages, limit: int, *, generator: Generator) -> DigitBatch:
        """A batch of moved images and pairs among them with sums below the limit."""
        total, device = len(source.digits), source.digits.device
        chosen = source.rows(
            torch.randint(total, (self.images,), generator=generator, device=device)
        )
        pixels = move_images(chosen.pixels, self.shift, self.rotation, generator=generator)
        moved = DigitImages(pixels, chosen.digits)
        return pair_up(moved, self.pairs, 0, limit, generator=generator)


def pair_up(
    images: DigitImages, count: int, low: int, high: int, *, generator: Generator
) -> DigitBatch:
    """That many pairs with `low <= sum < high` among all images.

    Raises:
        DataError: If there is no such pair.
    """
    pairs = draw_pairs(images.digits, count, low, high, generator=generator)
    sums = images.digits[pairs].sum(1, keepdim=True)
    return DigitBatch(images.pixels, pairs, sums.to(images.pixels))
