"""Reading the command line before Hydra does, so that a mistake is named before any work.

Settings that a class accepts but no file lists are allowed (`model.initial_sd=0.5`), `task=`
is read as `+task=`, `resume=FOLDER` becomes the settings of that run, and an unknown task,
model or key is refused with the nearest valid names.
"""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf

from experiments.configurations import (
    CONFIGS,
    UsageError,
    check_names,
    complete_settings,
    config_folders,
    description,
    options,
    quoted,
    split_words,
)

__all__ = ["CONFIGS", "UsageError", "prepare_arguments"]

_PASS_THROUGH = {"--help", "-h", "--hydra-help", "--version", "--shell-completion", "-sc"}
_OF_THE_BENCHMARK = {"suite", "estimator"}


def prepare_arguments(arguments: Sequence[str]) -> list[str]:
    """The arguments for Hydra, checked and completed.

    Raises:
        UsageError: If a task, model or key is unknown, or no task is named.
    """
    flags, overrides = split_words(arguments)
    if _PASS_THROUGH & set(flags):
        return list(arguments)
    if any(text.startswith("resume=") for text in overrides):
        return _resumed(flags, overrides)
    folders = config_folders(flags)
    sweep = not {"-m", "--multirun"}.isdisjoint(flags)
    overrides = [quoted(text, sweep=sweep) for text in overrides]
    try:
        parsed = OverridesParser.create().parse_overrides(overrides)
    except HydraException as error:
        raise UsageError(f"the arguments cannot be read: {error}") from error
    groups = {folder.name for root in folders for folder in root.iterdir() if folder.is_dir()}
    groups -= _OF_THE_BENCHMARK
    chosen: list[list[str]] = []
    settings: list[Override] = []
    for override in parsed:
        if override.get_key_element().lstrip("+~") in groups and not override.is_delete():
            names = _choices(override)
            check_names(override.key_or_group, names, folders)
            prefix = "+" if override.key_or_group == "task" else ""
            chosen.append([f"{prefix}{override.key_or_group}={name}" for name in names])
        else:
            settings.append(override)
    if not any(texts[0].startswith("+task=") for texts in chosen):
        raise UsageError(_list_of_tasks(folders))
    completed = complete_settings(settings, chosen, folders)
    swept = [texts[0] if len(texts) == 1 else _joined(texts) for texts in chosen]
    return [*flags, *swept, *completed]


def _choices(override: Override) -> list[str]:
    """The names a group override stands for: one, or several in a sweep."""
    if override.is_choice_sweep():
        return [str(value) for value in override.sweep_iterator()]
    return [str(override.value())]


def _joined(texts: Sequence[str]) -> str:
    key = texts[0].partition("=")[0]
    return f"{key}=" + ",".join(text.partition("=")[2] for text in texts)


def _list_of_tasks(folders: Sequence[Path]) -> str:
    lines = ["name a task with +task=NAME:"]
    lines += [f"  {n:<14}{description(p)}" for n, p in options("task", folders).items()]
    return "\n".join([*lines, "for instance: python -m experiments.run +task=kinematics"])


def _resumed(flags: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The arguments of the run in the folder that `resume=` names, writing to that folder."""
    if len(overrides) > 1 or flags:
        raise UsageError(
            "resume=FOLDER goes on with a run under its own settings and stands alone; leave out "
            + " ".join([*flags, *(text for text in overrides if not text.startswith("resume="))])
        )
    folder = Path(overrides[0].partition("=")[2]).resolve()
    saved = folder / ".hydra" / "overrides.yaml"
    if not saved.is_file():
        raise UsageError(
            f"resume={folder}: there is no run in that folder (no .hydra/overrides.yaml); name "
            "the folder that holds the run's checkpoint"
        )
    texts = [str(text) for text in OmegaConf.load(saved)]
    place = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    return [*texts, f"hydra.run.dir='{place}'"]
