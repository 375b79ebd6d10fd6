"""The one layout of rule text: canonical spacing, comments kept, long statements wrapped."""

import re
from collections.abc import Sequence

from esr.rules.chunks import comments_in, cut
from esr.rules.faults import Faults
from esr.rules.parser import parse_chunk
from esr.rules.printer import printed_parts
from esr.rules.tree import Source

__all__ = ["format_rules"]

_WIDTH = 99
_INDENT = "    "
_WORDS = re.compile(r"(?:'[^']*'|\"[^\"]*\"|\S)+")


def format_rules(text: str) -> str:
    """Rule text in its one layout: formatting twice changes nothing more.

    Each statement begins at the margin and is wrapped at 99 columns. A comment behind a statement
    of one line stays there, comments inside longer statements move above them; blank lines are
    kept, at most one in a row. The statements read back unchanged.

    Arguments:
        text: Statements of the rule language; names need not be declared.
    Raises:
        RuleError: If the text cannot be read; it shows every fault.
    """
    source, faults = Source(text), Faults()
    lines: list[str] = []
    for chunk in cut(text):
        if not chunk.statement:
            if chunk.text or (lines and lines[-1]):
                lines.append(chunk.text)
            continue
        statement = parse_chunk(chunk, source, faults)
        if statement is None:
            continue
        comments = comments_in(chunk.text)
        wrapped = _wrapped(printed_parts(statement))
        if comments and "\n" not in chunk.text and len(wrapped) == 1:
            wrapped = [f"{wrapped[0]}  {comments[0]}"]
            comments = []
        lines += comments + wrapped
    faults.raise_if_any()
    return "\n".join(lines).rstrip("\n") + "\n" if any(lines) else ""


def _wrapped(parts: Sequence[str]) -> list[str]:
    """A statement as lines, broken between parts if that is enough; later ones are indented."""
    lines = [""]
    for part in parts:
        pieces = [part]
        if len(lines[-1]) + 1 + len(part) > _WIDTH and len(part) > _WIDTH - len(_INDENT):
            pieces = _WORDS.findall(part)
        for piece in pieces:
            joined = f"{lines[-1]} {piece}" if lines[-1] else piece
            if len(joined) > _WIDTH and lines[-1]:
                lines.append(_INDENT + piece)
            else:
                lines[-1] = joined
    return lines
