"""An encoder that takes the weights as one vector."""

from torch import Generator, Tensor
from torch.nn import functional

from baselines.linear import ReplicaLinear
from baselines.population import Architecture
from baselines.reader.encoders.encoder import Encoder, memory_tokens
from baselines.reader.encoders.orders import GivenOrder, NeuronOrder
from baselines.reader.encoders.standard import Standard

__all__ = ["FlatEncoder"]


class FlatEncoder(Encoder):
    """Standardised weights through two dense layers, read as m tokens.

    Arguments:
        architecture: Of the networks.
        width: Features d of a token.
        replicas: Number of parallel copies R.
        expanded: Width of both layers, a multiple m of d.
        order: In which order neurons are seen; as given unless said otherwise.
        generator: Feeds the initial draw.
    """

    def __init__(
        self,
        architecture: Architecture,
        width: int,
        replicas: int,
        expanded: int = 512,
        order: NeuronOrder | None = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(memory_tokens(expanded, width))
        self.architecture = architecture
        self.order = order if order is not None else GivenOrder()
        self.standard = Standard(architecture.count)
        self.first = ReplicaLinear(architecture.count, expanded, replicas, generator=generator)
        self.second = ReplicaLinear(expanded, expanded, replicas, generator=generator)

    def forward(self, weights: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Memory `(R, B, m, d)` of weights `(B, P)`."""
        standard = self.standard(self.order(self.architecture, weights, generator))
        features: Tensor = self.second(functional.gelu(self.first(standard)))
        return features.view(*features.shape[:2], self.tokens, -1)

    def adapt(self, weights: Tensor) -> None:
        """Take means and deviations from networks `(M, P)`."""
        self.standard.adapt(self.order(self.architecture, weights, None))
