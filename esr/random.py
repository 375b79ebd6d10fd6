"""Named random streams derived from one seed, so that a draw in one never shifts another."""

import hashlib

import torch
from torch import Generator

from esr.errors import ConfigurationError

__all__ = ["RandomStreams"]


class RandomStreams:
    r"""Independent generators, one for each purpose, all determined by a single seed.

    The seed of stream `name` is the first 63 bits of SHA-256 of `"{seed}/{name}"`, so that
    streams are independent of each other and of the order in which they are asked for.

    Arguments:
        seed: Any integer from 0 to :math:`2^{63}-1`.
        device: Device of the generators; draws made with one live there.
    Raises:
        ConfigurationError: If the seed is not an integer in range.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu") -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
            raise ConfigurationError(
                f"seed must be an integer from 0 to 2**63 - 1, but is {seed!r}"
            )
        self.seed = seed
        self.device = torch.device(device)
        self._streams: dict[str, Generator] = {}

    def __getitem__(self, name: str) -> Generator:
        """The generator of the stream `name`, the same object at each call."""
        if name not in self._streams:
            digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
            generator = Generator(device=self.device)
            generator.manual_seed(int.from_bytes(digest[:8], "big") >> 1)
            self._streams[name] = generator
        return self._streams[name]

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The state of every stream used so far, for a checkpoint."""
        return {name: generator.get_state() for name, generator in self._streams.items()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Put every stream named in `state` back to where it was."""
        for name, value in state.items():
            self[name].set_state(value.cpu())
