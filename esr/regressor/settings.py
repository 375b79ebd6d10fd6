"""What a search is told besides rows, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path

import torch

from esr.equations import STANDARD, Primitive, PrimitiveSet
from esr.errors import ConfigurationError
from esr.regressor.saved import Plain
from esr.search import Engine, ExpressionRules, NoRules
from esr.search.expression_rules import compile_rules

__all__ = [
    "DEFAULT_PRIMITIVES",
    "SearchSettings",
    "check_seconds",
    "chosen_device",
    "chosen_primitives",
    "chosen_rules",
    "plain_settings",
]

DEFAULT_PRIMITIVES = (
    *("pow", "sqrt", "exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "tanh"),
)
"""Functions that equations may have unless others are named; operators and whole powers
always may."""


@dataclass(frozen=True)
class SearchSettings:
    """What holds for every output and restart.

    Arguments:
        engine: Searches.
        primitives: Functions that may occur.
        rules: Which equations are allowed.
        max_complexity: Largest number of nodes, at least 1.
        max_rows: Most rows that a search sees, at least 10.
        held_out: Share of them that judges, above 0 and below 1.
        verbose: 0, 1 or 2.
    Raises:
        ConfigurationError: If a number is out of range.
    """

    engine: Engine
    primitives: PrimitiveSet
    rules: ExpressionRules
    max_complexity: int
    max_rows: int
    held_out: float
    verbose: int

    def __post_init__(self) -> None:
        least = {"max_complexity": 1, "max_rows": 10, "verbose": 0}
        for name, lowest in least.items():
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < lowest:
                raise ConfigurationError(
                    f"{name} must be a whole number of at least {lowest}, but is {value!r}"
                )
        held_out: object = self.held_out
        if not isinstance(held_out, Real) or not 0 < float(held_out) < 1:
            raise ConfigurationError(
                f"validation_fraction must lie between 0 and 1, but is {self.held_out!r}"
            )


def chosen_primitives(chosen: Sequence[str | Primitive] | None) -> PrimitiveSet:
    """The primitives that a user asks for.

    Arguments:
        chosen: Names of standard ones, and primitives; the default ones if None.
    Raises:
        ConfigurationError: If it is a string, or an entry is neither.
        ValueError: If a name is unknown or occurs twice.
    """
    if isinstance(chosen, str):
        raise ConfigurationError(
            f"primitives must be a list of names and Primitive objects, not the text {chosen!r}"
        )
    entries: list[Primitive] = []
    for index, entry in enumerate(DEFAULT_PRIMITIVES if chosen is None else chosen):
        if not isinstance(entry, (str, Primitive)):
            raise ConfigurationError(
                f"primitives[{index}] must be a name or a Primitive, but is {entry!r}"
            )
        entries.append(STANDARD[entry] if isinstance(entry, str) else entry.base)
    return PrimitiveSet(entries)


def chosen_rules(
    rules: str | ExpressionRules | None, variables: Sequence[str], primitives: PrimitiveSet
) -> ExpressionRules:
    """The rules that a user asks for.

    Arguments:
        rules: Text for `esr.search.expression_rules`, an object that allows and tolerates, or
            None.
        variables: Names that the text may speak of.
        primitives: Functions that may occur.
    Raises:
        ConfigurationError: If the text contradicts itself, or the object is no such thing.
        RuleError: If the text has a mistake; it shows the place.
    """
    if rules is None:
        return NoRules()
    if isinstance(rules, str):
        return compile_rules(rules, variables, primitives)
    if isinstance(rules, type) or not all(
        callable(getattr(rules, name, None)) for name in ("allows", "tolerates")
    ):
        raise ConfigurationError(
            f"rules must be text or have methods allows and tolerates, but are {rules!r}"
        )
    return rules


def check_seconds(seconds: object) -> float:
    """Seconds as they are, checked to be a positive number.

    Raises:
        ConfigurationError: If they are not.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, Real) or not float(seconds) > 0:
        raise ConfigurationError(f"max_seconds must be a number above 0, but is {seconds!r}")
    return float(seconds)


def chosen_device(device: torch.device | str | None, inputs: object) -> torch.device:
    """Where a search computes: the named device, or that of the inputs if they are a tensor.

    Raises:
        ConfigurationError: If the name is none of a device.
    """
    if device is None:
        return inputs.device if isinstance(inputs, torch.Tensor) else torch.device("cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ConfigurationError(f"device {device!r} cannot be used: {error}") from error
    return found


def plain_settings(settings: Mapping[str, object]) -> dict[str, Plain]:
    """The settings that text can hold; of primitives the names, and no other objects.

    Arguments:
        settings: By name.
    """
    found: dict[str, Plain] = {}
    for name, value in settings.items():
        if isinstance(value, (torch.device, Path)):
            found[name] = str(value)
        elif name == "primitives" and isinstance(value, Sequence):
            found[name] = [entry for entry in value if isinstance(entry, str)]
        elif value is None or isinstance(value, (str, int, float)):
            found[name] = value
    return found
