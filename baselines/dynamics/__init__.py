"""Learning a law of motion with an unseen parameter from trajectories alone."""

from baselines.dynamics.encoder import TrajectoryEncoder
from baselines.dynamics.model import DynamicsBatch, DynamicsModel

__all__ = ["DynamicsBatch", "DynamicsModel", "TrajectoryEncoder"]
