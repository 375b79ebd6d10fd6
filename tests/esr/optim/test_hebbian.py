"""The one rule of states and couplings against its formula, and what the optimizer refuses."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter

from esr.errors import ConfigurationError, TrainingError
from esr.optim import (
    HebbianOptimizer,
    contrastive_loss,
    group_couplings,
    group_states,
    hebbian_loss,
    straight_through,
)


def network(units: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(units, units, generator=generator, dtype=torch.float64)
    inputs = torch.randn(units, generator=generator, dtype=torch.float64)
    states = torch.randn(4, units, generator=generator, dtype=torch.float64)
    return (drawn + drawn.T) / 2, inputs, states


def graded(states: Tensor) -> Tensor:
    return 0.5 * (1 + torch.tanh(3.0 * (states - 0.5)))


def test_steps_are_those_of_the_graded_hopfield_network() -> None:
    couplings, inputs, start = network(12, seed=0)
    states = Parameter(start.clone())
    optimizer = HebbianOptimizer([states], lr=0.02)
    plain = start.clone()
    for _ in range(1000):
        optimizer.zero_grad()
        activations = straight_through(graded, states)
        energies = -(activations @ (0.5 * couplings) * activations).sum(-1) - activations @ inputs
        energies.sum().backward()
        optimizer.step()
        plain = plain + 0.02 * (-plain + graded(plain) @ couplings + inputs)
    # Each step rounds to about 1e-16 of numbers below 10, and the network forgets it.
    torch.testing.assert_close(states.detach(), plain, rtol=0, atol=1e-12)


def test_fixed_point_does_not_move_by_rounding() -> None:
    states = Parameter(torch.tensor([0.1, 0.7, -1e-3, 1 / 3]))
    optimizer = HebbianOptimizer([states], lr=0.3)
    before = states.detach().clone()
    for _ in range(100):
        states.grad = -states.detach()
        optimizer.step()
    assert torch.equal(states, before)


def test_couplings_learn_the_difference_of_correlations_and_forget() -> None:
    generator = torch.Generator().manual_seed(1)
    couplings = Parameter(torch.randn(2, 6, 6, generator=generator, dtype=torch.float64))
    start = couplings.detach().clone()
    positive = torch.rand(2, 5, 6, generator=generator, dtype=torch.float64)
    negative = torch.rand(2, 9, 6, generator=generator, dtype=torch.float64)
    rewards = torch.rand(2, 5, generator=generator, dtype=torch.float64)

    def energies(patterns: Tensor) -> Tensor:
        return -torch.einsum("rni,rij,rnj->rn", patterns, couplings, patterns)

    loss = contrastive_loss(energies(positive), energies(negative), rewards)
    assert loss.shape == (2,)
    loss.sum().backward()
    HebbianOptimizer([group_couplings([couplings], 0.1, forgetting=0.3)]).step()
    shares = rewards / rewards.sum(1, keepdim=True)
    remembered = torch.einsum("rn,rni,rnj->rij", shares, positive, positive)
    made = torch.einsum("rni,rnj->rij", negative, negative) / 9
    expected = (1 - 0.1 * 0.3) * start + 0.1 * (remembered - made)
    torch.testing.assert_close(couplings.detach(), expected, rtol=1e-13, atol=1e-13)


def test_couplings_that_forget_all_are_the_moving_average_of_elites() -> None:
    couplings = Parameter(torch.zeros(3, 3, dtype=torch.float64))
    optimizer = HebbianOptimizer([group_couplings([couplings], 0.5, forgetting=1.0)])
    pattern = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
    for repeat in range(1, 6):
        optimizer.zero_grad()
        hebbian_loss(-(pattern @ couplings @ pattern)[None]).backward()
        optimizer.step()
        torch.testing.assert_close(
            couplings.detach(), (1 - 0.5**repeat) * torch.outer(pattern, pattern)
        )


def test_symmetric_couplings_stay_symmetric_to_the_last_bit() -> None:
    drawn, _, patterns = network(8, seed=2)
    couplings = Parameter(drawn)
    optimizer = HebbianOptimizer([group_couplings([couplings], 0.1, forgetting=0.1)])
    for _ in range(10):
        optimizer.zero_grad()
        couplings.grad = -0.5 * patterns.T @ patterns
        couplings.grad = (couplings.grad + couplings.grad.T) / 2
        optimizer.step()
    assert torch.equal(couplings, couplings.T)


def test_states_and_couplings_share_an_optimizer() -> None:
    states, couplings = Parameter(torch.ones(3)), Parameter(torch.ones(3, 3))
    optimizer = HebbianOptimizer(
        [group_states([states], 0.5), group_couplings([couplings], 0.1, forgetting=0.2)]
    )
    states.grad, couplings.grad = torch.zeros(3), torch.zeros(3, 3)
    optimizer.step()
    torch.testing.assert_close(states.detach(), torch.full((3,), 0.5))
    torch.testing.assert_close(couplings.detach(), torch.full((3, 3), 0.98))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -0.1}, r"lr must be at least 0, but is -0\.1"),
        ({"lr": float("nan")}, "lr must be at least 0, but is nan"),
        ({"lr": torch.ones(2)}, r"a tensor of one element, but has shape \(2,\)"),
        ({"lr": torch.tensor(-1.0)}, "lr must be at least 0"),
        ({"leak": -1}, "leak must be at least 0, but is -1"),
        ({"leek": 1}, "option 'leek' is unknown; did you mean 'leak'"),
        ({"maximise": True}, "did you mean 'maximize'"),
        ({"weight_decay": 0.1}, "did you mean 'leak'"),
        ({"dt": 0.1}, "did you mean 'lr'"),
    ],
)
def test_bad_option_of_a_group_is_refused_and_the_group_not_added(
    options: dict[str, Any], message: str
) -> None:
    optimizer = HebbianOptimizer([Parameter(torch.zeros(2))])
    with pytest.raises(ConfigurationError, match=message):
        optimizer.add_param_group({"params": [Parameter(torch.zeros(2))], **options})
    assert len(optimizer.param_groups) == 1


def test_bad_default_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="leak must be at least 0"):
        HebbianOptimizer([Parameter(torch.zeros(2))], leak=-0.5)


def test_other_keys_of_a_group_are_kept() -> None:
    place = Parameter(torch.zeros(2))
    optimizer = HebbianOptimizer([{"params": [place], "name": "states", "initial_lr": 0.1}])
    assert optimizer.param_groups[0]["name"] == "states"


def test_complex_parameter_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"params\[0\] is complex"):
        HebbianOptimizer([Parameter(torch.zeros(2, dtype=torch.complex64))])


def test_sparse_gradient_is_refused() -> None:
    place = Parameter(torch.zeros(3))
    place.grad = torch.ones(3).to_sparse()
    with pytest.raises(TrainingError, match="does not support sparse gradients"):
        HebbianOptimizer([place]).step()
