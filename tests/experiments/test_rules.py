"""The command that checks, explains and samples rule programs, run in process."""

from pathlib import Path

import pytest
import torch

from esr.hopfield import Axis, Grid
from esr.rules import format_rules
from esr.rules.includes import standard_names
from esr.spelling import InfixString
from experiments.rule_arguments import rows_of, standard_text
from experiments.rule_states import state_text
from experiments.rules import main

Captured = pytest.CaptureFixture[str]


def printed(capsys: Captured, *argv: str) -> str:
    """What a successful command prints, its line breaks and table borders as blanks."""
    assert main(argv) == 0
    return capsys.readouterr().out


def refused(capsys: Captured, *argv: str) -> str:
    """What a command that fails says."""
    assert main(argv) == 2
    seen = capsys.readouterr()
    assert seen.out == ""
    return seen.err


def test_the_standard_programs_are_listed_with_what_they_are_for(capsys: Captured) -> None:
    lines = printed(capsys, "--list").splitlines()
    assert [line.split()[0] for line in lines] == standard_names()
    assert "colouring   Graph colouring: neighbours have different colours." in lines


@pytest.mark.parametrize("name", ["heap_tree", "infix", "parity", "prefix", "queens", "sudoku"])
def test_the_report_names_axes_rules_and_figures(
    name: str, capsys: Captured, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("# three numbers\n0, 1, 2\n\n2 3 4\n", encoding="utf-8")
    inputs = {"parity": ["--input", f"checks={rows}"], "sudoku": ["--input", f"givens={rows}"]}
    text = printed(capsys, name, *inputs.get(name, []))
    for words in ("axes", "rules", "computed step", "structure", "form a forest", "ruled out"):
        assert words in text
    assert "yes: samples are exact" in text or name not in ("heap_tree", "infix", "prefix")


def test_values_given_take_the_place_of_defaults(capsys: Captured) -> None:
    text = printed(capsys, "queens", "--set", "n=4", "clash=-2", "--step", "0.9")
    assert "4 slots, one of 4 neurons on in each: 16 neurons" in text
    assert "4 (default 8)" in text
    assert "is the step 0.9 safe" in text
    assert "24" in text  # 4 columns times 6 pairs of rows


def test_all_mistakes_of_a_file_are_shown_at_once_with_carets(
    capsys: Captured, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.rules"
    file.write_text("axis a = 0..3\nr: V[b] => 1\ns: V[a, a] => colour\n", encoding="utf-8")
    said = refused(capsys, str(file))
    assert "mistakes in the rules" in said
    assert "wrong.rules, line 2" in said
    assert "wrong.rules, line 3" in said
    assert said.count("^") >= 2


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["quens"], "did you mean 'queens'?"),
        (["nowhere/queens.rules"], "No such file"),
        (["queens", "--set", "m=4"], "there is no parameter 'm'"),
        (["queens", "--set", "n"], "--set takes parameter=number, such as n=12"),
        (["queens", "--set", "n=nan"], "but got 'n=nan'"),
        (["queens", "--set", "clash=1e308"], "at most 1e15"),
        (["queens", "--step", "-1"], "step must be positive"),
        (["queens", "--gain", "2"], "use --temperature"),
        (["queens", "--explain", "1"], "2 values are needed"),
        (["infix", "--explain", "1,^"], r"axis symbol has no value '^'"),
        (["colouring"], "add --input edges=FILE with rows of (u, v)"),
        (["colouring", "--input", "edges"], "--input takes NAME=FILE"),
        (["colouring", "--input", "edges=nowhere.csv"], "'nowhere.csv' cannot be read"),
        (["queens", "--format", "--write"], "not a file to write to"),
        (["infix", "--sample", "1", "--temperature", "0"], "temperature must be positive"),
    ],
)
def test_mistakes_are_told_without_a_traceback(
    argv: list[str], words: str, capsys: Captured
) -> None:
    assert words in refused(capsys, *argv)


