"""`python -m experiments.benchmark suite=NAME estimators=NAME,NAME [seeds=0,1] [key=value]`.

Runs problems x estimators x seeds, each in a process of its own, and adds a JSON line for each
run to `FOLDER/runs.jsonl`. Runs whose line is there are not done again.
"""

import shlex
import sys
from collections.abc import Sequence

from rich.console import Console

from esr.errors import ConfigurationError, DataError
from experiments.benchmark.arguments import Plan, make_plan, usage
from experiments.benchmark.display import display
from experiments.benchmark.header import write_header
from experiments.benchmark.job import FINISHED, Job, Line, key_of
from experiments.benchmark.lines import append_line, read_lines, repair
from experiments.benchmark.pool import Listener, Pool
from experiments.benchmark.tables import closing_table

__all__ = ["main"]

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


class _Recorder:
    """Writes the line of every run, and tells the display."""

    def __init__(self, plan: Plan, header: str, shown: Listener) -> None:
        self._plan, self._header, self._shown = plan, header, shown

    def started(self, job: Job) -> None:
        """Show it."""
        self._shown.started(job)

    def ended(self, job: Job, line: Line) -> None:
        """Write it, then show it."""
        append_line(self._plan.folder, {**line, "header": self._header})
        self._shown.ended(job, line)


def run(plan: Plan, console: Console) -> bool:
    """Do what of a plan is not done yet; returns whether it was interrupted."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    repair(plan.folder)
    done = read_lines(plan.folder)
    keys = {key for key, line in done.items() if line["status"] == FINISHED or not plan.retry}
    jobs = [job for job in plan.jobs if key_of(job.identity()) not in keys]
    header = write_header(plan.folder, plan.resolved)
    with display(console, len(plan.jobs), len(jobs)) as shown:
        pool = Pool(plan.folder, plan.workers, plan.grace)
        interrupted = pool.perform(jobs, _Recorder(plan, header, shown))
    asked = {key_of(job.identity()) for job in plan.jobs}
    lines = [line for key, line in read_lines(plan.folder).items() if key in asked]
    if lines:
        console.print(closing_table(lines))
    console.print(
        f"lines: {plan.folder}; tables and figures: python -m experiments.report {plan.folder}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
    return interrupted


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `python -m experiments.benchmark`."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if {"--help", "-h"} & set(words):
            print(usage(words))
            return
        interrupted = run(make_plan(words), Console())
    except (ConfigurationError, DataError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        interrupted = True
    if interrupted:
        print(f"go on with it: python -m experiments.benchmark {shlex.join(words)}")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
