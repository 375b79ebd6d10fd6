"""How queries, keys and values enter the heads of a Hopfield layer, and how they leave."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from esr.errors import ConfigurationError, DataError

__all__ = ["HeadSettings", "Heads", "Projections", "RawPatterns", "check_sizes"]


class Heads(nn.Module, ABC):
    """Contract: features to heads and back.

    Arguments:
        features: Number D of features of a query.
        key_features: Number of features of a key.
        value_features: Number of features of a value, or None if it may vary.
        head_features: Number d of features of a state in each head.
        heads: Number H of heads.
    """

    def __init__(
        self,
        features: int,
        key_features: int,
        value_features: int | None,
        head_features: int,
        heads: int,
    ) -> None:
        super().__init__()
        self.features, self.key_features = features, key_features
        self.value_features, self.head_features, self.heads = value_features, head_features, heads

    @abstractmethod
    def queries(self, queries: Tensor) -> Tensor:
        """Initial states `(*, H, L, d)` of queries `(*, L, D)`."""

    @abstractmethod
    def keys(self, keys: Tensor) -> Tensor:
        """Stored patterns `(*, H, M, d)` of keys `(*, M, D')`."""

    @abstractmethod
    def values(self, values: Tensor) -> Tensor:
        """What is read out, `(*, H, M, d')`, of values `(*, M, D'')`."""

    @abstractmethod
    def outputs(self, read: Tensor) -> Tensor:
        """Outputs `(*, L, O)` of what each head read, `(*, H, L, d')`."""


class HeadSettings(ABC):
    """Contract of settings that make heads."""

    @abstractmethod
    def make(self, features: int, heads: int, *, generator: Generator | None = None) -> Heads:
        """Heads for queries of D features."""


@dataclass(frozen=True)
class RawPatterns(HeadSettings):
    """Queries, keys and values as they are, nothing learnt; each head takes its share of features.

    Queries and keys have equally many features; their number and that of the values are
    divisible by the number of heads.
    """

    def make(self, features: int, heads: int, *, generator: Generator | None = None) -> Heads:
        """Heads without parameters; nothing is drawn."""
        check_sizes(features=features, heads=heads)
        if features % heads:
            raise ConfigurationError(
                f"raw patterns of {features} features cannot be shared by {heads} heads; choose "
                "a number of heads that divides it, or Projections()"
            )
        return _RawHeads(features, features, None, features // heads, heads)


@dataclass(frozen=True)
class Projections(HeadSettings):
    """Learnt linear maps into and out of the heads, as in multi-head attention.

    Initial weights and biases are uniform in plus or minus one over the root of their number of
    inputs. Only queries and outputs have biases: weights of association do not see one that all
    keys share, and that of the values would only add to that of the outputs.

    Arguments:
        key_features: Number of features of a key; None means as many as a query.
        value_features: Number of features of a value; None means as many as a key.
        head_features: Features d of a state and of a value in each head; None means those of a
            query divided by the heads, at least 1.
        out_features: Number of outputs O; None means as many as a query has features.
        bias: Whether queries and outputs have biases.
        normalised: Whether states and keys start with mean zero and variance one over the
            features of their head, so that beta alone says how sharp retrieval is.
    Raises:
        ConfigurationError: If a size is below 1.
    """

    key_features: int | None = None
    value_features: int | None = None
    head_features: int | None = None
    out_features: int | None = None
    bias: bool = True
    normalised: bool = False

    def __post_init__(self) -> None:
        check_sizes(
            key_features=self.key_features,
            value_features=self.value_features,
            head_features=self.head_features,
            out_features=self.out_features,
        )

    def make(self, features: int, heads: int, *, generator: Generator | None = None) -> Heads:
        """Heads with four learnt matrices, drawn with the generator and on its device."""
        check_sizes(features=features, heads=heads)
        return _ProjectedHeads(self, features, heads, generator)


class _RawHeads(Heads):
    """Splits and joins features."""

    def queries(self, queries: Tensor) -> Tensor:
        return _split(queries, self.heads)

    def keys(self, keys: Tensor) -> Tensor:
        return _split(keys, self.heads)

    def values(self, values: Tensor) -> Tensor:
        if values.shape[-1] % self.heads:
            raise DataError(
                f"values of {values.shape[-1]} features cannot be shared by {self.heads} heads"
            )
        return _split(values, self.heads)

    def outputs(self, read: Tensor) -> Tensor:
        return _joined(read)


class _ProjectedHeads(Heads):
    """Maps features linearly before it splits them and after it joins them."""

    def __init__(
        self, settings: Projections, features: int, heads: int, generator: Generator | None
    ) -> None:
        key_features = settings.key_features or features
        value_features = settings.value_features or key_features
        head_features = settings.head_features or max(1, features // heads)
        super().__init__(features, key_features, value_features, head_features, heads)
        self.normalised, inner, bias = settings.normalised, heads * head_features, settings.bias
        self.query_map = _linear(features, inner, bias, generator)
        self.key_map = _linear(key_features, inner, False, generator)
        self.value_map = _linear(value_features, inner, False, generator)
        self.output_map = _linear(inner, settings.out_features or features, bias, generator)

    def queries(self, queries: Tensor) -> Tensor:
        return self._normal(_split(self.query_map(queries), self.heads))

    def keys(self, keys: Tensor) -> Tensor:
        return self._normal(_split(self.key_map(keys), self.heads))

    def values(self, values: Tensor) -> Tensor:
        return _split(self.value_map(values), self.heads)

    def outputs(self, read: Tensor) -> Tensor:
        outputs: Tensor = self.output_map(_joined(read))
        return outputs

    def _normal(self, states: Tensor) -> Tensor:
        if not self.normalised:
            return states
        return nn.functional.layer_norm(states, states.shape[-1:])


def check_sizes(**sizes: int | None) -> None:
    """Raise a `ConfigurationError` that names a size below 1; None passes."""
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise ConfigurationError(f"{name} must be at least 1, but is {size}")


def _split(features: Tensor, heads: int) -> Tensor:
    apart = features.view(*features.shape[:-1], heads, features.shape[-1] // heads)
    return apart.transpose(-2, -3)  # (*, H, L, d)


def _joined(states: Tensor) -> Tensor:
    return states.transpose(-2, -3).flatten(-2)  # (*, L, H d)


def _linear(inputs: int, outputs: int, bias: bool, generator: Generator | None) -> nn.Linear:
    device = generator.device if generator is not None else torch.get_default_device()
    linear = nn.Linear(inputs, outputs, bias, device="meta").to_empty(device=device)
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.uniform_(-1, 1, generator=generator).div_(math.sqrt(inputs))
    return linear
