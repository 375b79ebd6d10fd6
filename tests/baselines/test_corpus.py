import json
import math
import multiprocessing
import os
import random
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from stub_fitter import OutputFitter
from torch import Tensor

from baselines.corpus import (
    Corpus,
    Manifest,
    Progress,
    Recipe,
    Shard,
    Training,
    Workforce,
    generate,
    held_out,
    make_shard,
)
from baselines.corpus.shard_file import read_shard, shard_path, write_shard
from baselines.corpus.workers import Order, shards_in_processes
from baselines.languages import (
    Equations,
    Language,
    Number,
    SkewedLengths,
    polynomials,
    waves_and_growth,
)
from baselines.population import Architecture, OwnStarts, SharedStarts, Unit
from baselines.population.units import SINE
from esr.errors import ConfigurationError, DataError, TrainingError

SIZE, NETWORKS = 40, 200
ARCHITECTURE = Architecture((1, 8, 1))


def recipe(**changes: object) -> Recipe:
    given = Recipe(polynomials(2), ARCHITECTURE, OwnStarts(), Training(OutputFitter()))
    return replace(given, **changes)  # type: ignore[arg-type]


def made(folder: Path, wanted: Recipe | None = None, networks: int = NETWORKS) -> Corpus:
    generate(wanted or recipe(), folder, networks, SIZE)
    return Corpus.open(folder)


def same(one: Shard, other: Shard) -> bool:
    pairs = [
        (one.equations.skeletons, other.equations.skeletons),
        (one.equations.steps, other.equations.steps),
        (one.weights, other.weights),
        (one.errors, other.errors),
    ]
    return all(bits(a) == bits(b) and a.shape == b.shape for a, b in pairs)


def bits(tensor: Tensor) -> bytes:
    return tensor.numpy().tobytes()


def test_a_shard_depends_on_recipe_index_and_size_alone() -> None:
    first = make_shard(recipe(), 1, SIZE)
    torch.rand(3)
    assert same(first, make_shard(recipe(), 1, SIZE))
    assert not same(first, make_shard(recipe(), 2, SIZE))
    assert not same(first, make_shard(recipe(seed=1), 1, SIZE))
    assert first.weights.dtype == first.errors.dtype == torch.float32
    assert first.weights.shape == (SIZE, ARCHITECTURE.count)


def test_errors_are_of_the_function_between_the_training_points() -> None:
    few = recipe(training=Training(OutputFitter(), nodes=3))
    shard = make_shard(few, 0, 100)
    x = (torch.arange(4000, dtype=torch.float64)[:, None] + 0.5) / 2000 - 1
    language, equations = few.language, shard.equations
    wanted = language.evaluate(equations.skeletons, language.values(equations), x)
    says = ARCHITECTURE.outputs(shard.weights.double(), x)
    errors = (says - wanted).square().mean(1) / wanted.square().mean(1)
    # midpoints of steps h = 5e-4 are off by a few h**2, and errors are kept in float32
    torch.testing.assert_close(shard.errors.double(), errors, rtol=1e-5, atol=0.0)
    at_twenty = make_shard(recipe(training=Training(OutputFitter(), nodes=20)), 0, 100)
    assert shard.converged.sum() < at_twenty.converged.sum()


def test_two_inputs_and_more_rows_than_are_checked_at_once() -> None:
    waves = Recipe(
        waves_and_growth(1), Architecture((2, 6, 1)), SharedStarts(), Training(OutputFitter(), 4)
    )
    shard = make_shard(waves, 3, 1100)
    assert shard.errors.shape == (1100,)
    assert torch.isfinite(shard.errors).all()
    few = [0, 999, 1000, 1099]
    part = shard[torch.tensor(few)]
    assert torch.equal(part.errors, shard.errors[few])


def test_networks_that_fail_are_kept_and_have_not_converged() -> None:
    shard = make_shard(recipe(training=Training(OutputFitter(spoil=4))), 0, SIZE)
    assert len(shard) == SIZE
    assert torch.isinf(shard.errors[::4]).all()
    assert not shard.converged[::4].any()
    assert shard.converged[1::4].any()


def test_nothing_converges_to_a_function_that_is_nearly_zero() -> None:
    tiny = Language(["#*x"], coefficient=Number(-9, 9, decimals=8))
    shard = make_shard(recipe(language=tiny), 0, 10)
    assert torch.isinf(shard.errors).all()
    assert torch.isfinite(shard.weights).all()


