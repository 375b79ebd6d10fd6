"""Tasks made of rules: solved by search, judged by checks written here."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate

from esr.errors import ConfigurationError, DataError
from esr.hopfield import NetworkState
from esr.random import RandomStreams
from esr.training import Phase
from experiments.arguments import CONFIGS
from experiments.configurations import compose_config
from experiments.hopfield_benchmark import SUDOKUS
from experiments.tasks.colouring import Colouring, planted_graph
from experiments.tasks.rules import Rules
from experiments.tasks.sudoku import Sudoku, read_givens
from experiments.tasks.value import Value

PHASES = {"graded": Phase(1, 0.05)}
SMALL_SUDOKU = "1000 0030 0400 0002".replace(" ", "")


def searched(task: str, *settings: str) -> tuple[Rules, NetworkState, dict[str, float]]:
    """A task solved by its configuration, its model, and its metrics."""
    config = compose_config([f"+task={task}", *settings], [CONFIGS])
    problem: Rules = instantiate(config.task, _convert_="all")
    trainer = instantiate(config.trainer, _convert_="all")(phases=problem.phases)
    streams = RandomStreams(0)
    problem.prepare(streams, torch.device("cpu"))
    make = instantiate(config.model, _convert_="all")
    model = problem.build(make, config.replicas, streams)
    trainer.fit(model, problem, streams)
    return problem, model, problem.judge_model(model)


@pytest.mark.parametrize("trainer", ["annealing", "exchange", "mean_field"])
def test_queens_do_not_attack(trainer: str) -> None:
    task, model, metrics = searched("queens", "task.size=6", "replicas=16", f"trainer={trainer}")
    assert metrics["solved"] == 1
    found = task.found(model)
    solved = task.solved(found)
    for columns in found.symbols[solved].tolist():
        for shift in (-1, 0, 1):
            assert len({column + shift * row for row, column in enumerate(columns)}) == 6
    attacked = found.symbols[~solved]
    assert not len(attacked) or float(found.energy[~solved].min()) > 0


def test_colouring_of_a_planted_graph() -> None:
    task, model, metrics = searched("colouring", "task.vertices=20", "replicas=8")
    assert isinstance(task, Colouring)
    assert metrics["solved"] == 1
    found = task.found(model)
    colours = found.symbols[found.best]
    assert task.edges is not None
    assert len(task.edges) == 40
    assert bool((colours[task.edges[:, 0]] != colours[task.edges[:, 1]]).all())


def test_sudoku_has_each_digit_once_and_the_givens() -> None:
    task, model, metrics = searched("sudoku", f"task.puzzle='{SMALL_SUDOKU}'", "replicas=16")
    assert metrics["solved"] == 1
    found = task.found(model)
    grid = found.symbols[found.best].view(4, 4) + 1
    lines = [*grid, *grid.T, *grid.view(2, 2, 2, 2).permute(0, 2, 1, 3).reshape(4, 4)]
    assert all(sorted(line.tolist()) == [1, 2, 3, 4] for line in lines)
    for row, column, digit in read_givens(SMALL_SUDOKU)[0]:
        assert grid[row, column] == digit


def test_value_is_hit_by_a_valid_string() -> None:
    task, _, metrics = searched("value", "task.value=7", "task.length=6", "replicas=16")
    assert isinstance(task, Value)
    assert metrics["solved"] == 1
    assert metrics["best_valid"] == 1
    assert metrics["error"] == 0


def test_value_follows_its_alphabet_and_place() -> None:
    task, model, metrics = searched(
        "value", "task.value=12", "+task.at.y=3.0", "task.symbols='N12+*y'", "replicas=16"
    )
    assert metrics["solved"] == 1
    found = task.found(model)
    assert task.read(found.symbols[found.best]).endswith("= 12")


def test_timetable_keeps_its_rules() -> None:
    task, model, metrics = searched("timetable", "replicas=8", "search.sweeps=300")
    assert metrics["solved"] == 1
    found = task.found(model)
    rooms = found.symbols[found.best].view(4, 6)  # teacher, hour; 0 is no room
    for hour in rooms.T.tolist():
        taken = [room for room in hour if room]
        assert len(set(taken)) == len(taken)
    assert bool(((rooms != 0).sum(1) == 4).all())
    assert rooms[0, 0] == rooms[0, 1] == 0  # Ada is away


def test_any_rules_can_be_run(tmp_path: Path) -> None:
    file = tmp_path / "mine.rules"
    file.write_text(
        "axis place = 0..3\naxis mark = {a, b}\none V[place, *]\n"
        "alternate: for p in place, m in mark : V[p, m] & V[p + 1, m] => forbid\n"
        "begin: V[0, 'b'] => 1\n"
    )
    task, model, metrics = searched("rules", f"task.rules={file}", "replicas=4")
    assert metrics == {
        "solved": 1.0, "solved_share": 1.0, "best_energy": -1.0, "best_violations": 0.0,
    }  # fmt: skip
    found = task.found(model)
    assert task.read(found.symbols[0]) == "V[0, 'b'] V[1, 'a'] V[2, 'b'] V[3, 'a']"


def test_planted_graphs_have_their_edges_and_a_colouring() -> None:
    generator = torch.Generator().manual_seed(3)
    edges = planted_graph(9, 20, 3, generator=generator)
    assert edges.shape == (20, 2)
    assert len({tuple(edge) for edge in edges.tolist()}) == 20
    assert bool((edges[:, 0] < edges[:, 1]).all())
    full = planted_graph(4, 4, 2, generator=generator)  # two and two: the full bipartite graph
    with pytest.raises(ConfigurationError, match="at most 4 edges"):
        planted_graph(4, 5, 2, generator=generator)
    degrees = torch.bincount(full.flatten())
    assert degrees.tolist() == [2, 2, 2, 2]


def test_published_sudokus_are_81_cells_each() -> None:
    rows = [line.split() for line in SUDOKUS.read_text().splitlines() if line[:1] not in "#"]
    assert len(rows) == len({name for name, _ in rows}) == 10
    for _, puzzle in rows:
        givens, side = read_givens(puzzle)
        assert side == 9
        assert len(givens) >= 17  # fewer have never one solution (McGuire et al., 2012)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Sudoku(PHASES, "123"), DataError, "81 cells"),
        (lambda: Sudoku(PHASES, "x" * 81), DataError, "cell 1, 1 .* but is 'x'"),
        (lambda: Sudoku(PHASES, "5" + "0" * 15), DataError, "from 0 to 4"),
        (lambda: Colouring(PHASES, colours=1), ConfigurationError, "colours at least 2"),
        (lambda: Colouring(PHASES, path="/nowhere"), DataError, "two vertices on each line"),
        (lambda: Value(PHASES, at={"z": 1.0}), ConfigurationError, r"each of \['x'\]"),
        (lambda: Rules("queen", PHASES), ConfigurationError, "neither a file nor one of"),
    ],
)
def test_misuse_is_refused(make: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()  # type: ignore[operator]


def test_a_file_of_edges_is_read(tmp_path: Path) -> None:
    file = tmp_path / "graph.txt"
    file.write_text("0 1\n1 2\n\n2 0\n")
    task = Colouring(PHASES, path=str(file))
    assert task.edges is not None
    assert task.edges.tolist() == [[0, 1], [1, 2], [2, 0]]
    file.write_text("0 0\n")
    with pytest.raises(DataError, match="two different vertices"):
        Colouring(PHASES, path=str(file))
