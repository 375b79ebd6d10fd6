"""From trained replicas to one law of motion, as equations where the cell has any."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import LBFGS

from baselines.dynamics import DynamicsBatch, DynamicsModel
from esr.equations import Expression, fit_constants, simplify
from esr.expression_model import ExpressionModel
from esr.finishing import eliminate_terms
from esr.models import SymbolicModel
from experiments.tasks.kinematics_data import TrajectoryPairs

__all__ = ["OUTPUTS", "VARIABLES", "Law", "find_law", "refine_law"]

VARIABLES = ("d", "v", "z")
OUTPUTS = ("d_next", "v_next")
_LARGEST_READING = 300
"""Nodes of an equation, as read from the network, that is worth finishing."""


@dataclass(frozen=True)
class Law:
    """One replica's encoder and its law of motion.

    Arguments:
        replica: Which one.
        encode: Latents `(N, 1)` of observed trajectories `(N, T, 2)`.
        step: Next states `(N, 2)` from states and latents `(N, 3)`.
        equations: The equations of `step`, in order of `OUTPUTS`; empty for a plain network.
        finished: False if the network was too large to be read as more than it is, as happens
            when training is interrupted before anything was pruned.
    """

    replica: int
    encode: Callable[[Tensor], Tensor]
    step: Callable[[Tensor], Tensor]
    equations: tuple[Expression, ...] = ()
    finished: bool = True


def find_law(
    model: DynamicsModel,
    errors: Tensor,
    pairs: TrajectoryPairs,
    horizon: int,
    finalists: int,
    tolerance: float,
) -> Law:
    """The law of the best replica; with equations, the simplest that is as good as the best.

    The equations of the best replicas lose the terms that one step does not need and are
    refitted to single steps of the training pairs, each with its own encoder's latents. Among
    those within the tolerance of the most accurate, the least complex is chosen.

    Arguments:
        model: A trained model in float64 and evaluation mode.
        errors: Validation error of each replica, `(R,)`; not finite means unusable.
        pairs: The training pairs.
        horizon: Number of steps trained on.
        finalists: How many replicas are finished, best first.
        tolerance: As for `eliminate_terms`.
    """
    order = errors.nan_to_num(nan=torch.inf).argsort()
    best = int(order[0])
    if not isinstance(model.cell, SymbolicModel):
        cell = model.cell
        return Law(best, _encoder(model, best), lambda inputs: cell(inputs)[best])
    chosen = [int(r) for r in order[:finalists] if torch.isfinite(errors[r])] or [best]
    readings = model.cell.expressions(VARIABLES)
    latents = model.encode(pairs.observed)  # (R, N, 1)
    states, targets = pairs.followed[:, :horizon], pairs.followed[:, 1 : horizon + 1]
    spread = targets.flatten(0, 1).std(0)  # (2,)
    finished: list[tuple[int, tuple[Expression, ...], Tensor]] = []
    for replica in chosen:
        inputs = _columns(states, latents[replica])
        result = _finish(readings[replica], inputs, targets.flatten(0, 1), tolerance)
        if result is not None:
            finished.append((replica, *result))
    if not finished:
        equations = tuple(readings[best])
        return Law(best, _encoder(model, best), _stepper(equations), equations, finished=False)
    losses = torch.stack([loss for _, _, loss in finished])  # (candidates, 2)
    good = (losses <= losses.min(0).values + (tolerance * spread) ** 2).all(1)
    usable = [f for f, g in zip(finished, good.tolist(), strict=True) if g] or finished
    replica, equations, _ = min(
        usable, key=lambda f: (sum(e.complexity for e in f[1]), float(f[2].sum()))
    )
    return Law(replica, _encoder(model, replica), _stepper(equations), equations)


def refine_law(
    law: Law, model: DynamicsModel, pairs: TrajectoryPairs, batch: DynamicsBatch, steps: int
) -> Law:
    """Train the law's encoder on, together with the constants of its equations.

    The network's encoder served a network; under the law that was chosen, the two can settle on
    each other. L-BFGS in float64 lowers the energy, and the constants are then refitted to
    single steps, which determine them best.

    Arguments:
        law: With equations.
        model: The model it came from, in float64.
        pairs: The training pairs.
        batch: The same, several steps ahead, in float64.
        steps: Largest number of L-BFGS iterations, at least 1.
    """
    cell = ExpressionModel(law.equations, VARIABLES).double()
    encoder = model.encoder.replica(law.replica)
    refined = DynamicsModel(encoder, cell, model.channel_scale, model.state_limit).train()
    optimizer = LBFGS(
        refined.parameters(),
        max_iter=steps,
        tolerance_grad=1e-12,
        tolerance_change=1e-16,
        history_size=50,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        energy = refined.energy(batch).total()
        energy.backward()  # type: ignore[no-untyped-call]
        return energy

    with torch.enable_grad():
        optimizer.step(closure)  # type: ignore[no-untyped-call]
        energy = closure()
    refined.eval()
    if not bool(energy.isfinite()):
        return law
    horizon = batch.targets.shape[1]
    inputs = _columns(pairs.followed[:, :horizon], refined.encode(pairs.observed)[0])
    targets = pairs.followed[:, 1 : horizon + 1].flatten(0, 1).unbind(1)
    equations = tuple(
        fit_constants(equation, inputs, target).expression
        for equation, target in zip(cell.expressions(VARIABLES)[0], targets, strict=True)
    )
    return Law(0, _encoder(refined, 0), _stepper(equations), equations)


def _finish(
    equations: Sequence[Expression], inputs: dict[str, Tensor], targets: Tensor, tolerance: float
) -> tuple[tuple[Expression, ...], Tensor] | None:
    """Shortened and refitted equations and their mean squared errors `(2,)`, if not too large."""
    if any(equation.complexity > _LARGEST_READING for equation in equations):
        return None
    results = []
    for equation, target in zip(equations, targets.unbind(1), strict=True):
        result = eliminate_terms(simplify(equation), inputs, target, tolerance=tolerance)
        if result is None:
            return None
        results.append(result)
    losses = [result.mean_squared_error for result in results]
    return tuple(simplify(r.expression) for r in results), torch.tensor(losses).to(targets)


def _columns(states: Tensor, latents: Tensor) -> dict[str, Tensor]:
    """Variables as flat columns from states `(N, H, 2)` and latents `(N, 1)`."""
    shared = latents.expand(-1, states.shape[1]).unsqueeze(2)  # (N, H, 1)
    flat = torch.cat([states, shared], dim=2).flatten(0, 1)
    return dict(zip(VARIABLES, flat.unbind(1), strict=True))


def _encoder(model: DynamicsModel, replica: int) -> Callable[[Tensor], Tensor]:
    return lambda observed: model.encode(observed)[replica]


def _stepper(equations: Sequence[Expression]) -> Callable[[Tensor], Tensor]:
    def step(inputs: Tensor) -> Tensor:
        columns = dict(zip(VARIABLES, inputs.unbind(1), strict=True))
        return torch.stack([equation.evaluate(columns) for equation in equations], dim=1)

    return step
