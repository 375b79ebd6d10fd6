"""The oscillator figures of RESULTS.md, run anew: about twenty minutes on two cores."""

import json
import subprocess
import sys

import pytest

SEEDS = (0, 1, 2)
Record = dict[str, object]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Record]:
    folder = tmp_path_factory.mktemp("oscillator")
    subprocess.run(
        [
            sys.executable, "-m", "experiments.run", "-m", "+task=oscillator",
            "model=eql_l05,eql_l0,relu", "seed=0,1,2", "reference=none", f"outputs={folder}",
        ],
        check=True,
    )  # fmt: skip
    found = [json.loads(path.read_text()) for path in folder.rglob("result.json")]
    return {(record["model"], record["seed"]): record for record in found}


def metric(record: Record, name: str) -> float:
    metrics = record["metrics"]
    assert isinstance(metrics, dict)
    return float("inf") if metrics[name] is None else float(metrics[name])


def recovered(record: Record, network: Record) -> bool:
    """Form, coefficients, parameter, and a roll-out far better than a network's."""
    return (
        metric(record, "right_form") == 1
        and metric(record, "coefficient_error") <= 0.02
        and metric(record, "latent_correlation") >= 0.99
        and metric(record, "rollout_error_true_squared_frequency") <= 0.05
        and metric(record, "rollout_error") <= 0.5 * metric(network, "rollout_error")
    )


@pytest.mark.slow
def test_l05_recovers_the_step_from_every_seed(records: dict[tuple[str, int], Record]) -> None:
    found = [recovered(records["eql_l05", seed], records["relu", seed]) for seed in SEEDS]
    assert found == [True] * 3


@pytest.mark.slow
def test_l0_recovers_the_step_from_at_least_two_seeds(
    records: dict[tuple[str, int], Record],
) -> None:
    found = [recovered(records["eql_l0", seed], records["relu", seed]) for seed in SEEDS]
    assert sum(found) >= 2
