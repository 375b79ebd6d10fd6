import json
from pathlib import Path

import pytest
import torch
from idx_files import small_mnist, write_files
from tiny import run, run_folders

from baselines.digits import DigitBatch, DigitEncoder, DigitSumModel
from baselines.eql import EQL
from baselines.relu import ReLUNetwork
from esr.equations import Expression
from esr.errors import ConfigurationError
from esr.random import RandomStreams
from esr.training import Phase, Progress
from experiments.tasks.digits import Digits
from experiments.tasks.digits_batches import DigitBatches
from experiments.tasks.digits_data import DigitData, DigitImages
from experiments.tasks.digits_law import find_law, share_right
from experiments.tasks.digits_measures import measure_additions
from experiments.tasks.task import Contender

PHASES = {"only": Phase(1, 1e-2)}
TINY = [
    "replicas=2",
    *(f"task.phases.{name}.steps=10" for name in ("warm_up", "ramp", "sparsify", "fine_tune")),
    "task.encoder.filters=4",
    "task.batches.images=32",
    "task.batches.pairs=64",
    "task.finalists=1",
    "trainer.report_every=20",
]


@pytest.fixture(scope="module")
def task() -> Digits:
    made = Digits(PHASES, DigitData(), DigitBatches(images=64, pairs=200))
    made.prepare(RandomStreams(0), torch.device("cpu"))
    return made


def test_no_sum_from_the_limit_on_is_trained_on_or_chosen_by(task: Digits) -> None:
    batches = [task.batch(Progress(step, 0, 0.0)) for step in range(20)]
    for batch in (*batches, task._fitting, task._validation):
        assert batch.sums.max() < 15
    assert max(batch.sums.max() for batch in batches) == 14
    assert task._tests[0].sums.max() < 15 <= task._tests[1].sums.min()
    assert len(torch.cat([b.sums for b in batches]).unique()) == 15


def test_sums_are_those_of_the_digits_in_the_images(task: Digits) -> None:
    for batch in (task._validation, *task._tests):
        bundled = DigitData().split(RandomStreams(0)["data"])
        known = torch.cat([bundled.validation.pixels, bundled.test.pixels]).flatten(1)
        digits = torch.cat([bundled.validation.digits, bundled.test.digits])
        place = torch.cdist(batch.images.flatten(1), known).argmin(1)
        expected = digits[place][batch.pairs].sum(1)
        assert torch.equal(batch.sums[:, 0].long(), expected)


def test_images_measured_with_are_in_no_other_part(task: Digits) -> None:
    held_out = task._tests[0].images.flatten(1)
    for other in (task._fitting.images, task._validation.images):
        assert torch.cdist(held_out, other.flatten(1)).min() > 0


