"""What determines every network of a corpus."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from baselines.corpus.parts import describe_part, part_described
from baselines.languages import (
    Language,
    SkeletonShares,
    SkewedLengths,
    UniformLengths,
    UniformSkeletons,
)
from baselines.population import (
    Architecture,
    BatchedAdam,
    Fitter,
    LevenbergMarquardt,
    OwnStarts,
    SharedStarts,
    Start,
    unit,
)
from esr.errors import ConfigurationError, DataError
from esr.random import RandomStreams

__all__ = ["FITTERS", "SHARES", "STARTS", "Recipe", "Training"]

STARTS: tuple[type[Start], ...] = (OwnStarts, SharedStarts)
"""The starts that a corpus on disk may name."""
SHARES: tuple[type[SkeletonShares], ...] = (UniformLengths, UniformSkeletons, SkewedLengths)
"""The shares of skeletons that a corpus on disk may name."""
FITTERS: tuple[type[Fitter], ...] = (LevenbergMarquardt, BatchedAdam)
"""The fitters that a corpus on disk may name."""


@dataclass(frozen=True)
class Training:
    """How networks are trained, and when one counts as converged.

    Arguments:
        fitter: Trains them; a dataclass of plain values.
        nodes: Quadrature nodes in each direction where they are trained, at least 1.
        tolerance: Largest relative mean squared error of a converged network, positive.
        check_nodes: Quadrature nodes in each direction where errors are measured, more than
            `nodes`, so that what a network does between its training points counts.
        margin: Part of the tolerance that is trained to, above 0 and at most 1, since errors are a
            little larger elsewhere than at the points of training.
    Raises:
        ConfigurationError: If a number is out of range.
    """

    fitter: Fitter
    nodes: int = 10
    tolerance: float = 1e-4
    check_nodes: int = 24
    margin: float = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.margin <= 1:
            raise ConfigurationError(
                f"the margin must be above 0 and at most 1, but is {self.margin}"
            )
        if not (1 <= self.nodes < self.check_nodes and 0 < self.tolerance < float("inf")):
            raise ConfigurationError(
                f"training needs 1 <= nodes < check_nodes and a positive tolerance, but got "
                f"nodes={self.nodes}, check_nodes={self.check_nodes}, tolerance={self.tolerance}"
            )


@dataclass(frozen=True, eq=False)
class Recipe:
    """Everything that decides which equations and networks a corpus holds, but not how many.

    Arguments:
        language: Where equations come from.
        architecture: The networks' shape; its inputs are the language's variables.
        start: Initial weights.
        training: How networks are trained.
        shares: How often each skeleton is drawn.
        seed: Of all draws, from 0 to 2**63 - 1.
    Raises:
        ConfigurationError: If the inputs do not agree, the seed is out of range, or a part cannot
            be written down as plain values.
    """

    language: Language
    architecture: Architecture
    start: Start
    training: Training
    shares: SkeletonShares = field(default_factory=UniformLengths)
    seed: int = 0

    def __post_init__(self) -> None:
        inputs, variables = self.architecture.inputs, self.language.variables
        if inputs != len(variables):
            raise ConfigurationError(
                f"networks need an input for each variable of the language, {len(variables)}, "
                f"but have {inputs}; give an architecture whose sizes begin with {len(variables)}"
            )
        if unit(self.architecture.unit.name) != self.architecture.unit:
            raise ConfigurationError(
                f"networks of a corpus need one of the units in baselines.population.UNITS, but "
                f"have one of their own called {self.architecture.unit.name!r}"
            )
        RandomStreams(self.seed)
        self.describe()

    def describe(self) -> dict[str, object]:
        """Plain values from which `Recipe.described` makes the same recipe."""
        return {
            "language": self.language.describe(),
            "shares": describe_part(self.shares),
            "architecture": self.architecture.describe(),
            "start": describe_part(self.start),
            "training": describe_part(self.training),
            "seed": self.seed,
        }

    @staticmethod
    def described(
        description: Mapping[str, object], fitters: tuple[type[Fitter], ...] = FITTERS
    ) -> "Recipe":
        """The recipe that `describe` described.

        Arguments:
            description: What it gave.
            fitters: The classes that its fitter may be of.
        Raises:
            DataError: If something is missing, of a class not known here, or does not fit.
        """
        try:
            training = dict(_mapping(description["training"]))
            fitter = part_described(training.pop("fitter"), fitters)
            training.pop("kind", None)
            seed = description["seed"]
            return Recipe(
                Language.described(_mapping(description["language"])),
                Architecture.described(_mapping(description["architecture"])),
                part_described(description["start"], STARTS),
                Training(fitter, **training),  # type: ignore[arg-type]
                part_described(description["shares"], SHARES),
                seed,  # type: ignore[arg-type]
            )
        except (KeyError, TypeError) as error:
            raise DataError(f"this does not describe a recipe ({error}): {description}") from error


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected named values, but got {value!r}")
    return value
