"""Strings to learn from: drawn from a grammar of rules, or read from a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError, DataError, suggestion
from esr.hopfield import Axis, Grid, PairwiseNetwork, RootedForest, pairwise_of
from esr.rules import RuleProgram, standard
from esr.rules.includes import standard_names

__all__ = ["Spelling", "StringData", "drawn_strings", "read_strings"]

LEAST_STRINGS = 3
"""One to learn from, one to choose and one to measure by."""
SHARES = (0.8, 0.1)
"""Of a file's strings, to learn from and to choose by; the others are measured by."""


@dataclass(frozen=True)
class Spelling:
    """How strings are spelled in slots.

    Arguments:
        symbols: Of one character or more; where several fit, the longest is read. Those of the
            grammar, or the characters of the file, unless given.
        length: Number of slots, at least 1; that of the grammar, or of the longest string of the
            file, unless given.
        padding: The symbol that fills slots in front of a short string.
    Raises:
        ConfigurationError: If the length is below 1, or symbols are empty, repeated or cannot be
            quoted in rules.
    """

    symbols: Sequence[str | int] | None = None
    length: int | None = None
    padding: str = "N"

    def __post_init__(self) -> None:
        if self.length is not None and self.length < 1:
            raise ConfigurationError(
                f"task.spelling.length must be at least 1, but is {self.length}"
            )
        words = [self.padding, *map(str, self.symbols or ())]
        if "" in words or any("\n" in word or ("'" in word and '"' in word) for word in words):
            raise ConfigurationError(
                "task.spelling.symbols and padding need a character or more, no line break and "
                f"no quotes of both kinds in one, but are {words}"
            )
        if self.symbols is not None and len(set(words[1:])) < max(len(words) - 1, 1):
            raise ConfigurationError(
                f"task.spelling.symbols must be distinct, at least one, but are {words[1:]}"
            )


@dataclass(frozen=True)
class StringData:
    """Strings in slots, as the number of the symbol in each slot.

    Arguments:
        grid: G slots of S symbols.
        edges: Slots that are coupled, a forest, integers `(E, 2)`.
        training: Integers `(n, G)`, as the others.
        validation: To choose among replicas by.
        test: To measure by.
        truth: The grammar, if known.
        padding: The symbol around short strings; empty if there is none.
    """

    grid: Grid
    edges: Tensor
    training: Tensor
    validation: Tensor
    test: Tensor
    truth: PairwiseNetwork | None
    padding: str

    def text(self, symbols: Tensor) -> list[str]:
        """Strings `(n, G)` as they are written, without the padding around them."""
        (axis,) = self.grid.symbol_axes
        rows = [[str(axis.values[place]) for place in row] for row in symbols.tolist()]
        return ["".join(_stripped(row, self.padding)) for row in rows]


def drawn_strings(
    grammar: str,
    spelling: Spelling,
    counts: tuple[int, int, int],
    *,
    generator: Generator,
    device: torch.device,
) -> StringData:
    """Strings that a grammar allows, each as probable as its soft rules make it, exactly.

    Arguments:
        grammar: Name of a standard rule program, or path of a file of rules.
        spelling: Its symbols and length take the place of the program's, if given.
        counts: Strings to learn from, to choose and to measure by.
        generator: Source of the draws, on the device.
        device: Where the strings shall be.
    Raises:
        ConfigurationError: If there is no such grammar, or it is not one of symbols in slots
            that are joined in pairs without a cycle.
        RuleError: If the rules have faults.
    """
    parameters = {} if spelling.length is None else {"length": float(spelling.length)}
    axes = {} if spelling.symbols is None else {"symbol": [str(s) for s in spelling.symbols]}
    compiled = _program(grammar).compile(parameters=parameters, axes=axes, dtype=torch.float64)
    grid, terms = compiled.grid, [term.to(device) for term in compiled.terms]
    network = pairwise_of(grid, terms)
    if network is None or len(grid.symbol_axes) != 1 or not len(network.edges):
        raise ConfigurationError(
            f"task.grammar={grammar} is no grammar of strings: its rules must join slots of one "
            "symbol each in pairs, such as those of infix and prefix"
        )
    try:
        forest = network.forest()
    except ConfigurationError as error:
        raise ConfigurationError(
            f"no strings can be drawn from task.grammar={grammar}: {error}"
        ) from error
    training, validation, test = (forest.sample(n, generator=generator) for n in counts)
    return StringData(grid, network.edges, training, validation, test, network, spelling.padding)


