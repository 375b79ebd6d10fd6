"""The first EnergySymbolicRegression, run from its own source to be measured beside ours.

Source: https://github.com/kilometersvi/EnergySymbolicRegression and, for the decorators it
needs, https://github.com/kilometersvi/easytools. Nothing of it is part of this project.
"""

import contextlib
import importlib
import io
import sys
import time
import warnings
from pathlib import Path

import torch

from esr.errors import DataError
from esr.spelling import InfixString

__all__ = ["NEURONS", "original_rates"]

NEURONS = 160
SYMBOLS = "N1234567890+-*/x"
WEIGHTS = {
    "c": -20, "ofo": -10, "ose": -10, "nfn": -0.5, "NfNd": 7, "Nsd": 1, "nfx": -10, "x": 1,
    "xm": -2, "Nf!N": -10, "Ne": -5, "Ns": 5, "xfx": -10,
}  # fmt: skip
"""The settings of the notebook `math.ipynb`."""


def original_rates(folder: Path, steps: int = 400) -> tuple[float, float]:
    """Neuron updates a CPU-second: of its bare dynamics, and of its run with the loss fed back,
    in which evaluating the strings is free.

    Arguments:
        folder: Holds its folders `model` and `easytools`.
        steps: Steps of the run with the loss; ten times as many bare ones.
    Raises:
        DataError: If the source is not there.
    """
    if not (folder / "model" / "symreg.py").is_file() or not (folder / "easytools").is_dir():
        raise DataError(
            f"--original {folder} must hold the folders `model` (with symreg.py) of "
            "EnergySymbolicRegression and `easytools`"
        )
    sys.path.insert(0, str(folder))
    try:
        symreg, loss, rules = (
            importlib.import_module(f"model.{name}") for name in ("symreg", "loss", "qfuncts")
        )
    finally:
        sys.path.remove(str(folder))
    layout = InfixString(tuple(SYMBOLS), 10)
    place = torch.tensor([[2.0]], dtype=torch.float64)

    class Evaluator(loss.EvaluatorBase):  # type: ignore[misc, name-defined]
        """The notebook's: the value at x = 2, wanted 20. It is read by our own layout, in time
        that does not count."""

        seconds = 0.0

        def forward(self, text: str) -> tuple[float | None, float]:
            began = time.process_time()
            symbols = layout.encode([text.rjust(10, "N")])
            valid = bool(layout.valid(symbols)[0])
            value = float(layout.values_of(symbols, place)[0, 0]) if valid else None
            self.seconds += time.process_time() - began
            return value, 20.0

    evaluator = Evaluator()

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        network = symreg.H_SymReg(
            chars=list(SYMBOLS),
            max_str_len=10,
            conf=WEIGHTS,
            sets={"operators": list("+-*/"), "numbers": list("1234567890")},
            Qfuncts=rules.math_qfuncs,
            evaluator=evaluator,
            eval_clip=400,
            cleanfunct=lambda V=None, expr=None: expr.replace("N", ""),  # noqa: N803
        )
        start, before = time.process_time(), evaluator.seconds
        network.update(n_iters=steps, min_dE=5, min_E=-300)
        spent = time.process_time() - start - (evaluator.seconds - before)
        whole = NEURONS * (len(network.L_hist) - 1) / spent
        core = network.ghn
        start = time.process_time()
        for _ in range(10 * steps):
            state = type(core).hebbian_learning(core.u, core.Q, core.V, core.I, core.dt, core.gain)
            core.u, core.V = state.u, state.V
        bare = NEURONS * 10 * steps / (time.process_time() - start)
    return bare, whole
