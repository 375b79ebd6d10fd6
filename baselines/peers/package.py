"""Loading a package that only those who compare with it have installed."""

import importlib
import importlib.util
from types import ModuleType

from esr.errors import ConfigurationError

__all__ = ["load"]


def load(package: str, module: str) -> ModuleType:
    """A module of a package that may be missing.

    Raises:
        ConfigurationError: If the package is missing; it names the command that installs it.
    """
    if importlib.util.find_spec(package) is None:
        raise ConfigurationError(
            f"the package {package} is not installed; install it with: pip install 'esr[peers]'"
        )
    return importlib.import_module(f"{package}.{module}")
