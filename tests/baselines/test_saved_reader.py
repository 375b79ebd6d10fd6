"""Readers come back from files as they were, and other files are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from baselines.languages import Language, Number, polynomials
from baselines.population import Architecture, Unit
from baselines.population.units import GELU, TANH
from baselines.reader import (
    Beam,
    CanonicalOrder,
    FlatEncoder,
    GivenOrder,
    GraphEncoder,
    NeuronEncoder,
    ProbeEncoder,
    RandomOrder,
    Reader,
    ReaderSize,
    load_reader,
    read_reader_note,
    save_reader,
)
from baselines.reader.encoders import Encoder
from esr.errors import ConfigurationError, DataError

SIZE = ReaderSize(width=8, layers=1, heads=2, expansion=2)
ARCHITECTURE = Architecture((2, 4, 3, 1), "tanh", bias=True)
LANGUAGE = Language(["#*x*sin(#*y)", "#*x", "#"], ("x", "y"), Number(-9, 9), Number(5, 9))


def flat(
    architecture: Architecture, width: int, replicas: int, *, generator: Generator | None = None
) -> Encoder:
    return FlatEncoder(architecture, width, replicas, 16, CanonicalOrder(), generator=generator)


def random_order(
    architecture: Architecture, width: int, replicas: int, *, generator: Generator | None = None
) -> Encoder:
    return FlatEncoder(architecture, width, replicas, 32, RandomOrder(), generator=generator)


def graph(
    architecture: Architecture, width: int, replicas: int, *, generator: Generator | None = None
) -> Encoder:
    return GraphEncoder(architecture, width, replicas, 5, (TANH, GELU), 16, generator=generator)


def neuron(
    architecture: Architecture, width: int, replicas: int, *, generator: Generator | None = None
) -> Encoder:
    size = ReaderSize(16, layers=1, heads=4)
    return NeuronEncoder(architecture, width, replicas, size, GivenOrder(), generator=generator)


def probe(
    architecture: Architecture, width: int, replicas: int, *, generator: Generator | None = None
) -> Encoder:
    return ProbeEncoder(architecture, width, replicas, 3, 24, generator=generator)


def small_reader(encoder: Callable[..., Encoder] = flat, replicas: int = 2) -> Reader:
    generator = torch.Generator().manual_seed(1)
    reader = Reader(ARCHITECTURE, LANGUAGE, encoder, SIZE, 0.3, replicas, generator)
    reader.adapt(networks())
    return reader.eval()


def networks() -> Tensor:
    return torch.randn(6, ARCHITECTURE.count, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(
    ("encoder", "replica"), [(flat, 0), (random_order, 1), (graph, 1), (neuron, 1), (probe, 1)]
)
def test_a_reader_comes_back_as_it_was(
    encoder: Callable[..., Encoder], replica: int, tmp_path: Path
) -> None:
    path = tmp_path / "reader.pt"
    reader = small_reader(encoder)
    save_reader(path, reader, replica, {"networks": 6, "from": "a test"})
    before = torch.get_rng_state()
    loaded = load_reader(path)
    assert (torch.get_rng_state() == before).all()
    assert read_reader_note(path) == {"networks": 6, "from": "a test"}
    assert loaded.replicas == 1
    assert not loaded.training
    assert loaded.architecture == ARCHITECTURE
    assert loaded.language.describe() == LANGUAGE.describe()
    assert (loaded.size, loaded.numbers_weight) == (SIZE, 0.3)
    expected = Beam(3).decode(reader, LANGUAGE, networks())
    found = Beam(3).decode(loaded, loaded.language, networks())
    assert (found.tokens[0] == expected.tokens[replica]).all()
    # only the sizes of matrix products differ
    torch.testing.assert_close(found.log_probabilities[0], expected.log_probabilities[replica])


def test_a_loaded_reader_is_saved_the_same(tmp_path: Path) -> None:
    save_reader(tmp_path / "one.pt", small_reader(graph).double())
    loaded = load_reader(tmp_path / "one.pt")
    assert all(value.dtype == torch.float64 for value in loaded.parameters())
    save_reader(tmp_path / "two.pt", loaded)
    again = load_reader(tmp_path / "two.pt")
    for (name, value), other in zip(
        loaded.state_dict().items(), again.state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), name
    assert all(parameter.requires_grad for parameter in again.parameters())


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "reader.pt"
    save_reader(path, small_reader())
    return path


def doctored(path: Path, change: Callable[[dict[str, dict[str, object]]], object]) -> Path:
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)
    return path


def test_a_truncated_file_is_refused(saved: Path) -> None:
    whole = saved.read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 10):
        saved.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"cannot be read as a reader .*cut off"):
            load_reader(saved)


def test_files_that_are_no_readers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    with pytest.raises(DataError, match="not there; name a file that save_reader wrote"):
        load_reader(path)
    with pytest.raises(DataError, match="a folder, not a file"):
        load_reader(tmp_path)
    path.write_text("+1.5*x")
    with pytest.raises(DataError, match="cannot be read as a reader"):
        load_reader(path)
    torch.save({"kind": "esr initialisation", "format": 1}, path)
    with pytest.raises(DataError, match="must hold a reader, but holds esr initialisation"):
        load_reader(path)
    torch.save(torch.zeros(3), path)
    with pytest.raises(DataError, match="but holds no reader"):
        load_reader(path)


Content = dict[str, dict[str, object]]
DAMAGE: dict[str, tuple[Callable[[Content], object], str]] = {
    "format": (lambda c: c.update(format=9), "must be a reader of format 1, but is of format 9"),
    "tensor": (lambda c: c["tensors"].popitem(), "is damaged: .*Missing key"),
    "settings": (lambda c: c.pop("settings"), "is damaged: .*settings"),
    "language": (
        lambda c: c["settings"].update(language=polynomials().describe()),
        "is damaged: .*size mismatch",
    ),
    "encoder": (
        lambda c: c["settings"].update(encoder={"kind": "Oracle"}),
        "does not describe an encoder .*Oracle",
    ),
    "order": (
        lambda c: c["settings"]["encoder"].update(order="Alphabetical"),
        "does not describe an encoder .*Alphabetical",
    ),
    "not a number": (
        lambda c: c["tensors"]["decoder.scores.bias"].fill_(torch.nan),
        r"weights must be finite, but \d+ in",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_files_are_refused(what: str, saved: Path) -> None:
    change, message = DAMAGE[what]
    with pytest.raises(DataError, match=f"(?s){message}"):
        load_reader(doctored(saved, change))


def test_what_torch_says_of_damage_stays_short(saved: Path) -> None:
    path = doctored(saved, lambda c: c["settings"].update(language=polynomials().describe()))
    with pytest.raises(DataError, match=r"is damaged: .*size mismatch") as caught:
        load_reader(path)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


def test_a_device_that_is_not_there_is_not_the_files_fault(saved: Path) -> None:
    with pytest.raises(ConfigurationError, match="device nonsense cannot be used here"):
        load_reader(saved, "nonsense")


class OwnEncoder(FlatEncoder):
    pass


class OwnOrder(GivenOrder):
    pass


def own_feature(
    architecture: Architecture, width: int, replicas: int, *, generator: Generator | None = None
) -> Encoder:
    square = Unit("square", torch.square, lambda z, a: 2 * z)
    return GraphEncoder(architecture, width, replicas, 4, [square], 16, generator=generator)


def own_order(
    architecture: Architecture, width: int, replicas: int, *, generator: Generator | None = None
) -> Encoder:
    return FlatEncoder(architecture, width, replicas, 16, OwnOrder(), generator=generator)


def test_what_cannot_be_saved_is_refused_before_a_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "reader.pt"
    reader = small_reader()
    with pytest.raises(ConfigurationError, match="replica must be from 0 to 1, but is 2"):
        save_reader(path, reader, 2)
    with pytest.raises(ConfigurationError, match="there is no folder"):
        save_reader(tmp_path / "none" / "reader.pt", reader)
    with pytest.raises(ConfigurationError, match="a note must hold text and numbers"):
        save_reader(path, reader, note={"list": [1]})
    with pytest.raises(ConfigurationError, match=r"OwnEncoder cannot be described.*FlatEncoder"):
        save_reader(path, small_reader(OwnEncoder))
    with pytest.raises(ConfigurationError, match="OwnOrder cannot be described"):
        save_reader(path, small_reader(own_order))
    with pytest.raises(ConfigurationError, match=r"features of one's own .*square"):
        save_reader(path, small_reader(own_feature))
    with torch.no_grad():
        reader.decoder.scores.bias[1, 0, 0] = torch.inf
    save_reader(path, reader, 0)
    path.unlink()
    with pytest.raises(ConfigurationError, match="but 1 of replica 1 are not"):
        save_reader(path, reader, 1)
    assert not list(tmp_path.iterdir())
