import torch
from torch import Generator

from baselines.dynamics import DynamicsBatch, DynamicsModel, TrajectoryEncoder
from baselines.eql import EQL
from baselines.relu import ReLUNetwork

R, N, T, C = 2, 5, 8, 2


def model(cell_type: type[EQL] | type[ReLUNetwork] = EQL) -> DynamicsModel:
    generator = Generator().manual_seed(0)
    cell = cell_type(in_features=3, out_features=2, replicas=R, generator=generator)
    encoder = TrajectoryEncoder(C, 1, R, filters=4, kernel=3, generator=generator)
    return DynamicsModel(encoder, cell, torch.ones(C), state_limit=10.0).double()


def batch(seed: int = 0) -> DynamicsBatch:
    generator = Generator().manual_seed(seed)
    observed = torch.randn(N, T, C, generator=generator, dtype=torch.float64)
    start = torch.randn(N, C, generator=generator, dtype=torch.float64)
    return DynamicsBatch(observed, start, torch.zeros(N, 4, C, dtype=torch.float64))


def test_encoder_is_a_convolution_and_a_mean() -> None:
    encoder = model().encoder
    observed = batch().observed
    windows = torch.stack([observed[:, t : t + 3].mT.flatten(1) for t in range(T - 2)], 1)
    layer = encoder.convolution
    features = torch.nn.functional.elu(
        torch.einsum("ntk,rkf->rntf", windows, layer.weight) + layer.bias[:, None]
    )
    pooled = features.mean(2)
    hidden = torch.nn.functional.elu(
        torch.einsum("rnf,rfg->rng", pooled, encoder.dense.weight) + encoder.dense.bias
    )
    expected = torch.einsum("rng,rgl->rnl", hidden, encoder.head.weight) + encoder.head.bias
    torch.testing.assert_close(encoder(observed), expected)


def test_latents_have_half_unit_size_and_evaluation_uses_the_last_scale() -> None:
    dynamics = model()
    latents = dynamics.encode(batch().observed)
    size = latents.square().mean((1, 2)).sqrt()
    torch.testing.assert_close(size, torch.full((R,), 0.5, dtype=torch.float64))
    dynamics.eval()
    torch.testing.assert_close(dynamics.encode(batch().observed), latents)
    assert dynamics.encode(batch(1).observed).square().mean() != 0.25


def test_roll_out_is_the_cell_applied_again_and_again() -> None:
    for cell_type in (EQL, ReLUNetwork):
        dynamics = model(cell_type).eval()
        data = batch()
        latents = dynamics.encode(data.observed)
        states = dynamics.roll_out(data.start, latents, 3)
        state = data.start.expand(R, N, C)
        for step in range(3):
            state = dynamics.cell(torch.cat([state, latents], 2))
            torch.testing.assert_close(states[:, :, step], state)


def test_an_exploding_replica_keeps_a_finite_energy_while_training() -> None:
    dynamics = model()
    with torch.no_grad():
        for parameter in dynamics.cell.parameters():
            parameter.mul_(50)
    energy = dynamics.energy(batch())
    energy.total().backward()
    assert torch.isfinite(energy.data).all()
    assert all(torch.isfinite(p.grad).all() for p in dynamics.parameters() if p.grad is not None)


def test_resetting_a_replica_draws_encoder_and_cell_anew() -> None:
    dynamics = model()
    before = {k: v.clone() for k, v in dynamics.named_parameters()}
    dynamics.reset_replicas(torch.tensor([True, False]), generator=Generator().manual_seed(3))
    for name, parameter in dynamics.named_parameters():
        assert not torch.equal(parameter[0], before[name][0]), name
        assert torch.equal(parameter[1], before[name][1]), name
