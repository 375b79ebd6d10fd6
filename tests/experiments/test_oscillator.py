import math

import pytest
import torch

from baselines.dynamics import DynamicsModel, TrajectoryEncoder
from baselines.eql import EQL
from baselines.relu import ReLUNetwork
from esr.equations import Expression
from esr.errors import ConfigurationError
from esr.expression_model import ExpressionModel
from esr.random import RandomStreams
from esr.training import Phase, Progress, Trainer
from experiments.tasks.dynamics_data import TrajectoryPairs
from experiments.tasks.dynamics_law import Law, law_of
from experiments.tasks.dynamics_measures import measure_motion
from experiments.tasks.dynamics_polish import centre_latent, complete_law, removable_offset
from experiments.tasks.dynamics_task import EncoderSizes, Finishing
from experiments.tasks.oscillator import Oscillator
from experiments.tasks.oscillator_data import OscillatorData
from experiments.tasks.oscillator_measures import (
    LEADING,
    compare_with_truth,
    one_step_error,
    true_coefficients,
)
from experiments.tasks.task import Contender

STEP = 0.1


def generated(**settings: object) -> TrajectoryPairs:
    data = OscillatorData(**settings)  # type: ignore[arg-type]
    return data.tests(torch.Generator().manual_seed(0))[0]


def test_motion_obeys_the_exact_step_and_conserves_energy() -> None:
    pairs = generated(trajectories=30, steps=500)
    w2 = pairs.parameter[:, None]
    w = w2.sqrt()
    for motion, stride in ((pairs.followed, 1), (pairs.observed, 10)):
        d, v = motion.unbind(2)
        c, s = (w * stride * STEP).cos(), (w * stride * STEP).sin()
        torch.testing.assert_close(d[:, 1:], c * d[:, :-1] + s / w * v[:, :-1])
        torch.testing.assert_close(v[:, 1:], c * v[:, :-1] - s * w * d[:, :-1])
        energy = w2 * d**2 + v**2
        torch.testing.assert_close(energy, energy[:, :1].expand_as(energy))
    assert not torch.isclose(pairs.observed[:, 0], pairs.followed[:, 0]).any()


def test_the_extrapolation_test_widens_what_is_followed_alone() -> None:
    data = OscillatorData(trajectories=200, steps=2, wider=3.0)
    wide = data.tests(torch.Generator().manual_seed(0))[1]
    assert wide.observed[:, 0].abs().max() <= 1
    assert 1 < wide.followed[:, 0].abs().max() <= 3


def test_the_series_is_that_of_the_exact_step() -> None:
    w2, d, v = 0.7, 0.3, -0.4
    w = math.sqrt(w2)
    expected = (
        d * math.cos(w * STEP) + v / w * math.sin(w * STEP),
        v * math.cos(w * STEP) - d * w * math.sin(w * STEP),
    )
    for coefficients, value, leading in zip(
        true_coefficients(STEP), expected, LEADING, strict=True
    ):
        total = sum(c * d**i * v**j * w2**k for (i, j, k), c in coefficients.items())
        assert total == pytest.approx(value, rel=1e-12)
        assert coefficients.keys() > set(leading)


def law_with(scale: float, offset: float, *, second_order: float = 1.0, stray: float = 0.0) -> Law:
    """The step up to the third order, for the latent `scale * w2 + offset`, known exactly."""
    w2 = f"((z - {offset})/{scale})"
    d = f"v - {second_order}*{w2}*d/20 - {w2}*v/600"
    v = f"-{w2}*d - {w2}*v/20 + {w2}**2*d/600 + {stray}*d**2"
    rates = ExpressionModel([Expression.parse(d), Expression.parse(v)], "dvz").double()
    encoder = TrajectoryEncoder(2, 1, 1, filters=1, kernel=2).double()
    model = DynamicsModel(encoder, rates, torch.ones(2).double(), 100.0, STEP).eval()

    def encode(observed: torch.Tensor) -> torch.Tensor:
        """From d + d'' of three points: cos(10 w STEP) is (d0 + d2) / (2 d1)."""
        cosine = (observed[:, 0] + observed[:, 2]).norm(dim=1) / (2 * observed[:, 1].norm(dim=1))
        return (scale * cosine.clamp(max=1).acos().square() + offset)[None, :, None]

    model.encode = encode  # type: ignore[method-assign]
    return law_of(model, 0, rates.expressions("dvz")[0])


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (-0.8, 0.3)])
def test_a_law_is_judged_the_same_in_every_gauge(scale: float, offset: float) -> None:
    pairs = generated(trajectories=20, steps=100)
    law = law_with(scale, offset)
    motion = measure_motion(law, pairs, horizon=25, offset=True)
    assert motion.latent_correlation == pytest.approx(1)
    assert motion.rollout_error < 1e-4  # the fourth order, a hundred times
    assert motion.rollout_error_true_parameter == pytest.approx(motion.rollout_error, abs=1e-9)
    assert one_step_error(law, pairs) < 1e-4
    closeness = compare_with_truth(law, pairs, STEP)
    assert closeness.right_form
    assert closeness.coefficient_error < 1e-6  # constants start in single precision
    assert closeness.stray_effect < 1e-4  # the fourth order


