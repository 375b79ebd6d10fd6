import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import baselines.corpus.generation as generation
from baselines.corpus import Corpus, Recipe, Shard, make_shard
from baselines.corpus.shard_file import shard_path
from experiments.population import main

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--shard-size", "20", "--hidden", "6", "--nodes", "8"]


def words(folder: Path, *more: str) -> list[str]:
    return [str(folder), "--networks", "60", *SMALL, *more]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """What was told as a mistake, which has to be one line."""
    out, err = capsys.readouterr()
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    return err


def test_it_makes_and_checks_a_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(tmp_path, "--tolerance", "0.1", "--seed", "4")) == 0
    assert f"60 networks in {tmp_path}, 60 of them new, of which" in capsys.readouterr().out
    corpus = Corpus.open(tmp_path)
    assert (len(corpus), corpus.manifest.tolerance, corpus.manifest.recipe["seed"]) == (60, 0.1, 4)
    assert main([str(tmp_path), "--check"]) == 0
    out = capsys.readouterr().out
    assert f"{tmp_path} is whole: 60 networks in 3 shards" in out
    assert "networks: 1-6-1, sin+cos, without biases" in out
    assert f"converged: {len(corpus.load())}, " in out
    assert "their relative error: median " in out


def test_the_folder_alone_goes_on_and_extends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(tmp_path, "--degree", "3", "--skewed", "--start", "shared")) == 0
    shard_path(tmp_path, 1).unlink()
    assert main([str(tmp_path)]) == 0
    assert "60 networks" in capsys.readouterr().out
    assert main([str(tmp_path), "--networks", "80"]) == 0
    assert "80 networks" in capsys.readouterr().out
    assert Corpus.open(tmp_path).language.forms[0].text == "#*x*x*x"


def test_options_reach_the_recipe(tmp_path: Path) -> None:
    more = ["--language", "waves", "--max-terms", "1", "--unit", "tanh", "--start", "shared"]
    assert main(words(tmp_path, *more, "--kinds", "3", "--scale", "0.5", "--bias")) == 0
    corpus = Corpus.open(tmp_path)
    assert corpus.architecture.describe() == {"sizes": [2, 6, 1], "unit": "tanh", "bias": True}
    assert corpus.manifest.recipe["start"] == {"kind": "SharedStarts", "kinds": 3, "scale": 0.5}
    assert corpus.language.max_terms == 1


def test_machines_take_turns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(tmp_path, "--rank", "1/2")) == 0
    assert "20 networks of machine 1" in capsys.readouterr().out
    assert main([str(tmp_path), "--check"]) == 2
    assert "2 of the 3 shards" in said(capsys)
    assert main(words(tmp_path, "--rank", "0/2")) == 0
    assert main([str(tmp_path), "--check"]) == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--seed", "-1"], "seed must be an integer from 0"),
        (["--networks", "0"], "networks must be a positive integer"),
        (["--networks", "many"], "invalid int value: 'many'"),
        (["--unit", "sinus"], "invalid choice: 'sinus'"),
        (["--kinds", "2"], "--kinds goes with --start shared"),
        (["--language", "waves", "--degree", "3"], "--degree goes with --language polynomials"),
        (["--degree", "-1"], "--degree takes a number of at least 0"),
        (["--rank", "2/2"], "0 <= rank < ranks"),
        (["--rank", "first"], "--rank takes two numbers such as 0/4"),
        (["--tolerance", "0"], "a positive tolerance"),
        (["--hidden", "0"], "sizes must be"),
        (["--device", "abacus"], "--device abacus cannot be used here"),
        (["--frequency", "2"], "unrecognized arguments"),
    ],
)
def test_mistakes_are_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    assert main(words(tmp_path / "corpus", *more)) == 2
    assert message in said(capsys)
    assert not (tmp_path / "corpus").exists()


def test_a_corpus_that_is_wrong_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    assert "say how many networks" in said(capsys)
    assert main([str(tmp_path), "--check"]) == 2
    assert "holds no corpus" in said(capsys)
    assert main(words(tmp_path)) == 0
    capsys.readouterr()
    assert main(words(tmp_path, "--seed", "1")) == 2
    assert "recipe.seed: 0, but 1 came" in said(capsys)
    path = shard_path(tmp_path, 2)
    path.write_bytes(path.read_bytes()[:-200])
    assert main([str(tmp_path), "--check"]) == 2
    assert "shard-00002.pt is damaged" in said(capsys)


def test_an_interruption_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(recipe: Recipe, index: int, size: int, device: str) -> Shard:
        if index == 1:
            raise KeyboardInterrupt
        return make_shard(recipe, index, size, device)

    monkeypatch.setattr(generation, "make_shard", interrupted)
    assert main(words(tmp_path)) == 130
    go_on = f"go on with it: python -m experiments.population {tmp_path} --networks 60"
    assert go_on in capsys.readouterr().out
    monkeypatch.undo()
    assert main([str(tmp_path)]) == 0
    assert "60 networks in" in capsys.readouterr().out


@pytest.mark.slow
def test_a_killed_command_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "experiments.population", str(tmp_path / "a")]
    given = ["--networks", "6000", "--shard-size", "100", "--processes", "2"]
    process = subprocess.Popen([*command, *given], cwd=ROOT)
    while process.poll() is None and len(list((tmp_path / "a").glob("shard*.pt"))) < 5:
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert main([str(tmp_path / "a")]) == 0
    assert main([str(tmp_path / "b"), *given[:-1], "1"]) == 0
    one, other = (Corpus.open(tmp_path / name).load(converged=False) for name in "ab")
    assert torch.equal(one.equations.steps, other.equations.steps)
    assert one.weights.numpy().tobytes() == other.weights.numpy().tobytes()
    assert len(one) == 6000
