"""The Hebbian optimizer of states and couplings, and what gives it its gradients."""

from esr.optim.correlations import contrastive_loss, elite_weights, hebbian_loss
from esr.optim.hebbian import HebbianOptimizer, group_couplings, group_states
from esr.optim.straight_through import straight_through

__all__ = [
    "HebbianOptimizer",
    "contrastive_loss",
    "elite_weights",
    "group_couplings",
    "group_states",
    "hebbian_loss",
    "straight_through",
]
