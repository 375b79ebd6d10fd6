"""How well a law adds digits it has not seen, to sums it has and has not seen."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.digits import DigitBatch
from esr.metrics import correlation
from experiments.tasks.digits_data import DigitImages
from experiments.tasks.digits_law import DigitLaw, share_right

__all__ = ["Additions", "measure_additions", "summarise"]


@dataclass(frozen=True)
class Additions:
    """A law's sums of held-out digits, beside the truth.

    Arguments:
        digits: Digit of each held-out image, `(M,)`.
        latents: Its latent, `(M,)`.
        seen: True sum, the law's, and its network's, of pairs with sums trained on, `(3, N)`.
        unseen: The same of pairs with larger sums, `(3, N)`.
    """

    digits: Tensor
    latents: Tensor
    seen: Tensor
    unseen: Tensor

    def metrics(self) -> dict[str, float]:
        """Shares of sums rounded right, and the correlation of the latent with the digit."""
        found = {"latent_correlation": float(correlation(self.latents, self.digits).abs())}
        for name, (truth, law, network) in (("seen", self.seen), ("unseen", self.unseen)):
            found[f"{name}_accuracy"] = share_right(law, truth)
            found[f"{name}_accuracy_network"] = share_right(network, truth)
        return found


def measure_additions(
    law: DigitLaw, images: DigitImages, seen: DigitBatch, unseen: DigitBatch
) -> Additions:
    """Encode held-out images, float64, and add pairs of them."""
    latents = law.encode(images.pixels)

    def added(batch: DigitBatch) -> Tensor:
        pairs = latents[batch.pairs]  # (N, 2)
        return torch.stack([batch.sums[:, 0], law.add(pairs), law.network(pairs)])

    return Additions(images.digits.to(latents), latents, added(seen), added(unseen))


def summarise(metrics: Mapping[str, float], limit: int) -> list[tuple[str, str]]:
    """Rows of the closing table."""
    rows = [("|corr(z, digit)|", f"{metrics['latent_correlation']:.4f}")]
    for label, name in (
        (f"right sums below {limit} (trained)", "seen_accuracy"),
        (f"right sums from {limit} (never seen)", "unseen_accuracy"),
    ):
        value = f"{metrics[name]:.1%}"
        if f"reference_{name}" in metrics:
            value += f"   (reference {metrics[f'reference_{name}']:.1%})"
        rows.append((label, value))
        rows.append(("  by the network itself", f"{metrics[f'{name}_network']:.1%}"))
    return rows
