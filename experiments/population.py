"""Makes a corpus of small networks with their equations, or checks one.

Shards that are there are kept, so that what was interrupted goes on with the same command, and
with FOLDER alone. More networks extend a corpus.

    python -m experiments.population FOLDER --networks 1000000 --degree 2 --processes 2
    python -m experiments.population FOLDER --networks 100000 --language waves --hidden 16 16
    python -m experiments.population FOLDER --networks 1000000 --start shared --skewed
    python -m experiments.population FOLDER --networks 10000000 --rank 0/4
    python -m experiments.population FOLDER --check
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from baselines.corpus import Corpus, Progress, Workforce, generate
from esr.errors import ConfigurationError, DataError, TrainingError
from experiments.population_arguments import Wish, parser_of, wish_of, workforce_of
from experiments.population_display import display

__all__ = ["main"]

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Arguments:
        arguments: Its words; those of the process unless given.
    Returns:
        The exit status: 0, 2 after a mistake, which is told on standard error, or 130 after
        Ctrl-C.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    console = Console()
    try:
        options = parser_of(__doc__ or "").parse_args(words)
        if options.check:
            _check(options.folder, console)
            return 0
        _make(options.folder, wish_of(options), workforce_of(options), console)
    except (ConfigurationError, DataError, TrainingError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"go on with it: python -m experiments.population {shlex.join(words)}")
        return INTERRUPTED
    return 0


def _make(folder: Path, wish: Wish, workforce: Workforce, console: Console) -> None:
    """Make what is wished for."""
    last = Progress(0, 0, 0, 0)
    with display(console, "networks") as shown:

        def told(progress: Progress) -> None:
            nonlocal last
            last = progress
            shown(progress)

        generate(wish.recipe, folder, wish.networks, wish.shard_size, workforce, told)
    share = f", of which {last.converged / last.new:.2%} converged" if last.new else ""
    part = f" of machine {workforce.rank}" if workforce.ranks > 1 else ""
    print(f"{last.networks} networks{part} in {folder}, {last.new} of them new{share}")


def _check(folder: Path, console: Console) -> None:
    """Read everything and say what there is."""
    corpus = Corpus.open(folder)
    errors, held, seen = [], 0, Progress(0, len(corpus), 0, 0)
    with display(console, "read") as shown:
        for shard in corpus.shards(converged=False):
            good = shard[shard.converged]
            errors.append(good.errors)
            held += int(corpus.held_out(good.equations).sum())
            networks, converged = seen.networks + len(shard), seen.converged + len(good)
            seen = Progress(networks, len(corpus), networks, converged)
            shown(seen)
    print(f"{folder} is whole: {len(corpus)} networks in {corpus.manifest.shards} shards")
    print(f"networks: {corpus.architecture}")
    print(f"converged: {seen.converged}, {seen.converged / len(corpus):.2%}")
    if seen.converged:
        every = torch.cat(errors)
        print(f"their relative error: median {every.median():.1e}, largest {every.max():.1e}")
        print(f"held out of them by default: {held}, {held / seen.converged:.2%}")


if __name__ == "__main__":
    sys.exit(main())
