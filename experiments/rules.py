"""Checks, explains and samples rule programs: `python -m experiments.rules NAME_OR_FILE`.

Prints the grid, the sets, the rules with their sources, and what they amount to: spectrum, safe
step, temperatures, and each rule's share. Mistakes in the rules are all shown at once.

    python -m experiments.rules --list
    python -m experiments.rules queens --set n=12 clash=-2
    python -m experiments.rules colouring --input edges=edges.csv --sample 5
    python -m experiments.rules infix --explain "3,'+'" "4,'*'"
    python -m experiments.rules arithmetic --draw couplings.png
    python -m experiments.rules mine.rules --format --write
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from esr.errors import ConfigurationError, DataError, RuleError, TrainingError
from esr.hopfield import HopfieldNetwork, Sigmoid, Softmax, diagnose
from esr.hopfield.dynamics.activation import Activation
from esr.rules import CompiledRules, RuleProgram, format_rules
from esr.rules.includes import standard_names
from experiments.couplings_figure import draw_couplings
from experiments.rule_arguments import (
    Row,
    first_sentence,
    neurons_of,
    parameters_of,
    program_of,
    rows_of,
    standard_text,
    text_of,
)
from experiments.rule_states import draw_states, state_text
from experiments.rule_tables import plain_console, show_diagnosis, show_program

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Arguments:
        argv: Its arguments; those of the process unless given.
    Returns:
        The exit status: 0, or 2 after a mistake, which is told on standard error.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    if (options.program is None) == (not options.list):
        parser.error("give the name of a standard program or a file, or --list alone")
    if options.write and not options.format:
        parser.error("--write goes with --format")
    if options.sample is not None and options.sample < 1:
        parser.error(f"--sample takes a number of at least 1, but got {options.sample}")
    if not 0 <= options.seed < 2**63:
        parser.error(f"--seed takes a number from 0 to 2**63 - 1, but got {options.seed}")
    try:
        _run(options)
    except (ConfigurationError, DataError, RuleError, TrainingError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.rules",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("program", nargs="?", metavar="NAME_OR_FILE", help="a standard program or a file")
    add("--list", action="store_true", help="name the standard programs")
    add(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="PARAMETER=NUMBER",
        help="values in place of defaults",
    )
    add(
        "--input",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=FILE",
        help="rows of an input, one on each line; values are separated by commas or blanks, and "
        "symbols that look like numbers are in quotes",
    )
    add(
        "--explain",
        nargs="+",
        action="extend",
        default=[],
        metavar="NEURON",
        help="which rules couple these one, two or more neurons, each given by its value on "
        "every axis, as in 3,'+' or V[3, '+']",
    )
    add("--format", action="store_true", help="print the text in its one layout")
    add("--write", action="store_true", help="with --format: write it to the file instead")
    add(
        "--sample",
        type=int,
        metavar="N",
        help="print N states: exact draws if the slots form a forest, else annealed ones",
    )
    add("--draw", type=Path, metavar="PNG", help="draw Q with the rules behind each entry")
    add("--step", type=float, help="judge this step of graded dynamics")
    add("--gain", type=float, help="of free neurons in the diagnosis")
    add("--temperature", type=float, help="of groups in the diagnosis, and of exact draws")
    add("--sweeps", type=int, default=500, help="of annealing (500)")
    add("--seed", type=int, default=0, help="of all draws (0)")
    return parser


def _run(options: argparse.Namespace) -> None:
    """Do what is asked for."""
    if options.list:
        for name in standard_names():
            print(f"{name:<12}{first_sentence(standard_text(name))}")
        return
    if options.format:
        _format(options.program, options.write)
        return
    program = program_of(options.program)
    parameters, rows = parameters_of(options.set), rows_of(options.input)
    compiled = _compiled(program, parameters, rows)
    network = HopfieldNetwork(compiled.grid, compiled.terms)
    if options.explain:
        _explain(network, options.explain)
    if options.sample is not None:
        _sample(network, options)
    if options.draw is not None:
        _draw(network, options.draw)
    if not options.explain and options.sample is None and options.draw is None:
        generator = torch.Generator().manual_seed(options.seed)
        activation = _activation(compiled.grid.grouped, options)
        found = diagnose(network, activation, options.step, generator=generator)
        console = plain_console()
        lengths = {name: len(given) for name, given in rows.items()}
        show_program(console, program, compiled, parameters, lengths)
        show_diagnosis(console, found)


def _draw(network: HopfieldNetwork, path: Path) -> None:
    """Q with its rules, as a picture."""
    try:
        draw_couplings(network).savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise DataError(f"--draw {path} cannot be written: {error}") from error
    print(f"couplings drawn: {path}")


def _compiled(
    program: RuleProgram, parameters: dict[str, float], rows: dict[str, list[Row]]
) -> CompiledRules:
    """The couplings, after a word on inputs that are missing."""
    missing = [
        f"input {name} is missing; add --input {name}=FILE with rows of ({', '.join(columns)})"
        for name, columns in program.inputs.items()
        if name not in rows
    ]
    if missing:
        raise DataError("\n".join(missing))
    return program.compile(rows, parameters)


def _activation(grouped: bool, options: argparse.Namespace) -> Activation | None:
    """What the diagnosis is for; None for the usual activation."""
    if grouped and options.gain is not None:
        raise ConfigurationError(
            "--gain is for free neurons, but these are in groups; use --temperature"
        )
    if grouped and options.temperature is not None:
        return Softmax(options.temperature)
    return Sigmoid(options.gain) if options.gain is not None else None


def _format(name: str, write: bool) -> None:
    text = text_of(name)
    formatted = format_rules(text)
    if not write:
        print(formatted, end="")
        return
    if not Path(name).is_file():
        raise ConfigurationError(f"'{name}' is a standard program, not a file to write to")
    if formatted == text:
        print(f"{name} is formatted already")
        return
    Path(name).write_text(formatted, encoding="utf-8")
    print(f"{name} is formatted now")


def _explain(network: HopfieldNetwork, texts: Sequence[str]) -> None:
    neurons = neurons_of(texts, network.grid)
    found = network.explain(*neurons)
    labels = " and ".join(network.grid.label(neuron) for neuron in neurons)
    print("\n".join(found) if found else f"{labels}: no rule couples exactly these")
    if network.grid.grouped:
        width = network.grid.symbols
        for neuron in neurons:
            if not bool(network.allowed[neuron // width, neuron % width]):
                print(
                    f"{network.grid.label(neuron)} can never be on, by what the hard rules imply"
                )


def _sample(network: HopfieldNetwork, options: argparse.Namespace) -> None:
    temperature = 1.0 if options.temperature is None else options.temperature
    drawn = draw_states(
        network,
        options.sample,
        temperature=temperature,
        sweeps=options.sweeps,
        generator=torch.Generator().manual_seed(options.seed),
    )
    count, kept = options.sample, int((drawn.violations == 0).sum())
    if drawn.exact:
        print(f"{count} exact and independent draws at temperature {temperature:g}:")
    else:
        print(f"{count} annealed states, of which {kept} satisfy every hard rule:")
    for state, energy, broken in zip(
        drawn.symbols, drawn.energy.tolist(), drawn.violations.tolist(), strict=True
    ):
        text = state_text(network.grid, state)
        note = f", breaks {broken} hard instances" if broken else ""
        gap = "\n" if "\n" in text else "  "
        print(f"{text}{gap}energy {energy + 0.0:.6g}{note}")


if __name__ == "__main__":
    sys.exit(main())
