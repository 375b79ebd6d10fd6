"""The same small networks as they are trained one after the other in plain torch."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

__all__ = ["Loop", "SinCos"]


class SinCos(nn.Module):
    """The sum of sine and cosine."""

    def forward(self, x: Tensor) -> Tensor:
        """Values of the shape of x."""
        return torch.sin(x) + torch.cos(x)


@dataclass(frozen=True)
class Loop:
    """A new network and a new optimizer for each function.

    Arguments:
        tolerance: Relative mean squared error at which a network is done.
        rate: Step size of Adam.
        steps: Most steps of a network.
        look_every: Steps after which the error is looked at.
    """

    tolerance: float
    rate: float = 0.02
    steps: int = 5000
    look_every: int = 10

    def train(
        self, points: Tensor, weights: Tensor, targets: Tensor, *, generator: Generator
    ) -> list[nn.Sequential]:
        """A network 1-8-7-8-1 without biases for each function.

        Arguments:
            points: `(N, 1)`.
            weights: What each counts in the mean, `(N,)`.
            targets: `(M, N)`.
            generator: Feeds the initial weights, which are in torch's default range.
        """
        return [self._trained(points, weights, target, generator) for target in targets]

    def _trained(
        self, points: Tensor, weights: Tensor, target: Tensor, generator: Generator
    ) -> nn.Sequential:
        network = nn.Sequential(
            nn.Linear(1, 8, bias=False),
            SinCos(),
            nn.Linear(8, 7, bias=False),
            SinCos(),
            nn.Linear(7, 8, bias=False),
            SinCos(),
            nn.Linear(8, 1, bias=False),
        )
        for weight in network.parameters():
            bound = weight.shape[1] ** -0.5
            nn.init.uniform_(weight, -bound, bound, generator=generator)
        optimizer = torch.optim.Adam(network.parameters(), lr=self.rate)
        power = float((target.square() * weights).sum())
        for step in range(self.steps):
            optimizer.zero_grad()
            loss = ((network(points)[:, 0] - target).square() * weights).sum() / power
            if step % self.look_every == 0 and loss.item() <= self.tolerance:
                break
            loss.backward()
            optimizer.step()
        return network
