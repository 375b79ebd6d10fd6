"""Learning to add handwritten digits from their sums alone."""

from baselines.digits.convolution import ReplicaConvolution
from baselines.digits.encoder import DigitEncoder
from baselines.digits.model import DigitBatch, DigitSumModel

__all__ = ["DigitBatch", "DigitEncoder", "DigitSumModel", "ReplicaConvolution"]
