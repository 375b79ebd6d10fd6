"""The honest baseline of a reader: take every network for a polynomial."""

from itertools import product

import torch
from torch import Tensor

from baselines.languages import Language
from baselines.population import Architecture, Points
from baselines.refinement.refine import Refined, refine
from baselines.refinement.rounding import real_coefficients, triangular
from baselines.refinement.settings import Refinement
from esr.errors import DataError

__all__ = ["read_as_polynomials"]


def read_as_polynomials(
    language: Language,
    architecture: Architecture,
    weights: Tensor,
    points: Points,
    degree: int,
    settings: Refinement | None = None,
) -> Refined:
    """Fit all monomials to what networks say, drop those that round to nothing, refine the rest.

    Where the equations are polynomials of known degree, this needs no reader at all. Where they
    are not, it finds none of them: the skeleton is then -1, as whenever a monomial remains that
    the language lacks.

    Arguments:
        language: In which the equations are to be written.
        architecture: Of the networks.
        weights: Networks, `(M, P)`.
        points: Where networks and equations are compared; at least as many as monomials.
        degree: Highest sum of a monomial's exponents, at least 0.
        settings: Those of `Refinement` unless given.
    Raises:
        DataError: If the degree is negative or points are fewer than monomials.
    """
    inputs = architecture.inputs
    exponents = [e for e in product(range(degree + 1), repeat=inputs) if sum(e) <= degree]
    if not 0 < len(exponents) <= len(points.weights):
        raise DataError(
            f"degree {degree} makes {len(exponents)} monomials of {inputs} inputs, but there "
            f"must be at least one, and no more than the {len(points.weights)} points"
        )
    here = points.to(weights.double())
    root = here.weights.sqrt()
    powers = torch.tensor(exponents, device=root.device)
    basis, triangle = triangular(_monomials(here.points, powers) * root[:, None])
    outputs = architecture.outputs(weights.double(), here.points) * root
    coefficients = real_coefficients(triangle, outputs @ basis)  # (M, Q)
    present = (coefficients.abs() * language.coefficient.scale).round() > 0
    written, polynomial = _skeletons(language, powers.cpu())
    same = (present[:, None] == written.to(root.device)).all(2)
    same &= polynomial.to(root.device)  # (M, K)
    found = torch.where(same.any(1), same.long().argmax(1), -1)
    return refine(language, architecture, weights, found, None, points, settings)


def _monomials(points: Tensor, powers: Tensor) -> Tensor:
    """Monomials with exponents `(Q, D)` at points `(N, D)`, `(N, Q)`."""
    return points[:, None].pow(powers).prod(2)


def _skeletons(language: Language, powers: Tensor) -> tuple[Tensor, Tensor]:
    """Which of the Q monomials with exponents `(Q, D)` each skeleton has, bool `(K, Q)`, and
    whether it has nothing else, bool `(K,)`."""
    count, inputs = powers.shape
    places = torch.arange(1, 2 * count + 1, dtype=torch.float64)[:, None]
    points = 0.5 + places * torch.arange(2.5, inputs + 2).double().sqrt() % 1  # none special
    columns = _monomials(points, powers)
    monomial_of = []
    for form in language.forms:
        values = form.evaluate(points.new_ones(1, form.numbers), points)
        equal = torch.isclose(values.T, columns, rtol=1e-9, atol=0).all(0) & (form.inner == 0)
        monomial_of.append(int(equal.long().argmax()) if equal.any() else -1)
    written = torch.zeros(len(language.skeletons), count, dtype=torch.bool)
    polynomial = torch.zeros(len(language.skeletons), dtype=torch.bool)
    for index, skeleton in enumerate(language.skeletons):
        own = [monomial_of[term] for term in skeleton.terms]
        polynomial[index] = min(own) >= 0
        written[index, [monomial for monomial in own if monomial >= 0]] = True
    return written, polynomial
