"""Which equations are held out depends on the equation alone."""

import math

import pytest
import torch

from baselines.corpus import (
    held_out,
)
from baselines.languages import (
    Equations,
    Language,
    polynomials,
)
from esr.errors import ConfigurationError


def drawn(language: Language, count: int, seed: int) -> Equations:
    return language.draw(count, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_about_the_share_of_each_skeleton_is_held_out(share: float) -> None:
    language = polynomials(2)
    equations = drawn(language, 50_000, 0)
    mask = held_out(language, equations, share)
    key = torch.cat([equations.skeletons[:, None], equations.steps], 1)
    different, of = key.unique(dim=0, return_inverse=True)
    where = torch.zeros(len(different)).index_fill(0, of[mask], 1.0)
    for skeleton in range(len(language.skeletons)):
        rows = where[different[:, 0] == skeleton]
        spread = math.sqrt(share * (1 - share) / len(rows))
        assert 0 < rows.mean() < 1
        assert abs(rows.mean() - share) < 4 * spread  # of a draw of independent coins


def test_what_is_held_out_depends_on_the_equation_alone() -> None:
    language = polynomials(2)
    equations = drawn(language, 1500, 1)
    mask = held_out(language, equations)
    order = torch.randperm(1500, generator=torch.Generator().manual_seed(0))
    assert torch.equal(held_out(language, equations[order]), mask[order])
    texts = language.texts(equations)
    sides: dict[str, set[bool]] = {}
    for text, side in zip(texts, mask.tolist(), strict=True):
        sides.setdefault(text, set()).add(side)
    assert all(len(side) == 1 for side in sides.values())
    larger = polynomials(3)  # has every equation of the other, as another skeleton
    assert torch.equal(held_out(larger, larger.read(texts)), mask)
    assert (held_out(language, equations, 0.3) | ~mask).all()


def test_what_is_held_out_is_the_same_for_ever() -> None:
    """Changing the split would put test equations into the training of networks that exist."""
    language = polynomials(2)
    equations = language.read([f"{sign}{n / 10:.1f}" for sign in "+-" for n in range(1, 51)])
    texts = language.texts(equations[held_out(language, equations)])
    assert " ".join(texts) == "+0.3 +1.0 +2.1 +3.1 +3.2 +4.6 -0.8 -1.6 -4.3 -5.0"


def test_shares_out_of_range_and_texts_that_are_none() -> None:
    language = polynomials(2)
    for share in (0.0, 1.0, math.nan):
        with pytest.raises(ConfigurationError, match="above 0 and below 1"):
            held_out(language, drawn(language, 3, 0), share)
    none = Equations(torch.full((400,), -1), torch.zeros(400, 3, dtype=torch.long))
    assert not held_out(language, none, 0.9).any()
