"""Measures of agreement between a prediction and the truth."""

import torch
from torch import Tensor

__all__ = ["correlation", "mean_squared_error", "r_squared", "relative_error"]


def mean_squared_error(prediction: Tensor, truth: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Mean of the squared difference over `dims`; NaN stays NaN."""
    return (prediction - truth).square().mean(dims)


def relative_error(prediction: Tensor, truth: Tensor, dims: tuple[int, ...]) -> Tensor:
    r"""Mean absolute error over `dims` in units of the truth's mean size over the same `dims`.

    .. math:: \sum|\hat y - y| \,/\, \sum|y|

    Arguments:
        prediction: Any shape that broadcasts with `truth`, same unit.
        truth: Any shape.
        dims: Dimensions that are averaged.
    Returns:
        Dimensionless, at least 0; 1 is what predicting zero would score.
    """
    errors = (prediction - truth).abs()
    return errors.mean(dims) / truth.expand_as(errors).abs().mean(dims)


def correlation(first: Tensor, second: Tensor, dim: int = -1) -> Tensor:
    """Pearson correlation along `dim`, from -1 to 1; zero where one side is constant."""
    first = first - first.mean(dim, keepdim=True)
    second = second - second.mean(dim, keepdim=True)
    product = (first * second).sum(dim)
    norms = first.norm(dim=dim) * second.norm(dim=dim)
    return torch.where(norms > 0, product / norms, torch.zeros_like(product))


def r_squared(prediction: Tensor, truth: Tensor) -> Tensor:
    """Coefficient of determination over all entries, `()`; 1 is perfect, 0 is the mean."""
    spread = (truth - truth.mean()).square().sum()
    return 1 - (prediction - truth).square().sum() / spread
