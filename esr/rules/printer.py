"""Statements and expressions as text, with no more parentheses than they need."""

from esr.rules.tree import (
    AxisLine,
    Binary,
    Binder,
    Braces,
    Call,
    Cell,
    Compare,
    CountLine,
    Expression,
    IncludeLine,
    InputLine,
    Name,
    Number,
    OneLine,
    ParameterLine,
    RuleLine,
    SetLine,
    Statement,
    Symbol,
    Unary,
)

__all__ = ["printed", "printed_parts"]

_LEVELS = {
    **{"or": 1, "and": 2, "not": 3, "compare": 4, "|": 5, "&": 6, "..": 7, "+": 8, "-": 8},
    **{"*": 9, "/": 9, "//": 9, "%": 9, "sign": 10, "**": 11, "atom": 12},
}
_BARE = ("+", "-", "*", "/", "^")


def printed(statement: Statement) -> str:
    """A statement on one line; it reads back as the same statement."""
    return " ".join(printed_parts(statement))


def printed_parts(statement: Statement) -> tuple[str, ...]:
    """A statement as parts between which it is best broken: a rule has up to three."""
    if not isinstance(statement, (RuleLine, CountLine)):
        return (_declaration(statement),)
    parts = []
    if statement.binders:
        parts.append("for " + ", ".join(_binder(binder) for binder in statement.binders))
    if statement.condition is not None:
        parts.append(f"if {_text(statement.condition)}")
    if parts:
        parts[-1] += " :"
    parts.append(_count(statement) if isinstance(statement, CountLine) else _body(statement))
    if statement.label:
        parts[0] = f"{statement.label}: {parts[0]}"
    return tuple(parts)


def _declaration(
    statement: ParameterLine | AxisLine | SetLine | InputLine | IncludeLine | OneLine,
) -> str:
    if isinstance(statement, ParameterLine):
        return f"parameter {statement.name} = {_text(statement.default)}"
    if isinstance(statement, SetLine):
        return f"set {statement.name} = {_text(statement.values)}"
    if isinstance(statement, AxisLine):
        cyclic = " cyclic" if statement.cyclic else ""
        return f"axis {statement.name} = {_text(statement.values)}{cyclic}"
    if isinstance(statement, IncludeLine):
        return "include " + _quoted(statement.path, '"')
    if isinstance(statement, InputLine):
        domains = [f" in {_text(c.domain)}" if c.domain else "" for c in statement.columns]
        columns = zip(statement.columns, domains, strict=True)
        return f"input {statement.name} ({', '.join(c.name + d for c, d in columns)})"
    label = f"{statement.label}: " if statement.label else ""
    weight = f" => {_text(statement.weight)}" if statement.weight is not None else ""
    weight = " => forbid" if statement.forbidden else weight
    return f"{label}one {statement.grid}[{', '.join(statement.entries)}]{weight}"


def _body(rule: RuleLine) -> str:
    weight = "forbid" if rule.weight is None else _text(rule.weight)
    return f"{' & '.join(_cell(cell) for cell in rule.cells)} => {weight}"


def _count(line: CountLine) -> str:
    entries = ", ".join("*" if entry is None else _text(entry) for entry in line.entries)
    return f"at {'most' if line.most else 'least'} {_text(line.bound)} {line.grid}[{entries}]"


def _binder(binder: Binder) -> str:
    names = ", ".join(binder.names)
    return f"{f'({names})' if binder.rows else names} in {_text(binder.domain)}"


def _cell(cell: Cell) -> str:
    return f"{cell.grid}[{', '.join(_text(index) for index in cell.indices)}]"


def _text(expression: Expression, least: int = 0) -> str:
    """An expression, in parentheses if it binds more loosely than the level asked for."""
    text, level = _levelled(expression)
    return f"({text})" if level < least else text


def _levelled(expression: Expression) -> tuple[str, int]:
    """An expression's text and how tightly it binds."""
    atom = _LEVELS["atom"]
    if isinstance(expression, Number):
        return repr(expression.value), atom
    if isinstance(expression, Symbol):
        return _quoted(expression.text), atom
    if isinstance(expression, Name):
        return expression.name, atom
    if isinstance(expression, Braces):
        return "{" + ", ".join(_item(item) for item in expression.items) + "}", atom
    if isinstance(expression, Call):
        arguments = ", ".join(_text(argument) for argument in expression.arguments)
        return f"{expression.name}({arguments})", atom
    if isinstance(expression, Unary):
        level = _LEVELS["not" if expression.operator == "not" else "sign"]
        space = " " if expression.operator == "not" else ""
        return f"{expression.operator}{space}{_text(expression.operand, level)}", level
    if isinstance(expression, Compare):
        level = _LEVELS["compare"]
        parts = [_text(operand, level + 1) for operand in expression.operands]
        words = zip(expression.operators, parts[1:], strict=True)
        return parts[0] + "".join(f" {word} {part}" for word, part in words), level
    return _binary(expression)


def _binary(expression: Binary) -> tuple[str, int]:
    sign = expression.operator
    level = _LEVELS[sign]
    if sign == "**":  # groups to the right, and a sign may follow it
        left, right = _text(expression.left, level + 1), _text(expression.right, _LEVELS["sign"])
        return f"{left}**{right}", level
    first = level + 1 if sign == ".." else level  # ranges do not chain
    left, right = _text(expression.left, first), _text(expression.right, level + 1)
    return f"{left}..{right}" if sign == ".." else f"{left} {sign} {right}", level


def _item(item: Number | Symbol) -> str:
    if isinstance(item, Number):
        return repr(item.value)
    bare = item.text in _BARE or item.text.isidentifier()
    return item.text if bare else _quoted(item.text)


def _quoted(text: str, mark: str = "'") -> str:
    if mark in text:
        mark = "'" if mark == '"' else '"'
    return f"{mark}{text}{mark}"
