"""Reading a network's weights and writing its equation."""

from baselines.reader.contract import Prefixes, ReadingBatch, Writer

__all__ = ["Prefixes", "ReadingBatch", "Writer"]
