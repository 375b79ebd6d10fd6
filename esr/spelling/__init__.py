"""Layouts of symbols that spell expressions: how a state of the energy core is read."""

from esr.spelling.heap_tree import HeapTree
from esr.spelling.infix_alphabet import INFIX_SYMBOLS, InfixAlphabet
from esr.spelling.infix_string import InfixString
from esr.spelling.layout import Layout, RelaxedLayout, one_hot
from esr.spelling.prefix_string import PrefixString
from esr.spelling.vocabulary import Vocabulary

__all__ = [
    "INFIX_SYMBOLS",
    "HeapTree",
    "InfixAlphabet",
    "InfixString",
    "Layout",
    "PrefixString",
    "RelaxedLayout",
    "Vocabulary",
    "one_hot",
]
