"""The command line of the benchmark, checked before any work."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from esr.errors import ConfigurationError
from esr.random import RandomStreams
from experiments.benchmark.child import make_estimator
from experiments.benchmark.job import Job
from experiments.benchmark.problems import NamedProblems
from experiments.configurations import (
    UsageError,
    check_names,
    complete_settings,
    compose_config,
    config_folders,
    description,
    options,
    quoted,
    split_words,
)

__all__ = ["Plan", "make_plan", "usage"]

_LISTS = ("estimators", "problems", "seeds")
_FLAGS = {"--config-dir", "-cd"}


@dataclass(frozen=True)
class Plan:
    """Everything a benchmark does.

    Arguments:
        jobs: The runs, in order.
        folder: Where its lines go.
        workers: How many runs at a time.
        grace: Seconds beyond the budget after which a run is killed.
        retry: Whether failed runs are done again.
        resolved: The configuration as YAML, for the record.
    """

    jobs: tuple[Job, ...]
    folder: Path
    workers: int
    grace: float
    retry: bool
    resolved: str


def make_plan(arguments: Sequence[str]) -> Plan:
    """The runs that a command line asks for; each problem and estimator has been made once.

    Raises:
        ConfigurationError: If something is unknown or cannot work; it says what to type instead.
    """
    flags, words = split_words(arguments)
    for flag in flags:
        if flag.startswith("-") and flag not in _FLAGS:
            raise UsageError(f"there is no option {flag}; see --help")
    folders = config_folders(flags)
    config = _compose(words, folders)
    suite_name, seeds = str(config.name), [_whole("seeds", s, 0) for s in config.seeds]
    noise, seconds = _number("noise", config.noise), _number("seconds", config.seconds)
    if not seconds > 0:
        raise ConfigurationError(f"seconds must be above 0, but is {config.seconds}")
    suite = _instantiate_suite(config.suite)
    problems = suite.select([str(name) for name in config.problems])
    making = OmegaConf.to_container(config.estimator, resolve=True)
    if not isinstance(making, dict):
        raise TypeError(f"expected a mapping of estimators, but got {type(making).__name__}")
    jobs = tuple(
        Job(suite_name, problem, str(name), dict(settings), seed, noise, seconds)
        for seed in dict.fromkeys(seeds)
        for problem in problems
        for name, settings in making.items()
    )
    for job in {job.problem.name: job for job in jobs}.values():
        job.problem.draw(RandomStreams(job.seed), noise)
    for job in {job.estimator: job for job in jobs}.values():
        _try_estimator(job)
    return Plan(
        jobs,
        Path(str(config.folder)),
        _whole("workers", config.workers, 1),
        _number("grace", config.grace),
        bool(config.retry),
        OmegaConf.to_yaml(config, resolve=True),
    )


def usage(arguments: Sequence[str]) -> str:
    """What `--help` prints: the command, its settings, the suites and the estimators."""
    flags, _ = split_words([word for word in arguments if word not in ("--help", "-h")])
    folders = config_folders(flags)
    settings = (folders[-1] / "benchmark.yaml").read_text(encoding="utf-8").splitlines()[1:]
    lines = [
        "Usage: python -m experiments.benchmark suite=NAME estimators=NAME,NAME [key=value ...]",
        "",
        "Runs problems x estimators x seeds and adds one JSON line for each run to",
        "FOLDER/runs.jsonl; what is there already is not done again. Tables and figures:",
        "python -m experiments.report FOLDER",
        "",
        "Settings:",
        *(f"  {line}" for line in settings if not line.startswith(("name:", "estimators:"))),
        "",
        "Any argument of an estimator or of the suite can be set as well:",
        "  estimator.NAME.key=value, suite.samples=100",
    ]
    for group in ("suite", "estimator"):
        lines += ["", f"{group.capitalize()}s:"]
        lines += [f"  {n:<16}{description(p)}" for n, p in options(group, folders).items()]
    return "\n".join([*lines, "", "--config-dir FOLDER adds suite/NAME.yaml, estimator/NAME.yaml"])


def _compose(words: Sequence[str], folders: Sequence[Path]) -> DictConfig:
    """The configuration of a command line, every name and key checked."""
    try:
        parsed = OverridesParser.create().parse_overrides([_listed(word) for word in words])
    except HydraException as error:
        raise UsageError(f"the arguments cannot be read: {error}") from error
    suites = [str(o.value()) for o in parsed if _key(o) == "suite"]
    chosen: list[str] = [
        str(name) for o in parsed if _key(o) == "estimators" for name in _values(o)
    ]
    if len(suites) != 1:
        raise UsageError(_choice("suite", "name a suite with suite=NAME", folders))
    if not chosen:
        raise UsageError(
            _choice("estimator", "name estimators with estimators=NAME,NAME", folders)
        )
    check_names("suite", suites, folders)
    check_names("estimator", chosen, folders)
    groups = [f"+suite={suites[0]}", f"name={suites[0]}"]
    groups += [f"+estimator@estimator.{name}={name}" for name in dict.fromkeys(chosen)]
    settings = [o for o in parsed if _key(o) not in ("suite", "name")]
    completed = complete_settings(settings, [[group] for group in groups], folders, "benchmark")
    config = compose_config([*groups, *completed], folders, "benchmark")
    try:
        OmegaConf.resolve(config)
    except OmegaConfBaseException as error:
        raise UsageError(f"the configuration cannot be composed: {error}") from error
    return config


def _listed(word: str) -> str:
    """An override of a list with its commas in brackets, and other text as Hydra reads it."""
    key, equals, value = word.partition("=")
    if key in _LISTS and equals and not value.startswith("["):
        return f"{key}=[{value}]"
    return quoted(word)


def _key(override: Override) -> str:
    return str(override.key_or_group)


def _values(override: Override) -> list[object]:
    value = override.value()
    return list(value) if isinstance(value, list) else [value]


def _choice(group: str, request: str, folders: Sequence[Path]) -> str:
    names = ", ".join(options(group, folders))
    return f"{request}, of {names}; --help says more"


def _instantiate_suite(config: DictConfig) -> NamedProblems:
    try:
        suite = instantiate(config, _convert_="all")
    except InstantiationException as error:
        raise ConfigurationError(
            f"the suite cannot be used: {error.__cause__ or error}"
        ) from error
    if not isinstance(suite, NamedProblems):
        raise ConfigurationError(
            f"a suite's _target_ must make a Suite or other NamedProblems, but made {suite!r}"
        )
    return suite


def _try_estimator(job: Job) -> None:
    """Make an estimator, so that a wrong setting or missing package shows before any work."""
    try:
        make_estimator(job)
    except InstantiationException as error:
        raise ConfigurationError(
            f"estimator '{job.estimator}' cannot be made: {error.__cause__ or error}"
        ) from error


def _whole(name: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(
            f"{name} must be whole numbers of at least {least}, but one is {value!r}"
            if name == "seeds"
            else f"{name} must be a whole number of at least {least}, but is {value!r}"
        )
    return value


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise ConfigurationError(f"{name} must be a number of at least 0, but is {value!r}")
    return float(value)
