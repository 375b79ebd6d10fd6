"""The ends of the spectrum of a symmetric operator, by block Lanczos iteration."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError, DataError, TrainingError
from esr.hopfield.spectrum.operators import SymmetricOperator

__all__ = ["Eigenpairs", "extreme_eigenpairs"]

_DENSE = 64
"""Up to this size the matrix is written out and diagonalised."""


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """Approximate eigenpairs of a symmetric operator Q, the most extreme one first.

    Attributes:
        values: Rayleigh quotients, float64 `(count,)`.
        vectors: Unit vectors v, float64 `(count, n)`.
        residuals: Norms |Qv - value v|, float64 `(count,)`: an eigenvalue lies as near as that.
    """

    values: Tensor
    vectors: Tensor
    residuals: Tensor

    @property
    def lower(self) -> float:
        """Below the most extreme eigenvalue found."""
        return float(self.values[0] - self.residuals[0])

    @property
    def upper(self) -> float:
        """Above the most extreme eigenvalue found."""
        return float(self.values[0] + self.residuals[0])


def extreme_eigenpairs(
    operator: SymmetricOperator,
    like: Tensor,
    *,
    generator: Generator | None,
    count: int = 1,
    tolerance: float = 1e-4,
    applications: int = 2000,
) -> tuple[Eigenpairs, Eigenpairs]:
    r"""The lowest and the highest eigenpairs, with residuals that bound their error.

    The Rayleigh quotients of a growing subspace, extended by the residuals of the wanted pairs
    (which spans the block Krylov space), reorthogonalised twice, restarted from the best
    vectors. Small operators are written out instead.

    Values come from within the spectrum, and an eigenvalue lies within each residual. The start
    is random, so an end of the spectrum is missed altogether with probability zero, but nothing
    proves it of a given draw. Repeated eigenvalues are found repeatedly.

    Arguments:
        operator: Q of n rows.
        like: Any tensor whose device and floating type the operator works in. Everything but the
            operator's products is computed in float64.
        generator: Draws the start, on the generator's device.
        count: Pairs wanted at each end, from 1 to n.
        tolerance: Largest residual relative to the spectral radius, positive. The values are
            usually known to its square. Products that round to eps allow no less than eps^0.6
            (4e-10 for float64, 7e-5 for float32).
        applications: Products of Q with a vector before giving up.
    Returns:
        The lowest pairs, ascending, and the highest pairs, descending.
    Raises:
        ConfigurationError: If `count` or `like` is out of range.
        DataError: If products are not finite or Q is not symmetric.
        TrainingError: If the residuals stay above the tolerance.
    Source: Golub, Van Loan (2013), Matrix Computations, 10.3; residual bound 8.1.
    """
    if not 1 <= count <= operator.size:
        raise ConfigurationError(
            f"count must be from 1 to the operator's size {operator.size}, but is {count}"
        )
    if not like.is_floating_point():
        raise ConfigurationError(f"like must be of a floating type, but is {like.dtype}")
    product = _Product(operator, like)
    tolerance = max(tolerance, product.accuracy)
    if operator.size <= max(_DENSE, 8 * count):
        basis = torch.eye(operator.size, dtype=torch.float64, device=like.device)
        return _ends(_Ritz(basis, product(basis), product.accuracy), count)
    return _iterate(product, count, tolerance, applications, generator)


class _Product:
    """Products in float64 with an operator that works in another type."""

    def __init__(self, operator: SymmetricOperator, like: Tensor) -> None:
        self.operator, self.like, self.size = operator, like, operator.size
        self.accuracy = torch.finfo(like.dtype).eps ** 0.6
        self.done = 0

    def __call__(self, vectors: Tensor) -> Tensor:
        self.done += len(vectors)
        images = self.operator.apply(vectors.to(self.like)).double()
        if not bool(images.isfinite().all()):
            raise DataError("the operator's products are not finite; check its entries")
        return images


class _Ritz:
    """Rayleigh-Ritz pairs of an orthonormal basis, `(m, n)`, and its images, `(m, n)`."""

    def __init__(self, basis: Tensor, images: Tensor, accuracy: float) -> None:
        small = basis @ images.T
        skew = float((small - small.T).abs().max())
        allowed = 10 * accuracy * images.shape[1] ** 0.5 * float(images.abs().max())
        if skew > allowed + torch.finfo(small.dtype).tiny:
            raise DataError(
                f"the operator is not symmetric: u'Qv and v'Qu differ by {skew:.3g}; symmetrise it"
            )
        self.basis, self.images = basis, images
        self.values, self.mixing = torch.linalg.eigh((small + small.T) / 2)
        self.radius = float(self.values.abs().max())

    def pairs(self, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values, vectors and residual vectors of some pairs."""
        mixing = self.mixing[:, which].T
        vectors = mixing @ self.basis
        return (
            self.values[which],
            vectors,
            mixing @ self.images - self.values[which, None] * vectors,
        )

    def ends(self, count: int) -> Tensor:
        """Places of the lowest and the highest values, without repetition."""
        places = torch.arange(len(self.values), device=self.values.device)
        return torch.cat([places[:count], places[max(count, len(places) - count) :]])


def _iterate(
    product: _Product, count: int, tolerance: float, applications: int, generator: Generator | None
) -> tuple[Eigenpairs, Eigenpairs]:
    device = generator.device if generator is not None else None
    start = torch.randn(
        2 * count, product.size, generator=generator, dtype=torch.float64, device=device
    )
    basis = torch.linalg.qr(start.to(product.like.device).T).Q.T
    images = product(basis)
    largest = max(60, 24 * count)
    while True:
        ritz = _Ritz(basis, images, product.accuracy)
        _, _, residuals = ritz.pairs(ritz.ends(count))
        norms = residuals.norm(dim=1)
        missing = norms > tolerance * ritz.radius
        if not bool(missing.any()):
            return _ends(ritz, count)
        if len(basis) + 2 * count > largest:
            kept = ritz.mixing[:, ritz.ends(4 * count + 4)].T
            basis, images = kept @ basis, kept @ images
        added = _orthonormal(residuals[missing] / norms[missing, None], basis)
        if not len(added) or product.done >= applications:
            raise TrainingError(
                f"the spectrum's ends are known to {float(norms.max()):.3g} only after "
                f"{product.done} products, not to {tolerance * ritz.radius:.3g}; loosen the "
                "tolerance or allow more applications"
            )
        basis, images = torch.cat([basis, added]), torch.cat([images, product(added)])


def _orthonormal(directions: Tensor, basis: Tensor) -> Tensor:
    """An orthonormal basis of what the unit directions have besides the basis, `(<=b, n)`."""
    for _ in range(2):  # rounding leaves a part of the basis after one projection
        directions = directions - directions @ basis.T @ basis
        _, sizes, directions = torch.linalg.svd(directions, full_matrices=False)
        directions = directions[sizes > 1e-6]
    return directions


def _ends(ritz: _Ritz, count: int) -> tuple[Eigenpairs, Eigenpairs]:
    places = torch.arange(len(ritz.values), device=ritz.values.device)
    lowest, highest = places[:count], places.flip(0)[:count]
    found = []
    for which in (lowest, highest):
        values, vectors, residuals = ritz.pairs(which)
        found.append(Eigenpairs(values, vectors, residuals.norm(dim=1)))
    return found[0], found[1]
