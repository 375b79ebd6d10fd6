"""Meta-learning objectives against plain loops over functions, in float64."""

import math
from collections.abc import Mapping
from functools import partial

import pytest
import torch
from torch import Generator, Tensor
from torch.func import functional_call

from baselines.eql import EQL, NoStructure, RelaxedL0, SmoothedL05
from baselines.relu import ReLUNetwork
from esr.equations import Expression
from esr.errors import ConfigurationError
from esr.expression_model import ExpressionModel
from esr.meta import MAML, Episodes, InnerLoop, Joint, Learner, Reptile, Untrained
from esr.models import Batch, FunctionModel
from esr.relaxed_program import RelaxedProgram
from esr.training import plain_energy

R, K, N = 2, 3, 10
UNITS = {"identity": 2, "sin": 2, "exp": 1, "sigmoid": 1, "mul": 2}
MODELS = {
    "eql": partial(EQL, hidden=[UNITS, UNITS], structure=NoStructure()),
    "eql_l05": partial(EQL, hidden=[UNITS], structure=SmoothedL05([0.01, 0.1])),
    "relu": partial(ReLUNetwork, hidden=[5]),
    "relaxed_program": RelaxedProgram,
}


def make(name: str = "eql", replicas: int = R) -> FunctionModel:
    generator = Generator().manual_seed(1)
    model = MODELS[name](in_features=1, out_features=1, replicas=replicas, generator=generator)
    return model.double()


def episodes() -> Episodes:
    generator = Generator().manual_seed(0)
    x = 2 * torch.rand(2, K, N, 1, generator=generator, dtype=torch.float64) - 1
    speed = 3 + 9 * torch.rand(K, 1, 1, generator=generator, dtype=torch.float64)
    return Episodes(*(Batch(part, torch.sin(speed * part)) for part in x))


def looped(learner: Learner, episodes: Episodes, inner: InnerLoop, adapts: list[str]) -> Tensor:
    """Second-order MAML by loops over replicas and functions, written as the paper has it."""
    total = torch.zeros((), dtype=torch.float64)
    for replica in range(learner.replicas):
        for k in range(K):
            support, query = (Batch(p.inputs[k], p.targets[k]) for p in episodes)
            parameters = {n: p[[replica]] for n, p in learner.model.named_parameters()}
            buffers = {n: b[[replica]] for n, b in learner.model.named_buffers()}
            for _ in range(inner.steps):
                found = torch.autograd.grad(
                    misfit(parameters | buffers, support),
                    [parameters[name] for name in adapts],
                    create_graph=True,
                )
                norm = torch.cat([g.detach().flatten() for g in found]).norm()
                for name, gradient in zip(adapts, found, strict=True):
                    clipped = gradient * min(1.0, float(inner.clip_norm / norm))
                    rate = learner.rates.log_rate[replica].exp()
                    parameters[name] = parameters[name] - rate * clipped
            total = total + misfit(parameters | buffers, query) / K
    return total


def misfit(state: Mapping[str, Tensor], batch: Batch) -> Tensor:
    outputs = functional_call(make(replicas=1), dict(state), (batch.inputs,))
    return (outputs - batch.targets).square().mean()


@pytest.mark.parametrize("head_only", [False, True])
def test_gradients_equal_those_of_a_plain_loop(head_only: bool) -> None:
    learner = Learner(make(), rate=0.02, learn_rate=True)
    objective = MAML(InnerLoop(clip_norm=0.5), head_only=head_only)
    names = [name for name, _ in learner.model.named_parameters()]
    adapts = list(learner.model.head) if head_only else names
    total = objective(learner, episodes(), generator=Generator()).total()
    plain = looped(learner, episodes(), objective.inner, adapts)
    assert bool(learner.inner_clipped.any())  # the clip is part of what is compared
    torch.testing.assert_close(total, plain, rtol=1e-9, atol=0)
    found = torch.autograd.grad(total, list(learner.parameters()))
    expected = torch.autograd.grad(plain, list(learner.parameters()))
    for one, other in zip(found, expected, strict=True):
        assert float((one - other).norm()) < 1e-6 * float(other.norm())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("each_weight", [False, True])
