"""Walks over expression trees that need no recursion, so that depth is no limit."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # the tree's own methods use these walks
    from esr.equations.expression import Expression

__all__ = ["fold", "postorder", "prefix"]

T = TypeVar("T")


def prefix(expression: "Expression") -> Iterator["Expression"]:
    """The nodes in prefix order: a node, then its arguments from left to right."""
    stack = [expression]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.arguments))


def postorder(expression: "Expression") -> list["Expression"]:
    """The nodes with every argument before its function, from left to right."""
    nodes, stack = [], [expression]
    while stack:
        node = stack.pop()
        nodes.append(node)
        stack.extend(node.arguments)
    nodes.reverse()
    return nodes


def fold(expression: "Expression", function: Callable[["Expression", tuple[T, ...]], T]) -> T:
    """Replace every node by a value, from the leaves up.

    Arguments:
        expression: The tree.
        function: Gives the value of a node from the node and the values of its arguments;
            called for the leaves from left to right.
    Returns:
        The value of the root.
    """
    values: list[T] = []
    for node in postorder(expression):
        count = len(node.arguments)
        arguments = tuple(values[len(values) - count :])
        del values[len(values) - count :]
        values.append(function(node, arguments))
    return values[0]
