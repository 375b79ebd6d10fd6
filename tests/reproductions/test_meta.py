"""The meta-learning figures of RESULTS.md, run anew: about fifteen minutes on two cores."""

import json
import subprocess
import sys

import pytest

SEEDS = (0, 1, 2)
Record = dict[str, object]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Record]:
    folder = tmp_path_factory.mktemp("meta")
    common = ["+task=meta", "seed=0,1,2", "task.scratch.attempts=0", "task.symbolic.functions=0"]
    for settings in (["objective=maml,joint"], ["objective=none", "replicas=30"]):
        subprocess.run(
            [
                sys.executable, "-m", "experiments.run", "-m", *common, *settings,
                f"outputs={folder}",
            ],
            check=True,
        )  # fmt: skip
    found = {}
    for path in folder.rglob("result.json"):
        record = json.loads(path.read_text())
        found[record["choices"]["objective"], record["seed"]] = record
    return found


def metric(record: Record, name: str) -> float:
    metrics = record["metrics"]
    assert isinstance(metrics, dict)
    return float("inf") if metrics[name] is None else float(metrics[name])


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_five_steps_from_the_meta_learnt_start_beat_the_others(
    records: dict[tuple[str, int], Record], seed: int
) -> None:
    maml, joint, none = (records[name, seed] for name in ("maml", "joint", "none"))
    error = metric(maml, "in_5_mean")
    assert error <= 0.20
    assert error <= 0.65 * metric(joint, "in_5_mean")
    assert error <= 0.5 * metric(none, "in_5_mean_of_replicas")  # of thirty random starts


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_out_of_domain_it_is_no_worse_than_a_random_start(
    records: dict[tuple[str, int], Record], seed: int
) -> None:
    maml, none = records["maml", seed], records["none", seed]
    assert metric(maml, "out_5_median") <= metric(none, "out_5_median_of_replicas")


@pytest.mark.slow
def test_no_outer_step_was_not_finite(records: dict[tuple[str, int], Record]) -> None:
    assert not any(metric(record, "diverged") for record in records.values())
