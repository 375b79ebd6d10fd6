import json
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import run_folders

from baselines.relu import ReLUNetwork
from esr.errors import ConfigurationError, DataError
from esr.hopfield import pairwise_of
from esr.hopfield.learning import CouplingModel
from esr.random import RandomStreams
from esr.rules import RuleProgram
from esr.spelling import InfixString
from esr.training import Phase
from experiments.arguments import CONFIGS
from experiments.run import main
from experiments.tasks.strings import RULES, Strings
from experiments.tasks.strings_data import Spelling
from experiments.tasks.task import Conclusion, Contender

PHASES = {"only": Phase(1, 1.0)}
CPU = torch.device("cpu")


def prepared(**settings: object) -> Strings:
    task = Strings(PHASES, **settings)  # type: ignore[arg-type]
    task.prepare(RandomStreams(0), CPU)
    return task


def concluded(task: Strings) -> Conclusion:
    """The conclusion about a model that has seen the examples once and learnt nothing."""
    model = task.build(partial(CouplingModel, samples=5), 2, RandomStreams(0))
    model.energy(task.batch(None))  # type: ignore[arg-type]
    return task.conclude(Contender("couplings", model, torch.tensor([False, True])))


def test_examples_are_valid_strings_of_the_grammar() -> None:
    task = prepared(examples=50, samples=70)
    data = task.data
    assert [len(part) for part in (data.training, data.validation, data.test)] == [50, 50, 70]
    symbols = [str(value) for value in data.grid.symbol_axes[0].values]
    assert InfixString(symbols).valid(data.training).all()
    assert data.text(torch.tensor([[0] * 7 + [2, 14, 15]])) == ["1/x"]
    other = prepared(examples=50, spelling=Spelling(["N", "0", "7", "+", "y"], 4))
    assert other.data.training.shape == (50, 4)
    texts = other.data.text(other.data.training)
    assert set("".join(texts)) == set("07+y")


def test_learnt_rules_compile_and_allow_the_same_strings() -> None:
    spelling = Spelling(["N", "0", "7", "+", "y"], 4)
    task = prepared(examples=100, samples=50, tied=False, spelling=spelling)
    conclusion = concluded(task)
    assert conclusion.metrics["hard_rules"] > 0
    compiled = RuleProgram.parse(conclusion.texts[RULES]).compile()
    written = pairwise_of(compiled.grid, compiled.terms)
    model = task.build(partial(CouplingModel, samples=5), 2, RandomStreams(0))
    model.energy(task.data.training)
    model.prune(9.0)
    assert written is not None
    states = torch.cartesian_prod(*(torch.arange(5) for _ in range(4)))
    assert torch.equal(written.allows(states), model.network(1).allows(states))
    assert written.allows(task.data.training).all()


