import sys
import threading
import time

import pytest

from esr.equations import TimeLimitExceeded, run_with_time_limit


def test_result_and_exception_come_through() -> None:
    assert run_with_time_limit(lambda: 42, 5.0) == 42
    assert run_with_time_limit(lambda: 42, float("inf")) == 42
    with pytest.raises(ZeroDivisionError):
        run_with_time_limit(lambda: 1 // 0, 5.0)


def spin(counter: list[int]) -> None:
    while True:
        counter[0] += 1


def test_endless_work_is_stopped() -> None:
    counter = [0]
    start = time.monotonic()
    with pytest.raises(TimeLimitExceeded, match=r"no result within 0\.1 seconds"):
        run_with_time_limit(lambda: spin(counter), 0.1)
    assert time.monotonic() - start < 2.0  # 0.1 s, and room for a busy machine
    time.sleep(0.05)
    count = counter[0]
    time.sleep(0.05)
    assert counter[0] == count
    assert not any(thread.name == "time-limited" for thread in threading.enumerate())


def test_handlers_of_exceptions_do_not_keep_work_alive() -> None:
    def stubborn() -> None:
        while True:
            try:
                spin([0])
            except Exception:
                continue

    with pytest.raises(TimeLimitExceeded):
        run_with_time_limit(stubborn, 0.05)
    assert not any(thread.name == "time-limited" for thread in threading.enumerate())


def test_it_works_from_other_threads() -> None:
    outcomes: list[str] = []

    def work() -> None:
        try:
            run_with_time_limit(lambda: spin([0]), 0.05)
        except TimeLimitExceeded:
            outcomes.append("stopped")

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert outcomes == ["stopped"] * 3


def test_limit_must_be_positive() -> None:
    with pytest.raises(ValueError, match=r"above 0 seconds, but is 0"):
        run_with_time_limit(lambda: 1, 0)


def test_attempts_to_stop_in_quick_succession_leave_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second must not meet the thread on its way out; unraisable errors fail tests."""
    monkeypatch.setattr("esr.equations.time_limit._PAUSE", 0.0005)
    monkeypatch.setattr("esr.equations.time_limit._ATTEMPTS", 1000)
    seen: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", seen.append)
    monkeypatch.setattr("threading.excepthook", seen.append)
    monkeypatch.setattr("threading.Thread._delete", slow_delete)
    for _ in range(20):
        with pytest.raises(TimeLimitExceeded):
            run_with_time_limit(lambda: spin([0]), 0.002)
    assert not seen


DELETE = threading.Thread._delete  # type: ignore[attr-defined]


def slow_delete(thread: threading.Thread) -> None:
    """The last thing a thread does, taking its time."""
    time.sleep(0.005)
    DELETE(thread)


def test_destructors_that_are_stopped_leave_nothing_on_the_screen(
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Slow:
        def __del__(self) -> None:
            for _ in range(20_000):
                pass

    def release() -> None:
        while True:
            Slow()

    before = sys.unraisablehook
    for _ in range(3):
        with pytest.raises(TimeLimitExceeded):
            run_with_time_limit(release, 0.05)
    assert sys.unraisablehook == before
    assert capfd.readouterr().err == ""
