"""From trained replicas to one law of motion, as equations where the cell has any."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import LBFGS

from baselines.dynamics import DynamicsBatch, DynamicsModel
from esr.equations import Constant, Expression, Variable, simplify
from esr.expression_model import ExpressionModel
from esr.models import SymbolicModel
from experiments.tasks.dynamics_data import TrajectoryPairs
from experiments.tasks.dynamics_transitions import VARIABLES, Transitions

__all__ = ["OUTPUTS", "RATES", "Law", "find_law", "law_of", "refine_law"]

OUTPUTS = ("d_next", "v_next")
RATES = ("d_rate", "v_rate")


@dataclass(frozen=True)
class Law:
    """One replica's encoder and its law of motion.

    Arguments:
        replica: Which one.
        encode: Latents `(N, 1)` of observed trajectories `(N, T, 2)`.
        step: Next states `(N, 2)` from states and latents `(N, 3)`.
        equations: What the cell computes, in order of `OUTPUTS`: the next state, or with a time
            step its mean rate of change; empty for a plain network.
        finished: False if the network was too large to be read as more than it is, as happens
            when training is interrupted before anything was pruned.
        time_step: As the model's.
    """

    replica: int
    encode: Callable[[Tensor], Tensor]
    step: Callable[[Tensor], Tensor]
    equations: tuple[Expression, ...] = ()
    finished: bool = True
    time_step: float | None = None

    def next_state(self) -> tuple[Expression, ...]:
        """The equations of `step`, in order of `OUTPUTS`; empty for a plain network."""
        if self.time_step is None:
            return self.equations
        pairs = zip(VARIABLES, self.equations, strict=False)
        whole = [Variable(name) + Constant(self.time_step) * rate for name, rate in pairs]
        return tuple(simplify(e) if self.finished else e for e in whole)


def law_of(
    model: DynamicsModel,
    replica: int,
    equations: Sequence[Expression] = (),
    *,
    finished: bool = True,
) -> Law:
    """The law of a replica of a model, its cell replaced by equations if there are any."""

    def encode(observed: Tensor) -> Tensor:
        return model.encode(observed)[replica]

    def step(inputs: Tensor) -> Tensor:
        states = inputs[:, :2]
        if not equations:
            return model.advanced(states, model.cell(inputs)[replica])
        columns = dict(zip(VARIABLES, inputs.unbind(1), strict=True))
        outputs = torch.stack([equation.evaluate(columns) for equation in equations], dim=1)
        return model.advanced(states, outputs)

    return Law(replica, encode, step, tuple(equations), finished, model.time_step)


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
        return law_of(model, best)
    chosen = [int(r) for r in order[:finalists] if torch.isfinite(errors[r])] or [best]
    readings = model.cell.expressions(VARIABLES)
    finished: list[tuple[int, tuple[Expression, ...], Tensor]] = []
    for replica in chosen:
        transitions = Transitions.of(model, replica, pairs, horizon)
        result = transitions.shorten(readings[replica], tolerance)
        if result is not None:
            finished.append((replica, *result))
    if not finished:
        return law_of(model, best, readings[best], finished=False)
    losses = torch.stack([loss for _, _, loss in finished])  # (candidates, 2)
    good = (losses <= losses.min(0).values + (tolerance * transitions.spread) ** 2).all(1)
    usable = [f for f, g in zip(finished, good.tolist(), strict=True) if g] or finished
    replica, equations, _ = min(
        usable, key=lambda f: (sum(e.complexity for e in f[1]), float(f[2].sum()))
    )
    return law_of(model, replica, equations)


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
    refined = DynamicsModel(
        encoder, cell, model.channel_scale, model.state_limit, model.time_step
    ).train()
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
    transitions = Transitions.of(refined, 0, pairs, batch.targets.shape[1])
    return law_of(refined, 0, transitions.fit(cell.expressions(VARIABLES)[0])[0])
