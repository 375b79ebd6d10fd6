"""The record of a run: `result.json` and what a reader needs to make it again."""

import json
import math
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from esr.equations import Expression

__all__ = ["RESULT", "describe_environment", "write_result"]

RESULT = "result.json"
PACKAGES = ("esr", "torch", "numpy", "sympy", "hydra-core")


def write_result(
    folder: Path,
    *,
    task: str,
    model: str,
    seed: int,
    seconds: float,
    cpu_seconds: float,
    status: str,
    metrics: Mapping[str, float],
    expressions: Mapping[str, Expression],
    choices: Mapping[str, str],
    processes: int = 1,
) -> Path:
    """Write `result.json` into a run's folder and return its path.

    Numbers that are not finite become null, since JSON has no other way to say it. `choices` are
    the options of the task's own groups of configurations, such as the objective. `processes`
    trained together, and `cpu_seconds` are those of all of them.
    """
    content = {
        "task": task,
        "model": model,
        "choices": dict(choices),
        "seed": seed,
        "status": status,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "processes": processes,
        "metrics": {k: v if math.isfinite(v) else None for k, v in metrics.items()},
        "expressions": {name: str(e) for name, e in expressions.items()},
        "latex": {name: e.latex() for name, e in expressions.items()},
        **describe_environment(),
    }
    path = folder / RESULT
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def describe_environment(further: Sequence[str] = ()) -> dict[str, object]:
    """Versions of the packages that decide a result, and the commit of this source if known.

    Arguments:
        further: Packages to name besides.
    """
    versions = {name: _version(name) for name in (*PACKAGES, *further)}
    return {"versions": versions | {"python": platform.python_version()}, "commit": _commit()}


def _version(package: str) -> str | None:
    """The installed version; None for a checkout that is used without being installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Commit of the checkout this file lies in, with a plus if files differ; None if none."""
    source = Path(__file__).resolve().parent.parent
    if not (source / ".git").exists():
        return None
    try:
        head = _git(source, "rev-parse", "HEAD")
        changed = _git(source, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()
