"""The views of a target that are worth looking at, in order."""

import torch
from torch import Tensor

from esr.equations import Expression, Variable
from esr.equations.standard import SQRT
from esr.search.question import Question, Rows
from esr.search.recall.power_view import PowerView
from esr.search.recall.transform import peelings, transforms
from esr.search.recall.view import LinearView, View

__all__ = ["views"]

_USUAL = 3
"""So many transforms, the target itself included, are looked at first."""
_SHARE = 4
"""Rows that each column of a basis needs."""
_ZERO = 1e-9


def views(question: Question) -> tuple[list[View], list[View]]:
    """The usual views, and others.

    The usual ones are products of powers, and the target, its inverse and its square beside the
    variables. The others are exponentials, those targets beside squares and products of variables
    too, the target over and times each variable, and rarer functions of it.

    Arguments:
        question: Its training rows and primitives count.
    """
    rows = question.training
    if not bool(rows.target.abs().max() > 0):
        return [], []
    plain, quadratic = _plain_basis(rows), _quadratic_basis(rows)
    targets = transforms(question)
    powers = _power_views(question)
    usual: list[View] = [*powers[:1]]
    usual += [LinearView(t, rows.weights, *plain) for t in targets[:_USUAL]]
    others: list[View] = []
    if len(quadratic[0]) * _SHARE <= len(rows.target):
        others += [LinearView(t, rows.weights, *quadratic) for t in targets[:_USUAL]]
    others += powers[1:]
    if len(rows.variables) > 1:
        others += [LinearView(t, rows.weights, *plain) for t in peelings(question)]
    others += [LinearView(t, rows.weights, *plain) for t in targets[_USUAL:]]
    return usual, others


def _power_views(question: Question) -> list[View]:
    rows, allowed = question.training, question.primitives
    size = rows.target.abs()
    if not bool((size > _ZERO * size.max()).all()):
        return []
    columns = {name: x for name, x in rows.columns.items() if bool((x.abs() > _ZERO).all())}
    variables = [Variable(name) for name in columns]
    values = torch.stack([*columns.values()]) if columns else rows.inputs.T[:0]
    half = SQRT.name in allowed
    found: list[View] = [PowerView(rows.target, rows.weights, variables, values, half)]
    if "exp" in allowed:
        exponential = allowed["exp"]
        found.append(PowerView(rows.target, rows.weights, variables, values, half, exponential))
    return found


def _plain_basis(rows: Rows) -> tuple[list[Expression | None], Tensor]:
    """A constant and the variables, as far as there are rows enough."""
    count = min(len(rows.variables), len(rows.target) // _SHARE - 1)
    one = torch.ones_like(rows.target)[None]
    named = [Variable(name) for name in rows.variables[:count]]
    return [None, *named], torch.cat([one, rows.inputs.T[:count]])


def _quadratic_basis(rows: Rows) -> tuple[list[Expression | None], Tensor]:
    """A constant, the variables, and their squares and products."""
    terms, columns = _plain_basis(rows)
    places = range(len(rows.variables))
    pairs = [(i, j) for i in places for j in places if i <= j]
    named = [Variable(name) for name in rows.variables]
    products = [named[i] ** 2 if i == j else named[i] * named[j] for i, j in pairs]
    values = torch.stack([rows.inputs[:, i] * rows.inputs[:, j] for i, j in pairs])
    return [*terms, *products], torch.cat([columns, values])
