"""Many small networks of one shape, trained at once."""

from baselines.population.adam import BatchedAdam
from baselines.population.architecture import Architecture, Layer
from baselines.population.fitting import Fitted, Fitter, relative_errors
from baselines.population.levenberg_marquardt import Damping, LevenbergMarquardt
from baselines.population.points import Points, gauss_legendre, sampled_points
from baselines.population.start import OwnStarts, SharedStarts, Start
from baselines.population.torch_module import SinCos, Sine, matching, module_of, network_of
from baselines.population.units import UNITS, Unit, unit

__all__ = [
    "UNITS",
    "Architecture",
    "BatchedAdam",
    "Damping",
    "Fitted",
    "Fitter",
    "Layer",
    "LevenbergMarquardt",
    "OwnStarts",
    "Points",
    "SharedStarts",
    "SinCos",
    "Sine",
    "Start",
    "Unit",
    "gauss_legendre",
    "matching",
    "module_of",
    "network_of",
    "relative_errors",
    "sampled_points",
    "unit",
]
