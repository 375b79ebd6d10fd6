"""The kinematics figures of RESULTS.md, run anew: about eight minutes on two cores."""

import json
import subprocess
import sys

import pytest

from esr.equations import Expression


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], dict[str, object]]:
    folder = tmp_path_factory.mktemp("kinematics")
    subprocess.run(
        [
            sys.executable, "-m", "experiments.run", "-m", "+task=kinematics",
            "model=eql_l05,eql_l0,relu", "seed=0,1,2", "reference=none", f"outputs={folder}",
        ],
        check=True,
    )  # fmt: skip
    found = [json.loads(path.read_text()) for path in folder.rglob("result.json")]
    return {(record["model"], record["seed"]): record for record in found}


def terms(text: str) -> dict[str, float]:
    """Coefficients of a linear law; anything but c*d + c*v + c*z fails."""
    law = Expression.parse(text, variables=["d", "v", "z"]).to_sympy().expand()
    return {str(k): float(v) for k, v in law.as_coefficients_dict().items()}


def recovered(record: dict[str, object]) -> bool:
    expressions, metrics = record["expressions"], record["metrics"]
    assert isinstance(expressions, dict)
    assert isinstance(metrics, dict)
    d, v = terms(expressions["d_next"]), terms(expressions["v_next"])
    return (
        d.keys() == {"d", "v", "z"}
        and v.keys() == {"v", "z"}
        and all(abs(c - 1) <= 0.005 for c in (d["d"], d["v"], v["v"]))
        and abs(v["z"] / d["z"] / 2 - 1) <= 0.01
        and metrics["latent_correlation"] >= 0.999
        and metrics["rollout_error"] <= 0.05
        and metrics["rollout_error_true_acceleration"] <= 0.005
    )


@pytest.mark.slow
def test_l05_recovers_the_law_from_every_seed(
    records: dict[tuple[str, int], dict[str, object]],
) -> None:
    assert [recovered(records["eql_l05", seed]) for seed in (0, 1, 2)] == [True] * 3


@pytest.mark.slow
def test_l0_recovers_the_law_from_at_least_two_seeds(
    records: dict[tuple[str, int], dict[str, object]],
) -> None:
    assert sum(recovered(records["eql_l0", seed]) for seed in (0, 1, 2)) >= 2
