import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from idx_files import idx_bytes, small_mnist, write_files
from torch import Generator

from esr.errors import ConfigurationError, DataError
from experiments.tasks.digits_augmentation import move_images
from experiments.tasks.digits_data import DigitData, DigitImages
from experiments.tasks.digits_pairs import draw_pairs
from experiments.tasks.idx import read_idx


def split(**settings: object) -> list[DigitImages]:
    data = DigitData(**settings)  # type: ignore[arg-type]
    return list(vars(data.split(Generator().manual_seed(0))).values())


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("shape", [(5,), (4, 3, 2)])
def test_an_idx_file_gives_back_what_was_written(
    shape: tuple[int, ...], gzipped: bool, tmp_path: Path
) -> None:
    array = np.arange(np.prod(shape)).reshape(shape)
    write_files(tmp_path, {"array": array}, gzipped)
    path = tmp_path / ("array.gz" if gzipped else "array")
    assert np.array_equal(read_idx(path, len(shape)), array)


def test_bundled_images_are_split_without_overlap() -> None:
    parts = split(validation=200, test=250)
    assert [len(part.digits) for part in parts] == [1347, 200, 250]
    together = torch.cat([part.pixels.flatten(1) for part in parts])
    assert len(together.unique(dim=0)) == 1797  # the bundled images are all different
    assert together.min() == 0
    assert together.max() == 1
    assert not torch.equal(split(test=250)[2].digits, split(test=250)[1].digits[:250])


def test_mnist_files_take_the_place_of_bundled_images(tmp_path: Path) -> None:
    arrays = small_mnist()
    write_files(tmp_path, arrays, gzipped=True)
    training, validation, test = split(path=str(tmp_path), validation=10)
    assert (len(training.digits), len(validation.digits)) == (30, 10)
    expected = torch.from_numpy(arrays["t10k-images-idx3-ubyte"]) / 255
    torch.testing.assert_close(test.pixels, expected.float())
    assert torch.equal(test.digits, torch.from_numpy(arrays["t10k-labels-idx1-ubyte"]))


LABELS, IMAGES = "train-labels-idx1-ubyte", "train-images-idx3-ubyte"
WHOLE = idx_bytes(small_mnist()[LABELS])
TORN = gzip.compress(WHOLE, mtime=0)[:-12]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (LABELS, None, "there is neither .*train-labels-idx1-ubyte nor the same with .gz"),
        (LABELS, b"", "must begin with the magic number 00000801 .* but begins with $"),
        (LABELS, idx_bytes(small_mnist()[IMAGES]), "begins with 00000803"),
        (LABELS, WHOLE[:-3], r"shape \(40,\), 40 bytes, but holds 37; it is truncated"),
        (LABELS, idx_bytes(np.arange(7)), "has 40 images, but .* has 7 labels"),
        (LABELS, idx_bytes(np.arange(40)), "has the label 39; digits are from 0 to 9"),
        (
            LABELS + ".gz",
            gzip.compress(WHOLE, mtime=0)[:-12],
            "cannot be read: Compressed file ended",
        ),
        (LABELS + ".gz", b"no gzip", "cannot be read: Not a gzipped file"),
        (IMAGES, idx_bytes(np.zeros((40, 5, 5))), r"differ in size: \(5, 5\) and \(10, 9\)"),
    ],
)
def test_a_damaged_folder_is_refused(
    name: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    write_files(tmp_path, small_mnist())
    (tmp_path / name.removesuffix(".gz")).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        split(path=str(tmp_path), validation=10)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"validation": 0}, ConfigurationError, "validation must be an integer of at least 1"),
        ({"test": True}, ConfigurationError, "test must be an integer of at least 1"),
        ({"test": 1797}, DataError, "test=1797 images cannot be taken from 1797"),
        ({"download": True}, ConfigurationError, "name it with task.data.path"),
        ({"path": "nowhere"}, DataError, "there is no folder nowhere.*task.data.download=true"),
    ],
)
def test_bad_settings_are_refused(
    settings: dict[str, object], error: type[ValueError], message: str
) -> None:
    with pytest.raises(error, match=message):
        split(**settings)


@pytest.mark.parametrize(("low", "high"), [(0, 15), (15, 19), (7, 8)])
def test_pairs_are_uniform_over_all_whose_sum_is_in_range(low: int, high: int) -> None:
    digits = torch.tensor([9, 0, 3, 7, 8, 3, 5, 9])
    pairs = draw_pairs(digits, 20_000, low, high, generator=Generator().manual_seed(0))
    table = torch.zeros(8, 8)
    table.index_put_((pairs[:, 0], pairs[:, 1]), torch.ones(len(pairs)), accumulate=True)
    sums = digits[:, None] + digits
    allowed = (low <= sums) & (sums < high)
    assert not table[~allowed].any()
    mean = 20_000 / int(allowed.sum())
    assert ((table[allowed] - mean).abs() < 5 * mean**0.5).all()  # five standard deviations


def test_a_sum_that_no_pair_has_is_refused() -> None:
    digits = torch.tensor([1, 2])
    with pytest.raises(DataError, match="no two of the 2 digits have a sum from 15 to 18"):
        draw_pairs(digits, 1, 15, 19, generator=Generator())


def test_images_move_by_no_more_than_asked_for() -> None:
    images = torch.zeros(200, 9, 11)
    images[:, 4, 5] = 1
    generator = Generator().manual_seed(0)
    torch.testing.assert_close(move_images(images, 0, 0, generator=generator), images)
    turned = move_images(images, 0, 90, generator=generator)  # about the middle pixel
    torch.testing.assert_close(turned[:, 4, 5], images[:, 4, 5])
    moved = move_images(images, 1, 0, generator=generator)
    torch.testing.assert_close(moved.sum((1, 2)), torch.ones(200))
    down = (moved.sum(2) * torch.arange(9)).sum(1) - 4  # centre of brightness
    right = (moved.sum(1) * torch.arange(11)).sum(1) - 5
    for distance in (down, right):
        assert distance.abs().max() <= 1 + 1e-4
        assert distance.max() > 0.9
        assert distance.min() < -0.9


def test_a_rotation_keeps_distances_on_an_oblong_image() -> None:
    images = torch.zeros(100, 15, 25)
    images[:, 7, 16] = 1  # four pixels beside the middle
    turned = move_images(images, 0, 80, generator=Generator().manual_seed(0))
    total = turned.sum((1, 2))
    down = (turned.sum(2) * torch.arange(15)).sum(1) / total - 7
    right = (turned.sum(1) * torch.arange(25)).sum(1) / total - 12
    # interpolation between pixels shifts the centre of brightness by a few tenths at most
    assert ((down.square() + right.square()).sqrt() - 4).abs().max() < 0.3
