"""Exact relations."""

from esr.search.relations.engine import Relations

__all__ = ["Relations"]
