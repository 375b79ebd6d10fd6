"""The configuration files: where they lie, what they name, and settings checked against them."""

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
from experiments.starting_point import INIT, SPREAD

__all__ = [
    "CONFIGS",
    "UsageError",
    "check_names",
    "complete_settings",
    "compose_config",
    "config_folders",
    "description",
    "options",
    "quoted",
    "split_words",
]

_HERE = Path(__file__).resolve().parent
CONFIGS = next((p for p in (_HERE / "configs", _HERE.parent / "configs") if p.is_dir()), _HERE)
"""The configuration files: inside the package when installed, beside it in a checkout."""

_WITH_VALUE = {
    "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd", "--package", "-p",
    "--cfg", "-c", "--info", "-i", "--experimental-rerun",
}  # fmt: skip


class UsageError(ConfigurationError):
    """A command line that cannot be run; the message says what to type instead."""


def quoted(text: str, *, sweep: bool = False) -> str:
    """An override whose value Hydra's grammar cannot read, such as a formula, in quotes.

    Arguments:
        text: `key=value`.
        sweep: Whether commas outside brackets separate values.
    """
    key, equals, value = text.partition("=")
    try:
        OverridesParser.create().parse_override(text)
    except HydraException:
        if equals and re.fullmatch(r"[\w.+]+", key):
            values = _parted(value) if sweep else [value]
            return f"{key}=" + ",".join(_in_quotes(part) for part in values)
    return text


def _in_quotes(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _parted(value: str) -> list[str]:
    """A text's parts between the commas that stand outside brackets."""
    parts, depth = [""], 0
    for character in value:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def split_words(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
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


def config_folders(flags: Sequence[str]) -> list[Path]:
    """Where configuration files are looked for: folders named by `--config-dir`, then ours.

    Raises:
        UsageError: If a folder does not exist.
    """
    folders = [CONFIGS]
    for option, value in itertools.pairwise([*flags, ""]):
        if option in ("--config-dir", "-cd"):
            folder = Path(value)
            if not folder.is_dir():
                raise UsageError(f"--config-dir {value}: there is no such folder")
            folders.insert(0, folder.resolve())
    return folders


def options(group: str, folders: Sequence[Path]) -> dict[str, Path]:
    """The files of a group of configurations by name."""
    found = [path for root in folders for path in (root / group).glob("*.yaml")]
    return {path.stem: path for path in sorted(found)}


def check_names(group: str, names: Sequence[str], folders: Sequence[Path]) -> None:
    """Refuse a name that is not an option of a group.

    Raises:
        UsageError: It names the nearest valid ones.
    """
    known = options(group, folders)
    for name in names:
        if name not in known:
            raise UsageError(f"there is no {group} '{name}': {suggestion(name, known)}")


def description(path: Path) -> str:
    """The first comment line of a configuration file, besides Hydra's package line."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and not line.startswith("# @package"):
            return line.lstrip("# ")
    return ""


def complete_settings(
    settings: Sequence[Override],
    chosen: Sequence[Sequence[str]],
    folders: Sequence[Path],
    primary: str = "config",
) -> list[str]:
    """The settings, those that only a constructor knows marked as additions.

    A key must be valid for each combination of the groups that are swept.

    Arguments:
        settings: Overrides of single keys.
        chosen: For each group, the overrides that choose its options.
        folders: As `config_folders` gives them.
        primary: Name of the configuration that the groups belong to.
    Raises:
        UsageError: If a key is unknown; it names the nearest valid ones.
    """
    completed = [str(override.input_line) for override in settings]
    for combination in itertools.product(*chosen):
        config = compose_config(combination, folders, primary)
        for place, override in enumerate(settings):
            key = override.key_or_group
            if override.is_delete() or key.partition(".")[0] == "hydra" or "/" in key:
                continue
            if _is_open(config, key):
                completed[place] = _as_addition(override)
                continue
            accepted = _constructor_keys(config, key.rpartition(".")[0])
            if _has_key(config, key) or (_is_addition(override) and not accepted):
                continue
            if key not in accepted:
                valid = [*_all_keys(config), *accepted]
                raise UsageError(f"there is no setting '{key}': {suggestion(key, valid)}")
            completed[place] = _as_addition(override)
    return completed


def _is_addition(override: Override) -> bool:
    return bool(override.is_add() or override.is_force_add())


def _as_addition(override: Override) -> str:
    return f"++{str(override.input_line).lstrip('+')}"


def _is_open(config: DictConfig, key: str) -> bool:
    """Whether a key is, or lies directly in, a mapping that the files leave empty to be filled.

    Only inside a group: an empty group, such as `reference=none`, stays empty.
    """
    parts = [part for part in (key, key.rpartition(".")[0]) if "." in part]
    try:
        nodes = [OmegaConf.select(config, part) for part in parts]
    except OmegaConfBaseException:
        return False
    return any(isinstance(node, DictConfig) and not node for node in nodes)


def compose_config(
    overrides: Sequence[str], folders: Sequence[Path], primary: str = "config"
) -> DictConfig:
    """The configuration that overrides make of a primary one.

    Raises:
        UsageError: If they do not fit together.
    """
    paths = ",".join(f"file://{folder}" for folder in folders[:-1])
    search = [f"hydra.searchpath=[{paths}]"] if paths else []
    try:
        with initialize_config_dir(str(folders[-1]), version_base="1.3"):
            return compose(primary, overrides=[*overrides, *search])
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
    """Keys below `parent` that its `_target_` accepts, and those of a model's start."""
    node = OmegaConf.select(config, parent) if parent else None
    if not isinstance(node, DictConfig) or "_target_" not in node:
        return []
    try:
        parameters = inspect.signature(get_object(node["_target_"])).parameters
    except (ImportError, ValueError, TypeError) as error:
        raise UsageError(f"{parent}._target_ cannot be used: {error}") from error
    further = (INIT, SPREAD) if parent == "model" else ()
    return [f"{parent}.{name}" for name in (*parameters, *further)]
