"""Yardsticks for what adapts: zero, least squares on a fixed basis, and learning from scratch."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from esr.equations import Expression
from esr.errors import ConfigurationError, DataError
from esr.meta.adaptation import errors_on
from esr.meta.episodes import Episodes, tiled
from esr.metrics import mean_squared_error
from esr.models import Batch, Energy, FunctionModel
from esr.random import RandomStreams
from esr.training import Callback, Phase, Progress, Trainer

__all__ = ["BASIS", "RIDGES", "least_squares_errors", "scratch_errors", "zero_errors"]

BASIS = (
    *("1", "x", "x^2", "x^3", "exp(x)", "exp(-x)"),
    *(f"{wave}({k}/2*pi*x)" for k in range(1, 9) for wave in ("sin", "cos")),
)
"""Powers, exponentials and waves of up to two periods in a unit length, for x in [-1, 1]."""

RIDGES = tuple(10.0**exponent for exponent in range(-10, 1))
"""Ridges relative to the largest eigenvalue, from almost none to shrinking all."""


def zero_errors(episodes: Episodes) -> Tensor:
    """Query error of predicting zero, `(K,)`."""
    return episodes.query.targets.square().mean((1, 2))


def least_squares_errors(
    episodes: Episodes,
    basis: Sequence[Expression | str] = BASIS,
    variables: Sequence[str] = ("x",),
    ridges: Sequence[float] = RIDGES,
) -> Tensor:
    r"""Query error of a sum of fixed functions, fitted to each function's support points.

    .. math:: \hat y = \Phi_q \Phi^T \alpha, \quad
              (\Phi \Phi^T + \lambda \sigma I)\, \alpha = y, \quad
              \sigma = \lVert \Phi \rVert_2^2

    Each function has the ridge :math:`\lambda` that predicts each support point best from the
    others; :math:`\alpha_i / [(\Phi \Phi^T + \lambda \sigma I)^{-1}]_{ii}` is the error of point
    i without it. There may be more functions than points: a small ridge then gives almost the
    coefficients of least norm.

    Arguments:
        episodes: K functions.
        basis: The B functions, at least one, finite on all points.
        variables: Names of the D inputs.
        ridges: The :math:`\lambda` to choose from, at least one, each positive.
    Returns:
        Mean squared errors, float64, `(K,)`.
    Raises:
        ConfigurationError: If there is no function or ridge, or a ridge is not positive.
        DataError: If a function is not finite on a point, or the number of variables is not D.
    Source: leave-one-out in closed form: Rifkin, Lippert (2007), Notes on regularized least
        squares, http://hdl.handle.net/1721.1/37318.
    """
    if not basis or not ridges or not min(ridges) > 0:
        raise ConfigurationError(
            "least squares needs at least one function and one ridge, all ridges positive, but "
            f"got {len(basis)} functions and ridges {list(ridges)}"
        )
    features, query = (_features(part.inputs, basis, variables) for part in episodes)
    targets = episodes.support.targets.double()
    eigenvalues, axes = torch.linalg.eigh(features @ features.mT)  # (K, N), (K, N, N)
    predictions, left_out = [], []
    for ridge in ridges:
        inverse = 1 / (eigenvalues.clamp(min=0) + ridge * eigenvalues[:, -1:])
        alpha = axes @ (inverse[:, :, None] * (axes.mT @ targets))  # (K, N, O)
        diagonal = (axes.square() * inverse[:, None, :]).sum(2, keepdim=True)
        left_out.append((alpha / diagonal).square().mean((1, 2)))
        predictions.append(query @ (features.mT @ alpha))
    best = torch.stack(left_out).argmin(0)  # (K,)
    chosen = torch.stack(predictions)[best, torch.arange(len(best), device=best.device)]
    return mean_squared_error(chosen, episodes.query.targets.double(), (1, 2))


def scratch_errors(
    make_model: Callable[..., FunctionModel],
    episodes: Episodes,
    phases: Mapping[str, Phase],
    attempts: int,
    streams: RandomStreams,
    make_trainer: Callable[[Mapping[str, Phase]], Trainer] = Trainer,
    structure: float = 0.1,
    callbacks: Sequence[Callback[Batch]] = (),
) -> Tensor:
    """Query error of models trained from scratch on each function's support points.

    Of a function's attempts the one counts that has the lowest error on the support points, all
    of which it was trained on, plus a share of its structure's price: where all attempts pass
    through the points, the simplest one is likely to be right between them.

    Arguments:
        make_model: Makes a model from `in_features`, `out_features`, `replicas`, `generator`.
        episodes: K functions.
        phases: The whole schedule of training.
        attempts: How many models each function gets, at least 1.
        streams: `init` feeds the first draw; the others are the trainer's.
        make_trainer: Makes the trainer from the phases.
        structure: Factor on the price in the choice of the attempt, at least 0.
        callbacks: Hear of the training's progress.
    Returns:
        Mean squared errors in evaluation mode, `(K,)`; infinite where one is not finite.
    Raises:
        ConfigurationError: If `attempts < 1` or `structure < 0`.
        KeyboardInterrupt: If training was interrupted, as half-trained models are no yardstick.
    """
    if attempts < 1 or not structure >= 0:
        raise ConfigurationError(
            f"attempts must be at least 1 and structure at least 0, but they are {attempts} and "
            f"{structure}"
        )
    support = tiled(episodes.support, attempts)
    model = make_model(
        in_features=support.inputs.shape[2],
        out_features=support.targets.shape[2],
        replicas=len(support.inputs),
        generator=streams["init"],
    ).to(support.inputs)
    result = make_trainer(phases).fit(model, _Unchanging(support), streams, callbacks=callbacks)
    if result.interrupted:
        raise KeyboardInterrupt
    known = Energy(errors_on(model, support), model.structure().detach()).per_replica(structure)
    best = known.nan_to_num(nan=torch.inf).view(attempts, -1).argmin(0, keepdim=True)  # (1, K)
    errors = errors_on(model, tiled(episodes.query, attempts)).view(attempts, -1)
    return errors.gather(0, best)[0]


class _Unchanging:
    """A source of the same batch at each step."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def batch(self, progress: Progress) -> Batch:
        """The batch, whatever the progress."""
        return self._batch


def _features(
    inputs: Tensor, basis: Sequence[Expression | str], variables: Sequence[str]
) -> Tensor:
    """The values of the functions in float64, `(K, N, B)`."""
    if len(variables) != inputs.shape[2]:
        raise DataError(
            f"needs the names of {inputs.shape[2]} inputs, but got {list(variables)}; name them, "
            "and hand in a basis of them"
        )
    values = dict(zip(variables, inputs.double().unbind(2), strict=True))
    columns = []
    for function in basis:
        expression = Expression.parse(function) if isinstance(function, str) else function
        column = expression.evaluate(values)
        if not bool(column.isfinite().all()):
            raise DataError(f"'{expression}' is not finite on all points; leave it out")
        columns.append(column)
    return torch.stack(columns, dim=2)
