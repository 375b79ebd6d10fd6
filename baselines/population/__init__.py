"""Many small networks of one shape, trained at once."""

from baselines.population.architecture import Architecture, Layer
from baselines.population.units import UNITS, Unit, unit

__all__ = ["UNITS", "Architecture", "Layer", "Unit", "unit"]
