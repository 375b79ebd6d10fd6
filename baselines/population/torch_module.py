"""Small multilayer perceptrons written in torch, read as weights of a population and back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor, nn

from baselines.population.architecture import Architecture, Layer
from baselines.population.units import GELU, RELU, SILU, SIN_COS, SINE, SOFTPLUS, TANH, UNITS, Unit
from esr.errors import DataError

__all__ = ["SinCos", "Sine", "matching", "module_of", "network_of"]

_KNOWN = (
    "nn.Linear; "
    + ", ".join(unit.name for unit in UNITS)
    + " with torch's default settings; nn.Identity and nn.Dropout"
)
_LOADED = "; build the module and call its load_state_dict first"
_STEEPEST = 1.5
"""No unit is steeper."""
_PROBES, _REACH = 64, 3.0
"""How many random points a module is compared at, and the largest input there."""


class SinCos(nn.Module):
    """sin z + cos z, elementwise."""

    def forward(self, argument: Tensor) -> Tensor:
        """The values, of the same shape."""
        return torch.sin(argument) + torch.cos(argument)


class Sine(nn.Module):
    """sin z, elementwise."""

    def forward(self, argument: Tensor) -> Tensor:
        """The values, of the same shape."""
        return torch.sin(argument)


def network_of(module: nn.Module) -> tuple[Architecture, Tensor]:
    """Read a multilayer perceptron: `nn.Sequential`, nested or not, or any module that applies its
    linear layers in the order in which they were made, with one kind of unit between.

    A unit is recognised by its values, so it may be a module of one's own, or be called by
    `forward` without being a module. What was read is compared with what the module computes at
    random points, in evaluation mode, so that a `forward` that does something else is refused.

    Arguments:
        module: Finite weights, one output; biases everywhere or nowhere.
    Returns:
        The architecture, and a copy of the weights `(1, P)`, of the module's type, on its device.
    Raises:
        DataError: If it is no such network; the message says why.
    """
    if not isinstance(module, nn.Module):
        raise DataError(
            f"a network must be a torch module with its weights, but is a {type(module).__name__}"
            f"{_LOADED if isinstance(module, Mapping) else ''}"
        )
    with _in_evaluation_mode(module):
        linear, unit = _layers(module)
        _check(linear)
        layers = [
            Layer(layer.weight.detach().t()[None], _bias(layer)) for layer in linear.values()
        ]
        sizes = [layer.weight.shape[1] for layer in layers] + [1]
        choices = UNITS if unit is None else (unit,)
        found = [Architecture(sizes, choice, layers[0].bias is not None) for choice in choices]
        weights = found[0].join(layers)
        differences = [_difference(module, architecture, weights) for architecture in found]
    best = min(range(len(found)), key=differences.__getitem__)
    if not differences[best] <= 1:
        with_unit = f"with {unit.name} between" if unit else "with any known unit between"
        raise DataError(
            f"the module computes something else than its linear layers {', '.join(linear)} one "
            f"after the other {with_unit}; write it as nn.Sequential of these: {_KNOWN}"
        )
    return found[best], weights


def module_of(architecture: Architecture, weights: Tensor) -> nn.Sequential:
    """A network as a module of torch, the inverse of `network_of`.

    Arguments:
        architecture: Its shape; the unit must be one of the known ones.
        weights: `(P,)`; they are copied, and keep their type and device.
    Raises:
        DataError: If the number of weights or the unit is wrong.
    """
    if weights.shape != (architecture.count,):
        raise DataError(
            f"a network {architecture} has weights of shape ({architecture.count},), but got "
            f"{tuple(weights.shape)}"
        )
    parts: list[nn.Module] = []
    for layer in architecture.split(weights.detach()[None]):
        _, inputs, outputs = layer.weight.shape
        linear = nn.Linear(inputs, outputs, architecture.bias, device="meta")  # draws nothing
        linear.weight = nn.Parameter(
            layer.weight[0].t().clone(memory_format=torch.contiguous_format)
        )
        if layer.bias is not None:
            linear.bias = nn.Parameter(layer.bias[0, 0].clone())
        parts += [linear, _unit_module(architecture.unit)]
    return nn.Sequential(*parts[:-1])


def matching(architecture: Architecture, expected: Architecture) -> None:
    """Refuse a network of another shape than was expected.

    Raises:
        DataError: If sizes, unit or biases differ; it names those that do.
    """
    ours, theirs = architecture.describe(), expected.describe()
    differing = [name for name in theirs if ours[name] != theirs[name]]
    if differing:
        raise DataError(
            f"expected a network {expected}, but got {architecture}: "
            + ", ".join(f"{name} {ours[name]} instead of {theirs[name]}" for name in differing)
        )


@contextmanager
def _in_evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Without dropout, as before afterwards."""
    training = [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for part in training:
            part.training = True


def _layers(module: nn.Module) -> tuple[dict[str, nn.Linear], Unit | None]:
    """Linear layers by name, in order, and the unit, if it is a module."""
    linear: dict[str, nn.Linear] = {}
    units: dict[str, Unit] = {}
    for name, part in module.named_modules(remove_duplicate=False):
        if any(name.startswith(f"{other}.") for other in linear):
            continue  # inside a linear layer, such as what computes its weight
        if isinstance(part, nn.Linear):
            linear[name or "itself"] = part
        elif not any(part.children()):
            unit = None if part is module else _recognised(name, part)
            if unit is not None:
                units[name] = unit
    if len(linear) < 2:
        raise DataError(
            f"a network must have at least two nn.Linear layers with units between, but this "
            f"{type(module).__name__} has {len(linear)}; known are: {_KNOWN}"
        )
    names = {unit.name for unit in units.values()}
    if len(names) > 1:
        said = ", ".join(f"{name!r} is {unit.name}" for name, unit in units.items())
        raise DataError(f"all units must be of one kind, but {said}")
    return linear, next(iter(units.values()), None)


def _recognised(name: str, part: nn.Module) -> Unit | None:
    """The unit that a layer is, by its values; None if it changes nothing."""
    problem = DataError(f"layer {name!r} is {part}, which is not known; known are: {_KNOWN}")
    if any(True for _ in part.parameters()) or any(True for _ in part.buffers()):
        raise problem
    argument = torch.linspace(-30, 30, 241, dtype=torch.float64)[:, None]
    try:
        values = part(argument.clone())
    except Exception as error:
        raise problem from error
    if not isinstance(values, Tensor) or values.shape != argument.shape:
        raise problem

    def agrees(expected: Tensor) -> bool:
        """Up to the rounding of a few operations in float64."""
        return torch.allclose(values, expected, rtol=1e-12, atol=1e-12)

    if agrees(argument):
        return None
    for unit in UNITS:
        if agrees(unit.value(argument)):
            return unit
    raise problem


def _check(linear: dict[str, nn.Linear]) -> None:
    """Refuse layers that are not filled, do not follow on each other or are not finite."""
    for name, layer in linear.items():
        tensors = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
        if any(nn.parameter.is_lazy(tensor) for tensor in tensors):
            raise DataError(f"layer {name!r} has no weights yet; call the module once")
        bad = sum(int((~torch.isfinite(tensor)).sum()) for tensor in tensors)
        if bad:
            raise DataError(f"all weights must be finite, but {bad} of layer {name!r} are not")
    for (name, layer), (following, after) in pairwise(linear.items()):
        if layer.out_features != after.in_features:
            raise DataError(
                f"linear layers must follow on each other in the order in which they were made, "
                f"but {name!r} has {layer.out_features} outputs and {following!r} has "
                f"{after.in_features} inputs"
            )
    last, layer = list(linear.items())[-1]
    if layer.out_features != 1:
        raise DataError(
            f"a network must have one output, but its last layer {last!r} has "
            f"{layer.out_features}; read one output at a time, keeping one row of that layer"
        )
    biased = [name for name, layer in linear.items() if layer.bias is not None]
    if biased and len(biased) < len(linear):
        lacking = ", ".join(repr(name) for name in linear if name not in biased)
        raise DataError(
            f"either all layers have biases or none, but {lacking} lacks them; biases of zero "
            f"change nothing"
        )
    kinds = {(layer.weight.dtype, layer.weight.device) for layer in linear.values()}
    if len(kinds) > 1:
        raise DataError(f"all layers must be of one type and on one device, but are {kinds}")


def _bias(layer: nn.Linear) -> Tensor | None:
    """Biases `(1, 1, out)`, or None."""
    return None if layer.bias is None else layer.bias.detach()[None, None]


def _difference(module: nn.Module, architecture: Architecture, weights: Tensor) -> float:
    """Largest difference between the module and what was read, in units of what rounding may do.

    Raises:
        DataError: If the module cannot be evaluated or its outputs are not finite.
    """
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(_PROBES, architecture.inputs, generator=generator) * 2 - 1
    points = (_REACH * points).to(weights)
    try:
        said = module(points.clone())
    except Exception as error:
        raise DataError(
            f"the module cannot be evaluated at points of shape {tuple(points.shape)}: {error}"
        ) from error
    if not isinstance(said, Tensor) or said.shape not in ((_PROBES, 1), (_PROBES,)):
        shape = tuple(said.shape) if isinstance(said, Tensor) else type(said).__name__
        raise DataError(
            f"the module must say one number for each of {_PROBES} points, shape ({_PROBES}, 1), "
            f"but says {shape}"
        )
    if not torch.isfinite(said).all():
        raise DataError(
            "a network must say finite numbers, but this one's weights are so large that its "
            "outputs overflow"
        )
    read, allowed = _rounded(architecture, weights, points)
    allowed = allowed.clamp_min(torch.finfo(weights.dtype).tiny)  # all may be exactly zero
    return float(
        ((said.double().flatten() - read) / allowed).abs().max().nan_to_num(nan=torch.inf)
    )


def _rounded(architecture: Architecture, weights: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs `(N,)` in float64, and how far rounding in the type of `weights` may take them."""
    unit = torch.finfo(weights.dtype).eps
    features = points.double()
    error = torch.zeros_like(features)
    layers = architecture.split(weights.double())
    for index, layer in enumerate(layers):
        sizes = Layer(layer.weight.abs(), None if layer.bias is None else layer.bias.abs())
        spread = (layer.weight.shape[1] + 2) * unit * sizes(features.abs()[None])[0]
        error = error @ sizes.weight[0] + spread
        features = layer(features[None])[0]
        if index + 1 < len(layers):
            features = architecture.unit.value(features)
            error = _STEEPEST * error + 4 * unit * (1 + features.abs())
    return features[:, 0], error[:, 0]


def _unit_module(unit: Unit) -> nn.Module:
    """The module of torch for a unit."""
    known: tuple[tuple[Unit, type[nn.Module]], ...] = (
        (SIN_COS, SinCos),
        (SINE, Sine),
        (TANH, nn.Tanh),
        (RELU, nn.ReLU),
        (SOFTPLUS, nn.Softplus),
        (SILU, nn.SiLU),
        (GELU, nn.GELU),
    )
    for one, kind in known:
        if one == unit:
            return kind()
    raise DataError(
        f"there is no module for the unit {unit.name!r}; known are "
        f"{', '.join(one.name for one, _ in known)}"
    )
