"""The relaxed choices of a program: operators and pointers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from esr.errors import ConfigurationError
from esr.models import ReplicaModule
from esr.relaxed_program.layout import OPERANDS, Layout

__all__ = ["Activations", "Choices", "Relaxation"]


@dataclass(frozen=True)
class Relaxation:
    """How choices start, and how they are relaxed in training.

    Arguments:
        initial_sd: Standard deviation of the initial logits, which are normal, or several,
            which the replicas take in turn; at least 0.
        noise: Factor on the Gumbel noise on logits while training, at least 0.
    Raises:
        ConfigurationError: If a value is out of range.
    """

    initial_sd: float | Sequence[float] = 1.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if not self.deviations or not min(self.deviations) >= 0 or not self.noise >= 0:
            raise ConfigurationError(
                "initial_sd must be one number or several, and they and noise at least 0, but "
                f"they are {self.initial_sd} and {self.noise}"
            )

    @property
    def deviations(self) -> tuple[float, ...]:
        """Of the initial logits, for the replicas in turn."""
        given = self.initial_sd
        return (float(given),) if isinstance(given, (int, float)) else tuple(map(float, given))


class Activations(NamedTuple):
    """How far each option is chosen, in [0, 1]; the options of a choice sum to one.

    Arguments:
        operators: `(R, M, S)`.
        pointers: `(R, M, 2, F)`, zero where out of reach.
    """

    operators: Tensor
    pointers: Tensor

    def state(self) -> Tensor:
        """All of them in the order of the layout, `(R, n)`."""
        return torch.cat([self.operators.flatten(1), self.pointers.flatten(1)], dim=1)


class Choices(ReplicaModule):
    r"""Logits u of all choices, :math:`V = \operatorname{softmax}(u)` in each group.

    Arguments:
        layout: The program's places.
        operators: Which operators the slots of each replica may choose among, bool `(R, S)`.
        wiring: Share of the sources within reach that a pointer is offered, in (0, 1].
        relaxation: Start and noise.
        generator: Feeds the draws; its device is where the choices are made.
    """

    repertoires: Tensor
    operators_allowed: Tensor
    pointers_allowed: Tensor

    def __init__(
        self,
        layout: Layout,
        operators: Tensor,
        wiring: float,
        relaxation: Relaxation,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.layout, self.wiring, self.relaxation = layout, wiring, relaxation
        self.replicas = len(operators)
        device = generator.device if generator is not None else None
        self.register_buffer("repertoires", operators.to(device))
        strengths, pointers, may_be, may_point = self._fresh(generator)
        self.operators, self.pointers = nn.Parameter(strengths), nn.Parameter(pointers)
        self.register_buffer("operators_allowed", may_be)
        self.register_buffer("pointers_allowed", may_point)

    def relaxed(self, *, noisy: bool = False, generator: Generator | None = None) -> Activations:
        """The softmax of the allowed options, with fresh Gumbel noise on the logits if asked."""
        size = self.relaxation.noise if noisy else 0.0
        pairs = zip(self._logits(), self._allowed(), strict=True)
        return Activations(
            *(
                torch.softmax(_noisy(u, size, generator).masked_fill(~m, -torch.inf), dim=-1)
                for u, m in pairs
            )
        )

    def decided(self) -> Activations:
        """One for the strongest allowed option of each choice, zero for all others."""
        pairs = zip(self._logits(), self._allowed(), strict=True)
        return Activations(*(_strongest(u, m).to(u) for u, m in pairs))

    @torch.no_grad()
    def decide(self, which: Tensor | None = None) -> None:
        """Allow nothing but the strongest options for good, in the replicas where `which`,
        bool `(R,)`, is true, or in all."""
        for logits, allowed in zip(self._logits(), self._allowed(), strict=True):
            _take_over(allowed, _strongest(logits, allowed), which)

    def reset_replicas(self, which: Tensor, *, generator: Generator | None = None) -> None:
        """Draw all replicas anew, keep those asked for, and undo their decisions."""
        with torch.no_grad():
            own = (*self._logits(), *self._allowed())
            for tensor, fresh in zip(own, self._fresh(generator), strict=True):
                _take_over(tensor, fresh.to(tensor), which)

    def repeat_replicas_(self, copies: int) -> None:
        """Have each replica stand `copies` times, side by side, with its deviation."""
        super().repeat_replicas_(copies)
        given = self.relaxation.deviations
        turns = [given[r % len(given)] for r in range(self.replicas) for _ in range(copies)]
        self.relaxation = replace(self.relaxation, initial_sd=turns)
        self.replicas *= copies

    def replica_state(self) -> dict[str, Tensor]:
        """The logits, and which options are left."""
        left = {
            "operators_allowed": self.operators_allowed,
            "pointers_allowed": self.pointers_allowed,
        }
        return super().replica_state() | left

    @torch.no_grad()
    def load_replica_state(self, state: Mapping[str, Tensor]) -> None:
        """As the base, within this module's repertoires; a slot none of whose operators that are
        left is in its replica's repertoire may choose among all of the repertoire."""
        super().load_replica_state(state)
        repertoires = self.repertoires[:, None].expand_as(self.operators_allowed)
        both = self.operators_allowed & repertoires
        self.operators_allowed.copy_(torch.where(both.any(-1, keepdim=True), both, repertoires))

    def _logits(self) -> tuple[Tensor, Tensor]:
        return self.operators, self.pointers

    def _allowed(self) -> tuple[Tensor, Tensor]:
        return self.operators_allowed, self.pointers_allowed

    def _fresh(self, generator: Generator | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits of operators and pointers, and which of them are allowed."""
        layout, device = self.layout, generator.device if generator is not None else None
        deviations = self.relaxation.deviations
        turns = torch.tensor(
            [deviations[r % len(deviations)] for r in range(self.replicas)], device=device
        )[:, None, None]
        several = (self.replicas, layout.slots, layout.primitives)
        operators = torch.randn(several, generator=generator, device=device) * turns
        shape = (self.replicas, layout.slots, OPERANDS, layout.sources)
        pointers = torch.randn(shape, generator=generator, device=device) * turns[..., None]
        reach = torch.tensor([layout.reach(j) for j in range(layout.slots)], device=device)
        within = torch.arange(layout.sources, device=device) < reach[:, None]  # (M, F)
        lots = torch.rand(shape, generator=generator, device=device)
        lots = lots.masked_fill(~within[:, None], torch.inf)
        wired = (lots < self.wiring) | (lots == lots.amin(-1, keepdim=True))  # one at least
        may_be = self.repertoires.to(operators.device)[:, None].expand(several).clone()
        return operators, pointers, may_be, wired


def _noisy(logits: Tensor, size: float, generator: Generator | None) -> Tensor:
    if size == 0:
        return logits
    uniform = torch.rand(
        logits.shape, generator=generator, dtype=logits.dtype, device=logits.device
    )
    uniform = uniform.mul(1 - 2e-6).add(1e-6)
    return logits - size * uniform.log().neg().log()


def _strongest(logits: Tensor, allowed: Tensor) -> Tensor:
    """True at the strongest allowed option of each choice."""
    best = logits.detach().masked_fill(~allowed, -torch.inf).argmax(-1, keepdim=True)
    return torch.zeros_like(allowed).scatter_(-1, best, True)


def _take_over(tensor: Tensor, fresh: Tensor, which: Tensor | None) -> None:
    """Overwrite the replicas where `which`, bool `(R,)`, is true, or all, in place."""
    if which is None:
        tensor.copy_(fresh)
    else:
        chosen = which.view(-1, *[1] * (tensor.dim() - 1))
        tensor.copy_(torch.where(chosen, fresh, tensor))
