"""The digits figures of RESULTS.md, run anew: about eight minutes on two cores."""

import json
import subprocess
import sys

import pytest

from esr.equations import Expression


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, object]]:
    folder = tmp_path_factory.mktemp("digits")
    subprocess.run(
        [
            sys.executable, "-m", "experiments.run", "-m", "+task=digits", "seed=0,1,2",
            f"outputs={folder}",
        ],
        check=True,
    )  # fmt: skip
    found = [json.loads(path.read_text()) for path in folder.rglob("result.json")]
    return {record["seed"]: record for record in found}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sums_never_seen_are_right_on_digits_never_seen(
    seed: int, records: dict[int, dict[str, object]]
) -> None:
    metrics, expressions = records[seed]["metrics"], records[seed]["expressions"]
    assert isinstance(metrics, dict)
    assert isinstance(expressions, dict)
    assert metrics["unseen_accuracy"] >= 0.9
    assert metrics["reference_unseen_accuracy"] >= 0
    law = Expression.parse(expressions["s"], variables=["z1", "z2"])
    assert set(law.variables) == {"z1", "z2"}
