"""The inner loop: gradient steps of all copies at once, with the graph kept if it is wanted."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.meta.copies import Copies, Parameters
from esr.models import Batch

__all__ = ["Adapted", "InnerLoop"]


@dataclass(frozen=True)
class Adapted:
    """Copies after the inner loop.

    Arguments:
        parameters: As `Copies.initial()` has them.
        clipped: In how many steps each copy's gradient was clipped, `(R K,)`.
    """

    parameters: Parameters
    clipped: Tensor


@dataclass(frozen=True)
class InnerLoop:
    r"""A few steps of gradient descent on each copy's own support points.

    .. math:: \theta \leftarrow \theta - \alpha\, g \min(1, c / \lVert g \rVert),
              \quad g = \nabla_\theta (\text{data misfit} + s \cdot \text{structure})

    Arguments:
        steps: Number of steps, at least 1.
        clip_norm: Largest norm c of a copy's gradient, positive. The factor is taken as a
            constant where the outer gradient passes through it.
        structure: Factor s on the structure term, at least 0.
    Raises:
        ConfigurationError: If a value is out of range.
    """

    steps: int = 5
    clip_norm: float = 10.0
    structure: float = 0.0

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.clip_norm > 0 or not self.structure >= 0:
            raise ConfigurationError(
                "an inner loop's steps must be at least 1, its clip_norm positive and its "
                f"structure at least 0, but they are {self.steps}, {self.clip_norm} and "
                f"{self.structure}"
            )

    def adapt(
        self,
        copies: Copies,
        rates: Mapping[str, Tensor],
        support: Batch,
        *,
        second_order: bool,
        generator: Generator | None,
    ) -> Adapted:
        """The copies after the steps.

        Arguments:
            copies: They start at the model's parameters.
            rates: Step size of each parameter that adapts, of shape `(R K, 1, ...)` or of the
                parameter's own; others stay.
            support: What to adapt to, `(K, N, D)` and `(K, N, O)`.
            second_order: Whether gradients of what is returned pass through the steps' own
                gradients; otherwise these are constants.
            generator: Feeds relaxed choices.
        """
        parameters = copies.initial()
        first = next(iter(parameters.values()))
        clipped = torch.zeros(len(first), dtype=torch.long, device=first.device)
        for _ in range(self.steps):
            parameters, over = self._step(
                copies, parameters, rates, support, second_order=second_order, generator=generator
            )
            clipped += over
        return Adapted(parameters, clipped)

    def _step(
        self,
        copies: Copies,
        parameters: Parameters,
        rates: Mapping[str, Tensor],
        support: Batch,
        *,
        second_order: bool,
        generator: Generator | None,
    ) -> tuple[Parameters, Tensor]:
        """The parameters after one step, and which copies were clipped, bool `(R K,)`."""
        moving = [name for name in parameters if name in rates]
        if not second_order:  # the step's own graph need not reach further back
            inside = {name: p.detach() for name, p in parameters.items()}
            inside |= {name: inside[name].requires_grad_() for name in moving}
        else:
            inside = parameters
        with torch.enable_grad():
            energy = copies.energy(inside, support, generator=generator).total(self.structure)
            found = torch.autograd.grad(
                energy,
                [inside[name] for name in moving],
                create_graph=second_order,
                materialize_grads=True,
            )
        norm = torch.linalg.vector_norm(
            torch.cat([g.detach().flatten(1) for g in found], dim=1), dim=1
        )
        scale = (self.clip_norm / norm).clamp(max=1)
        moved = dict(parameters)
        for name, gradient in zip(moving, found, strict=True):
            shape = (-1,) + (1,) * (gradient.dim() - 1)
            moved[name] = parameters[name] - rates[name] * (scale.view(shape) * gradient)
        return moved, norm > self.clip_norm
