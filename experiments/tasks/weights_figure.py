"""Figures of a weights run: losses, accuracy by length, functions beside those written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from experiments.tasks.weights_measures import Judgement

__all__ = ["Example", "draw_curves", "draw_examples", "draw_lengths"]

COLUMNS = 4


@dataclass(frozen=True)
class Example:
    """One network along a line through its inputs.

    Arguments:
        place: Where along the line, `(n,)`.
        network: What the network says, `(n,)`.
        functions: Label to values `(n,)`; NaN where there are none.
        title: The true equation, and below what was written.
    """

    place: Tensor
    network: Tensor
    functions: Mapping[str, Tensor]
    title: str


def draw_curves(history: Sequence[tuple[int, float, float]]) -> Figure:
    """Losses of training and validation.

    Arguments:
        history: Step, loss on the batch, and loss on held-out equations.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    panel = figure.subplots()
    if history:
        steps, training, validation = zip(*history, strict=True)
        panel.plot(steps, training, label="training batch", color="0.6")
        panel.plot(steps, validation, label="equations never trained on", color="C0")
        panel.legend()
    panel.set(xlabel="step", ylabel="cross-entropy of a token, nats", yscale="log")
    return figure


def draw_lengths(judgements: Mapping[str, Judgement]) -> Figure:
    """Shares of right skeletons and exact equations by the true equation's length.

    Arguments:
        judgements: Label to judgement.
    """
    figure = Figure(figsize=(5 * len(judgements), 4), layout="constrained")
    panels = figure.subplots(1, len(judgements), squeeze=False, sharey=True)[0]
    for panel, (label, judgement) in zip(panels, judgements.items(), strict=True):
        table = judgement.by_length()
        places = range(len(table))
        for shift, name in ((-0.2, "skeleton"), (0.2, "exact")):
            heights = [shares[name] for shares in table.values()]
            panel.bar([p + shift for p in places], heights, 0.4, label=name)
        panel.set_xticks(list(places), [str(length) for length in table])
        panel.set(xlabel="characters of the true equation", ylim=(0, 1.2), title=label)
    panels[0].set_ylabel("share of held-out equations")
    panels[0].legend(loc="upper center", ncols=2)
    return figure


def draw_examples(examples: Sequence[Example], along: str) -> Figure:
    """Networks, true functions and those written, one panel each.

    Arguments:
        examples: At least one.
        along: What the horizontal axis is.
    """
    rows = -(-len(examples) // COLUMNS)
    figure = Figure(figsize=(4 * COLUMNS, 3.2 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, squeeze=False).flat
    for panel, example in zip(panels, examples, strict=False):
        panel.plot(example.place, example.network, color="0.8", linewidth=6, label="network")
        for index, (label, values) in enumerate(example.functions.items()):
            if bool(torch.isfinite(values).all()):
                style = ("-", "--", ":")[index % 3]
                panel.plot(example.place, values, style, color=f"C{index}", label=label)
        panel.set_title(example.title, fontsize=8, family="monospace")
        panel.set_xlabel(along)
    figure.axes[0].legend(fontsize=8)
    for panel in list(figure.axes)[len(examples) :]:
        panel.set_visible(False)
    return figure
