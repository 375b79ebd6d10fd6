"""Initialisations: one replica's start in a file, for any model of the same shapes.

What a replica's start is, modules say themselves (`Replicated.replica_state`): parameters, and
the buffers that a replica acts by, such as pruning masks. Settings of a model, such as what its
replicas may use, are not in the file and still hold for a model that starts from one.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from esr.atomic_file import save_atomically
from esr.errors import ConfigurationError
from esr.models import BatchT, EnergyModel, Replicated

__all__ = ["load_initialisation", "read_note", "save_initialisation"]

_KIND, _FORMAT = "esr initialisation", 1
_SHOWN = 12  # shapes in an error message


@dataclass(frozen=True)
class _Saved:
    """What a file holds: tensors `(*)` without R, and whose they were."""

    tensors: dict[str, Tensor]
    shapes: dict[str, list[int]]
    model: str
    note: dict[str, str | float]


def save_initialisation(
    path: Path | str,
    model: EnergyModel[BatchT],
    replica: int = 0,
    note: Mapping[str, str | float] | None = None,
) -> None:
    """Write one replica of a model as an initialisation, in one step.

    Arguments:
        path: The file; its folder must exist. `torch.load` reads it with `weights_only=True`.
        model: Its parameters lead with R.
        replica: Which, from 0 to R - 1.
        note: What a reader should know, such as where it is from; `read_note` gives it back.
    Raises:
        ConfigurationError: If there is no such replica or folder, or a weight is not finite.
    """
    path, note = Path(path), dict(note or {})
    if not 0 <= replica < model.replicas:
        raise ConfigurationError(
            f"replica must be from 0 to {model.replicas - 1}, but is {replica}"
        )
    if not path.parent.is_dir():
        raise ConfigurationError(f"{path} cannot be written: there is no folder {path.parent}")
    if not all(isinstance(value, (str, int, float)) for value in note.values()):
        raise ConfigurationError(f"a note must hold text and numbers, but is {note}")
    tensors = {
        name: value[replica].detach().cpu().clone()
        for prefix, module in _owners(model)
        for name, value in _with_prefix(prefix, _own_state(module)).items()
    }
    _require_finite(tensors, f"replica {replica}", "save one that trained to the end")
    shapes = {name: list(value.shape[1:]) for name, value in model.named_parameters()}
    head = {"kind": _KIND, "format": _FORMAT, "model": type(model).__name__}
    save_atomically(path, head | {"shapes": shapes, "note": note, "tensors": tensors})


def load_initialisation(
    path: Path | str,
    model: EnergyModel[BatchT],
    *,
    spread: float = 0.0,
    generator: Generator | None = None,
) -> None:
    r"""Start all replicas of a model from a file, in place; on an error nothing has changed.

    .. math:: w_{ri} = w_i (1 + s\, \varepsilon_{ri}), \quad \varepsilon \sim N(0, 1), \quad
              \varepsilon_0 = 0

    What is pruned in the file is pruned in the model; what the model's own settings forbid, such
    as units outside a replica's repertoire, stays forbidden. An equation learner's gates are
    folded into the weights of a model without gates; a model with gates that starts from a file
    without keeps its fresh gates, which multiply the weights. A replica that training resets
    starts from a fresh draw as ever, not from the file.

    Only names and shapes must agree: the units that the weights belong to are not compared.

    Arguments:
        path: As `save_initialisation` wrote it.
        model: Its parameters lead with R; dtype and device stay.
        spread: s, at least 0: standard deviation of the noise on every parameter of all replicas
            but the first, in units of the parameter itself, so that zeros stay zeros.
        generator: Feeds the noise; torch's default generator unless given.
    Raises:
        ConfigurationError: If the file is missing, is not an initialisation of this format, holds
            a value that is not finite or other names or shapes than the model, or `spread` is not
            a finite number of at least 0.
    """
    if not (math.isfinite(spread) and spread >= 0):
        raise ConfigurationError(f"spread must be a finite number of at least 0, but is {spread}")
    path = Path(path)
    saved = _read(path)
    _require_fit(saved, model, path)
    for prefix, module in _owners(model):
        own = _own_state(module)
        device = next(iter(own.values())).device
        state = {}
        for name in own.keys() | _may_lack(module):
            if prefix + name in saved.tensors:
                value = saved.tensors[prefix + name].to(device)
                state[name] = value.expand(model.replicas, *value.shape)  # (R, *)
        _load_own_state(module, state)
    if spread > 0:
        _spread_out(model, spread, generator)


def read_note(path: Path | str) -> dict[str, str | float]:
    """The note that an initialisation was saved with.

    Raises:
        ConfigurationError: If the file is missing or is not an initialisation of this format.
    """
    return _read(Path(path)).note


@torch.no_grad()
def _spread_out(model: EnergyModel[BatchT], spread: float, generator: Generator | None) -> None:
    device = generator.device if generator is not None else None
    for parameter in model.parameters():
        others = parameter[1:]
        noise = torch.randn(others.shape, generator=generator, device=device).to(parameter)
        others.mul_(1 + spread * noise)


def _owners(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules that own replicas' tensors, each with the prefix of its names."""
    for name, module in model.named_modules():
        if _own_state(module):
            yield f"{name}." if name else "", module


