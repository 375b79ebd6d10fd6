"""Plain ReLU networks, the yardstick beside symbolic models."""

from baselines.relu.network import ReLUNetwork

__all__ = ["ReLUNetwork"]
