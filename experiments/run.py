"""Run one task with one model: `python -m experiments.run +task=NAME [model=NAME] [key=value]`.

By `torchrun --nproc-per-node 2 -m experiments.run ...` several processes train the model, each on
its share of every batch, where the task can divide them.

Everything a run writes lies in one folder: `result.json`, the resolved configuration,
`checkpoint.pt`, TensorBoard events, figures and moving pictures.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from esr.errors import ConfigurationError, TrainingError
from esr.initialisation import save_initialisation
from esr.random import RandomStreams
from esr.training import Callback, Checkpoint, DataParallel, Trainer, TrainingResult
from experiments.arguments import CONFIGS, UsageError, prepare_arguments
from experiments.console import progress_display, show_conclusion
from experiments.front_searcher import FrontSearcher
from experiments.gif import save_gif
from experiments.launch import Launch, launched
from experiments.record import write_result
from experiments.search_display import search_display
from experiments.starting_point import StartingPoint, starting_point, without_start
from experiments.tasks.task import Checking, Conclusion, Contender, ModelFactory, Task
from experiments.tensorboard import TensorBoardLog

__all__ = ["main", "run", "with_counts"]

CLIPPING_SHOWN = 0.01
"""Share of the steps with a clipped gradient above which the closing table mentions it."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""
_CHECKPOINT = "checkpoint.pt"
_GROUPS = {"task", "model", "reference", "trainer"}


@dataclass(frozen=True)
class Place:
    """How a run was started, where it happens, what it is called, what it chose in the task's own
    groups of configurations, and what its model starts from, if anything."""

    launch: Launch
    folder: Path
    device: torch.device
    console: Console
    task: str
    model: str
    reference: str
    choices: Mapping[str, str]
    start: StartingPoint | None

    @property
    def title(self) -> str:
        """Short name of the run for the console."""
        return " ".join([self.task, *self.choices.values(), self.model])

    def label(self, name: str) -> str:
        """What was chosen as `model` or as `reference`."""
        return self.model if name == "model" else self.reference


def run(config: DictConfig, launch: Launch) -> bool:
    """Train, conclude and record as the configuration says; returns whether it was interrupted.

    Raises:
        ValueError: If a setting or the data cannot be used; nothing has been trained then.
    """
    place = _place(config, launch)
    _check_complete(config)
    streams = RandomStreams(config.seed, place.device)
    torch.set_num_threads(_at_least_one("threads", config.threads))
    _at_least_one("replicas", config.replicas)
    task: Task[object] = instantiate(config.task, _convert_="all")
    if isinstance(task, Checking):
        for name in ("model", "reference") if config.get("reference") else ("model",):
            with _fitting(place, name):
                task.check(_factory(config, name))
    trainer: Trainer | FrontSearcher = instantiate(config.trainer, _convert_="all")(
        phases=task.phases
    )
    launch.divide(task)
    task.prepare(streams, place.device)
    beside = bool(config.get("reference")) and place.model != place.reference
    if beside:  # what is not for this task is refused now, not after the model's training
        with _fitting(place, "reference"):
            task.build(_factory(config, "reference"), 1, RandomStreams(config.seed, place.device))
    launch.announce(place.folder)
    log = TensorBoardLog(place.folder, task.describe)
    display: Callback[object] = progress_display(place.console, place.title)
    if isinstance(trainer, FrontSearcher):
        display = search_display(place.console, place.title, task.describe)
    listeners: list[Callback[object]] = [display, log, *task.callbacks]
    reference = None
    with launch.group(place.device) as processes:
        train = partial(_train, config, task, trainer, place, processes)
        found, result = train("model", streams, listeners)
        interrupted = result.interrupted
        if beside and not interrupted:
            streams = RandomStreams(config.seed, place.device)
            display = progress_display(place.console, f"{place.reference} for reference")
            reference, other = train("reference", streams, [display])
            interrupted = other.interrupted
    if launch.first:
        print(f"{place.title}: reading the best replicas", flush=True)
        conclusion = task.conclude(found, reference)
        conclusion = with_counts(conclusion, result)
        _record(config, place, result, conclusion, interrupted)
        settings = {**_hyperparameters(config, place), **conclusion.choices}
        log.conclude(conclusion, settings, result.steps)
        show_conclusion(place.console, place.title, conclusion, place.folder, config.outputs)
        if interrupted:
            print(f"go on with it: {launch.command} resume={place.folder}")
    launch.end()
    return interrupted


def _train(
    config: DictConfig,
    task: Task[object],
    trainer: Trainer | FrontSearcher,
    place: Place,
    processes: DataParallel | None,
    name: str,
    streams: RandomStreams,
    callbacks: Sequence[Callback[object]],
) -> tuple[Contender[object], TrainingResult]:
    """Train what the configuration has under `name`, going on from its checkpoint if any."""
    make_model = _factory(config, name)
    if name == "model" and place.start is not None:
        make_model = place.start.apply(make_model, streams["initialisation"])
    with _fitting(place, name):
        model = task.build(make_model, config.replicas, streams)
    model.to(place.device)
    file = _CHECKPOINT if name == "model" else f"checkpoint-{name}.pt"
    identity = OmegaConf.to_yaml(config, resolve=True)
    checkpoint = Checkpoint(place.folder / file, config.checkpoint_seconds, identity)
    result = trainer.fit(model, task, streams, task.validate, callbacks, checkpoint, processes)
    return Contender(place.label(name), model, result.active), result


