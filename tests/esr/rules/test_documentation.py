"""The reference page: its examples compile, and it names every construct and standard file."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
import torch

from esr.errors import RuleError
from esr.rules import RuleProgram, format_rules, standard
from esr.rules.includes import standard_names
from esr.rules.names import FUNCTIONS, RESERVED

PAGE = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```rules\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
ROADS = [("Rome", "Bonn", 1066.0)]


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples_compile_and_every_rule_applies(text: str) -> None:
    program = RuleProgram.parse(text)
    compiled = program.compile({"roads": ROADS} if "roads" in program.inputs else {})
    assert compiled.empty_rules == ()
    assert compiled.grid.size > 1
    assert format_rules(format_rules(text)) == format_rules(text)


def test_every_word_is_exemplified() -> None:
    assert len(EXAMPLES) > 10
    text = "\n".join(EXAMPLES)
    for word in RESERVED:
        assert re.search(rf"\b{word}\b", text), word
    for sign in ("..", "|", "&", "//", "%", "**", "==", "!=", "<=", "_", "=>", "{", "'"):
        assert sign in text
    assert set(FUNCTIONS) <= RESERVED


def test_every_standard_file_is_listed_and_formatted() -> None:
    for name in standard_names():
        assert f"| `{name}` |" in PAGE
        entry = files("esr.rules").joinpath("standard", f"{name}.rules")
        text = entry.read_text(encoding="utf-8")
        assert format_rules(text) == text
        assert standard(name).axes


def test_the_error_shown_is_the_error_told() -> None:
    head = "axis row = 0..3\naxis sym = {N, x}\nparameter w = 1\n\n\n"
    with pytest.raises(RuleError) as caught:
        RuleProgram.parse(head + "for i in rov : V[i, N] => w")
    shown = "\n".join("    " + line for line in str(caught.value).splitlines())
    assert shown in PAGE


def test_the_program_at_the_top_learns() -> None:
    clash = torch.tensor(-1.0, requires_grad=True)
    compiled = RuleProgram.parse(EXAMPLES[0]).compile(parameters={"n": 4, "clash": clash})
    assert all(term.weights.requires_grad for term in compiled.terms)
