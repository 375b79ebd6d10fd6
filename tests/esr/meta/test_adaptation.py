"""How fresh copies adapt, against separate runs of single models, in float64."""

from functools import partial
from itertools import islice

import pytest
import torch
from torch import Generator, Tensor
from torch.optim import SGD, Adam

from baselines.eql import EQL, NoStructure, RelaxedL0, SmoothedL05
from baselines.relu import ReLUNetwork
from esr.errors import ConfigurationError, DataError
from esr.meta import (
    Adaptation,
    Episodes,
    InnerLoop,
    Learner,
    adaptation_errors,
    adapted_copies,
    tuned,
)
from esr.models import Batch, FunctionModel
from esr.relaxed_program import RelaxedProgram

R, K, N, M = 2, 3, 10, 7
UNITS = {"identity": 2, "sin": 2, "exp": 1, "sigmoid": 1, "mul": 2}
PLAIN = {
    "eql": partial(EQL, hidden=[UNITS, UNITS], structure=NoStructure()),
    "eql_l05": partial(EQL, hidden=[UNITS], structure=SmoothedL05()),
    "relu": partial(ReLUNetwork, hidden=[5]),
}
MODELS = PLAIN | {
    "eql_l0": partial(EQL, hidden=[UNITS], structure=RelaxedL0()),
    "relaxed_program": RelaxedProgram,
}


def make(name: str = "eql", replicas: int = R, seed: int = 1) -> FunctionModel:
    generator = Generator().manual_seed(seed)
    model = MODELS[name](in_features=1, out_features=1, replicas=replicas, generator=generator)
    return model.double()


def episodes(seed: int = 0) -> Episodes:
    generator = Generator().manual_seed(seed)
    speed = 3 + 9 * torch.rand(K, 1, 1, generator=generator, dtype=torch.float64)
    parts = []
    for count in (N, M):
        x = 2 * torch.rand(K, count, 1, generator=generator, dtype=torch.float64) - 1
        parts.append(Batch(x, torch.sin(speed * x)))
    return Episodes(*parts)


def alone(name: str, model: FunctionModel, replica: int) -> FunctionModel:
    """One replica of a model of R, as a model of its own."""
    single = make(name, replicas=1)
    state = {key: p[[replica]].detach() for key, p in model.named_parameters()}
    single.load_state_dict(state, strict=False)
    return single


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("optimizer", [SGD, Adam, partial(SGD, momentum=0.9)])
def test_copies_equal_separate_runs(name: str, optimizer: type[SGD]) -> None:
    model, batch, rate, limit = make(name), episodes(), 0.02, 0.5
    adaptation = Adaptation(optimizer, rate, clip_norm=limit, structure=0.3)
    errors = adaptation_errors(model, batch, adaptation, (0, 1, 5))
    clipped = 0
    for replica in range(R):
        for k in range(K):
            support, query = (Batch(part.inputs[k], part.targets[k]) for part in batch)
            single = alone(name, model, replica)
            steps = optimizer(single.parameters(), lr=rate)
            for step in range(6):
                if step in (0, 1, 5):
                    outputs = single.draw()(query.inputs)
                    expected = (outputs - query.targets).square().mean()
                    torch.testing.assert_close(errors[(0, 1, 5).index(step), replica, k], expected)
                steps.zero_grad()
                single.energy(support).total(0.3).backward()  # type: ignore[no-untyped-call]
                norm = torch.nn.utils.clip_grad_norm_(single.parameters(), limit, norm_type=2.0)
                clipped += int(norm > limit)
                steps.step()
    assert clipped > 0  # the clip is part of what is compared


@pytest.mark.parametrize("name", MODELS)
def test_no_step_is_the_model_itself_and_nothing_changes_it(name: str) -> None:
    model, batch = make(name), episodes()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    adaptation = Adaptation(Adam, 0.01, structure=1.0)
    errors = adaptation_errors(
        model, batch, adaptation, (3, 0), generator=Generator().manual_seed(0)
    )
    assert errors.shape == (2, R, K)
    assert errors.dtype == torch.float64
    assert not torch.equal(errors[0], errors[1])
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    model.train(model.decides)  # relaxed choices adapt, so relaxed choices are judged
    for k in range(K):
        difference = model.draw()(batch.query.inputs[k]) - batch.query.targets[k]
        torch.testing.assert_close(errors[1, :, k], difference.square().mean((1, 2)).detach())


