"""Saving the state of training to a file, atomically, and reading it back safely."""

import time
from collections.abc import Mapping
from pathlib import Path

import torch

from esr.atomic_file import save_atomically
from esr.errors import ConfigurationError

__all__ = ["Checkpoint"]

State = dict[str, object]
_FORMAT = 2


class Checkpoint:
    """A file that holds the newest state of a training run.

    Arguments:
        path: The file; its folder must exist. It is replaced in one step, so that a process
            killed at any moment leaves either the old state or the new one.
        every_seconds: Least time between two saves that are due, at least 0.
        identity: What must agree between the run that saved and the run that loads, such as
            the schedule; compared as text.
    """

    def __init__(self, path: Path, every_seconds: float = 20.0, identity: str = "") -> None:
        self.path, self.every_seconds, self.identity = path, every_seconds, identity
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether the time between saves has passed."""
        return time.monotonic() - self._last >= self.every_seconds

    def save(self, state: Mapping[str, object]) -> None:
        """Replace the file by this state: tensors, numbers, text and containers of them."""
        content = {"format": _FORMAT, "identity": self.identity, "state": dict(state)}
        save_atomically(self.path, content)
        self._last = time.monotonic()

    def load(self, device: torch.device | str = "cpu") -> State | None:
        """The saved state, or None if there is no file.

        Raises:
            ConfigurationError: If the file is not a checkpoint of this format, or was written
                by a run with another identity.
        """
        if not self.path.exists():
            return None
        try:
            content = torch.load(self.path, map_location=device, weights_only=True)
        except Exception as error:
            raise ConfigurationError(
                f"{self.path} cannot be read as a checkpoint ({error}); delete it to start over"
            ) from error
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ConfigurationError(
                f"{self.path} is not a checkpoint of format {_FORMAT}; delete it to start over"
            )
        if content["identity"] != self.identity:
            raise ConfigurationError(
                f"{self.path} was written by a run with other settings: expected\n"
                f"  {self.identity}\nbut it says\n  {content['identity']}\n"
                "Resume with the settings of that run, or start a new one elsewhere."
            )
        state: State = content["state"]
        return state
