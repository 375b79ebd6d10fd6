import sys
from pathlib import Path

import pytest
import torch

from esr.random import RandomStreams
from experiments import associative_capacity
from experiments.associative_capacity import (
    Capacity,
    Trial,
    classical_rule,
    growth,
    largest_count,
    modern_rule,
)


def test_the_largest_number_is_found_to_one_part_in_eight() -> None:
    for truth in (1, 2, 3, 7, 16, 100, 1000):
        found = largest_count(lambda count, most=truth: count <= most, 10_000)  # type: ignore[misc]
        assert not found.capped
        assert found.count <= truth <= found.count * 9 / 8
    assert largest_count(lambda count: True, 100) == Capacity(100, True)
    assert largest_count(lambda count: False, 100) == Capacity(0, False)
    assert str(Capacity(131_072, True)) == "at least 131,072"


def test_growth_of_powers_is_their_base_and_capped_ones_do_not_count() -> None:
    capacities = [Capacity(2**n, False) for n in (3, 5, 8)]
    assert growth([3, 5, 8], capacities) == pytest.approx(2)
    assert growth([3, 5, 8, 9], [*capacities, Capacity(1, True)]) == pytest.approx(2)
    assert growth([3], capacities[:1]) is None


def test_both_rules_restore_few_patterns_and_only_the_modern_one_many() -> None:
    trial = Trial(32, 200, RandomStreams(0))
    assert trial.holds(modern_rule, 2)
    assert trial.holds(classical_rule, 2)
    # 50 is 11 times 0.138 N; a probe of 3 flips is within 3 of a random pattern once in 780,000
    assert trial.holds(modern_rule, 50)
    assert not trial.holds(classical_rule, 50)


def test_classical_retrieval_ends_where_no_unit_wants_to_flip() -> None:
    generator = torch.Generator().manual_seed(0)
    patterns = torch.randint(2, (1, 3, 40), generator=generator).float() * 2 - 1
    probes = torch.randint(2, (1, 20, 40), generator=generator).float() * 2 - 1
    found = classical_rule(patterns, probes, generator)
    couplings = patterns[0].T @ patterns[0] / 40
    couplings.fill_diagonal_(0)
    assert (found[0] * (found[0] @ couplings) >= -1e-6).all()  # rounding in single precision


def test_it_prints_a_table_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = tmp_path / "capacity.png"
    settings = f"--units 16 20 24 --most 64 --probes 200 --figure {figure}"
    monkeypatch.setattr(sys, "argv", ["associative_capacity", *settings.split()])
    threads = torch.get_num_threads()
    try:
        associative_capacity.main()
    finally:
        torch.set_num_threads(threads)
    printed = capsys.readouterr().out
    assert "at least 64" in printed
    assert "0.138 N" in printed
    assert figure.stat().st_size > 1000


def test_settings_out_of_range_are_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["associative_capacity", "--units", "4"])
    with pytest.raises(SystemExit):
        associative_capacity.main()
    assert "a pattern needs 10 values or more" in capsys.readouterr().err
