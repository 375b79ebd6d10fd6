"""The hand-written gradient against autograd's, in float64."""

import copy
import pickle
from dataclasses import replace

import pytest
import sympy
import torch
from torch import Generator, Tensor

from baselines.eql import EQL, PAPER_UNITS, NoStructure, RelaxedL0, SmoothedL05, UnitGroup
from baselines.eql import chunks as chunks_module
from baselines.eql import network as network_module
from esr.equations import STANDARD, Primitive
from esr.equations.second_derivatives import second_derivatives
from esr.models import Batch, FunctionModel
from esr.problem import Problem
from esr.random import RandomStreams
from esr.structure import StructureTerm
from esr.training import Phase, Trainer

R, N, D, OUT = 5, 11, 2, 2
WITHOUT_NEGATIVES = {"log", "sqrt", "asin", "acos", "pow"}


def _bump(x: Tensor) -> Tensor:
    return 1 / (1 + x * x)


def _sympy_bump(x: sympy.Expr) -> sympy.Expr:
    return 1 / (1 + x**2)


BUMP = Primitive("bump", 1, _bump, _sympy_bump)
LIMITED = STANDARD["exp"].scaled(
    input_scale=2.0, output_scale=-0.5, output_shift=0.3, input_limit=0.2
)
LIMITED_MUL = STANDARD["mul"].scaled(input_scale=0.7, output_scale=10, input_limit=0.1)

HIDDEN: dict[str, list[UnitGroup]] = {
    name: [UnitGroup(STANDARD[name], 2), UnitGroup(STANDARD["identity"], 1)]
    for name in STANDARD
    if name not in WITHOUT_NEGATIVES
}
HIDDEN |= {
    "paper": list(PAPER_UNITS),
    "limited": [UnitGroup(LIMITED, 3), UnitGroup(LIMITED_MUL, 2)],
    "user": [UnitGroup(BUMP.scaled(input_scale=3.0, output_shift=1.0, input_limit=0.5), 2)],
    "user_alone": [UnitGroup(BUMP, 1)],
}


def make(
    hidden: list[UnitGroup], term: StructureTerm | None = None, replicas: int | None = R
) -> EQL:
    return EQL(D, OUT, [hidden, hidden], term, replicas, generator=generator(0)).double()


def generator(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def batch(per_replica: bool = False) -> Batch:
    leading = (R,) if per_replica else ()
    source = generator(9)
    inputs = torch.randn(*leading, N, D, generator=source, dtype=torch.float64)
    return Batch(inputs, torch.randn(*leading, N, OUT, generator=source, dtype=torch.float64))


def gradients(model: EQL, given: Batch, *, fused: bool) -> tuple[Tensor, list[Tensor]]:
    """Energies and gradients of a weighted sum of them, by either path."""
    model.zero_grad()
    kind = EQL if fused else FunctionModel
    energy = kind.energy(model, given, generator=generator(3))
    structure = energy.structure
    if not fused:
        layers = model._sparse_layers()
        structure = torch.stack([layer.price() for layer in layers]).sum(0)
    weights = torch.arange(1.0, energy.data.shape[0] + 1, dtype=torch.float64)
    (weights * (energy.data + 0.3 * structure)).sum().backward()
    found = [p.grad if p.grad is not None else torch.zeros_like(p) for p in model.parameters()]
    return torch.stack([energy.data, structure]).detach(), found


def assert_paths_agree(model: EQL, given: Batch) -> None:
    for mine, theirs in zip(
        gradients(model, given, fused=True), gradients(model, given, fused=False), strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks_module, "_WORKING_BYTES", 1)


@pytest.mark.parametrize("name", [name for name in HIDDEN if name != "div"])
def test_every_unit_has_autograds_gradient(name: str) -> None:
    assert_paths_agree(make(HIDDEN[name]), batch())


@pytest.mark.parametrize("name", STANDARD)
def test_a_derivative_equals_autograds(name: str) -> None:
    primitive = STANDARD[name]
    if primitive.derivative is None:
        return
    points = torch.rand(primitive.arity, 50, generator=generator(1), dtype=torch.float64)
    arguments = [x.clone().requires_grad_() for x in points * 0.8 + 0.1]
    value = primitive.torch_function(*arguments)
    expected = torch.autograd.grad(value.sum(), arguments)
    with torch.no_grad():
        partials = primitive.derivative(value, *arguments)
    for partial, slope in zip(partials, expected, strict=True):
        torch.testing.assert_close(torch.as_tensor(partial) * torch.ones_like(slope), slope)


@pytest.mark.parametrize("name", [*STANDARD, "user"])
def test_second_derivatives_equal_autograds(name: str) -> None:
    primitive = BUMP if name == "user" else STANDARD[name]
    points = torch.rand(primitive.arity, 50, generator=generator(1), dtype=torch.float64)
    arguments = [x.clone().requires_grad_() for x in points * 0.8 + 0.1]
    value = primitive.torch_function(*arguments)
    nothing = sum((0 * x.square()).sum() for x in arguments)  # ties linear ones to the graph
    first = torch.autograd.grad(value.sum() + nothing, arguments, create_graph=True)
    expected = [
        second
        for place, slope in enumerate(first)
        for second in torch.autograd.grad(
            slope.sum(), arguments[place:], retain_graph=True, materialize_grads=True
        )
    ]
    found = second_derivatives(primitive, value.detach(), [x.detach() for x in arguments])
    assert len(found) == len(expected)
    for second, slope in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.as_tensor(second) * torch.ones_like(slope), slope)


