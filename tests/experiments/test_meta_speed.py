import sys

import pytest
import torch

from experiments import meta_speed


def test_all_ways_give_the_same_gradient() -> None:
    assert meta_speed.disagreement(2, replicas=2, steps=2) < 1e-10  # rounding


def test_it_prints_a_line_for_each_way_and_size(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = "--functions 1 2 --replicas 1 2 --steps 1 --turns 1"
    monkeypatch.setattr(sys, "argv", ["meta_speed", *settings.split()])
    monkeypatch.setattr(meta_speed, "TURN_SECONDS", 0.0)
    threads = torch.get_num_threads()
    try:
        meta_speed.main()
    finally:
        torch.set_num_threads(threads)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("K=")]
    names = [*meta_speed.LOOPS, "torch.func", "ours, R=1", "ours, R=2"]
    assert [" ".join(line.split()[:-3]) for line in lines] == [
        f"K={functions} {name}" for functions in (1, 2) for name in names
    ]


def test_it_refuses_to_time_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["meta_speed", "--replicas", "1"])
    monkeypatch.setattr(meta_speed, "disagreement", lambda *_: 1e-5)
    threads = torch.get_num_threads()
    try:
        with pytest.raises(SystemExit, match="gradients differ"):
            meta_speed.main()
    finally:
        torch.set_num_threads(threads)
