"""The portfolio of equation learners: replicas that differ in units, prices and starts.

What `configs/model/eql_portfolio.yaml` and `configs/schedule/short.yaml` describe, for use
without configurations; a test keeps the two alike.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Generator

from baselines.eql.network import EQL
from baselines.eql.units import paper_layers
from esr.initialisation import load_initialisation
from esr.structure import SmoothedL05
from esr.training import Phase

__all__ = ["MetaTrained", "Portfolio", "short_schedule"]

_ALWAYS = frozenset({"identity", "square", "mul"})
_COUNTS = {"identity": 4, "square": 4, "sin": 6, "exp": 3, "sigmoid": 3, "mul": 4}
_ALONE = ("sin", "sin", "sin", "mul", "square", "exp", "sigmoid")
_PAIRS = (
    ("mul",),
    ("square",),
    ("square", "sin"),
    ("square", "exp"),
    ("square", "sigmoid"),
    ("square", "mul"),
    ("sin", "exp"),
    ("sin", "sigmoid"),
    ("sin", "mul"),
    ("exp", "sigmoid"),
    ("exp", "mul"),
    ("sigmoid", "mul"),
)
_ALL_UNITS = 9
_DEVIATIONS = (0.3, 0.3, 0.3, 0.6, 0.6, 0.6)
_PRICES = (0.003, 0.01, 0.03)
_META_COUNTS = {"identity": 4, "square": 4, "sin": 2, "exp": 2, "sigmoid": 2, "mul": 2}
_META_DEVIATIONS, _META_PRICE = (0.1, 0.15, 0.2), 0.005


def short_schedule() -> dict[str, Phase]:
    """4000 steps of Adam: the price of structure rises, then what is small is dropped."""
    return {
        "warm_up": Phase(600, 0.015, (0.1, 0.3)),
        "ramp": Phase(1000, 0.015, (0.3, 1.0)),
        "sparsify": Phase(1500, (0.015, 0.003), 1.0),
        "fine_tune": Phase(900, (0.0045, 0.0003), 0.0, prune=0.01),
    }


@dataclass(frozen=True)
class Portfolio:
    """Makes equation learners whose replicas differ.

    Arguments:
        functions: Names of the primitives that units may have besides identity, square and
            product.
    """

    functions: Collection[str] = ("sin", "exp", "sigmoid")

    @property
    def repertoires(self) -> list[list[str] | list[list[str]]]:
        """What the replicas may use, in turn: one kind of unit, two, or all."""
        usable = _ALWAYS | set(self.functions)
        alone: list[list[str] | list[list[str]]] = [
            [[unit], ["identity"]] for unit in _ALONE if unit in usable
        ]
        pairs = [list(units) for units in _PAIRS if usable.issuperset(units)]
        return [*alone, *pairs, *([[]] * _ALL_UNITS)]

    def __call__(
        self, *, in_features: int, out_features: int, replicas: int, generator: Generator
    ) -> EQL:
        """A model from `in_features` inputs to `out_features` outputs."""
        return EQL(
            in_features,
            out_features,
            hidden=paper_layers(counts=_usable(_COUNTS, self.functions)),
            structure=SmoothedL05(strength=list(_PRICES)),
            replicas=replicas,
            initial_sd=list(_DEVIATIONS),
            repertoires=self.repertoires,
            generator=generator,
        )


@dataclass(frozen=True)
class MetaTrained:
    """Makes equation learners that start from a meta-learnt initialisation.

    Models are those of `configs/model/eql_meta.yaml`, unless another factory is given.

    Arguments:
        path: A file that `save_initialisation` wrote, or a folder with an `initialisation.pt`.
        spread: Relative noise on all replicas but the first, at least 0.
    """

    path: Path
    spread: float = 0.1

    def __call__(
        self, *, in_features: int, out_features: int, replicas: int, generator: Generator
    ) -> EQL:
        """A model from `in_features` inputs to `out_features` outputs.

        Raises:
            ConfigurationError: If the file cannot be used for a model of these sizes.
        """
        model = EQL(
            in_features,
            out_features,
            hidden=paper_layers(counts=_META_COUNTS),
            structure=SmoothedL05(strength=_META_PRICE),
            replicas=replicas,
            initial_sd=list(_META_DEVIATIONS),
            generator=generator,
        )
        file = self.path / "initialisation.pt" if self.path.is_dir() else self.path
        load_initialisation(file, model, spread=self.spread, generator=generator)
        return model


def _usable(counts: Mapping[str, int], functions: Collection[str]) -> dict[str, int]:
    """The numbers of units, 0 for those whose primitive may not occur."""
    usable = _ALWAYS | set(functions)
    return {name: count if name in usable else 0 for name, count in counts.items()}
