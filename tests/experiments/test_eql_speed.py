import sys
from pathlib import Path

import pytest
import torch

from baselines.eql import EQL, PAPER_UNITS
from esr.errors import ConfigurationError
from experiments import eql_speed
from experiments.authors_step import AuthorsStep
from experiments.eql_arithmetic import counts, peak_operations


def test_counts_follow_the_sizes_of_the_layers() -> None:
    model = EQL(2, 1, [PAPER_UNITS, PAPER_UNITS], replicas=3)
    first, second, last = (p[0].numel() for p in model.parameters())
    operations, calls = counts(3, 2, 5)
    assert operations == 2 * 3 * 5 * (2 * first + 3 * (second + last))
    assert calls == 2 * 8 * 3 * 5  # 2 layers: 2 sin, 2 cos, 2 exp, 2 sigmoid


def test_a_matrix_product_runs_at_a_plausible_rate() -> None:
    assert 1e8 < peak_operations(repeats=2) < 1e14


def printed(
    settings: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["eql_speed", *settings.split()])
    threads = torch.get_num_threads()
    try:
        eql_speed.main()
    finally:
        torch.set_num_threads(threads)
    return [line.strip().split(":")[0] for line in capsys.readouterr().out.splitlines()]


def test_it_prints_lines_for_each_size(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = "--replicas 1 2 --threads 1 --steps 30 --repeats 1 --plain"
    heads = [line.split(" of the")[0] for line in printed(settings, capsys, monkeypatch)]
    each = ["plain", "arithmetic"]
    assert [h for h in heads if not h.startswith("peak")] == [
        "threads=1", "R=1", *each, "R=2", *each,
    ]  # fmt: skip


@pytest.mark.slow
def test_it_times_the_compiled_step(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = printed("--replicas 1 --threads 1 --steps 30 --repeats 1", capsys, monkeypatch)
    assert "compiled" in heads


def test_a_folder_without_the_authors_code_is_refused(tmp_path: Path) -> None:
    path = list(sys.path)
    with pytest.raises(ConfigurationError, match="not a checkout of the authors' repository"):
        AuthorsStep(tmp_path, 8)
    assert sys.path == path
