"""Plain values for the small frozen objects that a recipe is made of, and back."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TypeVar, get_type_hints

from esr.errors import ConfigurationError, DataError, suggestion

__all__ = ["KIND", "describe_part", "part_described"]

KIND = "kind"
"""Where a description says of which class the part is."""

PartT = TypeVar("PartT")


def describe_part(part: object) -> dict[str, object]:
    """The name of a part's class and its fields, as plain values that JSON can hold.

    Arguments:
        part: A dataclass whose fields are numbers, texts, truth values, None, such dataclasses,
            or tuples of all these.
    Raises:
        ConfigurationError: If it is anything else.
    """
    if not dataclasses.is_dataclass(part) or isinstance(part, type):
        raise ConfigurationError(
            f"a part of a recipe must be a dataclass of plain values, so that it can be written "
            f"down, but is {part!r}"
        )
    written: dict[str, object] = {KIND: type(part).__name__}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        written[field.name] = _plain(value, f"{type(part).__name__}.{field.name}")
    return written


def part_described(description: object, known: Sequence[type[PartT]]) -> PartT:
    """The part that `describe_part` described.

    Arguments:
        description: What it gave.
        known: The classes that it may be of.
    Raises:
        DataError: If it is of another class or its fields do not fit.
    """
    classes = {one.__name__: one for one in known}
    if not isinstance(description, Mapping) or KIND not in description:
        raise DataError(
            f"expected a description of one of {', '.join(classes)} with its '{KIND}', but got "
            f"{description!r}"
        )
    name = str(description[KIND])
    if name not in classes:
        raise DataError(f"there is no {name!r} here; {suggestion(name, classes)}")
    return _built(description, classes[name])


def _built(description: Mapping[str, object], of: type[PartT]) -> PartT:
    hints = get_type_hints(of)
    given = {}
    for name, value in description.items():
        if name == KIND:
            continue
        if isinstance(value, Mapping):
            inner = hints.get(name)
            value = part_described(value, [inner] if isinstance(inner, type) else [])
        given[name] = tuple(value) if isinstance(value, list) else value
    try:
        return of(**given)
    except TypeError as error:
        raise DataError(
            f"this does not describe {of.__name__} ({error}): {description}"
        ) from error


def _plain(value: object, where: str) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, tuple | list):
        return [_plain(item, where) for item in value]
    if dataclasses.is_dataclass(value):
        return describe_part(value)
    raise ConfigurationError(
        f"{where} must be a plain value that can be written down, but is {value!r}"
    )
