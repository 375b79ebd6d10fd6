"""What torch's own tests ask of an optimizer, asked of ours and, for comparison, of theirs."""

import copy
import io
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)

from esr.optim import HebbianOptimizer
from esr.training.rates import require_proportional

Factory = Callable[..., Optimizer]

OURS: dict[str, Factory] = {
    "hebbian": partial(HebbianOptimizer, lr=0.05),
    "without leak": partial(HebbianOptimizer, lr=0.05, leak=0.0),
    "climbing": partial(HebbianOptimizer, lr=0.05, maximize=True),
    "together": partial(HebbianOptimizer, lr=0.05, foreach=True),
    "in turn": partial(HebbianOptimizer, lr=0.05, foreach=False),
}
ALL: dict[str, Factory] = {
    **OURS,
    "SGD": partial(SGD, lr=0.05, momentum=0.9),
    "Adam": partial(Adam, lr=0.05),
}


def parameters(dtype: torch.dtype = torch.float64) -> list[Parameter]:
    """A matrix, a vector, a single number, nothing at all, and a transposed view's storage."""
    generator = torch.Generator().manual_seed(3)
    shapes = [(3, 4), (5,), (), (0, 2), (4, 2, 3)]
    drawn = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    drawn[-1] = drawn[-1].transpose(0, 2)
    return [Parameter(each.to(dtype)) for each in drawn]


def energy(places: list[Parameter]) -> Tensor:
    return torch.stack([(each - 0.3).square().sum().double() for each in places]).sum()


