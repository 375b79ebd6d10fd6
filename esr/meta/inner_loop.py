"""The inner loop: gradient steps of all copies at once, with the graph kept if it is wanted."""

import math
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
        given = (self.steps, self.clip_norm, self.structure)
        numbers = all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in given)
        whole = isinstance(self.steps, int)
        if (
            not (numbers and whole)
            or self.steps < 1
            or not self.clip_norm > 0
            or not 0 <= self.structure < math.inf
        ):
            raise ConfigurationError(
                "an inner loop's steps must be at least 1 and whole, its clip_norm positive and "
                "its structure at least 0, but they are "
                f"{self.steps!r}, {self.clip_norm!r} and {self.structure!r}"
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
        layout = _Layout({name: p for name, p in parameters.items() if name in rates})
        steps = layout.joined({n: r.expand_as(parameters[n]) for n, r in rates.items()})
        moving = layout.joined(parameters)
        still = {n: p if second_order else p.detach() for n, p in parameters.items()}
        clipped = torch.zeros(len(moving), dtype=torch.long, device=moving.device)
        for _ in range(self.steps):
            # without second order the step's own graph need not reach further back
            inside = moving if second_order else moving.detach().requires_grad_()
            with torch.enable_grad():
                present = still | layout.parted(inside)
                energy = copies.energy(present, support, generator=generator)
                (gradient,) = torch.autograd.grad(
                    energy.total(self.structure),
                    inside,
                    create_graph=second_order,
                    materialize_grads=True,
                )
            norm = torch.linalg.vector_norm(gradient.detach(), dim=1, keepdim=True)
            scale = (self.clip_norm / norm).clamp(max=1)
            moving = torch.addcmul(moving, steps * scale, gradient, value=-1)
            clipped += norm[:, 0] > self.clip_norm
        return Adapted(parameters | layout.parted(moving), clipped)


class _Layout:
    """How tensors that lead with R K lie side by side in one, `(R K, W)`.

    Arguments:
        like: Tensors of the shapes they have, in order.
    """

    def __init__(self, like: Mapping[str, Tensor]) -> None:
        self.shapes = {name: tensor.shape for name, tensor in like.items()}
        self.widths = [shape[1:].numel() for shape in self.shapes.values()]

    def joined(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """The tensors of the layout's names in one."""
        return torch.cat([tensors[name].flatten(1) for name in self.shapes], 1)

    def parted(self, joined: Tensor) -> Parameters:
        """The tensors apart again, as views."""
        parts = torch.split(joined, self.widths, 1)
        return {
            name: part.view(shape)
            for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)
        }
