"""Running a function under a wall-clock limit."""

import ctypes
import math
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

__all__ = ["TimeLimitExceeded", "run_with_time_limit"]

T = TypeVar("T")

_PAUSE = 0.05  # seconds between two attempts to stop the worker
_ATTEMPTS = 10


class TimeLimitExceeded(Exception):  # noqa: N818 - it says what happened, like KeyboardInterrupt
    """A function did not return within its time limit."""


class _Stopped(BaseException):
    """Raised inside the worker; not an `Exception`, so that ordinary handlers let it pass."""


def run_with_time_limit(function: Callable[[], T], seconds: float) -> T:
    """Call a function and give up after a while.

    The function runs in a thread of its own, which is stopped by an exception raised between
    two of its Python instructions. This works from any thread and on any platform, but:

    - one long call into C ends only when it returns. While such a call holds the interpreter
      (a huge power of integers), the caller waits too; while it does not (a tensor operation),
      the caller goes on at most half a second after the limit, and the thread, which does not
      keep the process alive, ends unnoticed later;
    - the function may be stopped anywhere, so it should not change what outlives it;
    - thread-local settings of the caller, such as torch's grad mode, do not reach it.

    Arguments:
        function: Takes no arguments.
        seconds: The limit, above 0; `inf` calls the function directly.
    Returns:
        What the function returns.
    Raises:
        TimeLimitExceeded: If it did not return in time.
        ValueError: If `seconds` is not above 0.
    """
    if not seconds > 0:
        raise ValueError(f"a time limit must be above 0 seconds, but is {seconds!r}")
    if math.isinf(seconds):
        return function()
    worker = _Worker(function)
    worker.start()
    try:
        worker.join(min(seconds, threading.TIMEOUT_MAX))
    finally:
        finished = worker.stop()
    if not finished:
        raise TimeLimitExceeded(f"no result within {seconds:g} seconds")
    return worker.result()


class _Swallowed:
    """While entered, nothing is printed of a `_Stopped` that a destructor swallows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entered = 0
        self._before: Callable[[Any], object] = sys.__unraisablehook__

    def __enter__(self) -> None:
        with self._lock:
            if self._entered == 0:
                self._before, sys.unraisablehook = sys.unraisablehook, self._hear
            self._entered += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._entered -= 1
            if self._entered == 0 and sys.unraisablehook == self._hear:
                sys.unraisablehook = self._before

    def _hear(self, unraisable: Any) -> None:  # sys.UnraisableHookArgs is not there at run time
        if unraisable.exc_type is not _Stopped:
            self._before(unraisable)


_swallowed = _Swallowed()


class _Worker(threading.Thread, Generic[T]):
    """A thread that keeps the outcome of a function and can be stopped.

    Arguments:
        function: Takes no arguments.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        super().__init__(name="time-limited", daemon=True)
        self._function = function
        self._lock = threading.Lock()
        self._ended = self._over = False
        self._values: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Call the function; nothing escapes from here."""
        try:
            try:
                self._values.append(self._function())
            except _Stopped:
                raise
            except BaseException as error:  # the caller gets it from result()
                self._error = error
            with self._lock:
                self._ended = self._over = True
        except _Stopped:
            pass
        while True:  # a second attempt to stop may be on its way while the first takes effect
            try:
                with self._lock:  # from here on nobody stops this thread
                    self._over = True
                return
            except _Stopped:
                continue

    def stop(self) -> bool:
        """Stop the thread if it still runs.

        Returns:
            Whether the function had ended by itself.
        """
        with _swallowed:
            for _ in range(_ATTEMPTS):
                with self._lock:
                    if self._over or not self.is_alive():
                        break
                    # the function may swallow one exception, for instance in a destructor
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(self.ident or 0), ctypes.py_object(_Stopped)
                    )
                self.join(_PAUSE)
        return self._ended

    def result(self) -> T:
        """The value of a function that has ended, or its exception."""
        if self._error is not None:
            raise self._error
        return self._values[0]
