"""Problems of a benchmark suite, to be found again by an engine in one run."""

import math
from pathlib import Path
from statistics import median

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from esr.equations import Expression
from esr.errors import ConfigurationError, TrainingError, suggestion
from esr.problem import Problem
from esr.random import RandomStreams
from esr.search import Rows
from experiments.benchmark.problems import NamedProblems
from experiments.configurations import CONFIGS
from experiments.front_model import FrontModel
from experiments.tasks.equation_search import EquationSearch, Wanted, searched
from experiments.tasks.search_figure import draw_problems, draw_search
from experiments.tasks.search_measures import curves_of, front_table, is_recovered, measure
from experiments.tasks.task import Conclusion, Contender

__all__ = ["SuiteTask"]


class SuiteTask(EquationSearch):
    """The equations of a suite, one after another; the rows are those of the benchmark.

    Arguments:
        suite: Name of a suite of `configs/suite`, or a YAML file that describes one.
        problem: Which of its problems; all if None.
        noise: Standard deviation of noise on the training targets, in units of theirs, at least 0.
    Raises:
        ConfigurationError: If there is no such suite or problem.
    """

    def __init__(self, suite: str, problem: str | None = None, noise: float = 0.0) -> None:
        super().__init__()
        if not noise >= 0:
            raise ConfigurationError(f"task.noise must be at least 0, but is {noise}")
        self.problems = _suite(suite).select([] if problem is None else [str(problem)])
        self.noise = noise

    def prepare(self, streams: RandomStreams, device: torch.device) -> None:
        """Draw the rows of each problem, as the benchmark does with the same seed."""
        self.wanted = {}
        for problem in self.problems:
            training, test = problem.draw(RandomStreams(streams.seed), self.noise)
            rows = Rows.of(
                training.inputs.to(device), training.targets[:, 0].to(device), problem.variables
            )
            unseen = Problem(test.inputs.to(device), test.targets.to(device), problem.variables)
            self.wanted[problem.name] = Wanted("y", rows, unseen, problem.truth)

    def conclude(
        self, found: Contender[object], reference: Contender[object] | None = None
    ) -> Conclusion:
        """Which problems were solved, and when."""
        model = searched(found.model)
        chosen = {name: pair for name in self.wanted if (pair := model.chosen(name)) is not None}
        if not chosen:
            raise TrainingError("the search found no equation; give it more time: search.seconds")
        if len(self.wanted) == 1:
            return self._one(model)
        right = {
            name: name in chosen and is_recovered(chosen[name][1].expression, wanted)
            for name, wanted in self.wanted.items()
        }
        seconds = {name: own.seconds_of(best) for name, (own, best) in chosen.items()}
        times = [seconds[name] for name in seconds if right[name]]
        metrics = {
            "recovered": sum(right.values()) / len(right),
            "found_after_seconds": median(times) if times else math.nan,
            "problems": float(len(right)),
        }
        expressions = {name: best.expression for name, (_, best) in chosen.items()}
        summary = [
            ("recovered", f"{sum(right.values())} of {len(right)}"),
            *([("median time of those", f"{median(times):.2f} s")] if times else []),
            ("not recovered", ", ".join(name for name in right if not right[name]) or "none"),
        ]
        figures = {"problems": draw_problems(seconds, right)}
        return Conclusion(metrics, expressions, summary, figures)

    def _one(self, model: FrontModel) -> Conclusion:
        """The equation of the only problem."""
        ((name, wanted),) = self.wanted.items()
        chosen = model.chosen(name)
        if chosen is None or wanted.truth is None:
            raise TrainingError("the search found no equation; give it more time: search.seconds")
        discoveries, best = chosen
        metrics = measure(wanted, discoveries, best)
        expressions: dict[str, Expression] = {name: best.expression, "truth": wanted.truth}
        replicas = model.replicas_of(name)
        alone = [model.best(replica) for replica in replicas]
        right = sum(c is not None and is_recovered(c.expression, wanted) for c in alone)
        summary = [
            ("recovered", "yes" if metrics["recovered"] else "no"),
            *([("searches that recovered it", f"{right} of {len(alone)}")] * (len(alone) > 1)),
            ("R2 on test rows", f"{metrics['r2_test']:.6g}"),
            ("found after", f"{metrics['found_after_seconds']:.2f} s"),
        ]
        figures = draw_search(wanted, discoveries, best)
        texts = {"front.csv": front_table(discoveries)}
        return Conclusion(
            metrics, expressions, summary, figures, texts=texts, curves=curves_of(discoveries)
        )


def _suite(name: str) -> NamedProblems:
    """A suite by its name or file."""
    known = {path.stem: path for path in sorted((CONFIGS / "suite").glob("*.yaml"))}
    path = Path(name) if Path(name).is_file() else known.get(name)
    if path is None:
        raise ConfigurationError(
            f"task.suite={name} is neither a file nor one of our suites: {suggestion(name, known)}"
        )
    try:
        suite = instantiate(OmegaConf.load(path), _convert_="all")
    except InstantiationException as error:
        raise ConfigurationError(f"{path} cannot be used: {error.__cause__ or error}") from error
    if not isinstance(suite, NamedProblems):
        raise ConfigurationError(f"{path} must make a Suite, but made {suite!r}")
    return suite
