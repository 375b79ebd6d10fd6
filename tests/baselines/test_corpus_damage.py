"""Corpora that are damaged, incomplete or of another kind are refused."""

import json
from pathlib import Path

import pytest
import torch
from small_corpora import NETWORKS, SIZE, made, recipe, same
from stub_fitter import OutputFitter

from baselines.corpus import (
    Corpus,
    Manifest,
    Training,
    generate,
)
from baselines.corpus.shard_file import read_shard, shard_path, write_shard
from baselines.population import SharedStarts
from esr.errors import ConfigurationError, DataError


def test_a_truncated_shard_is_refused_and_made_anew(tmp_path: Path) -> None:
    whole = made(tmp_path).load()
    path = shard_path(tmp_path, 2)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"shard-00002.pt is damaged: it cannot be read .* delete"):
        Corpus.open(tmp_path)
    assert same(made(tmp_path).load(), whole)


def test_an_altered_shard_is_refused_and_made_anew(tmp_path: Path) -> None:
    corpus = made(tmp_path)
    whole = corpus.load()
    path = shard_path(tmp_path, 0)
    content = torch.load(path, weights_only=True)
    content["weights"][3, 4] += 1e-6
    torch.save(content, path)
    with pytest.raises(DataError, match="damaged: its checksum does not agree"):
        corpus.load()
    assert same(made(tmp_path).load(), whole)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    made(tmp_path)
    shard_path(tmp_path, 3).unlink()
    with pytest.raises(DataError, match=r"1 of the 5 shards .* \(3\)"):
        Corpus.open(tmp_path)


def test_a_converged_network_has_finite_weights(tmp_path: Path) -> None:
    corpus = made(tmp_path)
    label = corpus.manifest.label(1)
    shard = read_shard(tmp_path, label, corpus.manifest.tolerance)
    row = int(shard.converged.nonzero()[2])
    shard.weights[row, 0] = torch.nan
    write_shard(tmp_path, label, shard, 0)
    with pytest.raises(DataError, match=f"1 networks count as converged .* number {row}"):
        corpus.load()


def test_another_recipe_is_refused_with_what_differs(tmp_path: Path) -> None:
    made(tmp_path)
    other = recipe(seed=3, training=Training(OutputFitter(ridge=0.5)))
    with pytest.raises(ConfigurationError, match=r"recipe\.seed: 0, but 3 came") as raised:
        made(tmp_path, other)
    assert "recipe.training.fitter.ridge: 1e-09, but 0.5 came" in str(raised.value)
    with pytest.raises(ConfigurationError, match="shard_size: 40, but 41 came"):
        generate(recipe(), tmp_path, NETWORKS, SIZE + 1)
    with pytest.raises(ConfigurationError, match=r"recipe\.start\.kinds: nothing, but 1 came"):
        made(tmp_path, recipe(start=SharedStarts()))
    with pytest.raises(ConfigurationError, match="networks must be a positive integer"):
        generate(recipe(), tmp_path, 0, SIZE)


def test_a_shard_of_another_corpus_or_place_is_refused(tmp_path: Path) -> None:
    made(tmp_path / "a")
    made(tmp_path / "b", recipe(seed=1))
    shard_path(tmp_path / "b", 1).rename(shard_path(tmp_path / "a", 1))
    for read in (Corpus.open, made):
        with pytest.raises(DataError, match="belongs to another corpus"):
            read(tmp_path / "a")
    shard_path(tmp_path / "a", 2).rename(shard_path(tmp_path / "a", 1))
    with pytest.raises(DataError, match="must hold shard 1, but holds 2"):
        made(tmp_path / "a")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 9}, "must be a shard of format 1, but is of format 9"),
        ({"kind": "soup"}, "holds something else"),
        ({"errors": None}, "does not have all of"),
    ],
)
def test_another_format_of_shards_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    made(tmp_path, networks=SIZE)
    path = shard_path(tmp_path, 0)
    torch.save(torch.load(path, weights_only=True) | change, path)
    with pytest.raises(DataError, match=message):
        Corpus.open(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 9}, "must be of format 1, but is of format 9"),
        ({"kind": "soup"}, "describes something else"),
        ({"shard_size": 20}, "was altered"),
        ({"networks": -1}, "does not describe a corpus"),
    ],
)
def test_another_manifest_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    made(tmp_path, networks=SIZE)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    for read in (Corpus.open, made):
        with pytest.raises(DataError, match=message):
            read(tmp_path)


def test_a_folder_without_a_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no corpus: it has no manifest\.json"):
        Corpus.open(tmp_path / "none")
    (tmp_path / "manifest.json").write_text('{"kind": ')
    with pytest.raises(DataError, match="cannot be read"):
        Corpus.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="is a file"):
        made(tmp_path / "file")
    Manifest({"language": {}, "training": {"tolerance": 1}}, 1, 1).write(tmp_path)
    with pytest.raises(DataError, match="cannot be understood"):
        Corpus.open(tmp_path)