def test_a_recipe_can_be_written_down() -> None:
    given = recipe(
        start=SharedStarts(3, 0.5),
        shares=SkewedLengths(0.8),
        training=Training(OutputFitter(ridge=1e-6), 7, 1e-3, 30),
        seed=5,
    )
    written = json.loads(json.dumps(given.describe()))
    again = Recipe.described(written, (OutputFitter,))
    assert again.describe() == given.describe()
    assert (again.start, again.shares, again.training) == (
        given.start,
        given.shares,
        given.training,
    )


@dataclass(frozen=True)
class Holder:
    fitter: OutputFitter
    sizes: tuple[int, ...]

    fit = OutputFitter.fit


def test_parts_may_hold_parts_and_tuples() -> None:
    given = recipe(training=Training(Holder(OutputFitter(1e-3), (1, 2))))  # type: ignore[arg-type]
    written = json.loads(json.dumps(given.describe()))
    again = Recipe.described(written, (Holder,))  # type: ignore[arg-type]
    assert again.training == given.training


def test_what_cannot_be_written_down_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"OutputFitter\.ridge must be a plain value"):
        recipe(training=Training(OutputFitter(ridge=math.inf)))
    with pytest.raises(ConfigurationError, match=r"OutputFitter\.ridge must be a plain value"):
        recipe(training=Training(OutputFitter(ridge=torch.ones(2))))  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="must be a dataclass of plain values"):
        recipe(start=OwnStarts)
    own = Architecture((1, 8, 1), Unit("sin", SINE.value, lambda z, a: 2 * a))
    with pytest.raises(ConfigurationError, match="one of their own called 'sin'"):
        recipe(architecture=own)
    with pytest.raises(ConfigurationError, match="an input for each variable"):
        recipe(architecture=Architecture((2, 8, 1)))
    with pytest.raises(ConfigurationError, match="seed must be"):
        recipe(seed=-1)
    with pytest.raises(ConfigurationError, match="nodes < check_nodes"):
        Training(OutputFitter(), nodes=24)


def test_what_is_not_known_is_not_read() -> None:
    written = recipe().describe()
    with pytest.raises(DataError, match="no 'OutputFitter' here"):
        Recipe.described(written)
    training = {"fitter": {"kind": "OutputFitter", "ridges": 1}}
    with pytest.raises(DataError, match="does not describe OutputFitter"):
        Recipe.described({**written, "training": training}, (OutputFitter,))
    with pytest.raises(DataError, match="does not describe a recipe"):
        Recipe.described({"seed": 1})


def test_a_corpus_gives_back_what_was_made(tmp_path: Path) -> None:
    corpus = made(tmp_path / "new" / "corpus")
    assert len(corpus) == NETWORKS
    assert corpus.architecture == ARCHITECTURE
    assert corpus.language.describe() == polynomials(2).describe()
    shards = list(corpus.shards(converged=False))
    assert all(same(shard, make_shard(recipe(), i, SIZE)) for i, shard in enumerate(shards))
    whole = corpus.load(converged=False)
    assert torch.equal(whole.weights, torch.cat([shard.weights for shard in shards]))
    good = corpus.load()
    assert 0 < len(good) < len(whole)
    assert same(good, whole[whole.converged])
    assert len(good) == sum(len(shard) for shard in corpus.shards())


def test_progress_is_told_and_what_is_there_is_kept(tmp_path: Path) -> None:
    told: list[Progress] = []
    generate(recipe(), tmp_path, 3 * SIZE, SIZE, told=told.append)
    assert [progress.networks for progress in told] == [0, SIZE, 2 * SIZE, 3 * SIZE]
    converged = sum(int(shard.converged.sum()) for shard in Corpus.open(tmp_path).shards())
    assert told[-1] == (3 * SIZE, 3 * SIZE, 3 * SIZE, converged)
    times = [shard_path(tmp_path, index).stat().st_mtime_ns for index in range(3)]
    told.clear()
    generate(recipe(), tmp_path, 4 * SIZE - 1, SIZE, told=told.append)  # rounded up
    assert [progress.networks for progress in told] == [3 * SIZE, 4 * SIZE]
    assert [shard_path(tmp_path, index).stat().st_mtime_ns for index in range(3)] == times
    assert len(Corpus.open(tmp_path)) == 4 * SIZE


def test_a_corpus_can_be_made_smaller_and_larger_again(tmp_path: Path) -> None:
    whole = made(tmp_path).load()
    assert len(made(tmp_path, networks=2 * SIZE)) == 2 * SIZE
    told: list[Progress] = []
    generate(recipe(), tmp_path, NETWORKS, SIZE, told=told.append)
    assert told == [(NETWORKS, NETWORKS, 0, 0)]
    assert same(Corpus.open(tmp_path).load(), whole)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a copy of this process")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_killed_at_random_moments_it_goes_on(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for _ in range(6):
        process = context.Process(target=generate, args=(recipe(), tmp_path / "a", NETWORKS, SIZE))
        process.start()
        time.sleep(random.uniform(0.0, 0.06))
        process.kill()
        process.join()
    found = made(tmp_path / "a").load(converged=False)
    assert same(found, made(tmp_path / "b").load(converged=False))
    assert not list((tmp_path / "a").glob("shard*.partial"))
    assert len(found) == NETWORKS