def test_a_file_of_strings_is_split_padded_and_learnt(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    odd = ["a b", "#'\"", "\\{}", "b", "\u00e9a"]
    path.write_text("\n".join([*odd, "", *odd]), encoding="utf-8")
    task = prepared(path=str(path), samples=20, tied=False, spelling=Spelling(padding="_"))
    data = task.data
    assert data.training.shape == (8, 3)
    assert (len(data.validation), len(data.test)) == (1, 1)
    everything = torch.cat([data.training, data.validation, data.test])
    assert sorted(data.text(everything)) == sorted(2 * odd)
    conclusion = concluded(task)
    assert "valid_share" not in conclusion.metrics
    assert 0 <= conclusion.metrics["coverage"] <= 1
    (axis,) = (a for a in RuleProgram.parse(conclusion.texts[RULES]).axes if a == "symbol")
    assert RuleProgram.parse(conclusion.texts[RULES]).axes[axis][0] == "_"


def test_symbols_may_have_several_characters(tmp_path: Path) -> None:
    path = tmp_path / "calls.txt"
    path.write_text("sin s\ns s\ns sin\n", encoding="utf-8")
    data = prepared(path=str(path), spelling=Spelling(["s", "sin", " "])).data
    assert data.grid.shape == (3, 3)  # nothing to fill up, so no padding
    everything = torch.cat([data.training, data.validation, data.test])
    assert sorted(everything.tolist()) == [[0, 2, 0], [0, 2, 1], [1, 2, 0]]
    path.write_text("Na\nbN\nNN\n", encoding="utf-8")
    data = prepared(path=str(path)).data  # of one length, so that N is a symbol like any other
    everything = torch.cat([data.training, data.validation, data.test])
    assert sorted(data.text(everything)) == ["NN", "Na", "bN"]


@pytest.mark.parametrize(
    ("content", "spelling", "message"),
    [
        ("", Spelling(), "at least 3 strings, one on each line, but .* has 0"),
        ("ab\n\n  \nb", Spelling(), "has 2"),
        ("ab\nabc\na", Spelling(length=2), "line 2: 'abc' has 3 symbols, but .*length is 2"),
        ("ab\nab\naz", Spelling(symbols=["a", "b"]), "line 3: no symbol begins 'z'; valid names"),
        ("ab\nNb\na", Spelling(), "line 2: 'Nb' has the symbol 'N', .* task.spelling.padding"),
        (None, Spelling(), "expected a file of strings, but there is none"),
        (b"\xff\xfe\xff", Spelling(), "must be a text in UTF-8"),
    ],
)
def test_files_that_cannot_be_learnt_from_are_refused(
    content: str | bytes | None, spelling: Spelling, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "strings.txt"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        prepared(path=str(path), spelling=spelling)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"grammar": "infx"}, "neither a file of rules nor .*did you mean 'infix'"),
        ({"grammar": "arithmetic"}, "task.grammar=arithmetic"),
        ({"grammar": "queens"}, "no strings can be drawn from task.grammar=queens"),
        ({"grammar": None}, "give task.grammar=NAME or task.path=FILE"),
        ({"examples": 0}, "task.examples and task.samples must be at least 1"),
    ],
)
def test_what_is_no_grammar_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        prepared(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"length": 0}, "length must be at least 1"),
        ({"symbols": ["a", "a"]}, "must be distinct"),
        ({"symbols": []}, "at least one"),
        ({"symbols": ["a", ""]}, "a character or more"),
        ({"symbols": ["'\""]}, "quotes of both kinds"),
    ],
)
def test_symbols_that_cannot_be_written_are_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Spelling(**settings)  # type: ignore[arg-type]


def test_only_couplings_can_be_concluded() -> None:
    with pytest.raises(ConfigurationError, match=r"model=couplings\), not a ReLUNetwork"):
        prepared(examples=5).validate(ReLUNetwork(1, 1, replicas=2))  # type: ignore[arg-type]


def test_a_run_leaves_its_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["task.examples=200", "task.samples=40", "task.spelling.length=3", "task.tied=false"]
    steps = [f"task.phases.{name}.steps=20" for name in ("contrast", "settle")]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["run", "+task=strings", *small, *steps, "replicas=2"])
    main()
    (folder,) = run_folders(tmp_path)
    assert folder.relative_to(tmp_path).parts[:3] == ("outputs", "strings", "couplings")
    text = (folder / RULES).read_text(encoding="utf-8")
    assert RuleProgram.parse(text).axes["position"] == (0, 1, 2)
    assert (folder / "couplings.png").stat().st_size > 0
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    assert 0.5 < metrics["uncoupled_valid_share"] + metrics["valid_share"] <= 2
    assert metrics["grammar_valid_share"] == 1
    log = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    log.Reload()
    assert f"texts/{RULES}/text_summary" in log.Tags()["tensors"]
    printed = capsys.readouterr().out
    assert "V[" in printed  # brackets are no markup
    assert "without hard zeros" in printed


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_grammar_is_learnt_from_500_strings(seed: int) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose("config", overrides=["+task=strings"])
    assert config.task.examples == 500
    task = instantiate(config.task, _convert_="all")
    streams = RandomStreams(seed)
    task.prepare(streams, CPU)
    model = task.build(instantiate(config.model, _convert_="all"), config.replicas, streams)
    trainer = instantiate(config.trainer, _convert_="all")(phases=task.phases)
    result = trainer.fit(model, task, streams, task.validate)
    metrics = task.conclude(Contender("couplings", model, result.active)).metrics
    for way in ("", "rules_", "likelihood_", "pseudo_"):
        assert metrics[f"{way}valid_share"] >= 0.99, way
        assert metrics[f"{way}coverage"] >= 0.99, way
    for way in ("soft_", "likelihood_soft_", "pseudo_soft_"):
        assert metrics[f"{way}valid_share"] >= 0.95, way
        assert metrics[f"{way}coverage"] == 1, way
