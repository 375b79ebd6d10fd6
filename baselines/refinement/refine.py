"""From a skeleton to an equation: fit its numbers to what a network says, round, verify."""

from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.languages import Equations, Language
from baselines.population import Architecture, Points
from baselines.refinement.settings import Refinement
from baselines.refinement.skeleton_fit import SkeletonFit
from esr.errors import DataError

__all__ = ["Refined", "refine"]


@dataclass(frozen=True)
class Refined:
    """What refinement found for M networks.

    Arguments:
        equations: With numbers of the language; skeleton -1 where none was given.
        numbers: The fitted, real numbers, float64 `(M, S)`; zero where there is none.
        errors: Standard errors of the fitted numbers, `(M, S)`, as if the network differed from
            the equation by independent noise; as it differs smoothly, they are a scale for
            comparison and no confidence. NaN if there are no more points than numbers.
        misfit: Relative mean squared error between network and rounded equation, as
            `baselines.population.relative_errors` has it, `(M,)`; infinite where none is.
        fitted_misfit: The same with the fitted numbers.
        rival_misfit: That of the second best rounding that was tried; infinite if there is none.
        tolerance: At which equations are verified.
    """

    equations: Equations
    numbers: Tensor
    errors: Tensor
    misfit: Tensor
    fitted_misfit: Tensor
    rival_misfit: Tensor
    tolerance: float

    @property
    def verified(self) -> Tensor:
        """Whether the rounded equation's misfit is at most the tolerance, bool `(M,)`.

        If the tolerance is what the networks were trained to, a network's own equation always
        passes, and what passes is as near to the network as networks are to their equations. It
        does not say that no other equation is; for other numbers, `certain` does.
        """
        return self.misfit <= self.tolerance

    @property
    def certain(self) -> Tensor:
        """Whether it is verified, and the second best rounding would not be, bool `(M,)`."""
        return self.verified & ~(self.rival_misfit <= self.tolerance)


def refine(
    language: Language,
    architecture: Architecture,
    weights: Tensor,
    skeletons: Tensor,
    numbers: Tensor | None,
    points: Points,
    settings: Refinement | None = None,
) -> Refined:
    """The numbers with which skeletons are nearest to what networks say.

    Coefficients are found by linear least squares for each combination of inner numbers (all of
    the language's, if they are not too many); the best combinations' coefficients are rounded in
    the light of each other, and the one with the least squared error is kept. From the best
    combination all numbers are fitted together as real ones. All is computed in float64.

    Arguments:
        language: Of the skeletons.
        architecture: Of the networks.
        weights: Networks, `(M, P)`.
        skeletons: A skeleton for each, int64 `(M,)`, -1 where there is none.
        numbers: Rough numbers `(M, S)`, or None. Only used where the language has more
            combinations of inner numbers than are tried: one more start of the fit.
        points: Where networks and equations are compared; more than the numbers of a skeleton.
        settings: Those of `Refinement` unless given.
    Raises:
        DataError: If shapes do not agree, a skeleton is not of the language, or the points are
            fewer than a skeleton's numbers.
    """
    settings = settings if settings is not None else Refinement()
    _check(language, weights, skeletons, numbers)
    here = points.to(weights.double())
    found = _empty(language, skeletons, settings)
    for index in torch.unique(skeletons).tolist():  # few: one batch for all networks of a skeleton
        if index < 0:
            continue
        fit = SkeletonFit(language, index, here, settings)
        rows = (skeletons == index).nonzero()[:, 0]
        for some in torch.split(rows, fit.chunk):
            outputs = architecture.outputs(weights[some].double(), here.points)
            count = len(language.skeletons[index].numbers)
            rough = numbers[some, :count].double() if numbers is not None else None
            _refine_some(found, fit, some, outputs * fit.design.root, rough)
    return found


def _refine_some(
    found: Refined,
    fit: SkeletonFit,
    rows: Tensor,
    targets: Tensor,
    rough: Tensor | None,
) -> None:
    """Refine the networks `rows`, all of one skeleton, and write what is found into `found`."""
    real, squares, near = fit.fitted(targets, rough)
    steps, both = fit.rounded(near)
    count = steps.shape[2]
    found.equations.steps[rows, :count] = steps[:, 0]
    found.numbers[rows, :count] = real
    found.errors[rows, :count] = fit.standard_errors(real, squares)
    found.fitted_misfit[rows] = fit.relative(real, squares)
    found.misfit[rows] = fit.misfit(steps[:, 0], targets)
    rival = fit.misfit(steps[:, 1], targets)
    found.rival_misfit[rows] = torch.where(torch.isfinite(both[:, 1]), rival, torch.inf)


def _empty(language: Language, skeletons: Tensor, settings: Refinement) -> Refined:
    """Nothing found yet."""
    count, device = len(skeletons), skeletons.device
    steps = torch.zeros(count, language.slots, dtype=torch.long, device=device)
    numbers = torch.zeros_like(steps, dtype=torch.float64)
    misfit = torch.full((count,), torch.inf, dtype=torch.float64, device=device)
    return Refined(
        Equations(skeletons, steps),
        numbers,
        numbers.clone(),
        misfit,
        misfit.clone(),
        misfit.clone(),
        settings.tolerance,
    )


def _check(language: Language, weights: Tensor, skeletons: Tensor, numbers: Tensor | None) -> None:
    count = len(weights)
    shape = None if numbers is None else tuple(numbers.shape)
    if skeletons.shape != (count,) or shape not in (None, (count, language.slots)):
        raise DataError(
            f"{count} networks need skeletons of shape ({count},) and numbers of shape "
            f"({count}, {language.slots}) or None, but got {tuple(skeletons.shape)} and {shape}"
        )
    if count and not -1 <= int(skeletons.min()) <= int(skeletons.max()) < len(language.skeletons):
        raise DataError(
            f"skeletons must be from -1 to {len(language.skeletons) - 1}, but range from "
            f"{int(skeletons.min())} to {int(skeletons.max())}"
        )
