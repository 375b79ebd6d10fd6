"""Reading what `python -m experiments.population` is given."""

import argparse
from pathlib import Path
from typing import NamedTuple, NoReturn

import torch

from baselines.corpus import Manifest, Recipe, Training, Workforce
from baselines.corpus.generation import SHARD_SIZE
from baselines.languages import (
    Language,
    SkewedLengths,
    UniformLengths,
    polynomials,
    waves_and_growth,
)
from baselines.population import (
    UNITS,
    Architecture,
    LevenbergMarquardt,
    OwnStarts,
    SharedStarts,
)
from esr.errors import ConfigurationError

__all__ = ["Wish", "parser_of", "wish_of", "workforce_of"]

POLYNOMIALS, WAVES, OWN, SHARED = "polynomials", "waves", "own", "shared"
OF_EQUATIONS = ("language", "degree", "max_terms", "max_length", "skewed", "seed")
OF_NETWORKS = ("start", "kinds", "scale", "hidden", "unit", "bias")
OF_TRAINING = ("nodes", "tolerance", "shard_size")


class _Parser(argparse.ArgumentParser):
    """Tells mistakes in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message}; see --help")


class Wish(NamedTuple):
    """What shall be made.

    Arguments:
        recipe: The networks.
        networks: How many.
        shard_size: How many to a file.
    """

    recipe: Recipe
    networks: int
    shard_size: int


def parser_of(description: str) -> argparse.ArgumentParser:
    """The command line, whose mistakes raise `ConfigurationError`."""
    parser = _Parser(
        prog="python -m experiments.population",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="where the corpus is")
    add("--networks", type=int, metavar="N", help="how many in all, rounded up to whole shards")
    add("--check", action="store_true", help="read and verify everything, make nothing")
    work = parser.add_argument_group("who makes it")
    add = work.add_argument
    add("--processes", type=int, default=1, metavar="N", help="of one thread each (1)")
    add("--rank", default="0/1", metavar="I/N", help="this is machine I, from 0, of N (0/1)")
    add("--device", default="cpu", help="where networks are trained (cpu)")
    _add_equations(parser)
    _add_networks(parser)
    return parser


def _add_equations(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("equations").add_argument
    add("--language", choices=(POLYNOMIALS, WAVES), help=f"({POLYNOMIALS})")
    add("--degree", type=int, help="of polynomials (2)")
    add("--max-terms", type=int, metavar="N", help="of an equation (all; 2 of waves)")
    add("--max-length", type=int, metavar="N", help="characters of a polynomial (any)")
    add("--skewed", action="store_true", default=None, help="mostly the longest equations")
    add("--seed", type=int, help="of all draws (0)")


def _add_networks(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("networks").add_argument
    names = [unit.name for unit in UNITS]
    add("--start", choices=(OWN, SHARED), help=f"weights of each network's own or shared ({OWN})")
    add("--kinds", type=int, metavar="N", help="of shared starts, taken in turn (1)")
    add("--scale", type=float, help="of the initial weights, beside torch's (1)")
    add("--hidden", type=int, nargs="+", metavar="N", help="sizes of hidden layers (8 7 8)")
    add("--unit", choices=names, help="activation function (sin+cos)")
    add("--bias", action="store_true", default=None, help="neurons have biases")
    add("--nodes", type=int, metavar="N", help="training points in each direction (10)")
    add("--tolerance", type=float, help="relative squared error of a converged network (1e-4)")
    add("--shard-size", type=int, metavar="N", help=f"networks of a file ({SHARD_SIZE})")


def workforce_of(options: argparse.Namespace) -> Workforce:
    """Who makes the corpus.

    Raises:
        ConfigurationError: If a number is out of range or the device is not here.
    """
    rank, _, ranks = options.rank.partition("/")
    if not (rank.isdecimal() and ranks.isdecimal()):
        raise ConfigurationError(f"--rank takes two numbers such as 0/4, but got {options.rank!r}")
    try:
        torch.empty(0, device=options.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(
            f"--device {options.device} cannot be used here ({reason}); cpu works everywhere"
        ) from error
    return Workforce(options.processes, int(rank), int(ranks), options.device)


def wish_of(options: argparse.Namespace) -> Wish:
    """What the options ask for; the recipe of the folder's corpus if they say none.

    Raises:
        ConfigurationError: If they contradict each other or a value is out of range.
        DataError: If the folder's manifest cannot be read.
    """
    silent = all(
        getattr(options, name) is None for name in (*OF_EQUATIONS, *OF_NETWORKS, *OF_TRAINING)
    )
    if silent and Manifest.there(options.folder):
        found = Manifest.read(options.folder)
        networks = options.networks if options.networks is not None else found.networks
        return Wish(Recipe.described(found.recipe), networks, found.shard_size)
    if options.networks is None:
        raise ConfigurationError("say how many networks: --networks N")
    defaults = {"nodes": options.nodes, "tolerance": options.tolerance}
    given = {name: value for name, value in defaults.items() if value is not None}
    if options.nodes is not None:
        given["check_nodes"] = max(24, 2 * options.nodes)
    language = _language(options)
    hidden = options.hidden if options.hidden is not None else (8, 7, 8)
    recipe = Recipe(
        language,
        Architecture(
            (len(language.variables), *hidden, 1), options.unit or "sin+cos", bool(options.bias)
        ),
        _start(options),
        Training(LevenbergMarquardt(), **given),
        SkewedLengths() if options.skewed else UniformLengths(),
        options.seed if options.seed is not None else 0,
    )
    size = options.shard_size if options.shard_size is not None else SHARD_SIZE
    return Wish(recipe, options.networks, size)


def _language(options: argparse.Namespace) -> Language:
    if options.language == WAVES:
        for name in ("degree", "max_length"):
            if getattr(options, name) is not None:
                raise ConfigurationError(
                    f"--{name.replace('_', '-')} goes with --language {POLYNOMIALS}"
                )
        return waves_and_growth(options.max_terms if options.max_terms is not None else 2)
    degree = options.degree if options.degree is not None else 2
    if degree < 0:
        raise ConfigurationError(f"--degree takes a number of at least 0, but got {degree}")
    return polynomials(degree, options.max_terms, options.max_length)


def _start(options: argparse.Namespace) -> OwnStarts | SharedStarts:
    scale = options.scale if options.scale is not None else 1.0
    if options.start == SHARED:
        return SharedStarts(options.kinds if options.kinds is not None else 1, scale)
    if options.kinds is not None:
        raise ConfigurationError(f"--kinds goes with --start {SHARED}")
    return OwnStarts(scale)
