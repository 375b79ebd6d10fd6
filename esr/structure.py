"""Structure terms: what a network's weights cost besides the data, and which of them to drop.

A structure term sees one layer's weights `(R, out, in)` and, if it made one, the layer's gate
parameter of the same shape. It decides the weights that act, their price, and what to prune.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from esr.closed_gradient import autograd_is_plain, with_closed_gradient
from esr.errors import ConfigurationError
from esr.relaxation import HardConcrete

__all__ = ["NoStructure", "RelaxedL0", "SmoothedL05", "StructureTerm", "smoothed_l05"]

_SURELY_OPEN = 20.0
"""A log-odds at which a hard concrete gate is exactly one for every noise it can meet."""


def smoothed_l05(weights: Tensor, half_width: float = 0.05) -> Tensor:
    r"""Smoothed :math:`L_{0.5}` norm of each weight.

    .. math:: |w|_a^{1/2}, \quad |w|_a = -w^4/(8a^3) + 3w^2/(4a) + 3a/8 \text{ if } |w| < a,
              \text{ else } |w|

    Arguments:
        weights: Weights :math:`w`, any shape, dimensionless.
        half_width: Half-width :math:`a > 0` of the smoothed region.
    Returns:
        The price of each weight, same shape.
    Raises:
        ConfigurationError: If `half_width <= 0`.
    Source: Wu et al. (2014), used in Kim et al. (2020), eq. 3, https://arxiv.org/abs/1912.04825.
    """
    _require(half_width > 0, f"half_width must be positive, but is {half_width}")
    inside = weights.clamp(-half_width, half_width)  # the polynomial at the edge is a, slope 1
    squares = inside.square()
    smooth = squares * (0.75 / half_width - squares / (8 * half_width**3)) + 0.375 * half_width
    return (smooth + (weights - inside).abs()).sqrt()


def _priced_roots(weights: Tensor, half_width: float, strength: float) -> tuple[Tensor, Tensor]:
    """`smoothed_l05`, and its derivative times the strength, in as few passes as can be."""
    inside = weights.clamp(-half_width, half_width)
    squares = inside * inside
    root = (weights - inside).abs_().add_(squares, alpha=0.75 / half_width)
    root.addcmul_(squares, squares, value=-1 / (8 * half_width**3)).add_(0.375 * half_width)
    slope = inside * (0.75 / half_width * strength)
    slope.addcmul_(inside, squares, value=-strength / (4 * half_width**3))
    return root.sqrt_(), slope.div_(root)


class StructureTerm(ABC):
    """Contract of a structure term, stateless: it holds settings, the layer holds tensors."""

    def initial_gate(
        self, shape: tuple[int, ...], *, generator: Generator | None
    ) -> Tensor | None:
        """A fresh gate parameter of this shape, or None if the term needs none."""
        return None

    def log_odds(self, gate: Tensor) -> Tensor:
        """What a gate parameter stands for whatever this term's settings are, same shape."""
        return gate

    def gate_of(self, log_odds: Tensor) -> Tensor:
        """The gate parameter for which `log_odds` gives this, same shape."""
        return log_odds

    def acting_weights(
        self, weights: Tensor, gate: Tensor | None, *, sample: bool, generator: Generator | None
    ) -> Tensor:
        """The weights the layer computes with, `(R, out, in)`; with `sample`, one noisy draw."""
        return weights

    def repeated(self, replicas: int, copies: int) -> "StructureTerm":
        """The term for R times `copies` replicas, each of the R standing `copies` times, side by
        side; the same one unless its settings differ between replicas."""
        return self

    @abstractmethod
    def price(self, weights: Tensor, gate: Tensor | None, mask: Tensor) -> Tensor:
        """The structure energy of each replica, `(R,)`, counting weights where `mask` is one."""

    def total_price(
        self,
        weights: Sequence[Tensor],
        gates: Sequence[Tensor | None],
        masks: Sequence[Tensor],
    ) -> Tensor:
        """The structure energy of several layers together, `(R,)`; at least one layer."""
        layers = zip(weights, gates, masks, strict=True)
        prices = [self.price(weight, gate, mask) for weight, gate, mask in layers]
        return torch.stack(prices).sum(0)

    def pruned(
        self, weights: Tensor, gate: Tensor | None, mask: Tensor, threshold: float
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Weights, gate and mask after dropping weights whose size is at most `threshold`."""
        keep = mask * (weights.abs() > threshold)
        return weights * keep, gate, keep


class NoStructure(StructureTerm):
    """No price at all: the network is fitted to the data alone."""

    def price(self, weights: Tensor, gate: Tensor | None, mask: Tensor) -> Tensor:
        """Zeros, `(R,)`."""
        return weights.new_zeros(weights.shape[0])

    def total_price(
        self,
        weights: Sequence[Tensor],
        gates: Sequence[Tensor | None],
        masks: Sequence[Tensor],
    ) -> Tensor:
        """Zeros, `(R,)`."""
        return weights[0].new_zeros(weights[0].shape[0])


class SmoothedL05(StructureTerm):
    """Smoothed L0.5 regularisation: strength times the sum of the weights' smoothed roots.

    Arguments:
        strength: Price of a weight of size one, at least 0, in units of the data misfit; or
            several, which the replicas take in turn.
        half_width: Half-width of the smoothed region around zero, positive.
    Raises:
        ConfigurationError: If a value is out of range.
    Source: as `smoothed_l05`.
    """

    def __init__(self, strength: float | Sequence[float] = 5e-3, half_width: float = 0.05) -> None:
        _require(half_width > 0, f"half_width must be positive, but is {half_width}")
        self.strength, self.half_width = _strengths(strength), half_width

    def repeated(self, replicas: int, copies: int) -> "SmoothedL05":
        """As the base, each replica keeping its strength."""
        return SmoothedL05(_repeated(self.strength, replicas, copies), self.half_width)

    def price(self, weights: Tensor, gate: Tensor | None, mask: Tensor) -> Tensor:
        """Strength times the sum of smoothed roots over the unmasked weights, `(R,)`."""
        roots = (smoothed_l05(weights, self.half_width) * mask).flatten(1).sum(1)
        return _of_replicas(self.strength, weights) * roots

    def total_price(
        self,
        weights: Sequence[Tensor],
        gates: Sequence[Tensor | None],
        masks: Sequence[Tensor],
    ) -> Tensor:
        """As the base, of all layers at once and with its gradient in closed form."""

        def composed(tensors: Sequence[Tensor]) -> Tensor:
            return StructureTerm.total_price(self, tensors, gates, masks)

        def closed(tensors: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
            mask = _joined(masks)
            strength = _of_replicas(self.strength, mask)
            alone = strength if isinstance(strength, float) else 1.0
            root, slope = _priced_roots(_joined(tensors), self.half_width, alone)
            price = root.mul_(mask).sum(1).mul_(strength)
            if not isinstance(strength, float):
                slope.mul_(strength[:, None])
            return price, _parted(slope.mul_(mask), tensors)

        if not autograd_is_plain(*weights):
            return composed(weights)
        return with_closed_gradient(closed, composed, weights)


class RelaxedL0(StructureTerm):
    """Relaxed L0 regularisation: each weight has a hard concrete gate; its price is being open.

    Arguments:
        strength: Price of one surely open gate, at least 0, in units of the data misfit; or
            several, which the replicas take in turn.
        initial_open: Initial noise-free sigmoid of a gate's log-odds, in (0, 1); 0.5 is the
            source's, higher values start closer to the ungated network.
        gate_scale: Factor between the stored gate parameter and its log-odds. An optimizer such
            as Adam moves every parameter by about its learning rate, so gates, whose range is
            several units wide, move this many times faster than weights.
        gates: The gate distribution.
    Raises:
        ConfigurationError: If a value is out of range.
    Source: Louizos, Welling, Kingma (2018), https://arxiv.org/abs/1712.01312. Deviations:
        `gate_scale` is ours (1 in the source).
    """

    def __init__(
        self,
        strength: float | Sequence[float] = 1e-2,
        initial_open: float = 0.5,
        gate_scale: float = 1.0,
        gates: HardConcrete | None = None,
    ) -> None:
        _require(0 < initial_open < 1, f"initial_open must be in (0, 1), but is {initial_open}")
        _require(gate_scale > 0, f"gate_scale must be positive, but is {gate_scale}")
        self.strength = _strengths(strength)
        self.initial_open, self.gate_scale = initial_open, gate_scale
        self.gates = gates if gates is not None else HardConcrete()

    def repeated(self, replicas: int, copies: int) -> "RelaxedL0":
        """As the base, each replica keeping its strength."""
        strength = _repeated(self.strength, replicas, copies)
        return RelaxedL0(strength, self.initial_open, self.gate_scale, self.gates)

    def initial_gate(self, shape: tuple[int, ...], *, generator: Generator | None) -> Tensor:
        """Gate parameters whose log-odds are normal with deviation 0.01 around the start."""
        centre = math.log(self.initial_open / (1 - self.initial_open))
        noise = torch.randn(shape, generator=generator, device=_device(generator))
        return (centre + 0.01 * noise) / self.gate_scale

    def log_odds(self, gate: Tensor | None) -> Tensor:
        """Log-odds of gates, same shape.

        Raises:
            ConfigurationError: If there is no gate.
        """
        if gate is None:
            raise ConfigurationError("RelaxedL0 needs the gate made by its initial_gate()")
        return gate * self.gate_scale

    def gate_of(self, log_odds: Tensor) -> Tensor:
        """The gate parameter with these log-odds, same shape."""
        return log_odds / self.gate_scale

    def acting_weights(
        self, weights: Tensor, gate: Tensor | None, *, sample: bool, generator: Generator | None
    ) -> Tensor:
        """Weights times gates, noisy with `sample`."""
        log_odds = self.log_odds(gate)
        if sample:
            return weights * self.gates.sample(log_odds, generator=generator)
        return weights * self.gates.mode(log_odds)

    def price(self, weights: Tensor, gate: Tensor | None, mask: Tensor) -> Tensor:
        """Strength times the expected number of open gates among the unmasked weights, `(R,)`."""
        opened = self.gates.probability_open(self.log_odds(gate))
        return _of_replicas(self.strength, opened) * (opened * mask).flatten(1).sum(1)

    def total_price(
        self,
        weights: Sequence[Tensor],
        gates: Sequence[Tensor | None],
        masks: Sequence[Tensor],
    ) -> Tensor:
        """As the base, of all layers at once and with its gradient in closed form."""
        present = [gate for gate in gates if gate is not None]

        def composed(tensors: Sequence[Tensor]) -> Tensor:
            return StructureTerm.total_price(self, weights, tensors, masks)

        def closed(tensors: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
            mask = _joined(masks)
            strength = _of_replicas(self.strength, mask)
            mask.mul_(strength if isinstance(strength, float) else strength[:, None])
            opened = self.gates.probability_open(_joined(tensors).mul_(self.gate_scale))
            slope = (1 - opened).mul_(opened).mul_(mask).mul_(self.gate_scale)
            return opened.mul_(mask).sum(1), _parted(slope, tensors)

        if len(present) < len(gates) or not autograd_is_plain(*present):
            return StructureTerm.total_price(self, weights, gates, masks)
        return with_closed_gradient(closed, composed, present)

    def pruned(
        self, weights: Tensor, gate: Tensor | None, mask: Tensor, threshold: float
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """As the base, of the noise-free product; gates are folded in and stay exactly one."""
        acting = weights * self.gates.mode(self.log_odds(gate))
        keep = mask * (acting.abs() > threshold)
        return acting * keep, torch.full_like(weights, _SURELY_OPEN / self.gate_scale), keep


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    """All layers' entries side by side, `(R, *)`."""
    return torch.cat([tensor.flatten(1) for tensor in tensors], 1)


def _parted(joined: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The inverse of `_joined`: views in the shapes of the tensors."""
    widths = [tensor[0].numel() for tensor in tensors]
    parts = torch.split(joined, widths, 1)
    return [part.view(t.shape) for part, t in zip(parts, tensors, strict=True)]


def _strengths(strength: float | Sequence[float]) -> float | tuple[float, ...]:
    """A checked strength, or one for each replica in turn."""
    given = (strength,) if isinstance(strength, (int, float)) else tuple(strength)
    _require(len(given) > 0, "strength must be a number or numbers, but is empty")
    for value in given:
        _require(value >= 0, f"strength must be at least 0, but is {value}")
    return float(given[0]) if len(given) == 1 else tuple(float(value) for value in given)


def _repeated(
    strength: float | tuple[float, ...], replicas: int, copies: int
) -> float | tuple[float, ...]:
    """The strengths of R times `copies` replicas, each of the R standing `copies` times."""
    if isinstance(strength, float):
        return strength
    return tuple(strength[r % len(strength)] for r in range(replicas) for _ in range(copies))


def _of_replicas(strength: float | tuple[float, ...], like: Tensor) -> float | Tensor:
    """The strength of each replica, `(R,)`, for a tensor that leads with R; or the one number."""
    if isinstance(strength, float):
        return strength
    replicas = like.shape[0]
    return like.new_tensor((strength * -(-replicas // len(strength)))[:replicas])


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigurationError(message)


def _device(generator: Generator | None) -> torch.device | None:
    return generator.device if generator is not None else None