def test_a_wrong_coefficient_a_missing_and_a_stray_term_are_told() -> None:
    pairs = generated(trajectories=20, steps=100)
    wrong = compare_with_truth(law_with(1.0, 0.0, second_order=1.1), pairs, STEP)
    assert wrong.coefficient_error == pytest.approx(0.1)
    assert wrong.right_form
    missing = compare_with_truth(law_with(1.0, 0.0, second_order=0.0), pairs, STEP)
    assert missing.coefficient_error == pytest.approx(1)
    assert not missing.right_form
    stray = compare_with_truth(law_with(1.0, 0.0, stray=0.1), pairs, STEP)
    assert stray.coefficient_error < 1e-6  # constants start in single precision
    assert not stray.right_form


def test_the_removable_offset_leaves_the_term_without_latent_out() -> None:
    laws = [Expression.parse(text) for text in ("v + 0.1*d*z", "3*d*z - 1.5*d + sin(v)")]
    assert removable_offset(laws) == 0  # the second is no polynomial
    assert removable_offset([laws[0], Expression.parse("d*(3*z - 1.5)")]) == pytest.approx(-0.5)


def test_a_law_with_a_bent_and_a_lost_term_is_completed_and_its_latent_centred() -> None:
    pairs = generated(trajectories=20, steps=10, observed=5)
    rates = [
        Expression.parse(t) for t in ("0.999*v + 0.025*d - 0.1*d*z", "0.5*d - 8*z*sin(0.25*d)")
    ]
    cell = ExpressionModel(rates, "dvz").double()
    encoder = TrajectoryEncoder(2, 1, 1, filters=1, kernel=2).double()
    model = DynamicsModel(encoder, cell, torch.ones(2).double(), 100.0, STEP).eval()
    latents = pairs.parameter[None, :, None] / 2 + 0.25
    with torch.no_grad():
        encoder.head.bias.zero_()
        encoder.forward = lambda observed: latents + encoder.head.bias  # type: ignore[method-assign]
        law = centre_latent(law_of(model, 0, cell.expressions("dvz")[0]), model)
        found = law.encode(pairs.observed)[:, 0]
        law = complete_law(law, model, pairs, 10, tolerance=0.01)
        closeness = compare_with_truth(law, pairs, STEP)
    torch.testing.assert_close(found, pairs.parameter / 2)
    assert closeness.right_form
    assert closeness.coefficient_error < 0.01  # each lacks a term of relative size w2 STEP**2 / 6


def test_batches_go_through_pairs_and_places_in_turn() -> None:
    data = OscillatorData(trajectories=7, steps=60, observed=5, stride=1)
    task = Oscillator(
        {"only": Phase(1, 1e-2)}, data, EncoderSizes(2, 3), Finishing(1, 0.01, 0), (1, 25), rows=3
    )
    task.prepare(RandomStreams(0), torch.device("cpu"))
    seen = [task.batch(Progress(step, 1, 0.0)) for step in range(4)]
    assert [len(batch.start) for batch in seen] == [3, 4, 3, 4]
    assert all(batch.targets.shape[1] == 25 for batch in seen)
    followed = task.training.followed.float()
    assert torch.equal(seen[1].start, followed[3:, 0])
    assert torch.equal(seen[2].start, followed[:3, 1])  # 37 steps on, modulo the 36 places
    assert task.batch(Progress(0, 0, 0.0)).targets.shape[1] == 1


def test_a_small_run_comes_to_a_conclusion_for_law_and_network() -> None:
    data = OscillatorData(trajectories=10, steps=10, observed=6)
    phases = {
        "one": Phase(10, 1e-2, 0.0),
        "prune": Phase(10, 1e-2, 0.0, prune=0.3),
    }
    task = Oscillator(phases, data, EncoderSizes(4, 3), Finishing(1, 10.0, 5), (1, 3), rows=5)
    task.prepare(RandomStreams(0), torch.device("cpu"))
    results = []
    for kind in (EQL, ReLUNetwork):
        streams = RandomStreams(0)

        def make(kind: type = kind, **sizes: object) -> EQL | ReLUNetwork:
            wanted = {"hidden": [{"mul": 1}]} if kind is EQL else {"hidden": [8]}
            return kind(**sizes, **wanted)

        model = task.build(make, 2, streams)  # type: ignore[arg-type]
        trained = Trainer(phases).fit(model, task, streams, task.validate)
        results.append(Contender(kind.__name__, model, trained.active))
    conclusion = task.conclude(results[0], results[1])
    assert set(conclusion.expressions) == {"d_next", "v_next"}
    assert conclusion.metrics["reference_right_form"] == 0
    assert math.isfinite(conclusion.metrics["rollout_error"])
    assert [row[0] for row in conclusion.summary][-1] == "right form"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"squared_frequency": (-1, 1)}, "must be positive"),
        ({"time_step": 0.0}, r"task\.data\.time_step"),
        ({"stride": 0}, r"task\.data\.stride must be at least 1"),
    ],
)
def test_bad_data_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        OscillatorData(**settings)  # type: ignore[arg-type]


def test_bad_task_settings_are_refused() -> None:
    sizes = EncoderSizes(4, 3), Finishing(1, 0.05, 5)
    with pytest.raises(ConfigurationError, match=r"task\.horizons must be numbers"):
        Oscillator({}, OscillatorData(), *sizes, horizons=(0,))
    with pytest.raises(ConfigurationError, match=r"finalists must be at least 1"):
        Finishing(0, 0.01, 0)
