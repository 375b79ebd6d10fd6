"""Settings of refinement."""

from dataclasses import dataclass

from esr.errors import ConfigurationError

__all__ = ["Refinement"]


@dataclass(frozen=True)
class Refinement:
    """Settings of refinement.

    Arguments:
        tolerance: Largest relative error at which an equation counts as that of a network; not
            below what the networks were trained to.
        combinations: Most combinations of inner numbers that are tried; if the language has
            more, they are spread evenly over it.
        kept: How many of the best combinations are rounded.
        steps: Steps of the fit of all numbers, at least 1.
    Raises:
        ConfigurationError: If one of them is not positive.
    """

    tolerance: float = 1e-4
    combinations: int = 10_000
    kept: int = 8
    steps: int = 15

    def __post_init__(self) -> None:
        if not min(self.tolerance, self.combinations, self.kept, self.steps) > 0:
            raise ConfigurationError(f"settings of refinement must be positive, but are {self}")
