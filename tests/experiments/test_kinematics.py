from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.dynamics import DynamicsModel, TrajectoryEncoder
from baselines.eql import EQL
from esr.equations import Expression
from esr.errors import ConfigurationError, DataError
from esr.random import RandomStreams
from esr.training import Phase
from experiments.tasks.dynamics_data import TrajectoryPairs
from experiments.tasks.dynamics_law import Law, find_law
from experiments.tasks.dynamics_measures import measure_motion
from experiments.tasks.kinematics import Kinematics
from experiments.tasks.kinematics_data import KinematicsData

PHASES = {"only": Phase(1, 1e-2)}


def generated(**settings: object) -> tuple[TrajectoryPairs, TrajectoryPairs]:
    data = KinematicsData(**settings)  # type: ignore[arg-type]
    return data.tests(torch.Generator().manual_seed(0))


def arrays_of(pairs: TrajectoryPairs) -> dict[str, np.ndarray]:
    """As a file has them."""
    tensors = pairs.observed, pairs.followed, pairs.parameter
    names = "observed", "followed", "acceleration"
    return {name: values.numpy() for name, values in zip(names, tensors, strict=True)}


def test_motion_obeys_the_law_and_pairs_share_their_acceleration() -> None:
    near, wide = generated(trajectories=50, steps=30)
    for pairs in (near, wide):
        a = pairs.parameter[:, None]
        for motion in (pairs.observed, pairs.followed):
            d, v = motion.unbind(2)
            torch.testing.assert_close(d[:, 1:], d[:, :-1] + v[:, :-1] + a / 2)
            torch.testing.assert_close(v[:, 1:], v[:, :-1] + a)
    assert near.followed[:, 0].abs().max() <= 1
    assert 1 < wide.followed[:, 0].abs().max() <= 3
    assert not torch.isclose(near.observed[:, 0], near.followed[:, 0]).any()


def test_noise_is_of_the_size_asked_for_and_spares_the_tests() -> None:
    clean = KinematicsData(trajectories=500, steps=20)
    noisy = KinematicsData(trajectories=500, steps=20, noise=0.3)
    pairs = []
    for data in (clean, noisy):
        streams = RandomStreams(0)
        pairs.append(data.training_and_validation(streams["data"], streams["noise"])[0])
    difference = (pairs[1].followed - pairs[0].followed).std()
    assert difference.item() == pytest.approx(0.3, rel=0.05)


def exact_law(unit: float) -> Law:
    """The true law for a latent that is `unit` times the acceleration."""
    equations = (Expression.parse(f"d + v + {0.5 / unit}*z"), Expression.parse(f"v + z/{unit}"))

    def encode(observed: torch.Tensor) -> torch.Tensor:
        return unit * (observed[:, 1, 1:] - observed[:, 0, 1:])

    def step(inputs: torch.Tensor) -> torch.Tensor:
        columns = dict(zip("dvz", inputs.unbind(1), strict=True))
        return torch.stack([e.evaluate(columns) for e in equations], 1)

    return Law(0, encode, step, equations)


@pytest.mark.parametrize("unit", [1.0, -0.8])
def test_the_true_law_has_no_error(unit: float) -> None:
    near, _ = generated(trajectories=20, steps=100)
    motion = measure_motion(exact_law(unit), near, horizon=5)
    assert motion.latent_correlation == pytest.approx(1)
    assert motion.rollout_error < 1e-10
    assert motion.rollout_error_true_parameter < 1e-10


def test_the_law_is_read_from_a_network_that_holds_it_with_ballast() -> None:
    """Weights spell d + v + z/2 + 0.001 sin(v), v + z + 0.002 v z; the encoder is exact."""
    pairs = KinematicsData(trajectories=40, steps=5, observed=2).tests(
        torch.Generator().manual_seed(1)
    )[0]
    cell = EQL(3, 2, hidden=[{"identity": 1, "sin": 1, "mul": 1}], replicas=1).double()
    encoder = TrajectoryEncoder(2, 1, 1, filters=1, kernel=2).double()
    model = DynamicsModel(encoder, cell, torch.ones(2, dtype=torch.float64), 100.0).double()
    with torch.no_grad():
        hidden, last = (layer.weight for layer in cell.layers)
        hidden.zero_()
        last.zero_()
        hidden[0, 0, 2] = 1.0  # z; sums of d and v enter through sin and mul below
        hidden[0, 1, 1] = 1.0  # sin(v)
        hidden[0, 2, 1] = 1.0  # v
        hidden[0, 3, 2] = 1.0  # times z
        last[0, 0, 0], last[0, 0, 1] = 0.5, 0.001
        last[0, 1, 0], last[0, 1, 2] = 1.0, 0.002
    # targets without the part that this one-layer network cannot carry
    followed = pairs.followed.clone()
    followed[:, 1:, 0] = pairs.parameter[:, None] / 2
    followed[:, 1:, 1] = pairs.parameter[:, None]
    pairs = TrajectoryPairs(pairs.observed, followed, pairs.parameter)
    model.eval()
    exact = pairs.observed[:, 1, 1:] - pairs.observed[:, 0, 1:]
    model.encode = lambda observed: exact[None]  # type: ignore[method-assign]
    law = find_law(model, torch.zeros(1), pairs, horizon=3, finalists=1, tolerance=0.01)
    assert [str(f"{e:.6g}") for e in law.equations] == ["0.5*z", "z"]


def test_a_file_of_trajectories_takes_the_place_of_generated_ones(tmp_path: Path) -> None:
    near, _ = generated(trajectories=10, steps=8)
    arrays = arrays_of(near)
    path = tmp_path / "motion.npz"
    np.savez(path, **arrays)
    task = Kinematics(PHASES, KinematicsData(path=str(path)))
    task.prepare(RandomStreams(0), torch.device("cpu"))
    assert torch.equal(task.training.followed, near.followed[:8])
    assert torch.equal(task.validation.followed, near.followed[8:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"followed": np.full((10, 9, 2), np.nan)}, "'followed' has 180 values that are NaN"),
        ({"followed": np.zeros((10, 9, 3))}, r"must have shape \(N, T, 2\)"),
        ({"followed": np.zeros((9, 9, 2))}, "the same N"),
        ({"followed": np.zeros((10, 3, 2))}, "have 2 steps, but task.horizon is 5"),
        ({"observed": np.zeros((10, 3, 2))}, "fewer than task.kernel=5"),
        ({"followed": None}, r"lacks the arrays \['followed'\]"),
        ({"observed": np.array([object()])}, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_trained_on_is_refused(
    change: dict[str, np.ndarray | None], message: str, tmp_path: Path
) -> None:
    near, _ = generated(trajectories=10, steps=8)
    arrays = arrays_of(near) | change
    path = tmp_path / "motion.npz"
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    task = Kinematics(PHASES, KinematicsData(path=str(path)))
    with pytest.raises(DataError, match=message):
        task.prepare(RandomStreams(0), torch.device("cpu"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distance": (1, -1)}, r"distance must be a range \[low, high\]"),
        ({"observed": 1}, "observed must be an integer of at least 2"),
        ({"noise": -1.0}, "noise must be at least 0"),
        ({"trajectories": True}, "trajectories must be an integer"),
    ],
)
def test_bad_data_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        KinematicsData(**settings)  # type: ignore[arg-type]


def test_a_kernel_longer_than_what_is_observed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"task\.kernel must be from 1 to the 4"):
        Kinematics(PHASES, KinematicsData(observed=4), kernel=5)
