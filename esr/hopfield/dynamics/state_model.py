"""The state of a Hopfield network as a model that a trainer can lower the energy of."""

import torch
from torch import Generator, Tensor, nn

from esr.hopfield.dynamics.activation import Activation, usual_activation
from esr.hopfield.dynamics.gibbs import ExternalField
from esr.hopfield.dynamics.loss_field import LossField
from esr.hopfield.network import HopfieldNetwork
from esr.loss_bias import StateLoss
from esr.models import Energy, EnergyModel
from esr.optim import straight_through

__all__ = ["NetworkState"]


class NetworkState(EnergyModel[object]):
    r"""R states of one network, trained like any model: their internal states are parameters.

    The energy is data (the loss of what the state spells, if any) plus structure (the rules, with
    the activation's integral term). Its gradient reaches u as :math:`\partial E/\partial V`, so
    that a `HebbianOptimizer` takes exactly the network's graded steps.

    Arguments:
        network: What the states are states of.
        replicas: Number of states R, at least 1.
        loss: Of what a state spells; none unless given.
        activation: g; a softmax over groups, or a sigmoid for free neurons, unless given.
        spread: Deviation of the initial u around the middle, positive.
        generator: Draws the initial states.
    """

    def __init__(
        self,
        network: HopfieldNetwork,
        replicas: int,
        loss: StateLoss | None = None,
        activation: Activation | None = None,
        spread: float = 0.3,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(replicas)
        self.network, self.loss, self.spread = network, loss, spread
        grouped = network.grid.grouped
        self.activation = activation or usual_activation(grouped)
        self._centre = 0.0 if grouped else 0.5
        self.couplings = network.relaxed  # moves along with the parameters
        self.internal = nn.Parameter(
            torch.empty(replicas, network.grid.slots, network.grid.symbols)
        )
        everyone = torch.ones(replicas, dtype=torch.bool)
        self.reset_replicas(everyone, generator=generator)

    def activations(self) -> Tensor:
        """V, `(R, G, S)`, with the gradient passed on to u unchanged."""
        return straight_through(self.activation, self.internal)

    def energy(self, batch: object = None, *, generator: Generator | None = None) -> Energy:
        """The loss of what each state spells, and the energy of the rules; no batch is needed."""
        active = self.activations()
        structure = self.couplings.energy(active)
        with torch.no_grad():  # dynamics add its gradient, -u, themselves
            integral = self.activation.integral(active)
        data = torch.zeros_like(structure) if self.loss is None else self.loss.of_states(active)
        return Energy(data, structure + integral)

    def symbols(self) -> Tensor:
        """What the states stand for, `(R, G')`: the most active symbol of each slot."""
        with torch.no_grad():
            return self.network.symbols(self.activation(self.internal))

    def loss_field(self) -> ExternalField | None:
        """The loss as an energy outside the network, for searches; None without a loss."""
        return None if self.loss is None else LossField(self.loss)

    @torch.no_grad()
    def hold_(self, symbols: Tensor) -> None:
        """Set the internal states so that they stand for these symbols, `(R, G')`."""
        states = self.network.states(symbols).to(self.internal)
        self.internal.copy_(2 * states - 1 + self._centre)

    @torch.no_grad()
    def held(self) -> Tensor:
        """Whether each replica's u is as `hold_` leaves it, bool `(R,)`: it then stands for a
        state of zeros and ones, which the activation would soften."""
        states = self.network.states(self.symbols()).to(self.internal)
        return (self.internal == 2 * states - 1 + self._centre).flatten(1).all(1)

    @torch.no_grad()
    def reset_replicas(self, which: Tensor, *, generator: Generator | None = None) -> None:
        """Fresh internal states for the replicas where `which`, bool `(R,)`, is true."""
        where = generator.device if generator is not None else None
        noise = torch.randn(self.internal.shape, generator=generator, device=where)
        fresh = (self._centre + self.spread * noise).to(self.internal)
        self.internal.copy_(
            torch.where(which[:, None, None].to(fresh.device), fresh, self.internal)
        )
