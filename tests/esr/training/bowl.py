"""A model whose optimum is known: each replica's energy is a quadratic bowl."""

import torch
from torch import Generator, Tensor, nn

from esr.models import Batch, Energy, EnergyModel, ReplicaModule

TARGET = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)


class Point(ReplicaModule):
    def __init__(self, replicas: int) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(replicas, 3, dtype=torch.float64))

    def reset_replicas(self, which: Tensor, *, generator: Generator | None = None) -> None:
        fresh = torch.randn(self.place.shape, generator=generator, dtype=torch.float64)
        self.place.copy_(torch.where(which[:, None], fresh, self.place))


class Bowl(EnergyModel[Batch]):
    """Energy |p - target|^2 plus noise from the generator, plus a structure term |p|^2."""

    def __init__(self, replicas: int = 3) -> None:
        super().__init__(replicas)
        self.point = Point(replicas)
        self.poison: dict[int, int] = {}  # replica: energy call at which it becomes NaN
        self.calls = 0
        self.pruned: list[float] = []
        self.prunings: list[tuple[int, list[bool] | None]] = []  # energy calls before, which

    def energy(self, batch: Batch, *, generator: Generator | None = None) -> Energy:
        self.calls += 1
        p = self.point.place
        noise = torch.randn(p.shape, generator=generator, dtype=torch.float64)
        data = (p - TARGET + 0.1 * noise * batch.inputs).square().sum(1)
        for replica, call in self.poison.items():
            if call == self.calls:
                data = data * torch.where(torch.arange(len(data)) == replica, torch.nan, 1.0)
        return Energy(data, p.square().sum(1))

    def prune(self, threshold: float, which: Tensor | None = None) -> None:
        self.pruned.append(threshold)
        self.prunings.append((self.calls, None if which is None else which.tolist()))


class Source:
    """Gives an empty batch with a noise factor; runs an action at chosen steps."""

    def __init__(self, noise: float = 1.0) -> None:
        self.noise = noise
        self.at: dict[int, object] = {}

    def batch(self, progress: object) -> Batch:
        action = self.at.get(getattr(progress, "step", -1))
        if callable(action):
            action()
        return Batch(torch.tensor(self.noise, dtype=torch.float64), torch.zeros(()))
