"""The strongest rival of a reader: try every skeleton of the language."""

import torch
from torch import Tensor

from baselines.languages import Language
from baselines.population import Architecture, Points
from baselines.refinement.price import GAIN, prices
from baselines.refinement.refine import Refined, refine
from baselines.refinement.settings import Refinement
from baselines.refinement.skeleton_fit import SkeletonFit
from esr.errors import ConfigurationError

__all__ = ["search_skeletons"]


def search_skeletons(
    language: Language,
    architecture: Architecture,
    weights: Tensor,
    points: Points,
    settings: Refinement | None = None,
    gain: float = GAIN,
) -> Refined:
    r"""The equations of the language that are nearest to what networks say, for their length.

    .. math:: \min_k \; m_k g^{n_k}

    Each network is refined with every skeleton; of their rounded equations with misfits
    :math:`m_k` and :math:`n_k` numbers the one with the least price is taken. This reads nothing
    from the weights and needs no training, but takes K times as long as refining one skeleton,
    and is possible only because a language is finite.

    Arguments:
        language: Whose K skeletons are tried.
        architecture: Of the networks.
        weights: Networks, `(M, P)`.
        points: Where networks and equations are compared; more than the numbers of a skeleton.
        settings: Those of `Refinement` unless given.
        gain: The factor :math:`g` by which each further number has to lessen the misfit, at least
            1; with 1 longer equations follow a network's own errors.
    Raises:
        ConfigurationError: If `gain` is below 1.
        DataError: If the points are fewer than a skeleton's numbers.
    """
    if not gain >= 1:
        raise ConfigurationError(f"gain must be at least 1, but is {gain}")
    settings = settings if settings is not None else Refinement()
    here = points.to(weights.double())
    outputs = architecture.outputs(weights.double(), here.points)
    least = outputs.new_full((len(weights),), torch.inf)
    chosen = torch.full_like(least, -1, dtype=torch.long)
    every = torch.arange(len(weights), device=weights.device)
    for index in range(len(language.skeletons)):  # one batch for all networks
        fit = SkeletonFit(language, index, here, settings)
        for some in torch.split(every, fit.chunk):
            targets = outputs[some] * fit.design.root
            steps = fit.best(targets)
            price = prices(language, every.new_tensor(index), fit.misfit(steps, targets), gain)
            better = price < least[some]
            least[some] = torch.where(better, price, least[some])
            chosen[some] = torch.where(better, index, chosen[some])
    return refine(language, architecture, weights, chosen, None, points, settings)
