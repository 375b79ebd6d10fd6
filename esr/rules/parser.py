"""Rule text to its syntax tree. Text is data: it is matched against a grammar, never executed."""

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from esr.errors import nearest
from esr.rules.chunks import Chunk, cut
from esr.rules.faults import Faults
from esr.rules.reader import Reader
from esr.rules.tree import Place, Source, Statement

__all__ = ["parse_chunk", "parse_text"]

_KEYWORDS = ("parameter", "axis", "set", "input", "include", "one", "at", "for", "if")
_RULE = re.compile(r"\s*((for|if|one|at)\b|\w+\s*[:\[])")
"""How a statement begins that declares nothing."""

_DEEPEST = 150
_SHOWN = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a quoted text",
    "LPAR": "'('",
    "RPAR": "')'",
    "LSQB": "'['",
    "RSQB": "']'",
    "RBRACE": "'}'",
    "COMMA": "','",
    "COLON": "':'",
    "EQUAL": "'='",
    "_ARROW": "'=>'",
    "IN": "'in'",
    "ONE": "'one'",
    "AT": "'at'",
    "MOST": "'most'",
    "LEAST": "'least'",
    "FOR": "'for'",
    "IF": "'if'",
    "STAR": "'*'",
    "AMPERSAND": "'&'",
    "CYCLIC": "'cyclic'",
    "$END": "the end of the line",
}


def parse_text(source: Source, faults: Faults) -> list[Statement]:
    """The statements of a text; what cannot be read is added to the faults and left out."""
    statements = []
    for chunk in cut(source.text):
        if chunk.statement:
            statement = parse_chunk(chunk, source, faults)
            if statement is not None:
                statements.append(statement)
            elif not _RULE.match(chunk.text):
                faults.declarations_lost = True
    return statements


def parse_chunk(chunk: Chunk, source: Source, faults: Faults) -> Statement | None:
    """The statement of a chunk, or None if it has a fault."""
    before = len(faults)
    try:
        tree = _grammar().parse(chunk.text)
    except UnexpectedCharacters as error:
        line, column = chunk.line + error.line - 1, error.column
        faults.add(Place(source, line, column), _strange(error.char))
        return None
    except UnexpectedToken as error:
        (line, column), reason = _misplaced(error, chunk.text)
        faults.add(Place(source, chunk.line + line - 1, column), reason)
        return None
    if (deep := _too_deep(tree)) is not None:
        place = Place(source, chunk.line + deep.meta.line - 1, deep.meta.column)
        faults.add(place, f"nested more than {_DEEPEST} deep; split it with sets or parameters")
        return None
    statement = Reader(source, chunk.line - 1, faults).statement(tree)
    return statement if len(faults) == before else None


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    """The parser's tables, which are the same for all texts."""
    grammar = files("esr.rules").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def _too_deep(tree: Tree[Token]) -> Tree[Token] | None:
    """The first node that is nested too deeply, found without recursion."""
    level = [tree]
    for _ in range(_DEEPEST):
        level = [c for node in level for c in node.children if isinstance(c, Tree)]
        if not level:
            return None
    return level[0]


def _strange(character: str) -> str:
    if character in "'\"":
        return f"this quote {character} is never closed on its line; a quoted text is not empty"
    return f"unexpected character {character!r}; put a symbol in quotes"


def _end(text: str) -> tuple[int, int]:
    """Line and column of what would follow the text."""
    lines = text.splitlines()
    return len(lines), len(lines[-1].rstrip()) + 1


def _misplaced(error: UnexpectedToken, text: str) -> tuple[tuple[int, int], str]:
    """Where a token cannot stand, by line and column of the chunk, and what to do."""
    first, _, rest = text.strip().partition(" ")
    if first.isidentifier() and first not in _KEYWORDS and rest.strip()[:1] not in (":", "["):
        close = nearest(first, _KEYWORDS, 1)
        hint = f"did you mean '{close[0]}'?" if close else "it begins with " + _listed(_KEYWORDS)
        return (1, text.index(first) + 1), f"'{first}' begins no statement; {hint}"
    token = error.token
    if token.type == "$END":
        place, found = _end(text), "the statement ends"
    else:
        place, found = (token.line or 1, token.column or 1), f"found '{token}'"
    line = text.splitlines()[place[0] - 1]
    before, after = line[: place[1] - 1].rstrip(), line[place[1] - 1 :]
    expected = set(error.accepts or error.expected)
    if token.type == "EQUAL" and "COMPARISON" in expected:
        return place, "'=' sets a value; write '==' to compare"
    if after.startswith("->"):
        return place, "write '=>' before a weight"
    if token.type == "STAR" and "NAME" in expected and before.endswith(("[", ",")):
        return place, (
            "'*' stands for a whole axis only in a 'one' group or behind a count; bind a variable "
            "with 'for'"
        )
    return place, f"expected {_expected(expected)}, but {found}"


def _expected(expected: set[str]) -> str:
    """What could have come, in words."""
    words = []
    if {"NAME", "NUMBER", "LPAR"} <= expected:
        words = ["a number", "a name", "a quoted symbol", "'('"]
        expected = expected - {"STAR"}
    shown = [word for kind, word in _SHOWN.items() if kind in expected and word not in words]
    words += [word for word in shown if word != "a quoted text" or not words]
    if "PLUS" in expected and "NUMBER" not in expected:
        words = [word for word in words if word not in ("'*'", "'&'", "'in'")] + ["an operator"]
    return _listed(words)


def _listed(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
