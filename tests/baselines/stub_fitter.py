"""A fitter for tests: exact least squares of the output layer alone."""

from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.population import Architecture, Fitted, Points, relative_errors
from baselines.population.architecture import Layer


@dataclass(frozen=True)
class OutputFitter:
    """Solves for the weights of the last layer and leaves the others alone.

    Arguments:
        ridge: Added to the diagonal.
        spoil: Every so many networks get weights that are not finite; none if 0.
    """

    ridge: float = 1e-9
    spoil: int = 0

    def fit(
        self,
        architecture: Architecture,
        start: Tensor,
        targets: Tensor,
        points: Points,
        tolerance: float,
    ) -> Fitted:
        layers = architecture.split(start.double())
        features = points.points.double().expand(len(start), -1, -1)
        for layer in layers[:-1]:
            features = architecture.unit.value(layer(features))
        scaled = features * points.weights.double()[:, None]
        gram = features.transpose(1, 2) @ scaled
        gram = gram + self.ridge * torch.eye(gram.shape[1], dtype=gram.dtype)
        wanted = scaled.transpose(1, 2) @ targets.double()[..., None]
        layers[-1] = Layer(torch.linalg.solve(gram, wanted), None)
        weights = architecture.join(layers).to(start)
        if self.spoil:
            weights[:: self.spoil] = torch.nan
        errors = relative_errors(architecture, weights, targets, points)
        return Fitted(weights, errors, torch.ones(len(start), dtype=torch.long))
