import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from idx_files import checksums, small_mnist, write_files

from esr.errors import ConfigurationError, DataError
from experiments.tasks.digits_download import MnistDownload


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; `cut` in the address announces more than it sends."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        if not self.path.startswith("/cut/"):
            return super().do_GET()
        self.path = self.path.removeprefix("/cut")
        content = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        return None


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mirror")
    write_files(folder, small_mnist(), gzipped=True)
    return folder


@pytest.fixture(scope="module")
def mirror(served: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(served)))
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_missing_files_are_fetched_and_valid_ones_reused(
    served: Path, mirror: str, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    download = MnistDownload(mirror, checksums(served))
    download.complete(folder)
    assert contents(folder) == contents(served)
    MnistDownload("http://127.0.0.1:9", checksums(served)).complete(folder)  # nobody answers
    plain = folder / "t10k-labels-idx1-ubyte"
    plain.with_suffix(".gz").rename(plain)
    MnistDownload("http://127.0.0.1:9", checksums(served)).complete(folder)


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        ("", {"t10k-images-idx3-ubyte.gz": "0" * 32}, "came with the checksum .* is not kept"),
        ("/nowhere", {}, "cannot be fetched from .*/nowhere/ into .*404"),
        ("/cut", {}, r"broke off after \d+ of \d+ bytes; it is not kept"),
    ],
)
def test_what_is_not_the_file_is_not_kept(
    place: str, change: dict[str, str], message: str, served: Path, mirror: str, tmp_path: Path
) -> None:
    wanted = checksums(served) | change
    with pytest.raises(DataError, match=message):
        MnistDownload(mirror + place, wanted).complete(tmp_path)
    assert all(contents(served)[name] == held for name, held in contents(tmp_path).items())
    assert not set(change) & contents(tmp_path).keys()


def test_a_damaged_file_that_is_there_is_named_and_left(
    served: Path, mirror: str, tmp_path: Path
) -> None:
    damaged = tmp_path / "train-labels-idx1-ubyte.gz"
    damaged.write_bytes(b"half")
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte.gz has the checksum .* delete"):
        MnistDownload(mirror, checksums(served)).complete(tmp_path)
    assert contents(tmp_path) == {damaged.name: b"half"}


def test_only_http_is_accepted() -> None:
    with pytest.raises(ConfigurationError, match="must begin with http:// or https://"):
        MnistDownload("file:///data")
