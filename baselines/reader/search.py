"""The strongest rival of a reader: try every skeleton of the language."""

import torch
from torch import Tensor

from baselines.languages import Language
from baselines.population import Architecture, Points
from baselines.reader.refinement import Refined, refine
from baselines.reader.settings import Refinement
from baselines.reader.skeleton_fit import SkeletonFit

__all__ = ["search_skeletons"]


def search_skeletons(
    language: Language,
    architecture: Architecture,
    weights: Tensor,
    points: Points,
    settings: Refinement | None = None,
) -> Refined:
    """The equations of the language that are nearest to what networks say.

    Each network is refined with every skeleton, and the one whose rounded equation has the least
    misfit is taken. It reads nothing from the weights and needs no training, but takes K times as
    long as refining one skeleton, and is possible only because a language is finite.

    Arguments:
        language: Whose K skeletons are tried.
        architecture: Of the networks.
        weights: Networks, `(M, P)`.
        points: Where networks and equations are compared; more than the numbers of a skeleton.
        settings: Those of `Refinement` unless given.
    Raises:
        DataError: If the points are fewer than a skeleton's numbers.
    """
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
            misfit = fit.misfit(fit.best(targets), targets)
            better = misfit < least[some]
            least[some] = torch.where(better, misfit, least[some])
            chosen[some] = torch.where(better, index, chosen[some])
    return refine(language, architecture, weights, chosen, None, points, settings)
