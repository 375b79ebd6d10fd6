"""One training step of the authors' equation learner, imported from a checkout of their code."""

import importlib
import sys
from pathlib import Path

import torch
from torch import nn
from torch.optim import RMSprop

from esr.errors import ConfigurationError

__all__ = ["AuthorsStep"]


class AuthorsStep:
    """Calls train their network, two hidden layers on x**2, by one step as their script does.

    Nothing of theirs is held here: the network and its penalty come from the checkout.

    Arguments:
        checkout: A checkout of github.com/samuelkim314/DeepSymRegTorch.
        samples: Number of samples N.
    Raises:
        ConfigurationError: If their modules are not there.
    """

    def __init__(self, checkout: Path, samples: int) -> None:
        sys.path.insert(0, str(checkout))
        try:
            functions = importlib.import_module("utils.functions")
            networks = importlib.import_module("utils.symbolic_network")
            penalties = importlib.import_module("utils.regularization")
        except ImportError as error:
            raise ConfigurationError(
                f"{checkout} is not a checkout of the authors' repository: {error}"
            ) from error
        finally:
            sys.path.remove(str(checkout))
        counts = {"Constant": 2, "Identity": 4, "Square": 4, "Sin": 2}
        counts |= {"Exp": 2, "Sigmoid": 2, "Product": 2}
        units = [getattr(functions, name)() for name, n in counts.items() for _ in range(n)]
        width, operands = len(units), len(units) + counts["Product"]
        shapes = [(1, operands), (width, operands), (width, 1)]
        weights = [0.1 * torch.randn(shape) for shape in shapes]
        self.network = networks.SymbolicNet(2, funcs=units, initial_weights=weights)
        self.penalty, self.criterion = penalties.L12Smooth(), nn.MSELoss()
        self.optimizer = RMSprop(self.network.parameters(), lr=1e-3, alpha=0.9, eps=1e-10)
        self.inputs = torch.rand(samples, 1) * 2 - 1
        self.targets = self.inputs.square()

    def __call__(self) -> None:
        """One step of one trial."""
        self.optimizer.zero_grad()
        misfit = self.criterion(self.network(self.inputs), self.targets)
        loss = misfit + 5e-3 * self.penalty(self.network.get_weights_tensor())
        loss.backward()
        self.optimizer.step()
