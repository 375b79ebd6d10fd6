"""One trainer for everything that has an energy."""

from esr.training.checkpoint import Checkpoint
from esr.training.data_parallel import DataParallel
from esr.training.interruption import Interruption
from esr.training.objective import BatchSource, Objective, Progress, plain_energy
from esr.training.phases import Phase, Position, locate
from esr.training.portfolio import Portfolio
from esr.training.program import Compiler, inductor
from esr.training.replicas import DivergenceAction
from esr.training.report import Callback, Report
from esr.training.restarts import Restarts
from esr.training.share import Share, Shareable
from esr.training.trainer import Trainer, TrainingResult

__all__ = [
    "BatchSource",
    "Callback",
    "Checkpoint",
    "Compiler",
    "DataParallel",
    "DivergenceAction",
    "Interruption",
    "Objective",
    "Phase",
    "Portfolio",
    "Position",
    "Progress",
    "Report",
    "Restarts",
    "Share",
    "Shareable",
    "Trainer",
    "TrainingResult",
    "inductor",
    "locate",
    "plain_energy",
]