def test_a_batch_is_a_function_of_seed_and_step(task: Digits) -> None:
    again = Digits(PHASES, DigitData(), DigitBatches(images=64, pairs=200))
    again.prepare(RandomStreams(0), torch.device("cpu"))
    late, early = Progress(7, 0, 0.5), Progress(3, 0, 0.1)
    later = again.batch(late)
    for one, other in zip(task.batch(early), again.batch(early), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(task.batch(late).images, later.images)
    assert not torch.equal(task.batch(early).images, later.images)


def exact_model(adder: EQL | ReLUNetwork) -> DigitSumModel:
    """Its encoder reads the digit off the first pixel, as (digit - 4.5) / 2."""
    encoder = DigitEncoder(2, 2, adder.replicas, filters=1, levels=2)
    model = DigitSumModel(encoder, adder.double(), mean=9.0, unit=2.0).double().eval()
    model.encode = lambda images: (  # type: ignore[method-assign]
        (9 * images[:, 0, 0] - 4.5) / 2
    ).expand(adder.replicas, -1)[..., None]
    return model


def numbered(count: int, limit: tuple[int, int]) -> tuple[DigitImages, DigitBatch]:
    digits = torch.arange(count) % 10
    pixels = (digits.double() / 9)[:, None, None].expand(-1, 2, 2)
    pairs = torch.cartesian_prod(torch.arange(count), torch.arange(count))
    sums = digits[pairs].sum(1)
    pairs = pairs[(limit[0] <= sums) & (sums < limit[1])]
    batch = DigitBatch(pixels, pairs, digits[pairs].sum(1, keepdim=True).double())
    return DigitImages(pixels, digits), batch


def test_the_law_is_read_from_a_network_that_holds_it_with_ballast() -> None:
    """Replica 1 spells z1 + z2 + 0.002 sin(z1) in units of 2; replica 0 is wrong."""
    adder = EQL(2, 1, hidden=[{"identity": 2, "sin": 1}], replicas=2)
    with torch.no_grad():
        hidden, last = (layer.weight for layer in adder.layers)  # type: ignore[union-attr]
        hidden.zero_()
        last.zero_()
        hidden[1, 0, 0] = hidden[1, 0, 1] = hidden[1, 2, 0] = 1.0
        last[1, 0, 0], last[1, 0, 2] = 1.0, 0.002
    images, seen = numbered(10, (0, 15))
    unseen = numbered(10, (15, 19))[1]
    law = find_law(exact_model(adder), torch.tensor([0.0, 1.0]), seen, seen, 2, 0.03)
    assert law.replica == 1
    assert law.equation is not None
    assert law.equation.equals(Expression.parse("2*z1 + 2*z2 + 9"), decimals=6)
    additions = measure_additions(law, images, seen, unseen)
    metrics = additions.metrics()
    assert metrics["latent_correlation"] == pytest.approx(1)
    assert metrics["unseen_accuracy"] == metrics["seen_accuracy_network"] == 1


def test_a_network_without_equation_is_chosen_by_what_it_gets_right() -> None:
    adder = ReLUNetwork(2, 1, hidden=[], replicas=2)
    with torch.no_grad():
        adder.layers[0].weight.copy_(torch.tensor([[[0.0], [0.0]], [[1.0], [1.0]]]))
        adder.layers[0].bias.zero_()
    seen = numbered(10, (0, 15))[1]
    law = find_law(exact_model(adder), torch.zeros(2), seen, seen, 2, 0.03)
    assert (law.replica, law.equation) == (1, None)


def test_a_network_that_was_never_pruned_is_concluded_as_it_stands(task: Digits) -> None:
    streams = RandomStreams(0)
    model = task.build(lambda **sizes: EQL(**sizes), 2, streams)  # type: ignore[arg-type]
    conclusion = task.conclude(Contender("eql", model, torch.ones(2, dtype=torch.bool)))
    assert conclusion.expressions["s"].complexity > 100
    assert conclusion.metrics["seen_accuracy"] == conclusion.metrics["seen_accuracy_network"]


def test_a_sum_is_right_if_it_rounds_to_the_truth_and_nan_is_wrong() -> None:
    predicted = torch.tensor([3.4, 3.6, -torch.inf, torch.nan])
    assert share_right(predicted, torch.full((4,), 3.0)) == 0.25


@pytest.mark.parametrize("settings", [{"limit": 0}, {"limit": 19}, {"finalists": 0}])
def test_bad_settings_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=r"task\.limit must be from 1 to 18"):
        Digits(PHASES, DigitData(), DigitBatches(), **settings)  # type: ignore[arg-type]


def test_bad_batches_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="images must be at least 16"):
        DigitBatches(images=15)
    with pytest.raises(ConfigurationError, match=r"shift and .* must be at least 0"):
        DigitBatches(shift=-1)


def test_a_run_leaves_a_record_with_both_contenders(tmp_path: Path) -> None:
    write_files(tmp_path / "mnist", small_mnist(80), gzipped=True)
    data = ["task.data.path=mnist", "task.data.validation=20"]
    status, printed = run(tmp_path, "+task=digits", *TINY, *data)
    assert status is None
    (folder,) = run_folders(tmp_path / "outputs")
    record = json.loads((folder / "result.json").read_text())
    shares = {"seen_accuracy", "unseen_accuracy", "seen_accuracy_network", "latent_correlation"}
    metrics = record["metrics"]
    assert metrics.keys() >= shares | {f"reference_{name}" for name in shares}
    assert all(0 <= metrics[name] <= 1 for name in shares)
    assert record["expressions"].keys() == {"s"}
    assert (folder / "additions.png").stat().st_size > 0
    for line in ("|corr(z, digit)|", "right sums from 15 (never seen)", "reference"):
        assert line in printed, line
