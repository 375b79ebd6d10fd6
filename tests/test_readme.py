"""README is executed: its Python recipes run; its commands, and the guides', are commands."""

import re
import runpy
import shlex
from pathlib import Path

import pytest

from experiments.arguments import prepare_arguments
from experiments.benchmark.arguments import make_plan

pytestmark = pytest.mark.usefixtures("checked_once")

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def commands(text: str) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


COMMANDS = commands(TEXT)
GUIDES = sorted((ROOT / "docs").glob("*.md"))
ALL_COMMANDS = COMMANDS + [line for path in GUIDES for line in commands(path.read_text("utf-8"))]


@pytest.mark.parametrize("recipe", RECIPES, ids=range(len(RECIPES)))
def test_a_recipe_prints_what_it_says(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "recipe.py"
    file.write_text(recipe, encoding="utf-8")
    runpy.run_path(str(file))
    printed = capsys.readouterr().out.splitlines()
    for words in re.findall(r"print\(.*\)  # (.*)", recipe):
        assert any(line.startswith(words) for line in printed), (words, printed)


def test_the_two_commands_lead_and_are_targets_of_make() -> None:
    assert COMMANDS[:2] == ["make run", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in COMMANDS[:2]:
        assert f"\n{command.removeprefix('make ')}:" in makefile


@pytest.mark.parametrize(
    "command", [c for c in ALL_COMMANDS if "experiments.run +" in c or "experiments.run -m" in c]
)
def test_a_run_in_the_text_is_one_the_program_accepts(command: str) -> None:
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "experiments.run"]
    assert prepare_arguments(words[3:])


@pytest.mark.parametrize("command", [c for c in COMMANDS if "experiments.benchmark suite" in c])
def test_a_benchmark_in_the_text_is_one_the_program_accepts(command: str) -> None:
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "experiments.benchmark"]
    assert make_plan(words[3:]).jobs
