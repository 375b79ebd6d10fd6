"""Populations of small networks: their shape, their points and their starts."""

import itertools

import pytest
import torch
from torch import Generator, Tensor

from baselines.population import (
    UNITS,
    Architecture,
    OwnStarts,
    Points,
    SharedStarts,
    Unit,
    gauss_legendre,
    sampled_points,
    unit,
)
from esr.errors import ConfigurationError, DataError

SHAPES = [
    Architecture(),
    Architecture((2, 3, 4, 1), "silu", bias=True),
    Architecture((1, 3, 1), "tanh", bias=True),
    Architecture((1, 1, 2, 1), "gelu"),
]


def random_weights(architecture: Architecture, count: int, seed: int = 0) -> Tensor:
    generator = Generator().manual_seed(seed)
    shape = (count, architecture.count)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def random_points(architecture: Architecture, count: int = 5) -> Points:
    return sampled_points(count, architecture.inputs, generator=Generator().manual_seed(1))


class TestArchitecture:
    @pytest.mark.parametrize("architecture", SHAPES, ids=str)
    def test_jacobian_equals_autograd(self, architecture: Architecture) -> None:
        weights, points = random_weights(architecture, 3), random_points(architecture).points
        outputs, jacobian = architecture.jacobian(weights, points)
        torch.testing.assert_close(outputs, architecture.outputs(weights, points))
        weights.requires_grad_()  # the outputs of one network do not depend on others' weights
        for index, column in enumerate(architecture.outputs(weights, points).unbind(1)):
            (expected,) = torch.autograd.grad(column.sum(), weights, retain_graph=True)
            torch.testing.assert_close(jacobian[:, index], expected)

    @pytest.mark.parametrize("architecture", SHAPES, ids=str)
    def test_own_points_of_each_network_are_taken(self, architecture: Architecture) -> None:
        weights = random_weights(architecture, 2)
        points = torch.stack(
            [
                random_points(architecture).points,
                torch.ones(5, 1).double().expand(5, architecture.inputs),
            ]
        )
        outputs, jacobian = architecture.jacobian(weights, points)
        for index in range(2):
            alone = architecture.jacobian(weights[[index]], points[index])
            torch.testing.assert_close((outputs[[index]], jacobian[[index]]), alone)

    @pytest.mark.parametrize("architecture", SHAPES, ids=str)
    def test_split_and_join_are_inverse(self, architecture: Architecture) -> None:
        weights = random_weights(architecture, 3)
        assert torch.equal(architecture.join(architecture.split(weights)), weights)

    @pytest.mark.parametrize("architecture", SHAPES, ids=str)
    def test_permuted_networks_are_the_same_functions(self, architecture: Architecture) -> None:
        weights, points = random_weights(architecture, 6), random_points(architecture).points
        orders = architecture.random_orders(6, generator=Generator().manual_seed(1))
        moved = architecture.permuted(weights, orders)
        outputs = architecture.outputs(weights, points)
        torch.testing.assert_close(architecture.outputs(moved, points), outputs)
        back = architecture.permuted(moved, [order.argsort(1) for order in orders])
        assert torch.equal(back, weights)
        assert not torch.equal(moved, weights)

    @pytest.mark.parametrize("architecture", SHAPES, ids=str)
    def test_described_gives_the_same(self, architecture: Architecture) -> None:
        same = Architecture.described(architecture.describe())
        assert same == architecture
        assert hash(same) == hash(architecture)
        assert same != Architecture((1, 2, 1))

    def test_count_is_that_of_the_slides(self) -> None:
        assert Architecture().count == 128
        assert Architecture(bias=True).count == 128 + 8 + 7 + 8 + 1

    @pytest.mark.parametrize("sizes", [(1, 1), (1, 0, 1), (1, 8, 2), (1, 8.0, 1)])
    def test_sizes_that_cannot_be_are_refused(self, sizes: tuple[int, ...]) -> None:
        with pytest.raises(ConfigurationError, match="sizes must be inputs"):
            Architecture(sizes)

    def test_what_is_no_description_is_refused(self) -> None:
        with pytest.raises(DataError, match="does not describe an architecture"):
            Architecture.described({"size": [1, 2, 1]})


