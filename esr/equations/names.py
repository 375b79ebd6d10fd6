"""Which names variables and primitives may have: exactly those that the grammar can read."""

import re

__all__ = ["check_name", "is_name"]

_NAME = re.compile(r"[^\W\d]\w*")  # the same pattern as NAME in grammar.lark


def is_name(text: str) -> bool:
    """Whether `text` is a letter or underscore followed by letters, digits and underscores."""
    return _NAME.fullmatch(text) is not None and text.isidentifier()


def check_name(name: str, owner: str) -> None:
    """Refuse a name that could not be read back from text.

    Arguments:
        name: The proposed name.
        owner: What is being named, for the message, such as `a variable`.
    Raises:
        TypeError: If `name` is not a string.
        ValueError: If it is not an identifier.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of {owner} must be a string, but is {name!r}")
    if not is_name(name):
        raise ValueError(
            f"the name of {owner} must be an identifier (a letter or underscore, then letters, "
            f"digits and underscores), but is {name!r}; rename it, for instance to "
            f"{_identifier_like(name)!r}"
        )


def _identifier_like(text: str) -> str:
    """A name that resembles `text` and is allowed."""
    cleaned = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "x"
    return f"x_{cleaned}" if cleaned[0].isdigit() else cleaned
