"""Reading the command line before Hydra does, so that a mistake is named before any work.

Settings that a class accepts but no file lists are allowed (`model.initial_sd=0.5`), `task=`
is read as `+task=`, `resume=FOLDER` becomes the settings of that run, and an unknown task,
model or key is refused with the nearest valid names.
"""

import inspect
import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from esr.errors import ConfigurationError, suggestion

__all__ = ["CONFIGS", "UsageError", "prepare_arguments"]

_HERE = Path(__file__).resolve().parent
CONFIGS = next((p for p in (_HERE / "configs", _HERE.parent / "configs") if p.is_dir()), _HERE)
"""The configuration files: inside the package when installed, beside it in a checkout."""

_PASS_THROUGH = {"--help", "-h", "--hydra-help", "--version", "--shell-completion", "-sc"}
_WITH_VALUE = {
    "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd", "--package", "-p",
    "--cfg", "-c", "--info", "-i", "--experimental-rerun",
}  # fmt: skip


class UsageError(ConfigurationError):
    """A command line that cannot be run; the message says what to type instead."""


def prepare_arguments(arguments: Sequence[str]) -> list[str]:
    """The arguments for Hydra, checked and completed.

    Raises:
        UsageError: If a task, model or key is unknown, or no task is named.
    """
    flags, overrides = _split(arguments)
    if _PASS_THROUGH & set(flags):
        return list(arguments)
    if any(text.startswith("resume=") for text in overrides):
        return _resumed(flags, overrides)
    folders = _config_folders(flags)
    overrides = [_quoted(text) for text in overrides]
    try:
        parsed = OverridesParser.create().parse_overrides(overrides)
    except HydraException as error:
        raise UsageError(f"the arguments cannot be read: {error}") from error
    groups = {folder.name for root in folders for folder in root.iterdir() if folder.is_dir()}
    chosen: list[list[str]] = []
    settings: list[Override] = []
    for override in parsed:
        if override.get_key_element().lstrip("+~") in groups and not override.is_delete():
            names = _choices(override)
            _check_names(override.key_or_group, names, folders)
            prefix = "+" if override.key_or_group == "task" else ""
            chosen.append([f"{prefix}{override.key_or_group}={name}" for name in names])
        else:
            settings.append(override)
    if not any(texts[0].startswith("+task=") for texts in chosen):
        raise UsageError(_list_of_tasks(folders))
    completed = _complete_settings(settings, chosen, folders)
    swept = [texts[0] if len(texts) == 1 else _joined(texts) for texts in chosen]
    return [*flags, *swept, *completed]


def _quoted(text: str) -> str:
    """An override whose value Hydra's grammar cannot read, such as a formula, in quotes."""
    key, equals, value = text.partition("=")
    try:
        OverridesParser.create().parse_override(text)
    except HydraException:
        if equals and re.fullmatch(r"[\w.+]+", key):
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"{key}='{escaped}'"
    return text


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's own options with their values, and the overrides."""
    flags, overrides, rest = [], [], list(arguments)
    while rest:
        word = rest.pop(0)
        if word.startswith("-"):
            flags.append(word)
            if word in _WITH_VALUE and rest:
                flags.append(rest.pop(0))
        else:
            overrides.append(word)
    return flags, overrides


def _config_folders(flags: Sequence[str]) -> list[Path]:
    folders = [CONFIGS]
    for option, value in itertools.pairwise([*flags, ""]):
        if option in ("--config-dir", "-cd"):
            folder = Path(value)
            if not folder.is_dir():
                raise UsageError(f"--config-dir {value}: there is no such folder")
            folders.insert(0, folder.resolve())
    return folders


def _choices(override: Override) -> list[str]:
    """The names a group override stands for: one, or several in a sweep."""
    if override.is_choice_sweep():
        return [str(value) for value in override.sweep_iterator()]
    return [str(override.value())]


def _joined(texts: Sequence[str]) -> str:
    key = texts[0].partition("=")[0]
    return f"{key}=" + ",".join(text.partition("=")[2] for text in texts)


def _options(group: str, folders: Sequence[Path]) -> dict[str, Path]:
    found = [path for root in folders for path in (root / group).glob("*.yaml")]
    return {path.stem: path for path in sorted(found)}


def _check_names(group: str, names: Sequence[str], folders: Sequence[Path]) -> None:
    options = _options(group, folders)
    for name in names:
        if name not in options:
            raise UsageError(f"there is no {group} '{name}': {suggestion(name, options)}")


def _list_of_tasks(folders: Sequence[Path]) -> str:
    lines = ["name a task with +task=NAME:"]
    lines += [f"  {n:<14}{_description(p)}" for n, p in _options("task", folders).items()]
    return "\n".join([*lines, "for instance: python -m experiments.run +task=kinematics"])


def _description(path: Path) -> str:
    """The first comment line of a configuration file, besides Hydra's package line."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and not line.startswith("# @package"):
            return line.lstrip("# ")
    return ""


def _complete_settings(
    settings: Sequence[Override], chosen: Sequence[Sequence[str]], folders: Sequence[Path]
) -> list[str]:
    """The settings, those that only a constructor knows marked as additions.

    A key must be valid for each combination of the groups that are swept.
    """
    completed = [str(override.input_line) for override in settings]
    for combination in itertools.product(*chosen):
        config = _compose(combination, folders)
        for place, override in enumerate(settings):
            key = override.key_or_group
            if override.is_delete() or key.partition(".")[0] == "hydra" or "/" in key:
                continue
            accepted = _constructor_keys(config, key.rpartition(".")[0])
            if _has_key(config, key) or (_is_addition(override) and not accepted):
                continue
            if key not in accepted:
                valid = [*_all_keys(config), *accepted]
                raise UsageError(f"there is no setting '{key}': {suggestion(key, valid)}")
            completed[place] = f"++{str(override.input_line).lstrip('+')}"
    return completed


def _is_addition(override: Override) -> bool:
    return bool(override.is_add() or override.is_force_add())


def _compose(overrides: Sequence[str], folders: Sequence[Path]) -> DictConfig:
    paths = ",".join(f"file://{folder}" for folder in folders[:-1])
    search = [f"hydra.searchpath=[{paths}]"] if paths else []
    try:
        with initialize_config_dir(str(folders[-1]), version_base="1.3"):
            return compose("config", overrides=[*overrides, *search])
    except (HydraException, OmegaConfBaseException) as error:
        raise UsageError(f"the configuration cannot be composed: {error}") from error


def _has_key(config: DictConfig, key: str) -> bool:
    try:
        return key in _all_keys(config) or OmegaConf.select(config, key) is not None
    except OmegaConfBaseException:
        return False


def _all_keys(config: DictConfig) -> list[str]:
    """Every key of a configuration, dotted, inner nodes included."""
    keys = []
    for name, value in config.items_ex(resolve=False):
        keys.append(str(name))
        if isinstance(value, DictConfig):
            keys.extend(f"{name!s}.{inner}" for inner in _all_keys(value))
    return keys


def _constructor_keys(config: DictConfig, parent: str) -> list[str]:
    """Keys below `parent` that its `_target_` accepts."""
    node = OmegaConf.select(config, parent) if parent else None
    if not isinstance(node, DictConfig) or "_target_" not in node:
        return []
    parameters = inspect.signature(get_object(node["_target_"])).parameters
    return [f"{parent}.{name}" for name in parameters]


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
