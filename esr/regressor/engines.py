"""Engines by name: esr's own, and what installed packages offer as entry points."""

import inspect
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from esr.errors import ConfigurationError, suggestion
from esr.search import Engine, Stages

__all__ = ["GROUP", "find_engine", "installed_engines"]

GROUP = "esr.engines"
"""The group of entry points under which a package offers engines: classes or functions that are
called without arguments, or with `init` if they have such a parameter."""
_OWN, _OWN_PLACE = "hopfield", "esr.search.hopfield:HopfieldEngine"
_OWN_SHARE = 0.7
"""Share of the time that the first of several engines may use."""


def installed_engines() -> dict[str, EntryPoint]:
    """Engines by name: esr's own, and those of installed packages."""
    own = EntryPoint(name=_OWN, value=_OWN_PLACE, group=GROUP)
    return {_OWN: own} | {point.name: point for point in entry_points(group=GROUP)}


def find_engine(
    engine: str | Engine,
    *,
    init: object = None,
    points: Iterable[EntryPoint] | None = None,
) -> Engine:
    """An engine from its name, or the object itself.

    `auto` is esr's own engine and, while no equation is exact, every other one that is installed
    for an equal part of the time that is left.

    Arguments:
        engine: A name, or an object with a `search` method.
        init: A start for engines that take one as their argument `init`.
        points: The engines that there are; the installed ones if None.
    Raises:
        ConfigurationError: If the name is unknown, the object has no `search`, or no engine that
            was asked for takes a start.
    """
    if not isinstance(engine, str):
        if not callable(getattr(engine, "search", None)) or isinstance(engine, type):
            raise ConfigurationError(
                f"engine must be a name or an object with a method search(front, clock, streams), "
                f"but is {engine!r}"
            )
        if init is not None:
            raise ConfigurationError("init is for engines given by name; give it to the object")
        return engine
    known = installed_engines() if points is None else {point.name: point for point in points}
    if engine == "auto":
        names = [_OWN, *sorted(known.keys() - {_OWN})]
    elif engine in known:
        names = [engine]
    else:
        raise ConfigurationError(
            f"engine {engine!r} is unknown; {suggestion(engine, [*known, 'auto'])} (engines other "
            f"than {_OWN!r} are found when their package is installed; in a checkout of esr, run "
            "`pip install -e .`)"
        )
    factories = {name: _load(known[name]) for name in names}
    if init is not None and not any(map(_takes_init, factories.values())):
        raise ConfigurationError(f"of the engines {', '.join(names)} none takes an init")
    made = {
        name: factory(init=init) if init is not None and _takes_init(factory) else factory()
        for name, factory in factories.items()
    }
    if len(made) == 1:
        return made[names[0]]
    later = len(names) - 1
    shares = {name: 1 / (later - place) for place, name in enumerate(names[1:])}
    return Stages(made, {names[0]: _OWN_SHARE} | shares)


def _load(point: EntryPoint) -> Callable[..., Engine]:
    """What an entry point names.

    Raises:
        ConfigurationError: If it cannot be imported.
    """
    try:
        factory: Callable[..., Engine] = getattr(import_module(point.module), point.attr)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"engine {point.name!r} cannot be imported from {point.value}: {error}"
        ) from error
    return factory


def _takes_init(factory: Callable[..., Engine]) -> bool:
    return "init" in inspect.signature(factory).parameters
