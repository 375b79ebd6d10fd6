import sys

import pytest
import torch
from torch import Generator

from baselines.population import BatchedAdam, LevenbergMarquardt, gauss_legendre
from esr.errors import ConfigurationError
from experiments import population_speed
from experiments.population_loop import Loop
from experiments.population_speed import Speed


def test_it_prints_a_line_for_each_way_and_the_ratios(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = "--networks 50 --adam 3 --loop 1"
    monkeypatch.setattr(sys, "argv", ["population_speed", *settings.split()])
    threads = torch.get_num_threads()
    try:
        population_speed.main()
    finally:
        torch.set_num_threads(threads)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" networks,")[0].split()[-1] for line in lines[:3]] == ["50", "3", "1"]
    assert "MB at most" in lines[0]
    assert all("times as many networks a second" in line for line in lines[3:])
    assert len(lines) == 5


def test_shards_hold_other_networks_and_give_the_same_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(population_speed, "SHARD", 20)
    speed, fitter = Speed(), LevenbergMarquardt(steps=8)
    counts = [speed.population(fitter, 50).converged for _ in range(2)]
    assert counts[0] == counts[1]
    assert 0 < counts[0] < 50
    assert not torch.equal(speed._drawn(0, 20).steps, speed._drawn(20, 20).steps)


def test_networks_that_are_not_trained_do_not_pass() -> None:
    assert Speed().population(BatchedAdam(steps=1), 5).converged == 0


def test_the_loop_trains_to_the_tolerance() -> None:
    points = gauss_legendre(6)
    x, weights = points.points.float(), points.weights.float()
    target = (1 + x * x).T
    generator = Generator().manual_seed(0)
    (network,) = Loop(1e-2).train(x, weights, target, generator=generator)
    error = ((network(x).T.detach() - target).square() * weights).sum() / (
        target**2 * weights
    ).sum()
    assert float(error) <= 1e-2


def test_numbers_below_one_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["population_speed", "--loop", "0"])
    with pytest.raises(ConfigurationError, match="--loop must be at least 1"):
        population_speed.main()
