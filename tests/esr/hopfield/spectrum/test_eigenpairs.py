"""Extreme eigenpairs against dense diagonalisation, on matrices with the structure of rules."""

import pytest
import torch
from torch import Tensor

from esr.errors import ConfigurationError, DataError, TrainingError
from esr.hopfield.spectrum.eigenpairs import extreme_eigenpairs
from esr.hopfield.spectrum.operators import CentredOperator, DenseOperator, WeightedSum


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def symmetric(size: int, seed: int) -> Tensor:
    drawn = torch.randn(size, size, generator=draws(seed), dtype=torch.float64)
    return (drawn + drawn.T) / 2


def chain(positions: int, symbols: int) -> Tensor:
    """One block between neighbours on a ring, inhibition in each group: repeated eigenvalues."""
    eye = torch.eye(positions, dtype=torch.float64)
    block = torch.randn(symbols, symbols, generator=draws(1), dtype=torch.float64)
    coupled = torch.kron(eye.roll(1, 0), block)
    inhibition = torch.ones(symbols, symbols, dtype=torch.float64) - torch.eye(symbols)
    return coupled + coupled.T - torch.kron(eye, inhibition)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    "matrix",
    [symmetric(20, 0), symmetric(150, 1), chain(20, 7), torch.zeros(80, 80).double()],
    ids=["small", "random", "chain", "zero"],
)
def test_ends_are_those_of_dense_diagonalisation(matrix: Tensor, count: int) -> None:
    lowest, highest = extreme_eigenpairs(
        DenseOperator(matrix), matrix, generator=draws(), count=count, tolerance=1e-9
    )
    expected = torch.linalg.eigvalsh(matrix)
    radius = float(expected.abs().max())
    # A residual of 1e-9 of the radius is an error of at most that; usually it is its square.
    for pairs, values in ((lowest, expected[:count]), (highest, expected.flip(0)[:count])):
        torch.testing.assert_close(pairs.values, values, rtol=0, atol=1e-9 * radius)
        missed = matrix @ pairs.vectors.T - pairs.values * pairs.vectors.T
        torch.testing.assert_close(missed.norm(dim=0), pairs.residuals, rtol=0, atol=1e-12)
        assert float(pairs.residuals.max()) <= 1e-9 * radius
        torch.testing.assert_close(
            pairs.vectors @ pairs.vectors.T, torch.eye(count).double(), rtol=0, atol=1e-12
        )
    assert lowest.lower <= expected[0] + 1e-13 * radius  # the dense solver rounds, too
    assert highest.upper >= expected[-1] - 1e-13 * radius


def test_few_products_are_enough() -> None:
    matrix = symmetric(600, 2)
    products = []

    class Counting(DenseOperator):
        def apply(self, vectors: Tensor) -> Tensor:
            products.append(len(vectors))
            return super().apply(vectors)

    extreme_eigenpairs(Counting(matrix), matrix, generator=draws())
    assert sum(products) < 120


def test_single_precision_is_kept_and_its_rounding_allowed_for() -> None:
    matrix = symmetric(100, 3)
    lowest, highest = extreme_eigenpairs(
        DenseOperator(matrix.float()), torch.zeros((), dtype=torch.float32), generator=draws()
    )
    expected = torch.linalg.eigvalsh(matrix)
    assert lowest.values.dtype == torch.float64
    assert lowest.lower <= expected[0] <= lowest.upper
    assert highest.lower <= expected[-1] <= highest.upper


def test_same_generator_gives_the_same_pairs() -> None:
    matrix = symmetric(90, 4)
    first, second = (
        extreme_eigenpairs(DenseOperator(matrix), matrix, generator=draws(7))[0] for _ in range(2)
    )
    assert torch.equal(first.vectors, second.vectors)


def test_sum_and_centring_are_the_matrices_they_stand_for() -> None:
    first, second = symmetric(12, 5), symmetric(12, 6)
    groups = torch.tensor([0, 0, 0, 1, 1, -1, 2, 2, 2, 2, -1, 1])
    projector = torch.eye(12, dtype=torch.float64)
    for group in range(3):
        member = (groups == group).double()
        projector -= torch.outer(member, member) / member.sum()
    total = WeightedSum([DenseOperator(first), DenseOperator(second)], [2.0, -0.5])
    centred = CentredOperator(total, groups)
    vectors = torch.randn(5, 12, generator=draws(), dtype=torch.float64)
    mixed = 2 * first - 0.5 * second
    assert total.size == centred.size == 12
    torch.testing.assert_close(total.apply(vectors), vectors @ mixed)
    torch.testing.assert_close(centred.apply(vectors), vectors @ projector @ mixed @ projector)


def test_what_cannot_be_is_refused() -> None:
    matrix = symmetric(100, 0)
    operator = DenseOperator(matrix)
    with pytest.raises(ConfigurationError, match="count must be from 1 to the operator's size"):
        extreme_eigenpairs(operator, matrix, generator=draws(), count=101)
    with pytest.raises(ConfigurationError, match="like must be of a floating type"):
        extreme_eigenpairs(operator, torch.zeros(1, dtype=torch.long), generator=draws())
    with pytest.raises(TrainingError, match="after 10 products, not to"):
        extreme_eigenpairs(operator, matrix, generator=draws(), applications=10)
    with pytest.raises(DataError, match="products are not finite"):
        extreme_eigenpairs(DenseOperator(matrix * torch.inf), matrix, generator=draws())
    with pytest.raises(DataError, match="differs from its transpose by up to"):
        DenseOperator(matrix.triu())
    with pytest.raises(DataError, match="is square"):
        DenseOperator(matrix[:3])
    operator.matrix = matrix.triu()
    with pytest.raises(DataError, match="u'Qv and v'Qu differ"):
        extreme_eigenpairs(operator, matrix, generator=draws())
    with pytest.raises(ConfigurationError, match="1 operators of sizes"):
        WeightedSum([operator], [1.0, 2.0])
    with pytest.raises(DataError, match="groups must be 100 integers"):
        CentredOperator(operator, torch.zeros(99, dtype=torch.long))
    with pytest.raises(DataError, match="a group is at least -1"):
        CentredOperator(operator, torch.full((100,), -2))
