"""What holds for all tests."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

IN_ONE_PROCESS = (
    "tests/esr/training/test_data_parallel.py",
    "tests/experiments/test_configs.py",
    "tests/experiments/test_digits.py",
    "tests/experiments/test_hopfield_figures.py",
    "tests/experiments/test_meta.py",
    "tests/experiments/test_run.py",
    "tests/experiments/test_starting_point.py",
    "tests/experiments/test_weights.py",
    "tests/test_layers.py",
)
"""Files whose tests share what takes long to make: one process makes it once."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "LoadScopeScheduling":
    """Give the next test, or the next of the files above, to whichever process is free."""
    from xdist.scheduler import LoadScopeScheduling  # only where there is more than one process

    class ByTest(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if file in IN_ONE_PROCESS else nodeid

    return ByTest(config, log)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """More threads make such small tensors slower, several times so beside other programs."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checked_once() -> Iterator[None]:
    """Command lines are checked against configurations that are composed once for each choice.

    The checks only read them, and the files do not change meanwhile; composing takes most of the
    time of refusing a command line. Whoever runs is composed anew.
    """
    from experiments import configurations  # which not all tests need

    compose = configurations.compose_config
    known: dict[tuple[object, ...], DictConfig] = {}

    def composed(
        overrides: Sequence[str], folders: Sequence[Path], primary: str = "config"
    ) -> "DictConfig":
        if list(folders) != [configurations.CONFIGS]:
            return compose(overrides, folders, primary)
        key = (*overrides, primary)
        if key not in known:
            known[key] = compose(overrides, folders, primary)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(configurations, "compose_config", composed)
        yield