@pytest.mark.parametrize(
    "argv", [[], ["queens", "--list"], ["queens", "--sample", "0"], ["queens", "--seed", "-1"]]
)
def test_arguments_that_make_no_sense_end_with_status_2(argv: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_a_file_that_is_no_text_is_refused(capsys: Captured, tmp_path: Path) -> None:
    file = tmp_path / "picture.rules"
    file.write_bytes(b"\xff\xfe\x00")
    assert "is no text in UTF-8" in refused(capsys, str(file))


def test_explaining_names_the_rules_behind_neurons(capsys: Captured) -> None:
    text = printed(capsys, "infix", "--explain", "3,'+'", "4,*")
    assert text.startswith("V[3, '+'] and V[4, '*']: forbidden by operator_after (line ")
    assert "no rule couples exactly these" in printed(capsys, "queens", "--explain", "0,0", "1,2")
    assert "clash" in printed(capsys, "queens", "--explain", "V[0,0]", "1,1")
    text = printed(capsys, "infix", "--explain", "9,'+'")
    assert "forbidden by last" in text
    assert "V[9, '+'] can never be on" in text


def test_exact_samples_of_the_infix_rules_are_all_strings(capsys: Captured) -> None:
    first, *lines = printed(capsys, "infix", "--sample", "200", "--seed", "3").splitlines()
    assert first == "200 exact and independent draws at temperature 1:"
    layout = InfixString()
    states = layout.encode([line.split()[0] for line in lines])
    assert len(states) == 200
    assert bool(layout.valid(states).all())
    again = printed(capsys, "infix", "--sample", "200", "--seed", "3")
    assert again.splitlines() == [first, *lines]


def test_annealed_samples_say_how_many_keep_the_hard_rules(
    capsys: Captured, tmp_path: Path
) -> None:
    edges = tmp_path / "edges.txt"
    edges.write_text("0 1\n1 2\n2 0\n", encoding="utf-8")
    asked = ["--sample", "2", "--sweeps", "50", "--input", f"edges={edges}"]
    first, *lines = printed(capsys, "colouring", "--set", "vertices=4", *asked).splitlines()
    assert first == "2 annealed states, of which 2 satisfy every hard rule:"
    assert all(len(set(line.split()[0][:3])) == 3 for line in lines)
    two = printed(capsys, "colouring", "--set", "vertices=4", "colours=2", *asked)
    assert "of which 0 satisfy every hard rule" in two
    assert "breaks 1 hard instances" in two


def test_formatting_prints_or_rewrites_the_text(capsys: Captured, tmp_path: Path) -> None:
    assert printed(capsys, "queens", "--format") == format_rules(standard_text("queens"))
    file = tmp_path / "mine.rules"
    file.write_text("axis   a=0..3\n", encoding="utf-8")
    assert printed(capsys, str(file), "--format") == "axis a = 0..3\n"
    assert "is formatted now" in printed(capsys, str(file), "--format", "--write")
    assert file.read_text(encoding="utf-8") == "axis a = 0..3\n"
    assert "is formatted already" in printed(capsys, str(file), "--format", "--write")
    file.write_text("axis a = \n", encoding="utf-8")
    assert "^" in refused(capsys, str(file), "--format")


def test_rows_hold_numbers_and_symbols(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("# who, when\nAda, 1\n'2'  3.5\n", encoding="utf-8")
    assert rows_of([f"away={file}"]) == {"away": [["Ada", 1.0], ["2", 3.5]]}


def test_states_of_free_neurons_show_who_is_on() -> None:
    bits = Grid([Axis("bit", (0, 1, 2))])
    assert state_text(bits, torch.tensor([1, 0, 1])) == "101"
    free = Grid([Axis("place", (0, 1, 2)), Axis("symbol", ("a", "b"))])
    assert state_text(free, torch.tensor([1, 1, 0, 0, 0, 1])) == "{a b} . b"
    rooms = Grid(
        [Axis("l", (0, 1)), Axis("room", ("red",)), Axis("hour", (0, 1))], ["room", "hour"]
    )
    assert state_text(rooms, torch.tensor([1, 0])) == "red/1 red/0"
    square = Grid([Axis("r", (0, 1)), Axis("c", (0, 1)), Axis("d", (1, 2))], ["d"])
    assert state_text(square, torch.tensor([0, 1, 1, 0])) == "12\n21"