def _own_state(module: nn.Module) -> Mapping[str, Tensor]:
    """A module's own tensors of replicas, each `(R, *)`: its parameters unless it says more."""
    if isinstance(module, Replicated):
        return module.replica_state()
    return dict(module.named_parameters(recurse=False))


@torch.no_grad()
def _load_own_state(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    if isinstance(module, Replicated):
        module.load_replica_state(state)
    else:
        for name, parameter in module.named_parameters(recurse=False):
            parameter.copy_(state[name])


def _may_lack(module: nn.Module) -> frozenset[str]:
    return module.may_lack if isinstance(module, Replicated) else frozenset()


def _with_prefix(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


def _read(path: Path) -> _Saved:
    """A file's content, checked to be an initialisation of this format with finite values."""
    remedy = "name a file that save_initialisation wrote"
    if not path.is_file():
        what = "a folder, not a file" if path.is_dir() else "not there"
        raise ConfigurationError(f"the initialisation {path} is {what}; {remedy}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ConfigurationError(
            f"{path} cannot be read as an initialisation ({type(error).__name__}); {remedy}"
        ) from error
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        what = "a checkpoint" if _is_checkpoint(content) else "something else"
        raise ConfigurationError(f"{path} must hold an initialisation, but holds {what}; {remedy}")
    if content.get("format") != _FORMAT:
        raise ConfigurationError(
            f"{path} must be an initialisation of format {_FORMAT}, but is of format "
            f"{content.get('format')!r}; save it again with this version"
        )
    saved = _Saved(content["tensors"], content["shapes"], content["model"], content["note"])
    _require_finite(saved.tensors, str(path), "save another replica")
    return saved


def _is_checkpoint(content: object) -> bool:
    return isinstance(content, dict) and {"identity", "state"} <= content.keys()


def _require_finite(tensors: Mapping[str, Tensor], where: str, remedy: str) -> None:
    for name, value in tensors.items():
        bad = int((~torch.isfinite(value)).sum())
        if bad:
            raise ConfigurationError(
                f"the {value.numel()} values of '{name}' in {where} must be finite, but {bad} are "
                f"not; {remedy}"
            )


def _require_fit(saved: _Saved, model: EnergyModel[BatchT], path: Path) -> None:
    """Refuse a file with other names or shapes than the model, naming the first that differs."""
    unknown = dict.fromkeys(saved.tensors)
    difference = None
    for prefix, module in _owners(model):
        own, optional = _own_state(module), _may_lack(module)
        for name in (*own, *optional):
            unknown.pop(prefix + name, None)
        for name, value in own.items():
            given, wanted = saved.tensors.get(prefix + name), tuple(value.shape[1:])
            if difference is not None or (given is None and name in optional):
                continue
            if given is None or tuple(given.shape) != wanted:
                came = "is missing" if given is None else f"has shape {tuple(given.shape)}"
                difference = f"'{prefix}{name}' must have shape {wanted}, but {came}"
    if difference is None and unknown:
        name = next(iter(unknown))
        shape = tuple(saved.tensors[name].shape)
        difference = f"the model has no '{name}', which has shape {shape}"
    if difference is not None:
        listed = [f"{name} {tuple(shape)}" for name, shape in saved.shapes.items()]
        more = ", ..." if len(listed) > _SHOWN else ""
        raise ConfigurationError(
            f"{difference} in {path}; make the {type(model).__name__} with the same units: in the "
            f"file, saved from {saved.model}, the shapes are {', '.join(listed[:_SHOWN])}{more}"
        )