@pytest.mark.parametrize("name", [*PLAIN, "relaxed_program"])
def test_gradient_descent_is_the_inner_loop(name: str) -> None:
    learner, batch = Learner(make(name), rate=0.02), episodes()
    copies = learner.copies(K)
    arrived = InnerLoop(clip_norm=0.5).adapt(
        copies, learner.rates.of_copies(K), batch.support, second_order=False, generator=None
    )
    expected = copies.energy(arrived.parameters, batch.query, generator=None).data.view(R, K)
    errors = adaptation_errors(learner.model, batch, Adaptation(SGD, 0.02, 0.5), (5,))
    torch.testing.assert_close(errors[0], expected.detach())


def test_draws_come_from_the_generator() -> None:
    def errors(seed: int) -> Tensor:
        generator = Generator().manual_seed(seed)
        adaptation = Adaptation(SGD, 0.05)
        return adaptation_errors(make("eql_l0"), episodes(), adaptation, (2,), generator=generator)

    assert torch.equal(errors(0), errors(0))
    assert not torch.equal(errors(0), errors(1))


def test_copies_are_handed_out_to_be_looked_at() -> None:
    model, support = make(), episodes().support
    walk = adapted_copies(model, support, Adaptation(SGD, 0.02))
    with torch.no_grad():  # the steps have gradients all the same
        seen = [copies(support.inputs.repeat(R, 1, 1)) for copies in islice(walk, 3)]
    assert [outputs.shape for outputs in seen] == [(R * K, N, 1)] * 3
    errors = [(outputs - support.targets.repeat(R, 1, 1)).square().mean() for outputs in seen]
    assert errors[0] > errors[1] > errors[2]


def test_a_copy_that_is_not_finite_counts_as_infinite_and_spoils_no_other() -> None:
    batch = episodes()
    whole = adaptation_errors(make(), batch, Adaptation(Adam, 0.01), (2,))
    targets = batch.support.targets.clone()
    targets[1] = torch.nan
    query = batch.query._replace(targets=batch.query.targets.clone())
    query.targets[2] = torch.nan
    broken = Episodes(batch.support._replace(targets=targets), query)
    errors = adaptation_errors(make(), broken, Adaptation(Adam, 0.01), (2, 0))
    torch.testing.assert_close(errors[0, :, 0], whole[0, :, 0])
    torch.testing.assert_close(errors[0, :, 1], errors[1, :, 1])  # no gradient, no step
    assert bool(errors[:, :, 2].isposinf().all())


def test_tuned_is_the_best_of_all_pairs() -> None:
    model, batch, rates = make(), episodes(), (1e-4, 0.3, 0.03, 0.003)
    found = tuned(model, batch, Adaptation(SGD, 1.0), rates, steps=4)
    best = (float("inf"), 0.0, -1)
    for index, rate in enumerate(rates):
        for replica in range(R):
            single = alone("eql", model, replica)
            errors = adaptation_errors(single, batch, Adaptation(SGD, rate), (4,))
            mean = float(errors.mean())
            assert float(found.errors[index, replica]) == pytest.approx(mean)
            best = min(best, (mean, rate, replica))
    assert (found.rate, found.replica) == best[1:]


def test_tuned_goes_by_medians_where_every_mean_is_infinite() -> None:
    batch, rates = episodes(), (0.0001, 0.03)
    batch.query.targets[0] = torch.inf
    found = tuned(make(), batch, Adaptation(SGD, 1.0), rates, steps=4)
    assert bool(found.errors.isposinf().all())
    assert found.rate == 0.03


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="rate and clip_norm must be positive"):
        Adaptation(SGD, 0.0)
    with pytest.raises(ConfigurationError, match="structure at least 0"):
        Adaptation(SGD, 0.1, structure=-1.0)
    for steps in ((), (-1, 2)):
        with pytest.raises(ConfigurationError, match="none negative"):
            adaptation_errors(make(), episodes(), Adaptation(SGD, 0.1), steps)
    with pytest.raises(ConfigurationError, match="at least one rate"):
        tuned(make(), episodes(), Adaptation(SGD, 0.1), (), steps=1)
    flat = Episodes(*(Batch(part.inputs[0], part.targets[0]) for part in episodes()))
    with pytest.raises(DataError, match=r"must have shapes \(K, N, D\)"):
        adaptation_errors(make(), flat, Adaptation(SGD, 0.1), (1,))
