"""Every configuration file composes and makes its object."""

import functools
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig

from esr.models import EnergyModel, FunctionModel
from esr.random import RandomStreams
from esr.training import Progress, Trainer
from experiments.arguments import CONFIGS
from experiments.tasks.task import ModelFactory


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose("config", overrides=list(overrides))


@functools.cache
def model_factory(name: str) -> ModelFactory:
    make: ModelFactory = instantiate(composed(f"model={name}").model, _convert_="all")
    return make


@pytest.mark.parametrize("name", names("model"))
def test_a_model_is_a_function_of_the_sizes_asked_for(name: str) -> None:
    make = model_factory(name)
    generator = torch.Generator().manual_seed(0)
    model = make(in_features=3, out_features=2, replicas=4, generator=generator)
    assert isinstance(model, FunctionModel)
    assert model(torch.zeros(5, 3)).shape == (4, 5, 2)


SMALL = {
    "kinematics": ["task.data.trajectories=20"],
    "oscillator": ["task.data.trajectories=20"],
    "function": ["task.samples=20"],
    "digits": ["task.batches.images=32", "task.batches.pairs=64"],
}


@pytest.mark.parametrize("name", names("task"))
def test_a_task_builds_trains_on_and_validates_every_model(name: str) -> None:
    config = composed(f"+task={name}", *SMALL.get(name, []))
    task = instantiate(config.task, _convert_="all")
    trainer = instantiate(config.trainer, _convert_="all")(phases=task.phases)
    assert isinstance(trainer, Trainer)
    streams = RandomStreams(0)
    task.prepare(streams, torch.device("cpu"))
    for chosen in names("model"):
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
        make = instantiate(config.reference, _convert_="all")
        assert isinstance(make(in_features=1, out_features=1, replicas=1), FunctionModel)


@pytest.mark.parametrize("name", names("trainer"))
def test_a_trainer_takes_the_phases_of_a_task(name: str) -> None:
    config = composed("+task=function", f"trainer={name}")
    phases = instantiate(config.task, _convert_="all").phases
    trainer = instantiate(config.trainer, _convert_="all")(phases=phases)
    assert isinstance(trainer, Trainer)
    assert (trainer.compiler is not None) == (name.endswith("compiled"))


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*/*.yaml")), ids=lambda p: p.stem)
def test_a_file_says_in_its_first_line_what_it_is(path: Path) -> None:
    assert path.read_text().startswith("# ")
