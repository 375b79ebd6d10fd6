"""Second-order MAML as it is written without `esr.meta`: a loop over tasks, and `torch.func`."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.functional import linear

from esr.meta import Episodes, InnerLoop
from esr.models import FunctionModel

__all__ = ["Plain", "network_of", "paper_network"]

Weights = dict[str, Tensor]
Network = Callable[[Weights, Tensor], Tensor]

WIDTHS = (4, 4, 2, 2, 2, 2, 2)


@dataclass(frozen=True)
class Plain:
    """What it takes to adapt one network to one function, and its outer gradients.

    Arguments:
        network: Outputs `(N, O)` from weights and inputs `(N, D)`.
        inner: Steps and clip; it has no structure.
        rate: Inner step size.
        query_limit: What a query error counts at most.
    """

    network: Network
    inner: InnerLoop
    rate: float
    query_limit: float

    def looped(self, weights: Weights, episodes: Episodes) -> Weights:
        """Gradient by the initial weights of the mean query error, one function at a time."""
        leaves = {name: w.detach().requires_grad_() for name, w in weights.items()}
        total = {name: torch.zeros_like(w) for name, w in weights.items()}
        functions = episodes.functions
        for x, y, query_x, query_y in zip(*episodes.support, *episodes.query, strict=True):
            adapted = leaves
            for _ in range(self.inner.steps):
                error = self._error(adapted, x, y)
                found = torch.autograd.grad(error, list(adapted.values()), create_graph=True)
                adapted = self._stepped(adapted, dict(zip(adapted, found, strict=True)))
            error = self._error(adapted, query_x, query_y).clamp(max=self.query_limit)
            found = torch.autograd.grad(error / functions, list(leaves.values()))
            for sum_, gradient in zip(total.values(), found, strict=True):
                sum_ += gradient
        return total

    def vectorised(self, weights: Weights, episodes: Episodes) -> Weights:
        """The same gradient by `torch.func`: `vmap` over functions, `grad` inside and out."""

        def query_error(start: Weights, x: Tensor, y: Tensor, qx: Tensor, qy: Tensor) -> Tensor:
            adapted = start
            for _ in range(self.inner.steps):
                adapted = self._stepped(adapted, grad(self._error)(adapted, x, y))
            return self._error(adapted, qx, qy).clamp(max=self.query_limit)

        def mean(start: Weights) -> Tensor:
            each = vmap(query_error, (None, 0, 0, 0, 0))
            result: Tensor = each(start, *episodes.support, *episodes.query).mean()
            return result

        found: Weights = grad(mean)(weights)
        return found

    def _error(self, weights: Weights, inputs: Tensor, targets: Tensor) -> Tensor:
        return (self.network(weights, inputs) - targets).square().mean()

    def _stepped(self, weights: Weights, gradient: Weights) -> Weights:
        norm = torch.cat([g.detach().flatten() for g in gradient.values()]).norm()
        rate = self.rate * (self.inner.clip_norm / norm).clamp(max=1)
        return {name: w - rate * gradient[name] for name, w in weights.items()}


def network_of(model: FunctionModel) -> Network:
    """A model of one replica as a function of its parameters."""

    def network(weights: Weights, inputs: Tensor) -> Tensor:
        outputs: Tensor = functional_call(model, weights, (inputs,))
        return outputs[0]

    return network


def paper_network(weights: Weights, inputs: Tensor) -> Tensor:
    """An equation learner of layers of `PAPER_UNITS`, in the plainest torch there is.

    Arguments:
        weights: Of each layer in turn, `(1, out, in + 1)`.
        inputs: `(N, D)`.
    """
    features = inputs
    *hidden, last = weights.values()
    for matrix in hidden:
        z = linear(features, matrix[0, :, :-1], matrix[0, :, -1])
        same, square, sine, exp, sigmoid, left, right = torch.split(z, list(WIDTHS), 1)
        features = torch.cat(
            (
                same,
                square * square,
                torch.sin(4 * math.pi * sine),
                (torch.exp(exp.clamp(max=5)) - 1) / math.e,
                torch.sigmoid(20 * sigmoid),
                10 * (left * right),
            ),
            1,
        )
    return linear(features, last[0, :, :-1], last[0, :, -1])