@pytest.mark.parametrize("per_replica", [False, True])
@pytest.mark.parametrize(
    "term",
    [NoStructure(), SmoothedL05(0.2), RelaxedL0(0.2, 0.7), RelaxedL0(0.2, 0.7, gate_scale=10)],
    ids=["none", "l05", "l0", "l0_scaled"],
)
@pytest.mark.parametrize("threshold", [None, 0.2])
def test_structure_inputs_and_pruning(
    term: StructureTerm, per_replica: bool, threshold: float | None
) -> None:
    model = make(list(PAPER_UNITS), term)
    if threshold is not None:
        model.prune(threshold)
        with torch.no_grad():  # what an optimizer's momentum may leave behind a mask
            model.layers[1].weight.add_(0.01)
    assert_paths_agree(model, batch(per_replica))


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("per_replica", [False, True])
def test_replicas_may_be_worked_through_in_chunks(per_replica: bool) -> None:
    assert_paths_agree(make(list(PAPER_UNITS)), batch(per_replica))


def test_networks_without_replicas_or_hidden_layers() -> None:
    assert_paths_agree(make(list(PAPER_UNITS), replicas=None), batch())
    assert_paths_agree(EQL(D, OUT, [], replicas=R, generator=generator(0)).double(), batch())


def test_derivatives_of_derivatives_go_through_autograd() -> None:
    model, plain = make(list(PAPER_UNITS)), make(list(PAPER_UNITS))
    found = []
    for network, energy in ((model, model.energy(batch())), (plain, None)):
        total = (energy or FunctionModel.energy(plain, batch())).total()
        parameters = list(network.parameters())
        slopes = torch.autograd.grad(total, parameters, create_graph=True)
        torch.stack([s.square().sum() for s in slopes]).sum().backward()
        found.append([p.grad for p in parameters])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-10)


def hessian_products(model: EQL, given: Batch, *, fused: bool) -> list[Tensor]:
    """How the gradient of a nonlinear function of the misfits changes along a direction."""
    kind = EQL if fused else FunctionModel
    data = kind.energy(model, given, generator=generator(3)).data
    weights = torch.arange(1.0, data.shape[0] + 1, dtype=torch.float64)
    parameters, source = list(model.parameters()), generator(4)
    slopes = torch.autograd.grad(
        (weights * data).square().sum(), parameters, create_graph=True, materialize_grads=True
    )
    along = [torch.randn(p.shape, generator=source, dtype=torch.float64) for p in parameters]
    return list(torch.autograd.grad(slopes, parameters, along, materialize_grads=True))


def assert_products_agree(model: EQL, given: Batch) -> None:
    expected = hessian_products(model, given, fused=False)
    for _ in range(2):  # the second time from work that was kept
        found = hessian_products(model, given, fused=True)
        for mine, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)
    assert model._fused._curved._networks


@pytest.mark.parametrize("name", [name for name in HIDDEN if name != "div"])
def test_every_unit_has_autograds_hessian(name: str) -> None:
    assert_products_agree(make(HIDDEN[name], NoStructure()), batch())


