"""How equations written for networks compare with those the networks were trained on."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.languages import Equations, Language
from baselines.population import Points

__all__ = ["Judgement", "judge", "length_table"]

CLOSE = 0.01
"""Relative mean squared error below which two functions look alike."""


@dataclass(frozen=True)
class Judgement:
    """What is right of the equations written for N networks.

    Arguments:
        lengths: Characters of the true equation, int64 `(N,)`.
        valid: Whether what was written is an equation of the language, bool `(N,)`.
        skeleton: Whether its terms are the true ones, `(N,)`.
        exact: Whether its numbers are too, `(N,)`.
        number_errors: Mean absolute error of the numbers, `(N,)`; NaN where the skeleton is wrong.
        signs: Share of coefficients with the right sign, `(N,)`; NaN likewise.
        errors: Relative mean squared error of the function written, `(N,)`; infinite if none.
    """

    lengths: Tensor
    valid: Tensor
    skeleton: Tensor
    exact: Tensor
    number_errors: Tensor
    signs: Tensor
    errors: Tensor

    def metrics(self, prefix: str = "") -> dict[str, float]:
        """Shares and means by name."""
        close = self.errors < CLOSE
        shares = {"valid": self.valid, "skeleton": self.skeleton, "exact": self.exact}
        found = {name: float(share.double().mean()) for name, share in shares.items()}
        found["close"] = float(close.double().mean())
        if bool(self.skeleton.any()):
            found["number_error"] = float(self.number_errors.nanmean())
            found["sign"] = float(self.signs.nanmean())
        return {f"{prefix}{name}": value for name, value in found.items()}

    def by_length(self) -> dict[int, dict[str, float]]:
        """The shares of valid, right skeletons and exact equations among each length."""
        found = {}
        for length in sorted(set(self.lengths.tolist())):
            here = self.lengths == length
            shares = {"skeleton": self.skeleton, "exact": self.exact}
            found[length] = {n: float(s[here].double().mean()) for n, s in shares.items()}
            found[length]["networks"] = float(here.sum())
        return found


def judge(language: Language, truth: Equations, written: Equations, points: Points) -> Judgement:
    """Compare equations one by one.

    Arguments:
        language: That of both.
        truth: N equations.
        written: As many; skeleton -1 where nothing valid was written.
        points: Where the functions are compared.
    """
    right, said = language.values(truth), language.values(written)
    skeleton = truth.skeletons == written.skeletons
    places = right != 0
    count = places.sum(1).clamp_min(1)
    distance = ((right - said).abs() * places).sum(1) / count
    signs = ((right.sign() == said.sign()) & places).sum(1) / count
    here = points.to(right)
    target = language.evaluate(truth.skeletons, right, here.points)
    found = language.evaluate(written.skeletons, said, here.points)
    errors = here.mean((found - target).square()) / here.mean(target.square())
    return Judgement(
        lengths=language.lengths.to(truth.skeletons.device)[truth.skeletons],
        valid=written.skeletons >= 0,
        skeleton=skeleton,
        exact=written.equal(truth),
        number_errors=torch.where(skeleton, distance, torch.nan),
        signs=torch.where(skeleton, signs, torch.nan),
        errors=errors.nan_to_num(nan=torch.inf),
    )


def length_table(judgements: Mapping[str, Judgement]) -> dict[str, float]:
    """Flat metrics of each length: `length_18/exact` and `length_18/refined_exact`.

    Arguments:
        judgements: Prefix of the names to judgement.
    """
    return {
        f"length_{length:02}/{prefix}{name}": share
        for prefix, judgement in judgements.items()
        for length, shares in judgement.by_length().items()
        for name, share in shares.items()
        if name != "networks"
    }
