"""Settings of meta-learning that cannot be used are named before any training."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import run, run_folders

from baselines.eql import EQL
from esr.errors import ConfigurationError
from experiments.tasks.meta import LearnerSettings
from experiments.tasks.meta_data import EpisodeSizes
from experiments.tasks.meta_measures import Evaluation
from experiments.tasks.meta_yardsticks import Scratch


def test_a_value_that_must_be_given_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "+task=meta", "family=custom")[0] == 2
    expected = "error: family.expression has no default; give it as family.expression=VALUE\n"
    assert capsys.readouterr().err == expected
    assert not run_folders(tmp_path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EpisodeSizes(support=0), "task.episodes.support must be .* but is 0"),
        (lambda: Evaluation(few=0), "task.evaluation.few must be .* but is 0"),
        (lambda: Evaluation(rates=()), r"rates must be a list .* but is \(\)"),
        (lambda: Evaluation(rates=0.1), "rates must be a list .* but is 0.1"),
        (lambda: Evaluation(rates=["a"]), r"rates must be a list .* but is \['a'\]"),
        (lambda: Evaluation(many_rate=-1.0), "many_rate must be .* but is -1.0"),
        (lambda: LearnerSettings(rate=-1), "task.learner.rate must be .* but is -1"),
        (lambda: LearnerSettings(rate="abc"), "task.learner.rate must be .* but is 'abc'"),
        (lambda: LearnerSettings(learn_rate="maybe"), "learn_rate must be true or false"),
        (lambda: Scratch(EQL, {}, attempts=-1), "task.scratch.attempts must be .* but is -1"),
    ],
)
def test_a_wrong_size_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()
