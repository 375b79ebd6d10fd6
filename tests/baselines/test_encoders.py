"""Encoders of weights: the order of neurons, and what must not depend on it."""

from functools import partial

import pytest
import torch
from torch import Generator, Tensor

from baselines.population import Architecture
from baselines.reader import (
    CanonicalOrder,
    FlatEncoder,
    GivenOrder,
    GraphEncoder,
    NeuronEncoder,
    ProbeEncoder,
    RandomOrder,
)
from baselines.reader.encoders import EncoderFactory, canonical
from esr.errors import ConfigurationError

B = 6
ARCHITECTURES = [
    Architecture((1, 8, 7, 8, 1)),
    Architecture((1, 5, 1), bias=True),
    Architecture((2, 4, 3, 1), "softplus", bias=True),
    Architecture((2, 3, 5, 4, 3, 1), "tanh"),
]


@pytest.fixture(params=ARCHITECTURES, ids=str)
def architecture(request: pytest.FixtureRequest) -> Architecture:
    found: Architecture = request.param
    return found


def weights_of(architecture: Architecture) -> Tensor:
    generator = Generator().manual_seed(0)
    return torch.randn(B, architecture.count, generator=generator, dtype=torch.float64)


def permuted(architecture: Architecture, weights: Tensor, seed: int = 1) -> Tensor:
    generator = Generator().manual_seed(seed)
    return architecture.permuted(weights, architecture.random_orders(B, generator=generator))


def test_permuted_copies_have_the_very_same_canonical_form(architecture: Architecture) -> None:
    weights = weights_of(architecture)
    form = canonical(architecture, weights)
    for seed in range(5):
        assert torch.equal(canonical(architecture, permuted(architecture, weights, seed)), form)
    assert torch.equal(canonical(architecture, form), form)


def test_canonical_order_changes_no_function(architecture: Architecture) -> None:
    weights = weights_of(architecture)
    points = torch.linspace(-1, 1, 7 * architecture.inputs, dtype=torch.float64)
    points = points.view(7, architecture.inputs)
    torch.testing.assert_close(
        architecture.outputs(canonical(architecture, weights), points),
        architecture.outputs(weights, points),
    )


def test_the_last_hidden_layer_is_ordered_by_the_weight_to_the_output() -> None:
    architecture = ARCHITECTURES[0]
    layers = architecture.split(canonical(architecture, weights_of(architecture)))
    assert (layers[-1].weight[:, :, 0].diff(dim=1) >= 0).all()
    assert (layers[0].weight[:, 0].diff(dim=1) >= 0).all()


@pytest.mark.parametrize(
    "factory",
    [
        partial(GraphEncoder, channels=6, expanded=16),
        partial(ProbeEncoder, nodes=3, expanded=16),
        partial(FlatEncoder, expanded=16, order=CanonicalOrder()),
        partial(NeuronEncoder, order=CanonicalOrder()),
    ],
    ids=["graph", "probe", "flat", "neuron"],
)
def test_the_memory_does_not_depend_on_the_order_of_neurons(
    architecture: Architecture, factory: EncoderFactory
) -> None:
    encoder = factory(architecture, 8, 2, generator=Generator().manual_seed(2)).double()
    weights = weights_of(architecture)
    encoder.adapt(weights)
    memory = encoder(weights)
    # sums over neurons in another order, in float64
    torch.testing.assert_close(
        encoder(permuted(architecture, weights)), memory, rtol=0, atol=1e-12
    )
    assert not torch.isclose(encoder(weights.roll(1, 0)), memory).all(3).any()


def test_the_graph_encoder_sees_every_weight(architecture: Architecture) -> None:
    encoder = GraphEncoder(
        architecture, 8, 1, 6, generator=Generator().manual_seed(2), expanded=16
    )
    weights = weights_of(architecture).requires_grad_()
    (slope,) = torch.autograd.grad(encoder.double()(weights).square().sum(), weights)
    assert slope.all()


def test_random_order_permutes_only_with_a_generator(architecture: Architecture) -> None:
    weights, order = weights_of(architecture), RandomOrder()
    assert order(architecture, weights, None) is weights
    drawn = order(architecture, weights, Generator().manual_seed(0))
    assert not torch.equal(drawn, weights)
    torch.testing.assert_close(canonical(architecture, drawn), canonical(architecture, weights))
    assert GivenOrder()(architecture, weights, Generator()) is weights


def test_adapting_makes_weights_standard() -> None:
    architecture = ARCHITECTURES[0]
    encoder = FlatEncoder(architecture, 8, 1, expanded=16)
    weights = weights_of(architecture).float() * 3 + 2
    weights[:, 5] = 0.5
    encoder.adapt(weights)
    deviation, mean = torch.std_mean(encoder.standard(weights), 0, correction=0)
    torch.testing.assert_close(mean, torch.zeros(128), rtol=0, atol=1e-6)  # float32
    expected = torch.ones(128)
    expected[5] = 0.0  # does not vary
    torch.testing.assert_close(deviation, expected)


def test_networks_are_probed_at_a_grid_of_chebyshev_nodes() -> None:
    architecture = ARCHITECTURES[2]
    encoder = ProbeEncoder(architecture, 8, 1, nodes=3, expanded=16)
    side = 3**0.5 / 2
    expected = [[a, b] for a in (side, 0, -side) for b in (side, 0, -side)]
    torch.testing.assert_close(encoder.points, torch.tensor(expected), rtol=0, atol=1e-6)


def test_a_graph_without_features_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="need channels and features"):
        GraphEncoder(ARCHITECTURES[0], 8, 1, features=(), expanded=16)


def test_a_memory_that_is_no_whole_number_of_tokens_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"must be a multiple of 8.*try 504"):
        FlatEncoder(ARCHITECTURES[0], 8, 1, expanded=511)
