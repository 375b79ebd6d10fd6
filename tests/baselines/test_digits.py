import pytest
import torch
from torch import Generator
from torch.nn import functional

from baselines.digits import DigitBatch, DigitEncoder, DigitSumModel, ReplicaConvolution
from baselines.eql import EQL
from baselines.relu import ReLUNetwork
from esr.errors import ConfigurationError
from esr.models import FunctionModel

R, M, N, H, W = 3, 6, 5, 8, 7


def model(adder_type: type[FunctionModel] = EQL) -> DigitSumModel:
    generator = Generator().manual_seed(0)
    adder = adder_type(in_features=2, out_features=1, replicas=R, generator=generator)  # type: ignore[call-arg]
    encoder = DigitEncoder(H, W, R, filters=3, features=4, levels=5, generator=generator)
    return DigitSumModel(encoder, adder, mean=7.0, unit=3.0).double()


def batch() -> DigitBatch:
    generator = Generator().manual_seed(1)
    images = torch.rand(M, H, W, generator=generator, dtype=torch.float64)
    pairs = torch.randint(M, (N, 2), generator=generator)
    return DigitBatch(images, pairs, torch.arange(N, dtype=torch.float64)[:, None])


@pytest.mark.parametrize("stride", [1, 2])
def test_each_replica_is_a_plain_convolution(stride: int) -> None:
    layer = ReplicaConvolution(2, 4, R, stride=stride, generator=Generator().manual_seed(0))
    own = torch.randn(R, M, 2, H, W, generator=Generator().manual_seed(1))
    for images in (own, own[0]):
        outputs = layer(images)
        for replica in range(R):
            here = images[replica] if images.dim() == 5 else images
            weight, bias = layer.weight[replica], layer.bias[replica]
            expected = functional.conv2d(here, weight, bias, stride, padding=1)
            torch.testing.assert_close(outputs[replica], expected, rtol=1e-4, atol=1e-5)


def test_the_latent_is_a_mean_of_levels_of_unit_size() -> None:
    levels = model().encoder.levels
    one_hot = 1e3 * torch.eye(5, dtype=torch.float64).expand(R, 5, 5)
    latents = levels(one_hot)[..., 0]  # (R, K): each level by itself
    torch.testing.assert_close(latents.mean(1), torch.zeros(R).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(latents.square().mean(1), torch.ones(R).double())
    even = levels(torch.zeros(R, 1, 5, dtype=torch.float64))
    torch.testing.assert_close(even, torch.zeros_like(even), atol=1e-12, rtol=0)


def test_brightness_and_contrast_do_not_matter() -> None:
    encoder, images = model().encoder, batch().images
    # the layer norm's own small constant, 1e-5, is what remains
    torch.testing.assert_close(encoder(3 * images + 1), encoder(images), rtol=0, atol=1e-3)


def test_a_pair_is_added_from_the_latents_of_its_two_images() -> None:
    for adder_type in (EQL, ReLUNetwork):
        sums = model(adder_type).eval()
        data = batch()
        latents = sums.encode(data.images)
        predicted = torch.stack(
            [
                7 + 3 * sums.adder(torch.stack([latents[:, i], latents[:, j]], 1)[..., 0][:, None])
                for i, j in data.pairs.tolist()
            ],
            2,
        )[:, 0]  # (R, N, 1)
        expected = ((predicted - data.sums) / 3).square().mean((1, 2))
        torch.testing.assert_close(sums.energy(data).data, expected)


def test_replicas_do_not_share_parameters_or_gradients() -> None:
    sums = model()
    assert all(p.shape[0] == R for p in sums.parameters())
    energy = sums.energy(batch())
    (energy.data[1] + energy.structure[1]).backward()
    for parameter in sums.parameters():
        assert parameter.grad is not None
        assert not parameter.grad[[0, 2]].any()


def test_resetting_a_replica_draws_encoder_and_adder_anew() -> None:
    sums = model()
    before = {k: v.clone() for k, v in sums.named_parameters()}
    sums.reset_replicas(torch.tensor([True, False, False]), generator=Generator().manual_seed(3))
    for name, parameter in sums.named_parameters():
        assert not torch.equal(parameter[0], before[name][0]), name
        assert torch.equal(parameter[1:], before[name][1:]), name


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="levels must be at least 2, but is 1"):
        DigitEncoder(8, 8, 1, levels=1)
    with pytest.raises(ConfigurationError, match="filters must be at least 1, but is 0"):
        DigitEncoder(8, 8, 1, filters=0)
