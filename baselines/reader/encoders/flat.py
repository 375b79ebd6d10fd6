"""An encoder that takes the weights as one vector."""

from torch import Generator, Tensor

from baselines.population import Architecture
from baselines.reader.encoders.encoder import Encoder
from baselines.reader.encoders.expansion import Expansion
from baselines.reader.encoders.orders import GivenOrder, NeuronOrder
from baselines.reader.encoders.standard import Standard

__all__ = ["FlatEncoder"]


class FlatEncoder(Encoder):
    """Standardised weights become the memory (`Expansion`).

    Arguments:
        architecture: Of the networks.
        width: Features d of a token.
        replicas: Number of parallel copies R.
        expanded: Numbers m d of a memory, and width of the layer before.
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
        count = architecture.count
        readout = Expansion(count, expanded, expanded, width, replicas, generator=generator)
        super().__init__(readout.tokens)
        self.architecture, self.readout = architecture, readout
        self.order = order if order is not None else GivenOrder()
        self.standard = Standard(count)

    def forward(self, weights: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Memory `(R, B, m, d)` of weights `(B, P)`."""
        standard = self.standard(self.order(self.architecture, weights, generator))
        memory: Tensor = self.readout(standard)
        return memory

    def adapt(self, weights: Tensor) -> None:
        """Take means and deviations from networks `(M, P)`."""
        self.standard.adapt(self.order(self.architecture, weights, None))
