"""Other symbolic regression programs as estimators, for comparison."""

from baselines.peers.gplearn import GplearnEstimator
from baselines.peers.operon import OperonEstimator

__all__ = ["GplearnEstimator", "OperonEstimator"]