class TestUnits:
    @pytest.mark.parametrize("one", UNITS, ids=lambda one: one.name)
    def test_derivative_equals_autograd(self, one: Unit) -> None:
        z = torch.linspace(-4, 4, 33, dtype=torch.float64)[1::2].requires_grad_()  # no kink
        value = one.value(z)
        (expected,) = torch.autograd.grad(value.sum(), z)
        torch.testing.assert_close(one.derivative(z, value), expected)

    def test_sum_of_sine_and_cosine_is_one(self) -> None:
        z = torch.linspace(-4, 4, 33, dtype=torch.float64)
        torch.testing.assert_close(unit("sin+cos").value(z), torch.sin(z) + torch.cos(z))

    def test_unknown_name_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="did you mean 'tanh'"):
            unit("tahn")


class TestPoints:
    @pytest.mark.parametrize("inputs", [1, 2])
    def test_quadrature_is_exact_below_twice_the_nodes(self, inputs: int) -> None:
        points = gauss_legendre(3, inputs, low=-1, high=2)
        for powers in itertools.product(range(6), repeat=inputs):
            values = torch.stack([points.points[:, i] ** p for i, p in enumerate(powers)]).prod(0)
            exact = 1.0
            for p in powers:
                exact *= (2 ** (p + 1) - (-1) ** (p + 1)) / (p + 1) / 3
            assert float(points.mean(values)) == pytest.approx(exact, rel=1e-12)

    def test_samples_lie_in_the_cube_and_weigh_the_same(self) -> None:
        drawn = sampled_points(50, 3, 1.0, 2.0, generator=Generator().manual_seed(0))
        assert drawn.points.shape == (50, 3)
        assert ((drawn.points >= 1) & (drawn.points < 2)).all()
        assert float(drawn.mean(torch.ones(50))) == pytest.approx(1)

    def test_numbers_that_cannot_be_are_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="low < high"):
            gauss_legendre(3, low=1, high=1)
        with pytest.raises(ConfigurationError, match="count"):
            sampled_points(0, generator=Generator())


class TestStarts:
    @pytest.mark.parametrize("start", [SharedStarts(), SharedStarts(3), OwnStarts()])
    def test_same_arguments_give_same_weights(self, start: SharedStarts | OwnStarts) -> None:
        one, other = (start.draw(Architecture(), 4, 5, 7) for _ in range(2))
        assert torch.equal(one, other)
        assert not torch.equal(one, start.draw(Architecture(), 4, 5, 8))

    def test_kinds_are_taken_in_turn_whatever_the_range(self) -> None:
        start = SharedStarts(3)
        whole = start.draw(Architecture(), 0, 8, 0)
        assert len(whole.unique(dim=0)) == 3
        assert torch.equal(whole[:3], whole[3:6])
        assert torch.equal(start.draw(Architecture(), 5, 3, 0), whole[5:])

    def test_own_starts_differ(self) -> None:
        drawn = torch.cat([OwnStarts().draw(Architecture(), first, 4, 0) for first in (0, 4)])
        assert len(drawn.unique(dim=0)) == 8

    def test_weights_are_in_the_default_range_of_torch(self) -> None:
        architecture = Architecture((4, 9, 1), bias=True)
        layers = architecture.split(OwnStarts(scale=0.5).draw(architecture, 0, 100, 0))
        for layer, bound in zip(layers, (0.5 / 2, 0.5 / 3), strict=True):
            assert layer.bias is not None
            for part in (layer.weight, layer.bias):
                assert 0.95 * bound < float(part.abs().max()) <= bound

    def test_numbers_that_cannot_be_are_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="must be positive"):
            SharedStarts(0)
        with pytest.raises(ConfigurationError, match="must be positive"):
            OwnStarts(0.0)
