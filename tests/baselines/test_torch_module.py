"""Reading networks written in torch, and refusing what is none."""

import math
import warnings
from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.population import (
    UNITS,
    Architecture,
    SinCos,
    Sine,
    Unit,
    matching,
    module_of,
    network_of,
)
from esr.errors import DataError


def linear(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    return nn.Linear(inputs, outputs, bias=bias, dtype=torch.float64)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_module_and_weights_are_each_others_inverse(
    unit: Unit, bias: bool, dtype: torch.dtype
) -> None:
    architecture = Architecture((2, 8, 7, 1), unit, bias)
    weights = torch.randn(architecture.count, dtype=dtype)
    module = module_of(architecture, weights)
    read, back = network_of(module)
    assert read == architecture
    assert back.dtype == dtype
    assert (back == weights[None]).all()
    points = torch.rand(5, 2, dtype=dtype)
    torch.testing.assert_close(module(points)[:, 0], architecture.outputs(back, points)[0])


def test_what_was_read_is_a_copy() -> None:
    module = nn.Sequential(linear(1, 3), nn.Tanh(), linear(3, 1))
    _, weights = network_of(module)
    weights.zero_()
    assert module[0].weight.abs().sum() > 0
    assert not weights.requires_grad
    architecture = Architecture((1, 3, 1), "tanh", bias=True)
    again = module_of(architecture, weights[0])
    with torch.no_grad():
        again[0].weight.fill_(1)
    assert (weights == 0).all()


class Own(nn.Module):
    """Applies layers as its forward says."""

    def __init__(
        self, forward: Callable[["Own", Tensor], Tensor], unit: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.first, self.second, self.last = linear(1, 4), linear(4, 4), linear(4, 1)
        if unit is not None:
            self.unit = unit
        self.does = forward

    def forward(self, points: Tensor) -> Tensor:
        return self.does(self, points)


class OwnSine(nn.Module):
    def forward(self, argument: Tensor) -> Tensor:
        return argument.sin()


def shared(own: Own, points: Tensor) -> Tensor:
    return own.last(own.unit(own.second(own.unit(own.first(points)))))


def called(function: Callable[[Tensor], Tensor]) -> Callable[[Own, Tensor], Tensor]:
    return lambda own, x: own.last(function(own.second(function(own.first(x)))))[:, 0]


READABLE = {
    "nested": (
        lambda: nn.Sequential(
            OrderedDict(begin=nn.Sequential(linear(2, 4), nn.SiLU()), end=linear(4, 1))
        ),
        "2-4-1, silu, with biases",
    ),
    "one unit used twice": (lambda: Own(shared, nn.Softplus()), "1-4-4-1, softplus, with biases"),
    "unit of one's own": (lambda: Own(shared, OwnSine()), "1-4-4-1, sin, with biases"),
    "function": (lambda: Own(called(torch.tanh)), "1-4-4-1, tanh, with biases"),
    "function gelu": (lambda: Own(called(functional.gelu)), "1-4-4-1, gelu, with biases"),
    "dropout": (
        lambda: nn.Sequential(
            nn.Identity(), linear(1, 4, False), SinCos(), nn.Dropout(), linear(4, 1, False)
        ),
        "1-4-1, sin+cos, without biases",
    ),
    "in place": (
        lambda: nn.Sequential(linear(1, 4), nn.ReLU(inplace=True), linear(4, 1)),
        "1-4-1, relu, with biases",
    ),
    "weight norm": (
        lambda: nn.Sequential(
            nn.utils.parametrizations.weight_norm(linear(1, 4)), Sine(), linear(4, 1)
        ),
        "1-4-1, sin, with biases",
    ),
}


@pytest.mark.parametrize("name", READABLE)
def test_networks_are_read_however_they_are_written(name: str) -> None:
    make, said = READABLE[name]
    module = make()
    architecture, weights = network_of(module)
    assert str(architecture) == said
    assert all(part.training for part in module.modules())
    points = torch.rand(9, architecture.inputs, dtype=torch.float64)
    expected = module.eval()(points).flatten()
    torch.testing.assert_close(architecture.outputs(weights, points)[0], expected)


def with_nan() -> nn.Module:
    module = nn.Sequential(linear(1, 3), nn.Tanh(), linear(3, 1))
    with torch.no_grad():
        module[2].weight[0, 1] = math.nan
        module[2].bias[0] = math.inf
    return module


def lazy() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch says that lazy modules are new
        return nn.Sequential(nn.LazyLinear(3), nn.Tanh(), nn.Linear(3, 1))


def approximate(own: Own, points: Tensor) -> Tensor:
    return called(lambda z: functional.gelu(z, approximate="tanh"))(own, points)


def tanh_between(layer: nn.Module) -> nn.Module:
    return nn.Sequential(linear(1, 3), layer, linear(3, 1))


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "no linear": (lambda: nn.Sequential(nn.Tanh()), "at least two nn.Linear layers .* has 0"),
    "no hidden": (lambda: linear(2, 1), "at least two nn.Linear layers .* this Linear has 1"),
    "mixed": (
        lambda: nn.Sequential(linear(1, 3), nn.Tanh(), linear(3, 3), nn.ReLU(), linear(3, 1)),
        "one kind, but '1' is tanh, '3' is relu",
    ),
    "several outputs": (
        lambda: nn.Sequential(linear(1, 3), nn.Tanh(), linear(3, 2)),
        "one output, but its last layer '2' has 2",
    ),
    "partly biased": (
        lambda: nn.Sequential(linear(1, 3), nn.Tanh(), linear(3, 1, False)),
        "either all layers have biases or none, but '2' lacks",
    ),
    "not a number": (with_nan, "finite, but 2 of layer '2' are not"),
    "batch norm": (
        lambda: tanh_between(nn.BatchNorm1d(3)),
        r"layer '1' is BatchNorm1d\(.*not known; known are: nn.Linear; sin\+cos, sin, tanh",
    ),
    "layer norm": (lambda: tanh_between(nn.LayerNorm(3, elementwise_affine=False)), "not known"),
    "softmax": (lambda: tanh_between(nn.Softmax(-1)), "not known"),
    "leaky": (lambda: tanh_between(nn.LeakyReLU()), r"LeakyReLU\(negative_slope=0.01\)"),
    "gelu by tanh": (lambda: tanh_between(nn.GELU("tanh")), r"GELU\(approximate='tanh'\), which"),
    "steep softplus": (lambda: tanh_between(nn.Softplus(2.0)), r"Softplus\(beta=2.0"),
    "unfilled": (lazy, "layer '0' has no weights yet; call the module once"),
    "sizes": (
        lambda: nn.Sequential(linear(1, 3), nn.Tanh(), linear(4, 1)),
        "'0' has 3 outputs and '2' has 4 inputs",
    ),
    "types": (
        lambda: nn.Sequential(linear(1, 3), nn.Tanh(), nn.Linear(3, 1)),
        "all layers must be of one type",
    ),
    "no unit": (
        lambda: nn.Sequential(linear(1, 3), linear(3, 1)),
        "something else than its linear layers 0, 1 one after the other with any known unit",
    ),
    "skips": (
        lambda: Own(lambda own, x: shared(own, x) + x, nn.Tanh()),
        "something else than its linear layers first, second, last .* with tanh between",
    ),
    "unit at the end": (
        lambda: nn.Sequential(linear(1, 3), nn.Tanh(), linear(3, 1), nn.Tanh()),
        "something else",
    ),
    "function gelu by tanh": (lambda: Own(approximate), "something else"),
    "breaks": (lambda: Own(lambda own, x: own.last(x)), "cannot be evaluated at points of shape"),
    "says too much": (
        lambda: Own(lambda own, x: own.first(x)),
        r"must say one number for each of 64 points, shape \(64, 1\), but says \(64, 4\)",
    ),
    "says no tensor": (lambda: Own(lambda own, x: (x,)), "but says tuple"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_the_reason(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(DataError, match=message):
        network_of(make())


def test_a_network_that_is_zero_everywhere_is_read() -> None:
    architecture = Architecture((1, 3, 1), "relu")
    _, weights = network_of(module_of(architecture, torch.zeros(6)))
    assert (weights == 0).all()


def test_outputs_that_overflow_are_told() -> None:
    module = module_of(Architecture((1, 2, 2, 1), "softplus"), torch.full((8,), 1e30))
    with pytest.raises(DataError, match="must say finite numbers"):
        network_of(module)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (3, "must be a torch module with its weights, but is a int"),
        ([nn.Linear(1, 1)], "but is a list"),
        (nn.Linear(1, 1).state_dict(), "but is a OrderedDict; build the module"),
    ],
)
def test_what_is_no_module_is_refused(thing: nn.Module, message: str) -> None:
    with pytest.raises(DataError, match=message):
        network_of(thing)


def test_training_mode_returns_after_a_refusal() -> None:
    module = nn.Sequential(nn.Linear(1, 2), nn.Dropout(), nn.Linear(2, 1)).train()
    module[1].eval()
    with pytest.raises(DataError):
        network_of(module)
    assert [part.training for part in module.modules()] == [True, True, False, True]


def test_a_module_needs_its_number_of_weights_and_a_known_unit() -> None:
    architecture = Architecture((1, 3, 1), "tanh")
    with pytest.raises(DataError, match=r"shape \(6,\), but got \(1, 6\)"):
        module_of(architecture, torch.zeros(1, 6))
    square = Unit("square", torch.square, lambda z, a: 2 * z)
    with pytest.raises(DataError, match=r"no module for the unit 'square'; known are sin\+cos"):
        module_of(Architecture((1, 3, 1), square), torch.zeros(6))


def test_another_architecture_is_refused_by_what_differs() -> None:
    expected = Architecture((1, 8, 1), "sin+cos")
    matching(Architecture((1, 8, 1), "sin+cos"), expected)
    with pytest.raises(
        DataError,
        match=r"expected a network 1-8-1, sin\+cos, without biases, but got 1-9-1, tanh, with "
        r"biases: sizes \[1, 9, 1\] instead of \[1, 8, 1\], unit tanh instead of sin\+cos, bias",
    ):
        matching(Architecture((1, 9, 1), "tanh", bias=True), expected)
    with pytest.raises(DataError, match="biases: unit tanh instead of sin"):
        matching(Architecture((1, 8, 1), "tanh"), expected)
