"""The equation learner network (EQL)."""

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor, nn

from baselines.eql.division import domain_price, with_division
from baselines.eql.layer import SparseLinear, affine
from baselines.eql.misfit import FusedMisfit, can_fuse
from baselines.eql.readout import read_network
from baselines.eql.repertoire import Repertoire, allowed_weights
from baselines.eql.units import (
    DEFAULT_UNITS,
    UnitSpecification,
    apply_units,
    as_unit_groups,
)
from esr.equations import Expression, Primitive
from esr.errors import ConfigurationError
from esr.models import Batch, Energy, SymbolicModel
from esr.structure import SmoothedL05, StructureTerm

__all__ = ["EQL"]


class EQL(SymbolicModel):
    r"""Equation learner: layers of primitives joined by sparse linear maps.

    .. math:: h_l = f(W_l [h_{l-1}, 1]), \quad y = W_{L+1} [h_L, 1]

    With `replicas=None` it maps `(*, in_features)` to `(*, out_features)`, a drop-in for any
    torch layer; add `structure()` to the loss to make it sparse. With a number, R copies are
    trained side by side and outputs lead with R.

    Arguments:
        in_features: Number of inputs D, at least 1.
        out_features: Number of outputs O, at least 1.
        hidden: The units of each hidden layer: a mapping of primitive names to counts or a
            sequence of `UnitGroup`. Two layers of `DEFAULT_UNITS` unless given.
        structure: What weights cost; smoothed L0.5 unless given.
        replicas: None, or the number of parallel copies R, at least 1.
        initial_sd: Standard deviation of the initial weights, or several, which the replicas
            take in turn.
        repertoires: Names of the primitives that a replica may use besides `identity`, the same
            in all hidden layers or a list for each; the replicas take them in turn, and an empty
            one allows all units. A replica with few kinds of units finds laws made of them far
            more often than one that has all.
        generator: Feeds the initial draw; torch's default generator unless given.
    Raises:
        ConfigurationError: If a size is not positive, or a repertoire names no unit.
    Source: Kim et al. (2020), https://arxiv.org/abs/1912.04825. Deviation: a bias in each layer
        takes the place of constant units.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        hidden: Sequence[UnitSpecification] = (DEFAULT_UNITS, DEFAULT_UNITS),
        structure: StructureTerm | None = None,
        replicas: int | None = None,
        initial_sd: float | Sequence[float] = 0.3,
        repertoires: Sequence[Repertoire] = (),
        generator: Generator | None = None,
    ) -> None:
        sizes = {"in_features": in_features, "out_features": out_features}
        for name, size in (sizes | {"replicas": 1 if replicas is None else replicas}).items():
            if size < 1:
                raise ConfigurationError(f"{name} must be at least 1, but is {size}")
        deviations = [initial_sd] if isinstance(initial_sd, (int, float)) else list(initial_sd)
        if not deviations or not min(deviations) > 0:
            raise ConfigurationError(f"initial_sd must be positive, but is {initial_sd}")
        super().__init__(replicas or 1)
        self.in_features, self.out_features = in_features, out_features
        self.leads_with_replicas = replicas is not None
        self.hidden = [
            with_division(as_unit_groups(units, f"hidden[{index}]"))
            for index, units in enumerate(hidden)
        ]
        term = structure if structure is not None else SmoothedL05()
        widths = [in_features] + [sum(g.count for g in groups) for groups in self.hidden]
        operands = [sum(g.operands for g in groups) for groups in self.hidden] + [out_features]
        turns = torch.tensor([deviations[r % len(deviations)] for r in range(self.replicas)])
        allowed = allowed_weights(
            repertoires or [()], self.hidden, in_features, out_features, self.replicas
        )
        self.layers = nn.ModuleList(
            SparseLinear(
                width, count, self.replicas, term, turns, generator=generator, allowed=where
            )
            for width, count, where in zip(widths, operands, allowed, strict=True)
        )
        divides = any(group.reads_as is not None for groups in self.hidden for group in groups)
        self._fused = None if divides else FusedMisfit(self.hidden, in_features, out_features)

    @property
    def head(self) -> Sequence[str]:
        """The weights of the last layer, and their gates if there are any."""
        last = f"layers.{len(self.layers) - 1}."
        return [name for name, _ in self.named_parameters() if name.startswith(last)]

    def draw(self, *, generator: Generator | None = None) -> Callable[[Tensor], Tensor]:
        """The network with its gates drawn (in training mode) or at their mode."""
        weights = self._drawn(generator)
        return lambda inputs: self._outputs(weights, inputs)

    def energy(self, batch: Batch, *, generator: Generator | None = None) -> Energy:
        """As every function model's, its gradient found without autograd where it can be; the
        misfit includes what denominators of division units cost outside their domain."""
        if type(self).draw is not EQL.draw:  # a subclass is another function
            return super().energy(batch, generator=generator)
        weights = self._drawn(generator)
        if self._fused is not None and can_fuse(weights, batch.inputs, batch.targets):
            misfit = self._fused(weights, batch, self._misfit)
        else:
            misfit = self._misfit(weights, batch)
        return Energy(misfit, self.structure())

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs `(R, N, O)` for `(N, D)` or `(R, N, D)`; `(*, O)` for `(*, D)` if plain."""
        if inputs.shape[-1] != self.in_features:
            raise ValueError(
                f"EQL expects {self.in_features} features in the last dimension, but the input "
                f"has shape {tuple(inputs.shape)}"
            )
        if self.leads_with_replicas:
            return self.draw()(inputs)
        outputs = self.draw()(inputs.reshape(-1, self.in_features))[0]
        return outputs.reshape(*inputs.shape[:-1], self.out_features)

    def structure(self) -> Tensor:
        """Price of the weights, `(R,)`."""
        layers = self._sparse_layers()
        return layers[0].term.total_price(
            [layer.weight for layer in layers],
            [layer.gate for layer in layers],
            [layer.mask for layer in layers],
        )

    def prune(self, threshold: float, which: Tensor | None = None) -> None:
        """Drop weights whose acting size is at most `threshold`, for good, in the replicas
        where `which`, bool `(R,)`, is true, or in all."""
        for layer in self._sparse_layers():
            layer.prune(threshold, which)

    def repeat_replicas_(self, copies: int) -> None:
        """As every model's; outputs lead with the replicas from then on."""
        super().repeat_replicas_(copies)
        self.leads_with_replicas = True

    def expressions(
        self, variables: Sequence[str], threshold: float = 0.0
    ) -> list[list[Expression]]:
        """The equations the network spells, unsimplified: `result[replica][output]`.

        Arguments:
            variables: Names of the D inputs.
            threshold: Weights of at most this size are left out of the text.
        Raises:
            ValueError: If the number of names differs from D, or a weight is not finite.
        """
        if len(variables) != self.in_features:
            raise ValueError(
                f"expected {self.in_features} variable names, but got {len(variables)}: "
                f"{list(variables)}"
            )
        weights = [
            layer.acting_weights(sample=False).detach().double().cpu()
            for layer in self._sparse_layers()
        ]
        return [
            read_network([w[replica] for w in weights], self.hidden, variables, threshold)
            for replica in range(self.replicas)
        ]

    @property
    def functions(self) -> list[Primitive]:
        """The primitives of one argument among the units, without scale; not the identity."""
        bases = (group.primitive.base for groups in self.hidden for group in groups)
        return [
            base for base in dict.fromkeys(bases) if base.arity == 1 and base.name != "identity"
        ]

    def _drawn(self, generator: Generator | None) -> list[Tensor]:
        return [
            layer.acting_weights(sample=self.training, generator=generator)
            for layer in self._sparse_layers()
        ]

    def _outputs(
        self, weights: Sequence[Tensor], inputs: Tensor, prices: list[Tensor] | None = None
    ) -> Tensor:
        """Outputs `(R, N, O)`; what units cost outside their domain is added to the prices."""
        features = inputs.mT  # (D, N) or (R, D, N): samples last, so units are slices
        for matrix, groups in zip(weights[:-1], self.hidden, strict=True):
            operands = affine(matrix, features)
            price = domain_price(groups, operands) if prices is not None else None
            if price is not None and prices is not None:
                prices.append(price)
            features = apply_units(groups, operands)  # (R, H, N)
        return affine(weights[-1], features).mT  # (R, N, O)

    def _misfit(self, weights: Sequence[Tensor], batch: Batch) -> Tensor:
        prices: list[Tensor] = []
        outputs = self._outputs(weights, batch.inputs, prices)
        return sum(prices, (outputs - batch.targets).square().mean((1, 2)))

    def _sparse_layers(self) -> list[SparseLinear]:
        return [layer for layer in self.layers if isinstance(layer, SparseLinear)]