def test_an_interruption_keeps_what_is_complete(tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.new == 2 * SIZE:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(recipe(), tmp_path, NETWORKS, SIZE, told=stop)
    with pytest.raises(DataError, match=r"3 of the 5 shards in .* are missing \(2, 3, 4\); gen"):
        Corpus.open(tmp_path)
    assert len(made(tmp_path)) == NETWORKS


def test_machines_share_the_work(tmp_path: Path) -> None:
    for rank in (1, 0):
        generate(recipe(), tmp_path / "a", NETWORKS, SIZE, Workforce(rank=rank, ranks=2))
    found = Corpus.open(tmp_path / "a").load(converged=False)
    assert same(found, made(tmp_path / "b").load(converged=False))
    for rank in (0, 1):  # each to itself, put together later
        generate(recipe(), tmp_path / f"{rank}", NETWORKS, SIZE, Workforce(rank=rank, ranks=2))
    for path in (tmp_path / "1").glob("shard*"):
        path.rename(tmp_path / "0" / path.name)
    assert same(Corpus.open(tmp_path / "0").load(converged=False), found)
    with pytest.raises(ConfigurationError, match="0 <= rank < ranks"):
        Workforce(rank=2, ranks=2)


def test_a_process_of_its_own_makes_the_same_and_tells_its_mistakes() -> None:
    """One process for both, since each has to load torch."""
    given, too_large = recipe(start=SharedStarts(2)), 10**18
    shards = shards_in_processes(Order.of(given, SIZE, "cpu"), [1, 0, too_large], 1)
    for expected in (1, 0):
        index, shard = next(shards)
        assert index == expected
        assert same(shard, make_shard(given, index, SIZE))
    with pytest.raises(TrainingError, match=f"shard {too_large} could not be made: .*Error: "):
        next(shards)


@pytest.mark.slow
def test_processes_make_the_same_corpus(tmp_path: Path) -> None:
    generate(recipe(), tmp_path / "a", NETWORKS, SIZE, Workforce(processes=2))
    found = Corpus.open(tmp_path / "a").load(converged=False)
    assert same(found, made(tmp_path / "b").load(converged=False))


def test_a_truncated_shard_is_refused_and_made_anew(tmp_path: Path) -> None:
    whole = made(tmp_path).load()
    path = shard_path(tmp_path, 2)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"shard-00002.pt is damaged: it cannot be read .* delete"):
        Corpus.open(tmp_path)
    assert same(made(tmp_path).load(), whole)


def test_an_altered_shard_is_refused_and_made_anew(tmp_path: Path) -> None:
    corpus = made(tmp_path)
    whole = corpus.load()
    path = shard_path(tmp_path, 0)
    content = torch.load(path, weights_only=True)
    content["weights"][3, 4] += 1e-6
    torch.save(content, path)
    with pytest.raises(DataError, match="damaged: its checksum does not agree"):
        corpus.load()
    assert same(made(tmp_path).load(), whole)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    made(tmp_path)
    shard_path(tmp_path, 3).unlink()
    with pytest.raises(DataError, match=r"1 of the 5 shards .* \(3\)"):
        Corpus.open(tmp_path)


def test_a_converged_network_has_finite_weights(tmp_path: Path) -> None:
    corpus = made(tmp_path)
    label = corpus.manifest.label(1)
    shard = read_shard(tmp_path, label, corpus.manifest.tolerance)
    row = int(shard.converged.nonzero()[2])
    shard.weights[row, 0] = torch.nan
    write_shard(tmp_path, label, shard, 0)
    with pytest.raises(DataError, match=f"1 networks count as converged .* number {row}"):
        corpus.load()


def test_another_recipe_is_refused_with_what_differs(tmp_path: Path) -> None:
    made(tmp_path)
    other = recipe(seed=3, training=Training(OutputFitter(ridge=0.5)))
    with pytest.raises(ConfigurationError, match=r"recipe\.seed: 0, but 3 came") as raised:
        made(tmp_path, other)
    assert "recipe.training.fitter.ridge: 1e-09, but 0.5 came" in str(raised.value)
    with pytest.raises(ConfigurationError, match="shard_size: 40, but 41 came"):
        generate(recipe(), tmp_path, NETWORKS, SIZE + 1)
    with pytest.raises(ConfigurationError, match=r"recipe\.start\.kinds: nothing, but 1 came"):
        made(tmp_path, recipe(start=SharedStarts()))
    with pytest.raises(ConfigurationError, match="networks must be a positive integer"):
        generate(recipe(), tmp_path, 0, SIZE)


