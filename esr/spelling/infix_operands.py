"""Hard infix strings: which are well formed, and their values from operand to operand."""

from dataclasses import dataclass

import torch
from torch import Tensor

from esr.spelling.infix_alphabet import EMPTY, OPERATORS, InfixAlphabet

__all__ = ["Operands", "operands_of", "string_values", "well_formed"]


def well_formed(alphabet: InfixAlphabet, symbols: Tensor) -> Tensor:
    """Which strings are expressions.

    An operator stands between two operands; an operand is a number, a variable, or a number
    directly before a variable; a number of several digits does not begin with 0; empty slots
    stand only before everything else, and not everywhere.

    Arguments:
        alphabet: The symbols.
        symbols: Shape `(R, P)`.
    Returns:
        Boolean, shape `(R,)`.
    """
    device = symbols.device
    digits = alphabet.digits(device)[symbols]  # (R, P)
    digit, zero = digits >= 0, digits == 0
    operator = alphabet.table(OPERATORS, device)[symbols]
    empty = alphabet.table((EMPTY,), device)[symbols]
    variable = ~(digit | operator | empty)
    # each pair of neighbours, and zeros that begin a number
    before, after = slice(None, -1), slice(1, None)
    wrong = empty[:, after] & ~empty[:, before]
    wrong |= operator[:, after] & (operator | empty)[:, before]
    wrong |= variable[:, before] & (variable | digit)[:, after]
    begins = zero.clone()
    begins[:, after] &= ~digit[:, before]
    wrong |= begins[:, before] & digit[:, after]
    ends_well = (digit | variable)[:, -1] & ~operator[:, 0]
    return ends_well & ~wrong.any(1)


@dataclass(frozen=True)
class Operands:
    """The operands of R strings in order, at most J of them; missing ones are factors 1.

    Arguments:
        coefficients: The number of each operand, 1 for a bare variable, shape `(J, R)`.
        columns: Its input column, D for none, shape `(J, R)`, long.
        operators: The place in `OPERATORS` of what stands before it, `*` for a missing one and
            `+` for the first, shape `(J, R)`, long.
    """

    coefficients: Tensor
    columns: Tensor
    operators: Tensor


def operands_of(alphabet: InfixAlphabet, symbols: Tensor, dtype: torch.dtype) -> Operands:
    """Take strings apart.

    Arguments:
        alphabet: The symbols.
        symbols: Shape `(R, P)`; of strings that are not well formed the result has no meaning.
        dtype: Type of the coefficients.
    """
    device, (replicas, positions) = symbols.device, symbols.shape
    turned = symbols.T.contiguous()  # (P, R)
    digits = alphabet.digits(device)[turned]
    columns = alphabet.columns(device)[turned]
    digit, variable = digits >= 0, columns < len(alphabet.variables)
    operator = alphabet.table(OPERATORS, device)[turned]
    digits = digits.to(dtype)
    number = digits.new_zeros(replicas)  # of the digits read since the last other symbol
    coefficients = torch.empty_like(digits)
    for position in range(positions):
        number = torch.where(digit[position], number * 10 + digits[position], 0)
        coefficients[position] = number
    bare = variable.clone()
    bare[1:] &= ~digit[:-1]
    coefficients[1:] += torch.where(variable[1:], coefficients[:-1], 0)
    coefficients += bare.to(dtype)
    # an operand ends where another symbol than a digit or variable follows, or nothing
    ends = digit | variable
    ends[:-1] &= ~(digit | variable)[1:]
    most = (positions + 1) // 2
    spare = most  # one more row, for what is no operand
    target = torch.where(ends, ends.cumsum(0) - 1, spare).clamp(max=spare)
    operator_target = torch.where(operator, operator.cumsum(0), spare).clamp(max=spare)
    operator_codes = torch.zeros(len(alphabet.symbols), dtype=torch.long, device=device)
    for code, name in enumerate(OPERATORS):
        if name in alphabet.symbols:
            operator_codes[alphabet.symbols.index(name)] = code
    shape = (most + 1, replicas)
    found = Operands(
        coefficients.new_ones(shape).scatter_(0, target, coefficients),
        columns.new_full(shape, len(alphabet.variables)).scatter_(0, target, columns),
        columns.new_full(shape, OPERATORS.index("*")).scatter_(
            0, operator_target, operator_codes[turned]
        ),
    )
    found.operators[0] = OPERATORS.index("+")
    return Operands(found.coefficients[:most], found.columns[:most], found.operators[:most])


def string_values(operands: Operands, inputs: Tensor) -> Tensor:
    """Values by a machine with two registers: the sum of finished terms and the open term.

    Products and quotients are taken from left to right, then sums, so that the rounding is that
    of the expression tree.

    Arguments:
        operands: Of R strings.
        inputs: Shape `(N, D)`.
    Returns:
        Shape `(R, N)`; NaN or infinite where a divisor is 0 or a number overflows.
    """
    factors = torch.cat([inputs.T, inputs.new_ones(1, len(inputs))])  # (D + 1, N)
    sign = {"+": 1.0, "-": -1.0}
    signs = inputs.new_tensor([sign.get(name, 0.0) for name in OPERATORS])
    total = term = inputs.new_zeros(operands.columns.shape[1], len(inputs))
    rows = zip(operands.coefficients, operands.columns, operands.operators, strict=True)
    for coefficient, column, operator in rows:
        operand = coefficient[:, None] * factors[column]  # (R, N)
        begins = (signs[operator] != 0)[:, None]
        divides = (operator == OPERATORS.index("/"))[:, None]
        total = total + torch.where(begins, term, 0)
        longer = torch.where(divides, term / operand, term * operand)
        term = torch.where(begins, signs[operator][:, None] * operand, longer)
    return total + term