def walk(optimizer: Optimizer, places: list[Parameter], steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        energy(places).backward()
        optimizer.step()


def assert_same(some: list[Parameter], others: list[Parameter]) -> None:
    for one, other in zip(some, others, strict=True):
        assert torch.equal(one.detach(), other.detach())


@pytest.fixture(params=list(ALL))
def factory(request: pytest.FixtureRequest) -> Factory:
    return ALL[request.param]


@pytest.fixture(params=list(OURS))
def ours(request: pytest.FixtureRequest) -> Factory:
    return OURS[request.param]


class TestContract:
    def test_state_survives_a_file_that_holds_only_numbers(self, factory: Factory) -> None:
        places = parameters()
        optimizer = factory(places)
        walk(optimizer, places, 3)
        file = io.BytesIO()
        torch.save(optimizer.state_dict(), file)
        file.seek(0)
        copies = [Parameter(each.detach().clone()) for each in places]
        resumed = factory(copies)
        resumed.param_groups[0]["lr"] = 123.0
        resumed.load_state_dict(torch.load(file, weights_only=True))
        assert resumed.state_dict()["param_groups"] == optimizer.state_dict()["param_groups"]
        walk(optimizer, places, 4)
        walk(resumed, copies, 4)
        assert_same(places, copies)

    def test_copies_and_pickles_go_on_alike(self, factory: Factory) -> None:
        places = parameters()
        optimizer = factory(places)
        walk(optimizer, places, 2)
        deep_places, deep = copy.deepcopy((places, optimizer))
        read_places, read = pickle.loads(pickle.dumps((places, optimizer)))
        for each, where in ((optimizer, places), (deep, deep_places), (read, read_places)):
            walk(each, where, 3)
            assert_same(where, places)

    def test_state_loads_into_another_precision(self, factory: Factory) -> None:
        places, single = parameters(), parameters(torch.float32)
        optimizer, other = factory(places), factory(single)
        walk(optimizer, places, 2)
        other.load_state_dict(optimizer.state_dict())
        walk(other, single, 2)
        assert all(each.dtype == torch.float32 for each in single)

    def test_groups_move_as_optimizers_of_their_own(self, factory: Factory) -> None:
        together, apart = parameters(), parameters()
        groups = [{"params": together[:2]}, {"params": together[2:], "lr": 0.01}]
        optimizer = factory(groups)
        first, second = factory(apart[:2]), factory(apart[2:], lr=0.01)
        walk(optimizer, together, 3)
        walk(first, apart[:2], 3)
        walk(second, apart[2:], 3)
        assert_same(together, apart)

    def test_added_group_moves_with_the_defaults(self, factory: Factory) -> None:
        grown, whole = parameters(), parameters()
        optimizer = factory(grown[:1])
        optimizer.add_param_group({"params": grown[1:]})
        walk(optimizer, grown, 2)
        walk(factory(whole), whole, 2)
        assert_same(grown, whole)

    def test_closure_is_called_once_with_gradients_and_its_loss_returned(
        self, factory: Factory
    ) -> None:
        places = parameters()
        optimizer = factory(places)
        calls = []

        def closure() -> float:
            assert torch.is_grad_enabled()
            optimizer.zero_grad()
            loss = energy(places)
            loss.backward()
            calls.append(float(loss.detach()))
            return calls[-1]

        with torch.no_grad():
            assert optimizer.step(closure) == calls[0]
        assert len(calls) == 1
        others = parameters()
        walk(factory(others), others, 1)
        assert_same(places, others)
        assert optimizer.step() is None

    def test_step_keeps_gradients_leaves_and_identity(self, factory: Factory) -> None:
        places = parameters()
        optimizer = factory(places)
        energy(places).backward()
        gradients = [each.grad for each in places]
        values = [each.grad.clone() for each in places if each.grad is not None]
        pointers = [each.data_ptr() for each in places]
        optimizer.step()
        assert [each.grad for each in places] == gradients
        assert all(torch.equal(g, v) for g, v in zip(gradients, values, strict=True) if g.dim())
        assert [each.data_ptr() for each in places] == pointers
        assert all(each.is_leaf and each.requires_grad for each in places)

    def test_parameters_without_gradient_stay(self, factory: Factory) -> None:
        places = parameters()
        idle = Parameter(torch.ones(2), requires_grad=False)
        optimizer = factory([*places, idle])
        places[0].sum().backward()
        before = [each.detach().clone() for each in places]
        optimizer.step()
        assert not torch.equal(places[0].detach(), before[0])
        assert all(torch.equal(a.detach(), b) for a, b in zip(places[1:], before[1:], strict=True))
        assert torch.equal(idle, torch.ones(2))

    @pytest.mark.parametrize("set_to_none", [True, False])
    def test_gradients_are_cleared(self, factory: Factory, set_to_none: bool) -> None:
        places = parameters()
        optimizer = factory(places)
        energy(places).backward()
        optimizer.zero_grad(set_to_none=set_to_none)
        for each in places:
            if set_to_none:
                assert each.grad is None
            else:
                assert each.grad is not None
                assert not each.grad.any()

    def test_hooks_run_before_and_after(self, factory: Factory) -> None:
        places = parameters()
        optimizer = factory(places)
        events: list[str] = []
        handles = [
            optimizer.register_step_pre_hook(lambda *_: events.append("before")),
            optimizer.register_step_post_hook(lambda *_: events.append("after")),
            optimizer.register_state_dict_post_hook(lambda *_: events.append("saved")),
            optimizer.register_load_state_dict_post_hook(lambda *_: events.append("loaded")),
        ]
        walk(optimizer, places, 1)
        optimizer.load_state_dict(optimizer.state_dict())
        assert events == ["before", "after", "saved", "loaded"]
        for handle in handles:
            handle.remove()
        walk(optimizer, places, 1)
        assert len(events) == 4

    def test_named_parameters_keep_their_names(self, factory: Factory) -> None:
        named = list(zip("abcde", parameters(), strict=True))
        optimizer = factory(named)
        assert optimizer.state_dict()["param_groups"][0]["param_names"] == list("abcde")

    def test_options_are_shown(self, factory: Factory) -> None:
        assert "lr: 0.05" in repr(factory(parameters()))

    @pytest.mark.parametrize(
        ("params", "error"),
        [
            ([], ValueError),
            (torch.zeros(2), TypeError),
            ([{"params": {torch.zeros(2), torch.zeros(3)}}], TypeError),
            ([torch.zeros(2, requires_grad=True) * 2], ValueError),
            ([1.0], TypeError),
        ],
        ids=["none", "a tensor", "a set", "not a leaf", "a number"],
    )
    def test_parameters_that_cannot_be_are_refused(
        self, factory: Factory, params: Any, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            factory(params)

    def test_parameter_in_two_groups_is_refused(self, factory: Factory) -> None:
        place = Parameter(torch.zeros(2))
        with pytest.raises(ValueError, match="more than one parameter group"):
            factory([{"params": [place]}, {"params": [place]}])

    def test_rate_below_zero_is_refused(self, factory: Factory) -> None:
        with pytest.raises(ValueError, match=r"-0\.1"):
            factory(parameters(), lr=-0.1)


SCHEDULERS: list[Callable[[Optimizer], LRScheduler]] = [
    lambda optimizer: StepLR(optimizer, step_size=10, gamma=0.9),
    lambda optimizer: CosineAnnealingLR(optimizer, T_max=80, eta_min=1e-3),
    lambda optimizer: LambdaLR(optimizer, lambda step: 1 / (1 + 0.01 * step)),
    lambda optimizer: OneCycleLR(optimizer, 0.2, total_steps=81, cycle_momentum=False),
]


@pytest.mark.parametrize("make_scheduler", SCHEDULERS, ids=["step", "cosine", "lambda", "cycle"])
@pytest.mark.parametrize("leak", [0.0, 1.0])
def test_schedulers_reach_the_fixed_point(
    make_scheduler: Callable[[Optimizer], LRScheduler], leak: float
) -> None:
    places = parameters()
    optimizer = HebbianOptimizer(places, lr=0.1, leak=leak)
    scheduler = make_scheduler(optimizer)
    rates = set()
    for _ in range(80):
        walk(optimizer, places, 1)
        scheduler.step()
        rates.add(optimizer.param_groups[0]["lr"])
    assert len(rates) > 5
    # Of (x - 0.3)^2 with leak: 2 (x - 0.3) + leak x = 0. The rates sum to 4 or more, so that the
    # distance, at first up to 3, has shrunk by exp(-2 * 4) at least.
    for each in places:
        torch.testing.assert_close(
            each.detach(), torch.full_like(each, 0.6 / (2 + leak)), rtol=0, atol=2e-3
        )


def test_plateau_lowers_the_rate() -> None:
    optimizer = HebbianOptimizer(parameters(), lr=0.05)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    for _ in range(4):
        scheduler.step(1.0)
    assert optimizer.param_groups[0]["lr"] == 0.025


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("rate", [0.05, torch.tensor(0.05), torch.tensor([0.05])])
@pytest.mark.parametrize("maximize", [False, True])
def test_moving_together_equals_moving_in_turn(
    dtype: torch.dtype, rate: float | Tensor, maximize: bool
) -> None:
    both = []
    for foreach in (False, True):
        places = [*parameters(dtype), *parameters(torch.float32)]  # of mixed types
        options = {"lr": rate, "leak": 0.7, "maximize": maximize, "foreach": foreach}
        walk(HebbianOptimizer(places, **options), places, 5)  # type: ignore[arg-type]
        both.append(places)
    assert_same(*both)
    assert both[0][0].dtype == dtype


def test_rate_in_a_tensor_equals_the_number(ours: Factory) -> None:
    plain, held = parameters(), parameters()
    rate = torch.tensor(0.03, dtype=torch.float64)
    optimizer = ours(held, lr=rate)
    walk(ours(plain, lr=0.03), plain, 3)
    walk(optimizer, held, 3)
    for one, other in zip(plain, held, strict=True):  # the product is rounded once more
        torch.testing.assert_close(one, other, rtol=1e-14, atol=1e-14)
    before = [each.detach().clone() for each in held]
    rate.zero_()
    walk(optimizer, held, 1)
    assert all(torch.equal(a.detach(), b) for a, b in zip(held, before, strict=True))


def test_climbing_equals_descending_the_negative() -> None:
    up, down = parameters(), parameters()
    climber = HebbianOptimizer(up, lr=0.05, leak=2.5, maximize=True)
    descender = HebbianOptimizer(down, lr=0.05, leak=2.5)
    for _ in range(5):
        climber.zero_grad()
        descender.zero_grad()
        energy(up).backward()
        (-energy(down)).backward()
        climber.step()
        descender.step()
    assert_same(up, down)


def test_steps_are_proportional_to_the_rate(ours: Factory) -> None:
    require_proportional(ours, "be compiled", "")  # as the trainer asks of an optimizer


def test_state_of_another_optimizer_is_completed_with_the_defaults() -> None:
    places = parameters()
    optimizer = HebbianOptimizer(places, leak=0.25)
    optimizer.load_state_dict(SGD(places, lr=0.5).state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert optimizer.param_groups[0]["leak"] == 0.25
    walk(optimizer, places, 1)