def test_gradients_equal_finite_differences(name: str, each_weight: bool) -> None:
    inner = InnerLoop(steps=3, clip_norm=1e9, structure=0.5)
    learner = Learner(make(name), 0.02, learn_rate=True, rate_of_each_weight=each_weight)

    def total() -> Tensor:
        return MAML(inner)(learner, episodes(), generator=Generator().manual_seed(2)).total()

    total().backward()
    generator, step = Generator().manual_seed(3), 1e-6
    for parameter in learner.parameters():
        assert parameter.grad is not None
        direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        values = []
        for sign in (-1, 1):
            with torch.no_grad():
                parameter += sign * step * direction
            values.append(float(total().detach()))
            with torch.no_grad():
                parameter -= sign * step * direction
        slope = (values[1] - values[0]) / (2 * step)
        exact = float((parameter.grad * direction).sum())
        assert exact == pytest.approx(slope, rel=1e-5, abs=1e-7)  # rounding over the step


def test_replicas_are_separate_attempts() -> None:
    both, batch = Learner(make()), episodes()
    together = MAML()(both, batch, generator=Generator())
    for replica in range(R):
        alone = Learner(make(replicas=1))
        state = {n: p[replica : replica + 1] for n, p in make().named_parameters()}
        alone.model.load_state_dict(state, strict=False)
        energy = MAML()(alone, batch, generator=Generator())
        torch.testing.assert_close(energy.data[0], together.data[replica])


def test_copies_follow_their_model_between_calls() -> None:
    def gradient(*learners: Learner) -> list[Tensor]:
        total = sum(
            (MAML()(one, episodes(), generator=Generator()).total() for one in learners),
            torch.zeros(()),
        )
        return list(torch.autograd.grad(total, list(learners[0].parameters())))

    used, fresh = Learner(make()), Learner(make())
    before = gradient(used)
    for one, other in zip(gradient(used, used), before, strict=True):
        torch.testing.assert_close(one, 2 * other)  # neither energy spoils the other's graph
    for learner in (used, fresh):
        learner.model.prune(0.2)
    after = gradient(used)
    for one, other, old in zip(after, gradient(fresh), before, strict=True):
        torch.testing.assert_close(one, other)
        assert not torch.allclose(one, old)
    used.model.reset_replicas(torch.ones(R, dtype=torch.bool), generator=Generator())
    assert all(bool(found.all()) for found in gradient(used))  # no mask is left


