"""The nine functions of the original arithmetic grammar, written out by hand."""

import random
from importlib.resources import files

import torch
from torch import Tensor

from esr.rules import CompiledRules, RuleProgram, standard

CHARS = ["N", "1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "+", "-", "*", "/", "x"]
OPERATORS = ["+", "-", "*", "/"]
NUMBERS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"]
LENGTH = 10
C, OFO, OSE, NFN, NFND, NFX = -20.0, -10.0, -10.0, -0.5, 7.0, -10.0
X, XM, N_BEFORE, NE, NS, XFX = 1.0, -2.0, -10.0, -5.0, 5.0, -10.0


def at(position: int, char: str) -> int:
    return position * len(CHARS) + CHARS.index(char)


def by_hand() -> Tensor:
    q = torch.zeros(LENGTH * len(CHARS), LENGTH * len(CHARS), dtype=torch.float64)

    def put(i: int, j: int, value: float) -> None:  # overwrites
        q[i, j] = q[j, i] = value

    def add(i: int, j: int, value: float) -> None:  # a neuron with itself: twice
        q[i, j] += value
        q[j, i] += value

    for p in range(LENGTH):  # 1: one symbol at each position
        for s in CHARS:
            for t in CHARS:
                if s != t:
                    put(at(p, s), at(p, t), C)
    for p in range(LENGTH):  # 2: operators
        for s in [*OPERATORS, "N"]:
            if p < LENGTH - 1:
                for t in OPERATORS:
                    put(at(p, s), at(p + 1, t), OFO)
            if s != "N" and p in (0, LENGTH - 1):
                put(at(p, s), at(p, s), OSE)
    for p in range(LENGTH - 1):
        for s in NUMBERS:  # 3: consecutive digits
            for t in NUMBERS:
                add(at(p, s), at(p + 1, t), NFN)
        for s in CHARS:  # 4: padding before a symbol
            if s != "N":
                add(at(p, "N"), at(p + 1, s), N_BEFORE)
    for p in range(1, LENGTH - 1):  # 5: padding at the start and end
        for s in CHARS:
            add(at(0, "N"), at(p, s), NS)
            add(at(LENGTH - 1, "N"), at(p, s), NE)
    q[at(0, "N"), at(0, "N")] += NS * len(CHARS)  # 6: early padding
    for p in range(LENGTH - 1):
        add(at(p, "N"), at(p + 1, "N"), NFND * (LENGTH - p) / LENGTH)
        for s in NUMBERS:  # 7: digits after x
            add(at(p, "x"), at(p + 1, s), NFX)
        add(at(p, "x"), at(p + 1, "x"), XFX)  # 8: x after x
    for p in range(LENGTH):  # 9: x somewhere, but once
        for s in CHARS:
            for r in range(LENGTH):
                if s != "x" or p == r:
                    add(at(p, s), at(r, "x"), X)
                else:
                    add(at(p, "x"), at(r, "x"), XM)
    return q


def dense(compiled: CompiledRules) -> Tensor:
    size = compiled.grid.size
    q = torch.zeros(size, size, dtype=torch.float64)
    for term in compiled.terms:
        i, j = term.neurons.T
        for rows, columns in ((i, j), (j, i)):
            q.index_put_((rows, columns), term.weights.double(), accumulate=True)
    return q


def test_rules_give_the_matrix_of_the_nine_functions() -> None:
    compiled = standard("arithmetic").compile(dtype=torch.float64)
    assert compiled.grid.neuron(3, "x") == at(3, "x")
    assert not compiled.grid.grouped
    assert compiled.empty_rules == ()
    torch.testing.assert_close(dense(compiled), by_hand(), rtol=0, atol=1e-6)


def test_order_of_statements_does_not_matter() -> None:
    text = files("esr.rules").joinpath("standard", "arithmetic.rules").read_text(encoding="utf-8")
    statements = text.replace("\n    ", " ").splitlines()
    expected = dense(RuleProgram.parse(text).compile(dtype=torch.float64))
    for seed in range(3):
        random.Random(seed).shuffle(statements)
        lines = [line for line in statements if not line.startswith("axis")]
        lines += [line for line in text.splitlines() if line.startswith("axis")]
        shuffled = RuleProgram.parse("\n".join(lines)).compile(dtype=torch.float64)
        # sums of a few exact halves and tenths in another order: rounding only
        torch.testing.assert_close(dense(shuffled), expected, rtol=0, atol=1e-12)


def test_weights_can_be_learned() -> None:
    program = standard("arithmetic")
    rival = torch.tensor(-20.0, dtype=torch.float64, requires_grad=True)
    runs = torch.tensor(7.0, dtype=torch.float64, requires_grad=True)
    compiled = program.compile(
        parameters={"rival": rival, "padding_runs": runs}, dtype=torch.float64
    )
    dense(compiled).sum().backward()
    assert rival.grad is not None
    assert runs.grad is not None
    assert rival.grad == 2 * LENGTH * 16 * 15 / 2  # both halves of Q, all pairs of symbols
    shares = [(LENGTH - p) / LENGTH for p in range(LENGTH - 1)]
    assert abs(float(runs.grad) - 2 * sum(shares)) < 1e-12  # a sum of nine numbers near one
