"""Recall of stored programs, alone and in pairs, that explain a target beside a basis."""

from esr.search.recall.adjunction import Adjunction
from esr.search.recall.recall import Recall, Round

__all__ = ["Adjunction", "Recall", "Round"]
