from pathlib import Path

import pytest
import torch
from tiny_engine import TinyEngine

from esr.equations import Expression, UnknownPrimitiveError
from esr.errors import ConfigurationError, DataError, RuleError, TrainingError
from esr.random import RandomStreams
from esr.search import Rows
from experiments.benchmark.searcher import SearchEstimator
from experiments.question_settings import QuestionSettings


def rows(count: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = torch.linspace(-1, 2, count, dtype=torch.float64)[:, None]
    return inputs, 2 * inputs[:, 0]


def test_an_engine_is_an_estimator_that_tells_when_it_found_what() -> None:
    estimator = SearchEstimator(TinyEngine(), seed=0, seconds=5.0)
    inputs, targets = rows()
    estimator.fit(inputs, targets, ["x"])
    assert str(estimator.expression) == "2*x"
    assert [str(e) for e in estimator.front] == ["x", "2*x"]
    assert 0 <= estimator.times[0] <= estimator.times[1] < 5
    assert estimator.details["proposals"] == 3
    assert estimator.details["accepted_tiny"] == 2
    assert estimator.details["seconds_tiny"] == round(estimator.times[1], 3)
    torch.testing.assert_close(estimator.predict(inputs), targets)


def test_the_question_is_asked_as_the_user_says() -> None:
    narrow = QuestionSettings(primitives=["sin"], max_complexity=3)
    engine = TinyEngine(["exp(x)", "x + x*x", "sin(x)"])
    estimator = SearchEstimator(engine, seed=0, seconds=5.0, question=narrow)
    estimator.fit(*rows(), ["x"])
    assert [str(e) for e in estimator.front] == ["sin(x)"]
    with pytest.raises(UnknownPrimitiveError, match="'sinn' is unknown; did you mean 'sin'"):
        QuestionSettings(primitives=["sinn"])
    with pytest.raises(ConfigurationError, match="held_out between 0 and 1"):
        QuestionSettings(held_out=1.0)


def test_rules_are_text_or_a_file(tmp_path: Path) -> None:
    text = "at most 0 V[*, 'sin']"
    (tmp_path / "mine.rules").write_text(text)
    for rules in (text, str(tmp_path / "mine.rules")):
        question = QuestionSettings(rules=rules).ask(Rows.of(*rows(), ["x"]))
        assert question.rules.allows(Expression.parse("cos(x)"))
        assert not question.rules.allows(Expression.parse("1 + sin(x)"))
    with pytest.raises(RuleError):
        QuestionSettings(rules="at mots 0 V[*, 'sin']").ask(Rows.of(*rows(), ["x"]))


def test_too_few_rows_and_nothing_found_are_said() -> None:
    with pytest.raises(DataError, match="at least 4 rows, but there are 3"):
        SearchEstimator(TinyEngine(), seed=0, seconds=1.0).fit(*rows(3), ["x"])
    with pytest.raises(TrainingError, match="found nothing"):
        SearchEstimator(TinyEngine([]), seed=0, seconds=1.0).fit(*rows(), ["x"])


def test_the_rows_that_are_held_out_follow_the_seed() -> None:
    inputs, targets = rows(8)
    asked = [
        QuestionSettings().ask(
            Rows.of(inputs, targets, ["x"]), generator=RandomStreams(s)["split"]
        )
        for s in (0, 0, 1)
    ]
    held = [question.validation.inputs for question in asked]
    assert [len(h) for h in held] == [2, 2, 2]
    assert torch.equal(held[0], held[1])
    together = torch.cat((asked[0].training.target, asked[0].validation.target))
    assert torch.equal(together.sort().values, targets)
