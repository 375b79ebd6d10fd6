"""Text to expressions. Text is data: it is matched against a grammar and never executed."""

import math
from collections.abc import Collection
from functools import lru_cache
from importlib.resources import files

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from esr.equations.expression import Call, Constant, Expression, Variable
from esr.equations.names import is_name
from esr.equations.primitive_set import PrimitiveSet
from esr.equations.primitives import Primitive
from esr.equations.standard import ADD, DIV, MUL, NEG, POW, STANDARD, SUB
from esr.errors import ParseError, suggestion

__all__ = ["parse"]


def parse(
    text: str,
    primitives: PrimitiveSet = STANDARD,
    variables: Collection[str] | None = None,
) -> Expression:
    """Read an expression.

    Numbers, names, calls, parentheses and `+ - * / ** ^` are read as in Python (`^` is `**`):
    `-x**2` is `-(x**2)` and `2**3**2` is `2**(3**2)`. A minus directly before a number belongs
    to it, unless a power follows. Trees come back from their text unchanged:
    `parse(str(expression), variables=expression.variables) == expression`.

    Arguments:
        text: The expression, at any depth of nesting.
        primitives: The functions that may be called by name; operators are always allowed.
        variables: The allowed variables; `None` for any name. The names `pi` and `e` are the
            constants unless they are declared here.
    Raises:
        ParseError: If the text is not an expression; it shows the place and what to do.
        TypeError: If `text` is not a string, or `variables` is one.
    """
    if not isinstance(text, str):
        raise TypeError(f"expected the text of an expression, but got {type(text).__name__}")
    if isinstance(variables, str):
        raise TypeError(f"variables must be a collection of names, not the string {variables!r}")
    if not text.strip():
        raise ParseError("the text is empty; write an expression such as 2*x + 1", text, 1, 1)
    try:
        tree = _grammar().parse(text)
    except UnexpectedCharacters as error:
        reason = (
            f"unexpected character {error.char!r}; an expression has numbers, "
            "names, calls, parentheses and the operators + - * / ** ^"
        )
        raise ParseError(reason, text, error.line, error.column) from None
    except UnexpectedToken as error:
        raise _misplaced(error, text) from None
    return _Reader(text, primitives, variables).read(tree)


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    """The parser's tables, which are the same for all texts."""
    grammar = files("esr.equations").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=False)


def _misplaced(error: UnexpectedToken, text: str) -> ParseError:
    """What is wrong with a token that cannot stand where it stands."""
    token, operand_expected = error.token, "NAME" in error.expected
    if token.type == "$END":
        opened = _unclosed(text)
        if operand_expected or opened is None:
            line, column = _position(text, len(text.rstrip()))
            reason = "the text ends too early; expected a number, a name or '('"
            return ParseError(reason, text, line, column)
        return ParseError("this '(' is never closed; add a ')'", text, *_position(text, opened))
    if operand_expected:
        reason = f"expected a number, a name or '(', but found {_shortened(str(token))!r}"
    elif token.type == "RPAR":
        reason = "this ')' closes nothing; remove it or add a '('"
    elif token.type == "COMMA":
        reason = "a comma only separates the arguments of a function; remove it"
    else:
        reason = (
            f"expected an operator before {_shortened(str(token))!r}; "
            "a product is written with *, as in 2*x"
        )
    return ParseError(reason, text, token.line or 1, token.column or 1)


def _unclosed(text: str) -> int | None:
    """Index of the innermost opening parenthesis without a partner."""
    opened: list[int] = []
    for index, character in enumerate(text):
        if character == "(":
            opened.append(index)
        elif character == ")" and opened:
            opened.pop()
    return opened[-1] if opened else None


def _position(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of a character of the text."""
    before = text[:index]
    return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1


def _shortened(text: str, length: int = 30) -> str:
    return text if len(text) <= length else f"{text[:length]}..."


class _Reader:
    """Turns the parser's tree into an expression.

    Arguments:
        text: The whole text, for messages.
        primitives: The functions that may be called.
        variables: The allowed variables, or `None` for any.
    """

    def __init__(
        self, text: str, primitives: PrimitiveSet, variables: Collection[str] | None
    ) -> None:
        self._text = text
        self._primitives = primitives
        self._variables = variables

    def read(self, tree: Tree[Token]) -> Expression:
        """The expression of a whole tree, without recursion.

        Raises:
            ParseError: If a name or number cannot be used.
        """
        nodes: list[Tree[Token]] = []
        stack = [tree]
        while stack:
            node = stack.pop()
            nodes.append(node)
            stack.extend(child for child in node.children if isinstance(child, Tree))
        values: list[Expression] = []
        for node in reversed(nodes):
            first = len(values) - sum(isinstance(child, Tree) for child in node.children)
            values[first:] = [self._node(node, values[first:])]
        return values[0]

    def _node(self, node: Tree[Token], operands: list[Expression]) -> Expression:
        """One node, given its operands; leading tokens are its name or number."""
        if node.data == "group":
            return operands[0]
        if node.data == "neg":
            child, operand = node.children[0], operands[0]
            literal = isinstance(child, Tree) and child.data == "number"
            if literal and isinstance(operand, Constant):
                return Constant(-operand.value)
            return Call(NEG, operands)
        token = node.children[0]
        if isinstance(token, Token):
            if node.data == "number":
                return self._number(token)
            return self._name(token) if node.data == "name" else self._call(token, operands)
        return Call(_operator(str(node.data)), operands)

    def _number(self, token: Token) -> Expression:
        value = float(token)
        if math.isinf(value):
            raise self._error(
                token,
                f"the number {_shortened(str(token))} is too large; the largest is about 1.8e308",
            )
        return Constant(value)

    def _name(self, token: Token) -> Expression:
        name = str(token)
        declared = self._variables is not None and name in self._variables
        if not declared and name in ("pi", "e"):
            return Constant(math.pi if name == "pi" else math.e)
        if not is_name(name):
            raise self._error(token, f"{name!r} is not a name; use letters, digits and _ only")
        if self._variables is None or declared:
            return Variable(name)
        if name in self._primitives:
            raise self._error(token, f"'{name}' is a function; write {name}(...)")
        raise self._error(
            token, f"variable {name!r} is unknown; {suggestion(name, self._variables)}"
        )

    def _call(self, token: Token, arguments: list[Expression]) -> Expression:
        name = str(token)
        if name not in self._primitives:
            if self._variables is not None and name in self._variables:
                reason = f"'{name}' is a variable; write {name}*(...) for a product"
            else:
                reason = f"function {name!r} is unknown; {suggestion(name, self._primitives)}"
            raise self._error(token, reason)
        primitive = self._primitives[name].base
        if len(arguments) != primitive.arity:
            plural = "s" if primitive.arity > 1 else ""
            raise self._error(
                token,
                f"'{name}' takes {primitive.arity} argument{plural}, but got {len(arguments)}",
            )
        return Call(primitive, arguments)

    def _error(self, token: Token, reason: str) -> ParseError:
        return ParseError(reason, self._text, token.line or 1, token.column or 1)


def _operator(rule: str) -> Primitive:
    """The primitive of an operator's rule in the grammar."""
    return {"add": ADD, "sub": SUB, "mul": MUL, "div": DIV, "pow": POW}[rule]
