"""Loading a package that only those who compare with it have installed."""

import importlib
import importlib.util
from types import ModuleType

from esr.errors import ConfigurationError

__all__ = ["load"]


def load(package: str, module: str | None = None) -> ModuleType:
    """A package that may be missing, or a module of it.

    Raises:
        ConfigurationError: If the package is missing; it names the command that installs it.
    """
    if importlib.util.find_spec(package) is None:
        raise ConfigurationError(
            f"the package {package} is not installed; install it with: pip install 'esr[peers]'"
        )
    return importlib.import_module(package if module is None else f"{package}.{module}")
