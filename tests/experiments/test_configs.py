"""Every configuration file composes and makes its object."""

import inspect
from functools import cache
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig

from esr.hopfield import Searcher
from esr.models import EnergyModel, FunctionModel
from esr.random import RandomStreams
from esr.training import Progress, Trainer
from experiments.arguments import CONFIGS
from experiments.front_searcher import FrontSearcher
from experiments.tasks.task import ModelFactory


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


@cache
def composed(*overrides: str, hydra: bool = False) -> DictConfig:
    """The configuration, which nobody changes."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose("config", overrides=list(overrides), return_hydra_config=hydra)


@cache
def model_factory(name: str) -> ModelFactory:
    make: ModelFactory = instantiate(composed(f"model={name}").model, _convert_="all")
    return make


@cache
def family(model: str) -> type[EnergyModel[object]]:
    """What a model's class must be for a task to take it: any function, or just this class."""
    made = get_class(composed(f"model={model}").model._target_)
    return FunctionModel if issubclass(made, FunctionModel) else made


@cache
def models_of(task: str) -> list[str]:
    """The models of the family of a task's default one."""
    config = composed(f"+task={task}", hydra=True)
    chosen = family(config.hydra.runtime.choices["model"])
    return [name for name in names("model") if family(name) is chosen]


@pytest.mark.parametrize("name", names("model"))
def test_a_model_is_a_function_of_the_sizes_asked_for(name: str) -> None:
    if family(name) is not FunctionModel:
        return  # it is made by the task that takes it, below
    make = model_factory(name)
    generator = torch.Generator().manual_seed(0)
    model = make(in_features=3, out_features=2, replicas=4, generator=generator)
    assert isinstance(model, FunctionModel)
    assert model(torch.zeros(5, 3)).shape == (4, 5, 2)


SMALL = {
    "kinematics": ["task.data.trajectories=20"],
    "oscillator": ["task.data.trajectories=20"],
    "function": ["task.samples=20"],
    "suite": ["task.problem=nguyen_8"],
    "digits": ["task.batches.images=32", "task.batches.pairs=64"],
    "weights": [
        "task.sizes.networks=40",
        "++task.sizes.validation=4",
        "++task.sizes.tests=4",
        "++task.batch_size=8",
    ],
    "meta": [
        "++task.episodes.functions=2",
        "++task.evaluation.validation=2",
        "++task.evaluation.query=5",
        "++task.evaluation.few=1",
    ],
}


def test_every_model_is_taken_by_a_task() -> None:
    assert {model for task in names("task") for model in models_of(task)} == set(names("model"))
    assert [family(name) for name in names("model")].count(FunctionModel) > 1


@pytest.mark.parametrize("name", names("task"))
def test_a_task_builds_trains_on_and_validates_every_model(name: str) -> None:
    config = composed(f"+task={name}", *SMALL.get(name, []))
    task = instantiate(config.task, _convert_="all")
    trainer = instantiate(config.trainer, _convert_="all")(phases=task.phases)
    assert isinstance(trainer, (Trainer, Searcher, FrontSearcher))
    streams = RandomStreams(0)
    task.prepare(streams, torch.device("cpu"))
    for chosen in models_of(name):
        model = task.build(model_factory(chosen), 2, streams)
        assert isinstance(model, EnergyModel)
        energy = model.energy(task.batch(Progress(0, 0, 0.0)), generator=streams["gates"])
        assert energy.total().isfinite()
        assert task.validate(model).shape == (2,)


@pytest.mark.parametrize("name", names("reference"))
def test_a_reference_is_a_model_or_nothing(name: str) -> None:
    config = composed("+task=kinematics", f"reference={name}")
    if name == "none":
        assert not config.get("reference")
    else:
        assert config.reference == composed(f"model={name}").model


@pytest.mark.parametrize("name", names("trainer"))
def test_a_trainer_takes_the_phases_of_a_task(name: str) -> None:
    config = composed("+task=function", f"trainer={name}")
    phases = instantiate(config.task, _convert_="all").phases
    trainer = instantiate(config.trainer, _convert_="all")(phases=phases)
    inspect.signature(trainer.fit).bind(*range(7))  # what a run gives it
    if isinstance(trainer, (Searcher, FrontSearcher)):
        return
    assert isinstance(trainer, Trainer)
    assert (trainer.compiler is not None) == (name.endswith("compiled"))


@pytest.mark.parametrize("name", names("objective"))
def test_an_objective_lowers_the_energy_of_a_learner(name: str) -> None:
    config = composed("+task=meta", f"objective={name}", *SMALL["meta"])
    task = instantiate(config.task, _convert_="all")
    trainer = instantiate(config.trainer, _convert_="all")(phases=task.phases)
    streams = RandomStreams(0)
    task.prepare(streams, torch.device("cpu"))
    learner = task.build(model_factory("eql_meta"), 2, streams)
    episodes = task.batch(Progress(0, 0, 0.0))
    energy = trainer.objective(learner, episodes, generator=streams["gates"])
    assert energy.total().requires_grad
    assert energy.total().isfinite()


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*/*.yaml")), ids=lambda p: p.stem)
def test_a_file_says_in_its_first_line_what_it_is(path: Path) -> None:
    assert path.read_text().startswith("# ")
