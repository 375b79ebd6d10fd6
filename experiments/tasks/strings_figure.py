"""The figure of a strings run: learnt couplings beside those of the true grammar."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from esr.hopfield import PairwiseNetwork

__all__ = ["draw_couplings"]

FORBIDDEN = ListedColormap(["0.2"])


def draw_couplings(networks: Mapping[str, PairwiseNetwork], symbols: Sequence[str]) -> Figure:
    """The couplings of each network, the mean over its edges; forbidden pairs are dark.

    A pair is dark where every edge forbids it; elsewhere the mean is over the edges that do not.

    Arguments:
        networks: Name to network, at least one.
        symbols: What stands in a slot, S of them.
    """
    size = max(3.5, 0.25 * len(symbols) + 1)
    figure = Figure(figsize=(size * len(networks) + 1, size), layout="constrained")
    panels = figure.subplots(1, len(networks), squeeze=False)[0]
    means = {name: network.couplings.cpu() for name, network in networks.items()}
    shown = {}
    for name, couplings in means.items():
        allowed = couplings > -torch.inf  # (E, S, S)
        total = torch.where(allowed, couplings, 0).sum(0)
        shown[name] = torch.where(allowed.any(0), total / allowed.sum(0).clamp(min=1), torch.nan)
    largest = max(1e-6, *(float(mean.nan_to_num().abs().max()) for mean in shown.values()))
    for panel, (name, mean) in zip(panels, shown.items(), strict=True):
        dark = torch.where(mean.isnan(), 1.0, torch.nan)
        image = panel.imshow(mean.numpy(), cmap="RdBu", vmin=-largest, vmax=largest)
        panel.imshow(dark.numpy(), cmap=FORBIDDEN)
        panel.set_xticks(range(len(symbols)), symbols)
        panel.set_yticks(range(len(symbols)), symbols)
        panel.set(xlabel="second symbol", ylabel="first symbol", title=name)
    figure.colorbar(image, ax=list(panels), label="coupling (minus the energy)")
    return figure