def test_a_shard_of_another_corpus_or_place_is_refused(tmp_path: Path) -> None:
    made(tmp_path / "a")
    made(tmp_path / "b", recipe(seed=1))
    shard_path(tmp_path / "b", 1).rename(shard_path(tmp_path / "a", 1))
    for read in (Corpus.open, made):
        with pytest.raises(DataError, match="belongs to another corpus"):
            read(tmp_path / "a")
    shard_path(tmp_path / "a", 2).rename(shard_path(tmp_path / "a", 1))
    with pytest.raises(DataError, match="must hold shard 1, but holds 2"):
        made(tmp_path / "a")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 9}, "must be a shard of format 1, but is of format 9"),
        ({"kind": "soup"}, "holds something else"),
        ({"errors": None}, "does not have all of"),
    ],
)
def test_another_format_of_shards_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    made(tmp_path, networks=SIZE)
    path = shard_path(tmp_path, 0)
    torch.save(torch.load(path, weights_only=True) | change, path)
    with pytest.raises(DataError, match=message):
        Corpus.open(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 9}, "must be of format 1, but is of format 9"),
        ({"kind": "soup"}, "describes something else"),
        ({"shard_size": 20}, "was altered"),
        ({"networks": -1}, "does not describe a corpus"),
    ],
)
def test_another_manifest_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    made(tmp_path, networks=SIZE)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    for read in (Corpus.open, made):
        with pytest.raises(DataError, match=message):
            read(tmp_path)


def test_a_folder_without_a_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no corpus: it has no manifest\.json"):
        Corpus.open(tmp_path / "none")
    (tmp_path / "manifest.json").write_text('{"kind": ')
    with pytest.raises(DataError, match="cannot be read"):
        Corpus.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="is a file"):
        made(tmp_path / "file")
    Manifest({"language": {}, "training": {"tolerance": 1}}, 1, 1).write(tmp_path)
    with pytest.raises(DataError, match="cannot be understood"):
        Corpus.open(tmp_path)


def drawn(language: Language, count: int, seed: int) -> Equations:
    return language.draw(count, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_about_the_share_of_each_skeleton_is_held_out(share: float) -> None:
    language = polynomials(2)
    equations = drawn(language, 50_000, 0)
    mask = held_out(language, equations, share)
    key = torch.cat([equations.skeletons[:, None], equations.steps], 1)
    different, of = key.unique(dim=0, return_inverse=True)
    where = torch.zeros(len(different)).index_fill(0, of[mask], 1.0)
    for skeleton in range(len(language.skeletons)):
        rows = where[different[:, 0] == skeleton]
        spread = math.sqrt(share * (1 - share) / len(rows))
        assert 0 < rows.mean() < 1
        assert abs(rows.mean() - share) < 4 * spread  # of a draw of independent coins


def test_what_is_held_out_depends_on_the_equation_alone() -> None:
    language = polynomials(2)
    equations = drawn(language, 1500, 1)
    mask = held_out(language, equations)
    order = torch.randperm(1500, generator=torch.Generator().manual_seed(0))
    assert torch.equal(held_out(language, equations[order]), mask[order])
    texts = language.texts(equations)
    sides: dict[str, set[bool]] = {}
    for text, side in zip(texts, mask.tolist(), strict=True):
        sides.setdefault(text, set()).add(side)
    assert all(len(side) == 1 for side in sides.values())
    larger = polynomials(3)  # has every equation of the other, as another skeleton
    assert torch.equal(held_out(larger, larger.read(texts)), mask)
    assert (held_out(language, equations, 0.3) | ~mask).all()


def test_what_is_held_out_is_the_same_for_ever() -> None:
    """Changing the split would put test equations into the training of networks that exist."""
    language = polynomials(2)
    equations = language.read([f"{sign}{n / 10:.1f}" for sign in "+-" for n in range(1, 51)])
    texts = language.texts(equations[held_out(language, equations)])
    assert " ".join(texts) == "+0.3 +1.0 +2.1 +3.1 +3.2 +4.6 -0.8 -1.6 -4.3 -5.0"


def test_shares_out_of_range_and_texts_that_are_none() -> None:
    language = polynomials(2)
    for share in (0.0, 1.0, math.nan):
        with pytest.raises(ConfigurationError, match="above 0 and below 1"):
            held_out(language, drawn(language, 3, 0), share)
    none = Equations(torch.full((400,), -1), torch.zeros(400, 3, dtype=torch.long))
    assert not held_out(language, none, 0.9).any()
