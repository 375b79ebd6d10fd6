"""Corpora: many trained networks with their equations, on disk."""

from baselines.corpus.corpus import Corpus
from baselines.corpus.generation import Progress, Workforce, generate
from baselines.corpus.manifest import Manifest
from baselines.corpus.recipe import Recipe, Training
from baselines.corpus.shard import Shard, joined, make_shard, train_networks
from baselines.corpus.split import held_out

__all__ = [
    "Corpus",
    "Manifest",
    "Progress",
    "Recipe",
    "Shard",
    "Training",
    "Workforce",
    "generate",
    "held_out",
    "joined",
    "make_shard",
    "train_networks",
]
