"""Corpora: what a shard depends on, and how one is made, stopped and gone on with."""

import json
import math
import multiprocessing
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from small_corpora import ARCHITECTURE, NETWORKS, SIZE, made, recipe, same
from stub_fitter import OutputFitter

import baselines.corpus.workers as workers
from baselines.corpus import (
    Corpus,
    Progress,
    Recipe,
    Training,
    Workforce,
    generate,
    make_shard,
)
from baselines.corpus.shard_file import shard_path
from baselines.corpus.workers import Order, shards_in_processes
from baselines.languages import (
    Language,
    Number,
    SkewedLengths,
    polynomials,
    waves_and_growth,
)
from baselines.population import Architecture, OwnStarts, SharedStarts, Unit
from baselines.population.units import SINE
from esr.errors import ConfigurationError, DataError, TrainingError


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


class InThread:
    """In place of a process, which would have to load torch."""

    exitcode = -9

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def join(self, seconds: float = 0.0) -> None:
        """The thread ends when its line is closed."""

    kill = close = join


def in_thread(target: Callable[..., None]) -> Callable[[Order], workers._Worker]:
    def begin(order: Order) -> workers._Worker:
        here, there = multiprocessing.Pipe()
        return workers._Worker(InThread(target, order, there), here)  # type: ignore[arg-type]

    return begin


def test_workers_make_the_same_and_tell_their_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_begin", in_thread(workers._serve))
    given, too_large = recipe(start=SharedStarts(2)), 10**18
    shards = shards_in_processes(Order.of(given, SIZE, "cpu"), [1, 0, too_large], 1)
    for expected in (1, 0):
        index, shard = next(shards)
        assert index == expected
        assert same(shard, make_shard(given, index, SIZE))
    with pytest.raises(TrainingError, match=f"shard {too_large} could not be made: .*Error: "):
        next(shards)


def test_each_shard_is_made_once_by_several_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_begin", in_thread(workers._serve))
    told: list[Progress] = []
    generate(recipe(), tmp_path / "a", NETWORKS, SIZE, Workforce(processes=3), told.append)
    assert [progress.new for progress in told] == list(range(0, NETWORKS + 1, SIZE))
    found = Corpus.open(tmp_path / "a").load(converged=False)
    assert same(found, made(tmp_path / "b").load(converged=False))


def test_a_process_that_ends_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_begin", in_thread(lambda order, line: line.close()))
    with pytest.raises(TrainingError, match="should make shard 3 ended by SIGKILL; what is comp"):
        list(shards_in_processes(Order.of(recipe(), SIZE, "cpu"), [3], 1))


@pytest.mark.slow
def test_processes_make_the_same_corpus(tmp_path: Path) -> None:
    generate(recipe(), tmp_path / "a", NETWORKS, SIZE, Workforce(processes=2))
    found = Corpus.open(tmp_path / "a").load(converged=False)
    assert same(found, made(tmp_path / "b").load(converged=False))