def read_strings(
    path: Path, spelling: Spelling, *, generator: Generator, device: torch.device
) -> StringData:
    """The strings of a file, one on each line, blank lines left out; neighbours are coupled.

    Arguments:
        path: Of a text in UTF-8.
        spelling: How they are read.
        generator: Shuffles them, on the device.
        device: Where they shall be.
    Raises:
        DataError: If there is no such file, it has fewer than three strings, or one of them is
            too long, has an unknown symbol or that of the padding.
    """
    if not path.is_file():
        raise DataError(f"expected a file of strings, but there is none at {path}")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} must be a text in UTF-8, but is not: {error}") from error
    texts = {number: line for number, line in enumerate(lines, 1) if line.strip()}
    if len(texts) < LEAST_STRINGS:
        raise DataError(
            f"expected at least {LEAST_STRINGS} strings, one on each line, but {path} has "
            f"{len(texts)}"
        )
    symbols = [str(s) for s in spelling.symbols or sorted(set("".join(texts.values())))]
    words = {n: _words(text, symbols, f"{path}, line {n}") for n, text in texts.items()}
    longest = max(len(row) for row in words.values())
    length = spelling.length if spelling.length is not None else longest
    shortest = min(len(row) for row in words.values())
    padding = spelling.padding if shortest < length else ""
    for number, row in words.items():
        if len(row) > length:
            raise DataError(
                f"{path}, line {number}: {texts[number]!r} has {len(row)} symbols, but "
                f"task.spelling.length is {length}"
            )
        if padding in row:
            raise DataError(
                f"{path}, line {number}: {texts[number]!r} has the symbol {padding!r}, "
                "which fills up short strings; choose another as task.spelling.padding"
            )
    if padding and padding not in symbols:
        symbols = [padding, *symbols]
    places = {symbol: place for place, symbol in enumerate(symbols)}
    rows = [[padding] * (length - len(row)) + row for row in words.values()]
    states = torch.tensor([[places[word] for word in row] for row in rows], device=device)
    states = states[torch.randperm(len(states), generator=generator, device=device)]
    learnt, chosen = (max(1, int(share * len(states))) for share in SHARES)
    training, rest = states[:learnt], states[learnt:]
    validation, test = rest[:chosen], rest[chosen:]
    axes = [Axis("position", tuple(range(length))), Axis("symbol", tuple(symbols))]
    chain = RootedForest.chain(length, device).edges
    grid = Grid(axes, ["symbol"])
    return StringData(grid, chain, training, validation, test, None, padding)


def _program(grammar: str) -> RuleProgram:
    if grammar in standard_names():
        return standard(grammar)
    if not Path(grammar).is_file():
        raise ConfigurationError(
            f"task.grammar={grammar} is neither a file of rules nor a standard program; "
            f"{suggestion(grammar, standard_names())}"
        )
    return RuleProgram.read(grammar)


def _words(text: str, symbols: Sequence[str], where: str) -> list[str]:
    """The symbols of a text, the longest that fits at each place."""
    found: list[str] = []
    rest = text
    while rest:
        fitting = [symbol for symbol in symbols if rest.startswith(symbol)]
        if not fitting:
            raise DataError(f"{where}: no symbol begins {rest!r}; {suggestion(rest[0], symbols)}")
        found.append(max(fitting, key=len))
        rest = rest[len(found[-1]) :]
    return found


def _stripped(row: list[str], padding: str) -> list[str]:
    """A row without the padding at its ends."""
    filled = [place for place, symbol in enumerate(row) if symbol != padding]
    return row[filled[0] : filled[-1] + 1] if filled else []
