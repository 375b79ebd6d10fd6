"""Loading a package that only those who compare with it have installed."""

import importlib
import importlib.util
from types import ModuleType

from esr.errors import ConfigurationError

__all__ = ["check_installed", "load"]


def check_installed(package: str) -> None:
    """Refuse to go on without a package, before any work.

    Raises:
        ConfigurationError: If it is missing; it names the command that installs it.
    """
    if importlib.util.find_spec(package) is None:
        raise ConfigurationError(
            f"the package {package} is not installed; install it with: pip install 'esr[peers]'"
        )


def load(package: str, module: str) -> ModuleType:
    """A module of a package that may be missing.

    Raises:
        ConfigurationError: If the package is missing; it names the command that installs it.
    """
    check_installed(package)
    return importlib.import_module(f"{package}.{module}")
