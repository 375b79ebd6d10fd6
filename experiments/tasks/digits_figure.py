"""The figure of a digits run: the latent against the digit, predicted against true sums."""

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from experiments.tasks.digits_measures import Additions
from experiments.tasks.digits_pairs import LARGEST_SUM

__all__ = ["draw_additions"]

COLOURS = ("tab:blue", "tab:orange")
SHOWN = 600
"""Points of each kind."""


def draw_additions(additions: Mapping[str, Additions], limit: int) -> Figure:
    """Latent against digit, and predicted against true sums, seen and unseen.

    Arguments:
        additions: Name of a method to its sums of the same held-out digits, at most two.
        limit: Sums below it were trained on.
    """
    figure = Figure(figsize=(4 + 4.5 * len(additions), 4), layout="constrained")
    panels = figure.subplots(1, 1 + len(additions))
    for place, (name, found) in enumerate(additions.items()):
        colour, offset = COLOURS[place], 0.2 * place
        digits, latents = found.digits.cpu() + offset, found.latents.cpu()
        panels[0].plot(digits, latents, ".", ms=3, color=colour, label=name)
        panel, metrics = panels[1 + place], found.metrics()
        panel.axvspan(-0.5, limit - 0.5, color="0.9", label="sums trained on")
        panel.plot([0, LARGEST_SUM], [0, LARGEST_SUM], "k-", lw=0.8)
        for part in (found.seen, found.unseen):
            truth, predicted = part[:2, :SHOWN].cpu()
            panel.plot(truth + _spread(truth), predicted, ".", ms=3, color=colour)
        shares = f"{metrics['seen_accuracy']:.0%} seen, {metrics['unseen_accuracy']:.0%} unseen"
        panel.set(xlabel="true sum", ylabel="predicted sum", title=f"{name}: right {shares}")
        panel.legend(fontsize="small")
    panels[0].set(xlabel="digit", ylabel="latent z", title="what the encoder found")
    panels[0].legend(fontsize="small")
    return figure


def _spread(values: Tensor) -> Tensor:
    """Offsets that lay points of the same whole value side by side."""
    return torch.linspace(-0.3, 0.3, len(values))
