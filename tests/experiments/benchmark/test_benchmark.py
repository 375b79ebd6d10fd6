import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from stub_estimators import write_configs

import experiments.benchmark.__main__ as program
from experiments.benchmark.child import perform
from experiments.benchmark.job import Job
from experiments.benchmark.lines import RUNS, read_lines
from experiments.benchmark.pool import Listener

ROOT = Path(__file__).resolve().parents[3]


def words(place: Path, *more: str) -> list[str]:
    configs = place / "configs"
    if not configs.exists():
        write_configs(configs)
    return ["--config-dir", str(configs), "suite=small", f"folder={place / 'out'}", *more]


def lines(place: Path) -> list[dict[str, object]]:
    return [json.loads(text) for text in (place / "out" / RUNS).read_text().splitlines()]


class InProcess:
    """In place of the pool: no processes, and optionally Ctrl-C after some runs."""

    stop_after = 10**9

    def __init__(self, folder: Path, workers: int, grace: float) -> None:
        self.done = 0

    def perform(self, jobs: Sequence[Job], listener: Listener) -> bool:
        for job in jobs:
            if self.done == self.stop_after:
                return True
            listener.started(job)
            listener.ended(job, perform(job))
            self.done += 1
        return False


def test_a_run_leaves_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "Pool", InProcess)
    program.main(words(tmp_path, "estimators=right,wrong,failing", "seeds=1", "seconds=5"))
    found = {(str(ln["problem"]), str(ln["estimator"])): ln for ln in lines(tmp_path)}
    right = found["double", "right"]
    assert (right["status"], right["recovered"], right["expression"]) == ("finished", True, "2*x")
    assert (right["mse_test"], right["r2_test"], right["complexity"]) == (0, 1, 3)
    assert right["details"] == {"rows": 20.0, "bad": None}
    assert right["truth"] == "2*x"
    assert right["solution_seconds"] == 0.125  # x + x is the truth as well
    wrong = found["double", "wrong"]
    assert (wrong["recovered"], wrong["structure_recovered"]) == (False, False)
    assert (wrong["front_recovered"], wrong["solution_seconds"]) == (True, 0.125)
    other = found["mixed", "right"]
    assert (other["recovered"], other["truth"]) == (False, "x*y + z")
    assert (other["front_recovered"], other["solution_seconds"]) == (False, None)
    failing = found["double", "failing"]
    assert (failing["status"], failing["error"]) == ("failed", "ValueError: no luck today")
    assert len({tuple(line) for line in found.values()}) == 1  # the same fields everywhere
    header = (tmp_path / "out" / "benchmark.yaml").read_text()
    assert "torch: " in header
    assert "seconds: 5" in header
    assert "6/6 mixed failing seed 1: failed: ValueError" in capsys.readouterr().out


def test_what_predicts_wrongly_is_not_recovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "Pool", InProcess)
    program.main(words(tmp_path, "estimators=lying", "problems=double"))
    (line,) = lines(tmp_path)
    assert (line["recovered"], line["structure_recovered"]) == (False, True)
    assert float(str(line["mse_test"])) > 0


def test_a_process_of_its_own_leaves_its_line(tmp_path: Path) -> None:
    program.main(words(tmp_path, "estimators=right", "problems=double", "workers=2"))
    (line,) = lines(tmp_path)
    assert (line["status"], line["recovered"]) == ("finished", True)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_processes_that_hang_or_crash_leave_their_lines(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forked from this one, processes need not import anything, which takes most of the time."""
    context = multiprocessing.get_context(method)
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: context)
    given = ["estimators=right,sleeping,aborting", "problems=double", "workers=3"]
    program.main(words(tmp_path, *given, "seconds=0.5", "grace=0.5"))
    found = {str(line["estimator"]): line for line in lines(tmp_path)}
    assert found["right"]["recovered"] is True
    assert found["sleeping"]["status"] == "timeout"
    assert 1 <= float(str(found["sleeping"]["seconds"])) < 20
    assert found["aborting"]["status"] == "failed"
    crash = "the process ended by SIGABRT while fitting; see output.log"
    assert found["aborting"]["error"] == crash
    assert len({tuple(line) for line in found.values()}) == 1


def test_what_is_done_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "Pool", InProcess)
    given = words(tmp_path, "estimators=right,failing", "problems=double")
    program.main(given)
    assert len(lines(tmp_path)) == 2
    program.main(given)
    assert len(lines(tmp_path)) == 2
    assert "2 of 2 runs are done already" in capsys.readouterr().out
    program.main([*given, "seeds=0,1"])
    assert len(lines(tmp_path)) == 4
    program.main([*given, "seeds=0,1", "retry=true"])  # the two that failed
    assert [line["status"] for line in lines(tmp_path)].count("failed") == 4
    program.main([*given, "seconds=5"])  # other settings are other runs
    assert len(lines(tmp_path)) == 8
    headers = [str(line["header"]) for line in lines(tmp_path)]
    assert headers[0] == "benchmark.yaml"
    assert len(set(headers)) == 4


def test_a_killed_benchmark_goes_on_behind_its_torn_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "Pool", InProcess)
    given = words(tmp_path, "estimators=right", "problems=double", "seeds=0,1")
    program.main(given)
    path = tmp_path / "out" / RUNS
    path.write_text(path.read_text()[:-30])
    program.main(given)
    assert [line["seed"] for line in lines(tmp_path)] == [0, 1]


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "Pool", InProcess)
    monkeypatch.setattr(InProcess, "stop_after", 1)
    given = words(tmp_path, "estimators=right", "problems=double", "seeds=0,1")
    with pytest.raises(SystemExit) as stopped:
        program.main(given)
    assert stopped.value.code == 130
    assert len(read_lines(tmp_path / "out")) == 1
    assert "go on with it: python -m experiments.benchmark --config-dir" in capsys.readouterr().out


@pytest.mark.slow
def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    given = words(tmp_path, "estimators=sleeping", "problems=double", "seconds=500")
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "experiments")])
    running = subprocess.Popen(
        [sys.executable, "-m", "experiments.benchmark", *given],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    limit = time.monotonic() + 120
    while not (tmp_path / "out" / "output.log").exists() and time.monotonic() < limit:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: every process hears it
    printed, _ = running.communicate(timeout=60)
    assert running.returncode == 130, printed
    assert "go on with it" in printed
    assert "Traceback" not in printed
    assert read_lines(tmp_path / "out") == {}
    while is_alive(running.pid) and time.monotonic() < limit:
        time.sleep(0.05)  # Python's own helper processes end a moment later
    assert not is_alive(running.pid)


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
