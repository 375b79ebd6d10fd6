"""Meta-learning as an experiment: runs of the command, and the measures it takes."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tiny import run, run_folders
from torch import Generator

from baselines.eql import EQL
from baselines.relu import ReLUNetwork
from esr.initialisation import load_initialisation, read_note
from esr.meta import (
    MAML,
    Episodes,
    Family,
    InnerLoop,
    Learner,
    adaptation_errors,
    single_family,
)
from esr.models import EnergyModel
from esr.random import RandomStreams
from esr.relaxed_program import RelaxedProgram, Slots
from esr.structure import RelaxedL0
from esr.training import Checkpoint, Phase, Progress, Trainer
from experiments.report import read_records, task_table
from experiments.tasks.meta import LearnerSettings, Meta
from experiments.tasks.meta_data import EpisodeSizes
from experiments.tasks.meta_measures import Evaluation, evaluate, own_errors
from experiments.tasks.meta_yardsticks import Scratch, fixed_basis, yardstick_errors
from experiments.tasks.task import Contender

UNITS = "model.hidden.layers=1"
SMALL = [
    "+task=meta",
    "replicas=2",
    "task.scratch.attempts=0",
    "task.phases.meta.steps=6",
    "trainer.report_every=2",
    "task.episodes.functions=3",
    "task.episodes.support=4",
    "task.episodes.query=4",
    "task.evaluation.functions=2",
    "task.evaluation.validation=3",
    "task.evaluation.query=5",
    "task.evaluation.few=2",
    "task.evaluation.rates=[0.01,0.1]",
    "task.evaluation.many=4",
    "task.symbolic.functions=0",
]
SCRATCH = [
    "task.scratch.attempts=2",
    *(f"task.scratch.phases.{n}.steps=2" for n in ("warm_up", "ramp", "sparsify", "fine_tune")),
]
SUMMARIES = ("mean", "median", "lower_quartile", "upper_quartile", "not_finite")
STEPS = ("0", "1", "2", "4", "4_adam")
YARDSTICKS = ("zero", "least_squares", "scratch")


def record(folder: Path) -> dict[str, dict[str, float]]:
    content = json.loads((folder / "result.json").read_text())
    assert isinstance(content, dict)
    return content


def metric_names(*domains: str) -> set[str]:
    adapted = {f"{d}_{n}_{s}" for d in domains for n in STEPS for s in SUMMARIES}
    adapted |= {f"{d}_2_{s}_of_replicas" for d in domains for s in ("mean", "median")}
    beside = {f"{d}_{n}_{s}" for d in domains for n in YARDSTICKS for s in SUMMARIES}
    counted = {"diverged", "clipped", "inner_clip", "query_limit"}
    return adapted | beside | counted | {"rate", "rate_of_replicas", "replica"}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], str]:
    """The folders of a sweep over two objectives, and what it printed."""
    place = tmp_path_factory.mktemp("swept")
    status, printed = run(place, "-m", *SMALL, *SCRATCH, UNITS, "objective=joint,maml")
    assert status is None
    return run_folders(place), printed


def test_a_sweep_over_objectives_leaves_comparable_records(
    swept: tuple[list[Path], str],
) -> None:
    folders, printed = swept
    assert [folder.parts[-4] for folder in folders] == ["joint-oscillator", "maml-oscillator"]
    for folder, objective in zip(folders, ("joint", "maml"), strict=True):
        assert record(folder)["choices"] == {"objective": objective, "family": "oscillator"}
        assert record(folder)["metrics"].keys() == metric_names("in", "out")
        for file in ("adaptation.png", "curves.png", "initialisation.pt"):
            assert (folder / file).stat().st_size > 0, file
    first, second = (record(folder)["metrics"] for folder in folders)
    for name in YARDSTICKS:
        assert first[f"out_{name}_mean"] == second[f"out_{name}_mean"]
    assert first["in_2_mean"] != second["in_2_mean"]
    for line in ("before", "after 2 steps", "out of domain", "zero predictor", "model.init="):
        assert line in printed, line
    assert "yardstick from scratch: 8/8 fine_tune" in printed


def test_event_files_have_the_same_tags_whatever_the_objective(
    swept: tuple[list[Path], str],
) -> None:
    tags, chosen = [], []
    for folder in swept[0]:
        log = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        log.Reload()
        content = log.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        started = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
        chosen.append(started.hparams["objective"].string_value)
        assert started.hparams["family"].string_value == "oscillator"
        assert [event.step for event in log.Scalars("adaptation/out_mean")] == [0, 1, 2, 3, 4]
        assert [event.step for event in log.Scalars("validation/best")] == [2, 4, 6]
        assert set(log.Tags()["images"]) == {"adaptation", "curves"}
        tags.append(sorted(log.Tags()["scalars"]))
    assert tags[0] == tags[1]
    assert chosen == ["joint", "maml"]


def test_the_report_tells_objectives_apart(swept: tuple[list[Path], str]) -> None:
    common = swept[0][0].parents[3]
    rows = task_table(read_records(common), ["in_2_mean"]).splitlines()
    assert rows[0] == "| objective | family | model | seed | in_2_mean | seconds | CPU seconds |"
    assert [row.split(" | ")[0] for row in rows[2:]] == ["| joint", "| maml"]


def test_a_model_of_the_same_units_starts_from_the_initialisation(
    swept: tuple[list[Path], str],
) -> None:
    folder = swept[0][1]
    replica = int(record(folder)["metrics"]["replica"])
    assert read_note(folder / "initialisation.pt")["objective"] == "maml"
    config = OmegaConf.load(folder / "config.yaml")
    make = instantiate(config.model, _convert_="all")
    model = make(in_features=1, out_features=1, replicas=3, generator=Generator())
    load_initialisation(folder / "initialisation.pt", model)
    trained = torch.load(folder / "checkpoint.pt", weights_only=True)["state"]["model"]
    for name, parameter in model.named_parameters():
        for start in parameter:
            assert torch.equal(start, trained[f"model.{name}"][replica])


@pytest.mark.slow
def test_any_run_with_the_same_units_starts_from_the_initialisation(
    swept: tuple[list[Path], str], tmp_path: Path
) -> None:
    start = swept[0][1]
    schedule = [f"schedule.{n}.steps=1" for n in ("warm_up", "ramp", "sparsify", "fine_tune")]
    task = ["+task=function", "task.expression=sin(x)", "task.samples=9", "task.finalists=1"]
    model = ["model=eql_meta", UNITS, f"model.init={start}", "replicas=2"]
    assert run(tmp_path, *task, *model, *schedule)[0] is None
    (folder,) = run_folders(tmp_path)
    assert (folder / "result.json").exists()


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_figures(
    swept: tuple[list[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, saved = Checkpoint.save, []

    def save_and_die(checkpoint: Checkpoint, state: dict[str, object]) -> None:
        save(checkpoint, state)
        saved.append(state)
        if len(saved) == 3:
            raise SystemExit(9)

    settings = [*SMALL, *SCRATCH, UNITS, "checkpoint_seconds=0"]
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_and_die)
        assert run(tmp_path, *settings)[0] == 9
    (folder,) = run_folders(tmp_path)
    assert not (folder / "result.json").exists()
    assert run(tmp_path, f"resume={folder}")[0] is None
    assert record(folder)["metrics"] == record(swept[0][1])["metrics"]


@pytest.mark.slow
def test_a_family_of_ones_own_without_a_shift(tmp_path: Path) -> None:
    own = [
        "family=custom",
        "family.expression=a*sin(b*x)",
        "family.parameters={a: [1, 2], b: 3}",
    ]
    status, printed = run(tmp_path, *SMALL, *SCRATCH, *own, "objective=reptile", "model=relu")
    assert status is None
    assert "in domain" in printed
    assert "out of domain" not in printed
    (folder,) = run_folders(tmp_path)
    assert folder.parts[-4] == "reptile-custom"
    assert record(folder)["metrics"].keys() == metric_names("in")


EPISODES = EpisodeSizes(functions=3, support=6, query=4)
EVALUATION = Evaluation(functions=4, validation=3, query=5, few=2, rates=(0.01, 0.1), many=5)
SHIFTED = single_family("a*sin(3*x)", {"a": [0.5, 1]}, {"a": [2, 3]})


def task_of(
    family: Family = SHIFTED, learner: LearnerSettings | None = None
) -> tuple[Meta, EnergyModel[Episodes]]:
    """A task that is ready, and a learner of three replicas."""
    units = [{"identity": 1, "sin": 1, "mul": 1}]
    phases = {"all": Phase(2, 0.01)}
    scratch = Scratch(partial(EQL, hidden=units), phases, attempts=0)
    task = Meta(phases, family, scratch, EPISODES, learner, EVALUATION)
    streams = RandomStreams(0)
    task.prepare(streams, torch.device("cpu"))
    return task, task.build(partial(EQL, hidden=units), 3, streams)


def test_episodes_depend_on_the_step_alone() -> None:
    task, other = task_of()[0], task_of()[0]
    there = other.batch(Progress(7, 0, 0.5))
    for step in (0, 3, 7):
        here = task.batch(Progress(step, 0, 0.0))
        assert here.support.inputs.shape == (3, 6, 1)
        assert here.query.targets.shape == (3, 4, 1)
        assert torch.equal(here.query.targets, there.query.targets) == (step == 7)
    assert not torch.equal(task.validation.query.inputs[:3], task.tests["in"].query.inputs[:3])


def test_a_phase_that_prunes_prunes_the_initialisation_and_its_copies() -> None:
    task, learner = task_of()
    assert isinstance(learner, Learner)
    phases = {"first": Phase(1, 0.01), "second": Phase(1, 0.01, prune=0.3)}
    Trainer(phases, objective=MAML()).fit(learner, task, RandomStreams(0))
    masks = [buffer for name, buffer in learner.named_buffers() if name.endswith("mask")]
    assert 0 < sum(int((mask == 0).sum()) for mask in masks) < sum(m.numel() for m in masks)
    energy = MAML()(learner, task.batch(Progress(0, 0, 0.0)), generator=Generator())
    weights = [weight for name, weight in learner.named_parameters() if name.endswith("weight")]
    for mask, slope in zip(masks, torch.autograd.grad(energy.total(0.0), weights), strict=True):
        assert not bool(slope[mask == 0].any())


class KilledError(Exception):
    """The end of a process."""


def test_killed_training_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer({"all": Phase(6, 0.01)}, objective=MAML(), report_every=2)

    def trained(file: str) -> EnergyModel[Episodes]:
        task, learner = task_of(learner=LearnerSettings(learn_rate=True))
        checkpoint = Checkpoint(tmp_path / file, every_seconds=0)
        trainer.fit(learner, task, RandomStreams(0), task.validate, checkpoint=checkpoint)
        return learner

    whole = trained("whole.pt")
    save, saved = Checkpoint.save, []

    def save_and_die(checkpoint: Checkpoint, state: dict[str, object]) -> None:
        save(checkpoint, state)
        saved.append(state)
        if len(saved) == 3:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_and_die)
        with pytest.raises(KilledError):
            trained("killed.pt")
    for mine, other in zip(trained("killed.pt").parameters(), whole.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_validation_agrees_with_the_evaluator_at_the_learners_step_size() -> None:
    task, learner = task_of()
    assert isinstance(learner, Learner)
    adaptation = EVALUATION.few_steps(0.01)
    errors = adaptation_errors(learner.model, task.validation, adaptation, (2,))[0]
    # two ways to sum the same float32 numbers
    torch.testing.assert_close(task.validate(learner.eval()), errors.mean(1), rtol=1e-4, atol=0)


def test_a_replica_that_did_not_train_to_the_end_is_not_chosen() -> None:
    task, learner = task_of()
    assert isinstance(learner, Learner)
    choose = partial(
        evaluate,
        learner,
        validation=task.validation,
        tests=task.tests,
        evaluation=EVALUATION,
        generator=Generator(),
    )
    best = choose(active=torch.ones(3, dtype=torch.bool)).replica
    others = torch.arange(3) != best
    second = choose(active=others)
    assert second.replica != best
    metrics = second.metrics(EVALUATION)
    mean = second.common["in"][others].mean()
    assert metrics["in_2_mean_of_replicas"] == pytest.approx(float(mean), rel=1e-6)  # of float32


@pytest.mark.slow
def test_what_is_measured_does_not_depend_on_what_was_measured_before() -> None:
    """Gates are drawn while adapting."""
    task, _ = task_of()
    units = [{"identity": 1, "sin": 1}]
    gated = task.build(partial(EQL, hidden=units, structure=RelaxedL0()), 3, RandomStreams(0))
    contender = Contender("gated", gated, torch.ones(3, dtype=torch.bool))
    assert task.conclude(contender).metrics == task.conclude(contender).metrics


@pytest.mark.slow
def test_learnt_step_sizes_are_measured_beside_the_chosen_one() -> None:
    task, learner = task_of(learner=LearnerSettings(0.05, learn_rate=True))
    assert isinstance(learner, Learner)
    own = own_errors(learner, task.tests["out"], 2, generator=Generator()).double()
    rows = task.conclude(Contender("own", learner, torch.ones(3, dtype=torch.bool)))
    replica = int(rows.metrics["replica"])
    found = rows.metrics["out_2_own_rates_mean"]
    assert found == pytest.approx(float(own[replica].mean()), rel=1e-6)  # of float32
    assert "after 2, learnt sizes" in dict(rows.summary)


@pytest.mark.slow
def test_the_table_tells_what_the_inner_clip_and_the_query_limit_did() -> None:
    task, learner = task_of()
    assert isinstance(learner, Learner)
    everyone = torch.ones(3, dtype=torch.bool)
    labels = ("inner steps clipped", "query errors over the limit")
    quiet = task.conclude(Contender("quiet", learner, everyone))
    assert not dict(quiet.summary).keys() & set(labels)
    batch = task.batch(Progress(0, 0, 0.0))
    MAML(InnerLoop(2, clip_norm=1e-9), query_limit=1e-9)(learner, batch, generator=Generator())
    told = task.conclude(Contender("told", learner, everyone))
    assert [dict(told.summary)[label] for label in labels] == ["100%", "100%"]
    assert told.metrics["inner_clip"] == told.metrics["query_limit"] == 1


def test_what_relaxed_choices_learn_is_judged_by_relaxed_choices() -> None:
    task, _ = task_of()
    make = partial(RelaxedProgram, slots=Slots(count=3))
    learner = task.build(make, 3, RandomStreams(0)).eval()
    assert isinstance(learner, Learner)
    adaptation = EVALUATION.few_steps(0.01)
    errors = adaptation_errors(learner.model, task.validation, adaptation, (2,))[0]
    # two ways to sum the same float32 numbers
    torch.testing.assert_close(task.validate(learner), errors.mean(1), rtol=1e-4, atol=0)
    assert not learner.model.training


@pytest.mark.slow
def test_a_reference_is_measured_alike_and_several_variables_are_not_drawn() -> None:
    family = single_family("a*u*exp(v)", {"a": [-1, 1]}, ranges={"u": [0, 1], "v": [0, 2]})
    task, learner = task_of(family)
    streams, everyone = RandomStreams(0), torch.ones(3, dtype=torch.bool)
    network = task.build(partial(ReLUNetwork, hidden=[4]), 3, streams)
    found = task.conclude(
        Contender("found", learner, everyone), Contender("relu", network, everyone)
    )
    assert found.metrics.keys() >= {"in_2_mean", "reference_in_2_mean"}
    assert {"before", "reference before"} <= dict(found.summary).keys()
    assert set(found.figures) == {"curves"}
    assert not any(name.startswith("out_") for name in found.metrics)  # there is no shift


def test_functions_that_are_not_finite_are_left_out_of_least_squares() -> None:
    """exp(u) overflows; u is among the functions that are left."""
    task, _ = task_of(single_family("a*u", {"a": [1, 2]}, ranges={"u": [0, 1000]}))
    found = yardstick_errors(task.tests, task.scratch, 0)
    assert set(found) == {"zero", "least_squares"}
    assert bool((found["least_squares"]["in"] < found["zero"]["in"]).all())


def test_the_basis_has_each_variable_and_products_of_two() -> None:
    texts = {str(function) for function in fixed_basis(["u", "v"])}
    assert {"exp(u)", "exp(v)", "u*v"} <= texts
    assert not any("x" in text.replace("exp", "") for text in texts)


@pytest.mark.slow
def test_a_run_tells_how_many_laws_it_found(tmp_path: Path) -> None:
    laws = ["task.symbolic.functions=2", "task.symbolic.steps=[0,2]", "task.episodes.support=10"]
    status, printed = run(tmp_path, *SMALL, *laws, UNITS, "objective=none")
    assert status is None
    metrics = record(run_folders(tmp_path)[0])["metrics"]
    assert metrics["laws_0"] in (0, 0.5, 1)
    assert metrics["laws_2"] in (0, 0.5, 1)
    assert "laws found after 2 steps of Adam" in printed
