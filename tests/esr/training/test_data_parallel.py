import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pair import STEPS, fitted
from torch import Tensor

from esr.errors import ConfigurationError
from esr.training import DataParallel, Share, Shareable

ROOT = Path(__file__).resolve().parent.parent.parent.parent
TRAINED = ["fitted", "noisy", "stopped", "resumed", "restarted", "reinitialised", "frozen"]
Results = dict[str, dict[str, Tensor]]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Results, Path]:
    """What two processes that train together find, and the folder they write to."""
    folder = tmp_path_factory.mktemp("pair")
    script = Path(__file__).parent / "pair.py"
    command = [sys.executable, "-W", "error", str(script)]
    paths = os.pathsep.join([str(ROOT), str(script.parent)])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, str(folder)], env=environment, check=True, timeout=300)
    first, second = (torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    return first, second, folder


@pytest.mark.parametrize("name", TRAINED)
def test_all_processes_end_with_the_same_model(
    name: str, pair: tuple[Results, Results, Path]
) -> None:
    first, second, _ = pair
    assert first[name].keys() == second[name].keys()
    for key, value in first[name].items():
        torch.testing.assert_close(value, second[name][key], atol=0, rtol=0, msg=key)


def test_shares_of_a_batch_make_the_step_of_the_whole_batch(
    pair: tuple[Results, Results, Path],
) -> None:
    alone, together = fitted(Share(0, 1), None), pair[0]["fitted"]
    assert 0 < int(together["clipped"].sum()) < 2 * STEPS  # some gradients were clipped, some not
    for key in ("weights", "rare", "idle", "seen", "clipped"):
        # 30 steps of double precision, in which sums are taken in another order
        torch.testing.assert_close(together[key], alone[key], atol=1e-12, rtol=1e-12)
    assert (together["idle"] == 1).all()  # without a gradient not even the decay acts


def test_each_process_draws_noise_of_its_own(pair: tuple[Results, Results, Path]) -> None:
    draws = [found["draws"] for found in pair[:2]]
    assert len({float(draw) for both in draws for draw in both}) == 4


def test_a_request_to_one_process_ends_all_and_they_go_on_exactly(
    pair: tuple[Results, Results, Path],
) -> None:
    first, _, folder = pair
    # asked in step 11; the second process tells it before step 12, and both heed it after that
    assert first["stopped"]["steps"] == 13
    assert first["resumed"]["steps"] == STEPS
    assert torch.equal(first["resumed"]["point.place"], first["noisy"]["point.place"])
    assert [path.name for path in folder.glob("bowl-*")] == ["bowl-0.pt"]


@pytest.mark.parametrize(("name", "active"), [("reinitialised", 3), ("frozen", 2)])
def test_a_replica_that_diverges_in_one_process_diverges_in_all(
    name: str, active: int, pair: tuple[Results, Results, Path]
) -> None:
    found = pair[0][name]
    assert found["diverged"].tolist() == [0, 1, 0]
    assert int(found["active"].sum()) == active


def test_hopeless_replicas_start_afresh_in_all_processes(
    pair: tuple[Results, Results, Path],
) -> None:
    assert int(pair[0]["restarted"]["restarted"].sum()) > 0


def test_the_first_process_alone_validates_and_reports(
    pair: tuple[Results, Results, Path],
) -> None:
    reports = STEPS // 10
    assert [found["reports"] for found in pair[:2]] == [2 + 2 * reports, 0]
    assert [found["total"] for found in pair[:2]] == [4.0, 4.0]


def test_what_cannot_be_is_refused_in_all_processes(
    pair: tuple[Results, Results, Path],
) -> None:
    for found in pair[:2]:
        assert "cannot be compiled; train without a compiler" in str(found["compiled"])
        assert "go on from different steps: [0, 1]" in str(found["apart"])


def test_processes_need_a_group() -> None:
    with pytest.raises(ConfigurationError, match=r"needs a process group; .* by torchrun"):
        DataParallel()


def test_shares_are_equal_and_cover_a_batch() -> None:
    rows = [row for rank in range(3) for row in range(12)[Share(rank, 3).rows(12)]]
    assert rows == list(range(12))
    for count in (0, 10):
        with pytest.raises(ConfigurationError, match=f"{count} samples .* a multiple of 3"):
            Share(0, 3).rows(count)
    for rank, world in ((3, 3), (-1, 2), (0, 0)):
        with pytest.raises(ConfigurationError, match="rank must be from 0 to world - 1"):
            Share(rank, world)


def test_a_source_is_shareable_if_it_takes_a_share() -> None:
    class Divided:
        def share(self, share: Share) -> None: ...

    assert isinstance(Divided(), Shareable)
    assert not isinstance(object(), Shareable)
