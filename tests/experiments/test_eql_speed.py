import sys
from pathlib import Path

import pytest
import torch

from baselines.eql import EQL, PAPER_UNITS
from esr.errors import ConfigurationError
from experiments import eql_speed
from experiments.authors_step import AuthorsStep


def test_counts_follow_the_sizes_of_the_layers() -> None:
    model = EQL(2, 1, [PAPER_UNITS, PAPER_UNITS], replicas=3)
    first, second, last = (p[0].numel() for p in model.parameters())
    operations, calls = eql_speed.counts(3, 2)
    assert operations == 2 * 3 * eql_speed.SAMPLES * (2 * first + 3 * (second + last))
    assert calls == 2 * 8 * 3 * eql_speed.SAMPLES  # 2 layers: 2 sin, 2 cos, 2 exp, 2 sigmoid


def test_it_prints_a_line_for_each_size(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = "--replicas 1 2 --threads 1 --steps 30 --repeats 1"
    monkeypatch.setattr(sys, "argv", ["eql_speed", *settings.split()])
    threads = torch.get_num_threads()
    try:
        eql_speed.main()
    finally:
        torch.set_num_threads(threads)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["threads=1 R=1", "threads=1 R=2"]


def test_a_folder_without_the_authors_code_is_refused(tmp_path: Path) -> None:
    path = list(sys.path)
    with pytest.raises(ConfigurationError, match="not a checkout of the authors' repository"):
        AuthorsStep(tmp_path, 8)
    assert sys.path == path
