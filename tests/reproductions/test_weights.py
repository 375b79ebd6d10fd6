"""The figures of weights to equation in RESULTS.md, run anew: about an hour on two cores."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def metrics_of(folder: Path, *settings: str) -> dict[str, float]:
    subprocess.run(
        [sys.executable, "-m", "experiments.run", "+task=weights", *settings, f"outputs={folder}"],
        check=True,
    )
    (path,) = folder.rglob("result.json")
    metrics = json.loads(path.read_text())["metrics"]
    assert isinstance(metrics, dict)
    return metrics


@pytest.mark.slow
@pytest.mark.parametrize("model", ["reader_flat", "reader_graph"])
def test_networks_of_one_start_are_read(tmp_path: Path, model: str) -> None:
    metrics = metrics_of(tmp_path, "start=shared", f"model={model}")
    assert metrics["raw_skeleton"] >= 0.97
    assert metrics["raw_exact"] >= 0.60
    assert metrics["beam_refined_exact"] >= 0.98
    assert metrics["raw_valid"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("model", ["reader_graph", "reader_probe"])
def test_networks_of_different_starts_are_read_in_any_order_of_neurons(
    tmp_path: Path, model: str
) -> None:
    metrics = metrics_of(tmp_path, "start=own", f"model={model}")
    assert metrics["raw_skeleton"] >= 0.75
    assert metrics["same_when_permuted"] == 1


@pytest.mark.slow
def test_skewed_lengths_are_learnt_as_a_bias(tmp_path: Path) -> None:
    settings = ["start=shared", "model=reader_flat"]
    found = {
        lengths: metrics_of(tmp_path / lengths, *settings, f"lengths={lengths}")
        for lengths in ("uniform", "skewed")
    }
    uniform, skewed = found["uniform"], found["skewed"]
    for length in ("04", "10", "12"):  # rare in the skewed population
        name = f"length_{length}/raw_exact"
        assert uniform[name] > skewed[name] + 0.3
    assert skewed["length_18/raw_exact"] > uniform["length_18/raw_exact"] + 0.3
    assert all(uniform[name] >= 0.9 for name in uniform if name.endswith("/raw_skeleton"))


@pytest.mark.slow
def test_waves_and_products_are_read_where_polynomials_find_nothing(tmp_path: Path) -> None:
    metrics = metrics_of(tmp_path, "equations=waves", "start=own")
    assert metrics["beam_refined_exact"] >= 0.6
    assert metrics["least_squares_exact"] == 0
