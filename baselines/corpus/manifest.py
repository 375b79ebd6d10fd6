"""What a corpus on disk says about itself."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from baselines.corpus.shard_file import Label
from esr.atomic_file import write_text_atomically
from esr.errors import ConfigurationError, DataError

__all__ = ["Manifest"]

FILE = "manifest.json"
KIND, FORMAT = "esr corpus", 1


@dataclass(frozen=True)
class Manifest:
    """What a corpus holds.

    Arguments:
        recipe: `Recipe.describe()`.
        shard_size: Networks of each shard, at least 1.
        networks: Networks of all shards, at least 1; rounded up to whole shards.
    Raises:
        ConfigurationError: If a number is not a positive integer.
    """

    recipe: Mapping[str, object]
    shard_size: int
    networks: int

    def __post_init__(self) -> None:
        for name, value in (("shard_size", self.shard_size), ("networks", self.networks)):
            if type(value) is not int or value < 1:
                raise ConfigurationError(f"{name} must be a positive integer, but is {value!r}")
        object.__setattr__(self, "networks", self.shards * self.shard_size)
        object.__setattr__(self, "recipe", json.loads(_canonical(self.recipe)))

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.networks // self.shard_size)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that a shard depends on except its index."""
        return hashlib.sha256(_canonical(self._identity()).encode()).hexdigest()

    @property
    def tolerance(self) -> float:
        """Largest error of a converged network."""
        training = self.recipe.get("training")
        tolerance = training.get("tolerance") if isinstance(training, Mapping) else None
        if not isinstance(tolerance, float | int):
            raise DataError(f"the recipe of a corpus must say its tolerance, but is {self.recipe}")
        return tolerance

    def label(self, index: int) -> Label:
        """Which shard the file of an index must hold."""
        return Label(self.fingerprint, index)

    def differences(self, other: "Manifest") -> list[str]:
        """What another corpus has otherwise, apart from its size: `recipe.seed: 0, but 1 came`."""
        ours, theirs = _flat(self._identity()), _flat(other._identity())
        absent = "nothing"
        return [
            f"{key}: {ours.get(key, absent)}, but {theirs.get(key, absent)} came"
            for key in {**ours, **theirs}
            if ours.get(key, absent) != theirs.get(key, absent)
        ]

    def write(self, folder: Path) -> None:
        """Write it into a folder, which must exist, in one step."""
        head = {"kind": KIND, "format": FORMAT, "fingerprint": self.fingerprint}
        content = head | {"networks": self.networks} | self._identity()
        text = json.dumps(content, indent=2, allow_nan=False) + "\n"
        write_text_atomically(folder / FILE, text)

    @staticmethod
    def there(folder: Path) -> bool:
        """Whether a folder has a manifest."""
        return (folder / FILE).is_file()

    @staticmethod
    def read(folder: Path) -> "Manifest":
        """The manifest in a folder.

        Raises:
            DataError: If there is none, or it is not one of this format, or it was altered.
        """
        path = folder / FILE
        if not path.is_file():
            raise DataError(f"{folder} holds no corpus: it has no {FILE}; generate one there")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(
                f"{path} cannot be read ({error}); generate the corpus again, which keeps its "
                f"shards, after deleting this file"
            ) from error
        if not isinstance(content, dict) or content.get("kind") != KIND:
            raise DataError(f"{path} must describe a corpus, but describes something else")
        if content.get("format") != FORMAT:
            raise DataError(
                f"{path} must be of format {FORMAT}, but is of format {content.get('format')!r}; "
                f"generate the corpus anew in another folder"
            )
        try:
            found = Manifest(content["recipe"], content["shard_size"], content["networks"])
        except (KeyError, ConfigurationError) as error:
            raise DataError(f"{path} does not describe a corpus: {error}") from error
        if content.get("fingerprint") != found.fingerprint:
            raise DataError(
                f"{path} was altered: its recipe no longer has its fingerprint; generate the "
                f"corpus again with its own recipe after deleting this file"
            )
        return found

    def _identity(self) -> dict[str, object]:
        return {"shard_size": self.shard_size, "recipe": self.recipe}


def _canonical(content: object) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _flat(content: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Values of nested mappings as JSON, by their names with dots between."""
    found = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            found.update(_flat(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = json.dumps(value)
    return found
