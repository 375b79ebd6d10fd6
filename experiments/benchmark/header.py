"""The header of a benchmark: its resolved configuration and the versions it ran with."""

from pathlib import Path

from omegaconf import OmegaConf

from experiments.record import describe_environment

__all__ = ["HEADER", "write_header"]

HEADER = "benchmark.yaml"
_PEERS = ("pyoperon", "gplearn")


def write_header(folder: Path, resolved: str) -> str:
    """Write the header of what is about to run; returns the name of its file.

    One file says it once: a folder that is gone on with under the same settings and versions
    keeps its header, and other ones get a file of their own (`benchmark-2.yaml`), so that the
    `header` of a line always names what it was made with.

    Arguments:
        folder: Where the lines go.
        resolved: The resolved configuration as YAML.
    """
    content = OmegaConf.to_yaml(OmegaConf.create(describe_environment(_PEERS))) + resolved
    number = 1
    while (path := folder / _name(number)).exists():
        if path.read_text(encoding="utf-8") == content:
            return path.name
        number += 1
    path.write_text(content, encoding="utf-8")
    return path.name


def _name(number: int) -> str:
    return HEADER if number == 1 else HEADER.replace(".", f"-{number}.")
