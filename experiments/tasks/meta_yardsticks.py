"""Yardsticks of meta-learning on the test functions; they do not depend on how it was done."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from rich.console import Console
from torch import Tensor

from esr.equations import Expression
from esr.errors import ConfigurationError
from esr.meta import Episodes, least_squares_errors, scratch_errors, zero_errors
from esr.meta.yardsticks import BASIS
from esr.models import Batch
from esr.random import RandomStreams
from esr.training import Phase
from experiments.console import progress_display
from experiments.tasks.task import ModelFactory

__all__ = ["Scratch", "fixed_basis", "yardstick_errors"]


@dataclass(frozen=True)
class Scratch:
    """Models trained from scratch on the support points of one function each.

    Arguments:
        model: Makes them.
        phases: The whole schedule of their training.
        attempts: How many models each function gets, one of which counts as `scratch_errors` has
            it; 0 leaves this yardstick out.
    Raises:
        ConfigurationError: If `attempts` is negative.
    """

    model: ModelFactory
    phases: Mapping[str, Phase]
    attempts: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.attempts, int) or self.attempts < 0:
            raise ConfigurationError(
                f"task.scratch.attempts must be an integer of at least 0, but is {self.attempts!r}"
            )

    def errors(self, episodes: Episodes, seed: int) -> Tensor:
        """Query error of each function, `(K,)`; training shows its progress."""
        streams = RandomStreams(seed, episodes.support.inputs.device)
        display = progress_display(Console(), "yardstick from scratch")
        return scratch_errors(
            self.model, episodes, self.phases, self.attempts, streams, callbacks=[display]
        )


def yardstick_errors(
    tests: Mapping[str, Episodes], scratch: Scratch, seed: int
) -> dict[str, dict[str, Tensor]]:
    """Query errors of all yardsticks: name, then domain, to `(K,)`.

    Arguments:
        tests: The test functions of each domain.
        scratch: Trains from scratch, all functions of all domains at once.
        seed: Of that training's random streams.
    """
    found = {"zero": {domain: zero_errors(episodes) for domain, episodes in tests.items()}}
    found["least_squares"] = {
        domain: least_squares_errors(episodes, *_basis_on(episodes))
        for domain, episodes in tests.items()
    }
    if scratch.attempts > 0:
        errors = scratch.errors(_together(list(tests.values())), seed)
        parts = torch.split(errors, [episodes.functions for episodes in tests.values()])
        found["scratch"] = dict(zip(tests, parts, strict=True))
    return found


def fixed_basis(variables: Sequence[str]) -> list[Expression]:
    """The functions of least squares: the standard ones of each variable, and products of two
    variables."""
    texts = [re.sub(r"\bx\b", name, function) for name in variables for function in BASIS]
    texts += [f"{first}*{second}" for first, second in combinations(variables, 2)]
    return [Expression.parse(text, variables=variables) for text in dict.fromkeys(texts)]


def _basis_on(episodes: Episodes) -> tuple[list[Expression], list[str]]:
    """The functions that are finite on all points, and the names of the variables in them."""
    inputs = episodes.joined().inputs.double()
    names = [f"x{number}" for number in range(inputs.shape[2])]
    values = dict(zip(names, inputs.unbind(2), strict=True))
    basis = fixed_basis(names)
    return [f for f in basis if bool(f.evaluate(values).isfinite().all())], names


def _together(parts: Sequence[Episodes]) -> Episodes:
    """All functions of several episodes of equal sizes."""

    def joined(batches: Sequence[Batch]) -> Batch:
        return Batch(*(torch.cat(tensors) for tensors in zip(*batches, strict=True)))

    return Episodes(joined([p.support for p in parts]), joined([p.query for p in parts]))
