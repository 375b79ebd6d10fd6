"""Where a run's model starts: `model.init=PATH` and `model.init_spread=NUMBER`.

The two keys stand in a model's configuration beside the arguments of its class, but are the
runner's: whatever the class is, its replicas start from the initialisation in the file.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from omegaconf import DictConfig, open_dict
from torch import Generator

from esr.errors import ConfigurationError
from esr.initialisation import load_initialisation
from esr.models import EnergyModel

__all__ = ["FILE", "INIT", "SPREAD", "StartingPoint", "starting_point", "without_start"]

FILE = "initialisation.pt"
"""Name of an initialisation in a folder."""
INIT, SPREAD = "init", "init_spread"
"""The keys."""

SizesP = ParamSpec("SizesP")
ModelT = TypeVar("ModelT", bound=EnergyModel)  # type: ignore[type-arg]  # of whatever batches


@dataclass(frozen=True)
class StartingPoint:
    """An initialisation that a model's replicas start from.

    Arguments:
        path: The file, or a folder with an `initialisation.pt`; a relative one counts from where
            the program was started.
        spread: Relative noise on the replicas but the first, at least 0, as
            `load_initialisation` has it.
    Raises:
        ConfigurationError: If there is no such file or the spread is out of range.
    """

    path: Path
    spread: float = 0.0

    def __post_init__(self) -> None:
        if not self.file.is_file():
            looked = f" (looked for {self.file})" if self.file != self.path else ""
            raise ConfigurationError(
                f"model.{INIT}={self.path}: there is no such file{looked}; name a file that "
                f"esr.initialisation.save_initialisation wrote, or a folder with an {FILE}"
            )
        if not (math.isfinite(self.spread) and self.spread >= 0):
            raise ConfigurationError(
                f"model.{SPREAD} must be a finite number of at least 0, but is {self.spread}"
            )

    @property
    def file(self) -> Path:
        """The file itself."""
        return self.path / FILE if self.path.is_dir() else self.path

    def apply(
        self, make_model: Callable[SizesP, ModelT], generator: Generator
    ) -> Callable[SizesP, ModelT]:
        """A factory like the given one whose models start here.

        Arguments:
            make_model: Makes a model from the sizes a task asks for.
            generator: Feeds the noise on the replicas.
        """

        def make(*sizes: SizesP.args, **named: SizesP.kwargs) -> ModelT:
            model = make_model(*sizes, **named)
            load_initialisation(self.file, model, spread=self.spread, generator=generator)
            return model

        return make


def starting_point(model: DictConfig) -> StartingPoint | None:
    """What a model's configuration says of its start; None if it names no file.

    Raises:
        ConfigurationError: If a value is of the wrong type or out of range, there is no such
            file, or there is a spread without a file.
    """
    path, spread = model.get(INIT), model.get(SPREAD)
    if path is None:
        if spread is not None:
            raise ConfigurationError(
                f"model.{SPREAD}={spread} needs a file to start from; add model.{INIT}=PATH"
            )
        return None
    if not isinstance(path, str) or not path:
        raise ConfigurationError(f"model.{INIT} must be the path of a file, but is {path!r}")
    spread = 0.0 if spread is None else spread
    if isinstance(spread, bool) or not isinstance(spread, (int, float)):
        raise ConfigurationError(f"model.{SPREAD} must be a number, but is {spread!r}")
    return StartingPoint(Path(path).expanduser(), float(spread))


def without_start(model: DictConfig) -> DictConfig:
    """A model's configuration without the keys of its start: the arguments of its class."""
    arguments: DictConfig = model.copy()
    with open_dict(arguments):
        for key in (INIT, SPREAD):
            arguments.pop(key, None)
    return arguments