@pytest.mark.parametrize("chunk_bytes", [1, 2**20])
@pytest.mark.parametrize("per_replica", [False, True])
@pytest.mark.parametrize("term", [NoStructure(), RelaxedL0(0.2, 0.7)], ids=["none", "l0"])
def test_hessians_with_gates_pruning_and_chunks(
    term: StructureTerm, per_replica: bool, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks_module, "_WORKING_BYTES", chunk_bytes)
    model = make(list(PAPER_UNITS), term)
    model.prune(0.2)
    assert_products_agree(model, batch(per_replica))


def test_third_derivatives_go_through_autograd() -> None:
    found = []
    for kind in (EQL, FunctionModel):
        model = make([UnitGroup(LIMITED_MUL, 2), UnitGroup(STANDARD["sin"], 2)])
        parameters = list(model.parameters())
        value = kind.energy(model, batch()).data.square().sum()
        for _ in range(2):
            slopes = torch.autograd.grad(value, parameters, create_graph=True)
            value = torch.stack([s.square().sum() for s in slopes]).sum()
        found.append(torch.autograd.grad(value, parameters))
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-8)


def test_inputs_that_want_a_gradient_get_one() -> None:
    given = batch()
    given.inputs.requires_grad_()
    make(list(PAPER_UNITS)).energy(given).total().backward()
    assert given.inputs.grad is not None


def test_function_transforms_see_the_operations() -> None:
    model, given = make(list(PAPER_UNITS)), batch()
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    class Total(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, inputs: Tensor) -> Tensor:
            return self.model.energy(Batch(inputs, given.targets)).total()

    wrapped = Total()
    named = {f"model.{name}": p for name, p in parameters.items()}
    slopes = torch.func.grad(lambda p: torch.func.functional_call(wrapped, p, (given.inputs,)))(
        named
    )
    FunctionModel.energy(model, given).total().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(slopes[f"model.{name}"], parameter.grad)


def test_two_energies_before_one_backward_add_up() -> None:
    model, first, second = make(list(PAPER_UNITS)), batch(), batch(per_replica=True)
    model.zero_grad()
    (model.energy(first).total() + model.energy(second).total()).backward()
    together = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    for given in (first, second):
        model.energy(given).total().backward()
    for mine, parameter in zip(together, model.parameters(), strict=True):
        torch.testing.assert_close(mine, parameter.grad)


def test_working_tensors_are_neither_copied_nor_pickled() -> None:
    model = make(list(PAPER_UNITS))
    model.energy(batch()).total().backward()
    assert model._fused._networks
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert not other._fused._networks
        assert torch.equal(other.energy(batch()).data, model.energy(batch()).data)


def test_a_subclass_with_its_own_function_keeps_it() -> None:
    class Shifted(EQL):
        def draw(self, *, generator: Generator | None = None):  # type: ignore[no-untyped-def]
            function = super().draw(generator=generator)
            return lambda inputs: function(inputs) + 1

    shifted = Shifted(D, OUT, replicas=R, generator=generator(0)).double()
    plain = EQL(D, OUT, replicas=R, generator=generator(0)).double()
    moved = Batch(batch().inputs, batch().targets - 1)
    torch.testing.assert_close(shifted.energy(batch()).data, plain.energy(moved).data)


def test_training_agrees_with_the_autograd_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def train() -> list[Tensor]:
        streams = RandomStreams(0)
        x = torch.rand(64, 1, generator=streams["data"]) * 2 - 1
        model = EQL(1, 1, [PAPER_UNITS], replicas=4, initial_sd=0.1, generator=streams["init"])
        schedule = {"fit": Phase(60, 2e-3), "tune": Phase(40, 1e-3, structure=0, prune=0.02)}
        Trainer(schedule).fit(model, Problem(x, x.square(), ["x"]), streams)
        return [p.detach() for p in model.parameters()]

    fused = train()
    monkeypatch.setattr(network_module, "can_fuse", lambda *_: False)
    for mine, theirs in zip(fused, train(), strict=True):  # 100 steps of float32 rounding
        torch.testing.assert_close(mine, theirs, rtol=2e-3, atol=2e-4)


def test_a_wrong_derivative_is_refused() -> None:
    with pytest.raises(TypeError, match="derivative of primitive 'sin' must be callable or None"):
        replace(STANDARD["sin"], derivative=3)  # type: ignore[arg-type]