def test_first_order_is_the_gradient_where_the_copies_arrive() -> None:
    learner, batch = Learner(make(), rate=0.02), episodes()
    total = MAML(first_order=True)(learner, batch, generator=Generator()).total()
    found = torch.autograd.grad(total, list(learner.parameters()))
    rates = learner.rates.of_copies(K)
    copies = learner.copies(K)
    inner = InnerLoop()
    arrived = inner.adapt(copies, rates, batch.support, second_order=False, generator=None)
    leaves = {n: p.detach().requires_grad_() for n, p in arrived.parameters.items()}
    there = copies.energy(leaves, batch.query, generator=None).data.sum() / K
    expected = torch.autograd.grad(there, list(leaves.values()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other.view(R, K, *other.shape[1:]).sum(1))


def test_reptile_points_to_where_the_copies_arrive() -> None:
    learner, batch = Learner(make(), rate=0.02), episodes()
    energy = Reptile()(learner, batch, generator=Generator())
    found = torch.autograd.grad(energy.total(0.0), list(learner.parameters()))
    arrived = InnerLoop().adapt(
        learner.copies(K),
        learner.rates.of_copies(K),
        batch.joined(),
        second_order=False,
        generator=None,
    )
    for gradient, (name, start) in zip(found, learner.model.named_parameters(), strict=True):
        mean = arrived.parameters[name].view(R, K, *start.shape[1:]).mean(1)
        torch.testing.assert_close(gradient, (start - mean) / 0.02)


def test_joint_training_is_the_mean_over_all_points() -> None:
    learner, batch = Learner(make()), episodes()
    energy = plain_energy(learner, batch, generator=Generator())
    model = learner.model.repeated(K)
    inputs, targets = (tensor.repeat(R, 1, 1) for tensor in batch.joined())
    each = model.energy(Batch(inputs, targets)).data.view(R, K)
    torch.testing.assert_close(energy.data, each.mean(1))


def test_joint_training_fits_all_points_as_if_of_one_function() -> None:
    model, points = make("eql_l05"), episodes().pooled()
    energy = Joint()(Learner(model), episodes(), generator=Generator())
    residuals = model(points.inputs) - points.targets
    torch.testing.assert_close(energy.data, residuals.square().mean((1, 2)))
    torch.testing.assert_close(energy.structure, model.structure())


def test_no_objective_changes_nothing() -> None:
    learner = Learner(make())
    energy = Untrained()(learner, episodes(), generator=Generator())
    gradients = torch.autograd.grad(energy.total(), list(learner.parameters()))
    assert not any(bool(gradient.any()) for gradient in gradients)


def test_gates_are_drawn_for_each_copy_from_the_generator() -> None:
    model = EQL(1, 1, hidden=[UNITS], structure=RelaxedL0(), replicas=R).double().train()
    learner = Learner(model)

    def data(seed: int) -> Tensor:
        return MAML()(learner, episodes(), generator=Generator().manual_seed(seed)).data

    assert torch.equal(data(0), data(0))
    assert not torch.equal(data(0), data(1))


def test_clips_are_counted() -> None:
    learner = Learner(make())
    MAML(InnerLoop(clip_norm=1e-9), query_limit=1e-9)(learner, episodes(), generator=Generator())
    assert all(bool((share == 1).all()) for share in learner.tallies().values())
    quiet = Learner(make())
    MAML(InnerLoop(clip_norm=1e9), query_limit=1e9)(quiet, episodes(), generator=Generator())
    assert not any(bool(share.any()) for share in quiet.tallies().values())


def test_a_query_error_beyond_the_limit_counts_as_much_and_still_teaches() -> None:
    learner, limit = Learner(make()), 1e-3
    energy = MAML(query_limit=limit)(learner, episodes(), generator=Generator())
    torch.testing.assert_close(energy.data.detach(), torch.full_like(energy.data, limit))
    limited = torch.autograd.grad(energy.total(), list(learner.parameters()))
    learner.zero_grad()
    rates = learner.rates.of_copies(K)
    copies = learner.copies(K)
    adapted = InnerLoop().adapt(
        copies, rates, episodes().support, second_order=True, generator=Generator()
    )
    errors = copies.energy(adapted.parameters, episodes().query, generator=Generator()).data
    expected = torch.autograd.grad(
        (errors * limit / errors.detach()).sum() / K, list(learner.parameters())
    )
    for one, other in zip(limited, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="steps must be at least 1"):
        InnerLoop(steps=0)
    for wrong in ({"steps": 2.5}, {"steps": True}, {"clip_norm": "1"}, {"structure": math.inf}):
        with pytest.raises(ConfigurationError, match="but they are"):
            InnerLoop(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="step size must be positive"):
        Learner(make(), rate=0.0)
    with pytest.raises(ConfigurationError, match="query_limit must be positive"):
        MAML(query_limit=0.0)
    with pytest.raises(TypeError, match="wrap the model"):
        MAML()(make(), episodes().support, generator=Generator())
    headless = Learner(ExpressionModel([Expression.parse("2*x")], ["x"], replicas=R).double())
    with pytest.raises(ConfigurationError, match="names no head"):
        MAML(head_only=True)(headless, episodes(), generator=Generator())


@pytest.mark.parametrize("objective", [MAML(), MAML(head_only=True), MAML(first_order=True)])
def test_gradients_do_not_depend_on_what_was_done_before(objective: MAML) -> None:
    """A run that goes on after an interruption takes its first step with new copies."""
    generator = Generator().manual_seed(0)
    hidden = [{"identity": 4, "square": 4, "sin": 2, "exp": 2, "sigmoid": 2, "mul": 2}] * 2
    model = EQL(1, 1, hidden=hidden, replicas=R, initial_sd=0.2, generator=generator)
    inputs = torch.rand(K, 2 * N, 1, generator=generator)
    support, query = (Batch(part, part.sin()) for part in inputs.split(N, 1))
    learner = Learner(model)

    def gradients(learner: Learner) -> list[Tensor]:
        energy = objective(learner, Episodes(support, query), generator=Generator()).total()
        return list(torch.autograd.grad(energy, list(learner.parameters())))

    first, second = gradients(learner), gradients(learner)
    for several in (second, gradients(Learner(model))):
        assert all(torch.equal(*pair) for pair in zip(first, several, strict=True))
