"""What holds for all tests."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from omegaconf import DictConfig


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
