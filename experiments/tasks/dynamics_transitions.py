"""Single steps of motion as a table: what a cell is given, and what it should make of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.dynamics import DynamicsModel
from esr.equations import Expression, fit_constants, simplify
from esr.finishing import eliminate_terms
from experiments.tasks.dynamics_data import TrajectoryPairs

__all__ = ["VARIABLES", "Transitions"]

VARIABLES = ("d", "v", "z")
_LARGEST_READING = 300
"""Nodes of an equation, as read from the network, that is worth finishing."""


@dataclass(frozen=True)
class Transitions:
    """Single steps of motion and what a cell should make of them.

    Arguments:
        inputs: A column `(M,)` for each of `VARIABLES`.
        targets: What the cell should give, `(M, 2)`.
    """

    inputs: Mapping[str, Tensor]
    targets: Tensor

    @staticmethod
    def of(
        model: DynamicsModel, replica: int, pairs: TrajectoryPairs, horizon: int
    ) -> "Transitions":
        """The first `horizon` steps of the followed motions, with a replica's latents."""
        states, following = pairs.followed[:, :horizon], pairs.followed[:, 1 : horizon + 1]
        latents = model.encode(pairs.observed)[replica]  # (N, 1)
        shared = latents.expand(-1, states.shape[1]).unsqueeze(2)  # (N, H, 1)
        columns = torch.cat([states, shared], dim=2).flatten(0, 1).unbind(1)
        targets = model.wanted(states, following).flatten(0, 1)
        return Transitions(dict(zip(VARIABLES, columns, strict=True)), targets)

    @property
    def spread(self) -> Tensor:
        """Standard deviation of each target, `(2,)`."""
        return self.targets.std(0)

    def fit(self, equations: Sequence[Expression]) -> tuple[tuple[Expression, ...], Tensor]:
        """The equations with their constants fitted, and their mean squared errors `(2,)`."""
        fits = [
            fit_constants(equation, self.inputs, target)
            for equation, target in zip(equations, self.targets.unbind(1), strict=True)
        ]
        losses = torch.tensor([fit.mse for fit in fits])
        return tuple(fit.expression for fit in fits), losses.to(self.targets)

    def shorten(
        self, equations: Sequence[Expression], tolerance: float
    ) -> tuple[tuple[Expression, ...], Tensor] | None:
        """Equations without the terms that do not matter, refitted, and their losses `(2,)`.

        Losses are mean squared errors. None if an equation is too large to be worth the time.
        """
        if any(equation.complexity > _LARGEST_READING for equation in equations):
            return None
        results = []
        for equation, target in zip(equations, self.targets.unbind(1), strict=True):
            result = eliminate_terms(simplify(equation), self.inputs, target, tolerance=tolerance)
            if result is None:
                return None
            results.append(result)
        losses = torch.tensor([result.mean_squared_error for result in results])
        return tuple(simplify(r.expression) for r in results), losses.to(self.targets)