def _factory(config: DictConfig, name: str) -> ModelFactory:
    """What makes the models that the configuration has under `name`."""
    make_model: ModelFactory = instantiate(without_start(config[name]), _convert_="all")
    return make_model


@contextmanager
def _fitting(place: Place, name: str) -> Iterator[None]:
    """Context in which a model that cannot be made for the task is a mistake of the user's."""
    try:
        yield
    except TypeError as error:
        raise ConfigurationError(
            f"a setting of '{name}' has a wrong name or type, or {name}={place.label(name)} is "
            f"not for this task: {error}"
        ) from error


def with_counts(conclusion: Conclusion, result: TrainingResult) -> Conclusion:
    """The conclusion with what training counted: divergences, the mean share of clipped steps."""
    clipped = float(result.clipped.double().mean()) / max(1, result.steps)
    counted = {"diverged": float(result.diverged.sum()), "clipped": clipped}
    rows = list(conclusion.summary)
    if clipped > CLIPPING_SHOWN:
        rows.append(("steps with a clipped gradient", f"{clipped:.0%}"))
    return replace(conclusion, metrics={**conclusion.metrics, **counted}, summary=rows)


def _record(
    config: DictConfig,
    place: Place,
    result: TrainingResult,
    conclusion: Conclusion,
    interrupted: bool,
) -> None:
    write_result(
        place.folder,
        task=place.task,
        model=place.model,
        seed=config.seed,
        seconds=result.seconds,
        cpu_seconds=result.cpu_seconds,
        status="interrupted" if interrupted else "finished",
        metrics=conclusion.metrics,
        expressions=conclusion.expressions,
        choices={**place.choices, **conclusion.choices},
        processes=place.launch.world,
    )
    for name, figure in conclusion.figures.items():
        figure.savefig(place.folder / f"{name}.png", dpi=120)
    for name, animation in conclusion.animations.items():
        save_gif(animation, place.folder / f"{name}.gif")
    for file, text in conclusion.texts.items():
        (place.folder / file).write_text(text, encoding="utf-8")
    for file, (model, replica) in conclusion.models.items():
        note = {"task": place.task, **place.choices, "model": place.model, "seed": config.seed}
        save_initialisation(place.folder / file, model, replica, note)
    for file, write in conclusion.files.items():
        write(place.folder / file)
    resolved = OmegaConf.to_yaml(config, resolve=True)
    (place.folder / "config.yaml").write_text(resolved, encoding="utf-8")


def _place(config: DictConfig, launch: Launch) -> Place:
    hydra_config = HydraConfig.get()
    choices: dict[str, str] = hydra_config.runtime.choices
    folder = Path(hydra_config.runtime.output_dir)
    device = _device(launch.device(config.device))
    task, model, reference = (choices[group] for group in ("task", "model", "reference"))
    goes_on = (folder / _CHECKPOINT).exists()  # the file it started from may be gone by now
    start = None if goes_on else starting_point(config.model)
    in_order = reversed(choices.items())  # Hydra has the groups listed last first
    own = {name: str(choice) for name, choice in in_order if _is_own_group(name)}
    return Place(launch, folder, device, Console(), task, model, reference, own, start)


def _check_complete(config: DictConfig) -> None:
    """Refuse a configuration in which a value that has no default was not given."""
    if missing := sorted(OmegaConf.missing_keys(config)):
        raise ConfigurationError(
            f"{' and '.join(missing)} has no default; give it as {missing[0]}=VALUE"
        )


def _is_own_group(name: str) -> bool:
    """Whether a group of configurations is a task's own, not one that every run has or one that
    fills a place within the task."""
    return name not in _GROUPS and "/" not in name and "@" not in name


def _hyperparameters(config: DictConfig, place: Place) -> dict[str, str | int]:
    """The same keys for every method, so that TensorBoard can lay runs side by side."""
    named: dict[str, str | int] = {"task": place.task, "model": place.model, **place.choices}
    return named | {"seed": config.seed, "replicas": config.replicas, "device": config.device}


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(
            f"device={name} cannot be used here ({reason}); device=cpu works everywhere"
        ) from error
    return device


def _at_least_one(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name} must be an integer of at least 1, but is {value!r}")
    return value


def _job(config: DictConfig, launch: Launch) -> None:
    """One run under Hydra; errors a user can mend become one line and exit status 2."""
    try:
        interrupted = run(config, launch)
    except InstantiationException as error:
        sys.exit(_complain(str(error.__cause__ or error)))
    except (ValueError, TrainingError) as error:
        sys.exit(_complain(str(error)))
    except KeyboardInterrupt:
        folder = HydraConfig.get().runtime.output_dir
        _complain(f"interrupted; go on with it: {launch.command} resume={folder}")
        sys.exit(INTERRUPTED)
    if interrupted:
        sys.exit(INTERRUPTED)


def _complain(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def main() -> None:
    """Entry point of `python -m experiments.run`."""
    launch = launched(os.environ)
    try:
        sys.argv[1:] = launch.arguments(prepare_arguments(sys.argv[1:]))
    except UsageError as error:
        sys.exit(_complain(str(error)))

    def job(config: DictConfig) -> None:
        _job(config, launch)

    start = hydra.main(config_path=str(CONFIGS), config_name="config", version_base="1.3")(job)
    if launch.first:
        start()
    else:  # the first process says what there is to say
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            start()


if __name__ == "__main__":
    main()
