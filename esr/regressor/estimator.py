"""SymbolicRegressor: a scikit-learn regressor whose model is an equation."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch as torch_library
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import device as Device

from esr.equations import STANDARD, Primitive
from esr.errors import DataError
from esr.regressor.answers import Answers, Index
from esr.regressor.engines import find_engine
from esr.regressor.formula import FormulaFit, fit_formula
from esr.regressor.one_output import conclude, prepare
from esr.regressor.processes import Asked, explore_all, starts_of
from esr.regressor.progress import say
from esr.regressor.saved import Saved, read_regressor, write_regressor
from esr.regressor.settings import (
    DEFAULT_PRIMITIVES,
    SearchSettings,
    check_seconds,
    chosen_device,
    chosen_primitives,
    chosen_rules,
    plain_settings,
)
from esr.regressor.tabular import as_array, as_numbers, precision_of, rows_of
from esr.regressor.variables import variable_names
from esr.search import Clock, Engine, ExpressionRules

__all__ = ["SymbolicRegressor"]

_SEARCH_SHARE, _SEARCH_SHARE_OF_MANY = 0.9, 0.6
"""Share of the time for the search; the rest is for the last fit, longer where rows are many."""
_SEEDS = 2**31 - 1
_CHUNK = 1 << 16


class SymbolicRegressor(Answers, MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Finds an equation for y in terms of the columns of X.

    `fit` searches until an equation is exact, time is over or Ctrl-C; what was found by then is
    in `equations_`, simplest first, and `predict` uses the one with the shortest description.

    Arguments:
        engine: What searches: `auto`, the name of an installed engine (`hopfield`, `eql`), or an
            object with a method `search(front, clock, streams)`, as `esr.search.Engine` has it.
        primitives: Functions that equations may have: names of standard ones and `Primitive`
            objects. Operators and whole powers they always may. None for the usual ones.
        rules: Which equations are allowed: text, or an object as `esr.search.ExpressionRules`.
        max_complexity: Largest number of nodes of an equation.
        max_seconds: Time for `fit`, for all outputs together.
        random_state: Seed, generator of numpy, or None for a new seed each time.
        n_jobs: Number of processes, as joblib has it; outputs and further starts are searched
            side by side.
        device: Where the search computes; where X is if it is a tensor, else the CPU.
        warm_start: Whether `fit` begins with the equations of the fit before.
        verbose: 0 for silence, 1 for a line of progress, 2 for a line for each improvement.
        init: Path of a meta-learnt initialisation for engines that take one.
        max_rows: Of more rows, the search sees a sample of that size.
        validation_fraction: Share of these rows that judges and is not fitted.
    """

    def __init__(
        self,
        engine: str | Engine = "auto",
        *,
        primitives: Sequence[str | Primitive] | None = None,
        rules: str | ExpressionRules | None = None,
        max_complexity: int = 60,
        max_seconds: float = 60,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        device: Device | str | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        init: object = None,
        max_rows: int = 2000,
        validation_fraction: float = 0.25,
    ) -> None:
        self.engine = engine
        self.primitives = primitives
        self.rules = rules
        self.max_complexity = max_complexity
        self.max_seconds = max_seconds
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device
        self.warm_start = warm_start
        self.verbose = verbose
        self.init = init
        self.max_rows = max_rows
        self.validation_fraction = validation_fraction

    def fit(self, X: object, y: object, sample_weight: object = None) -> "SymbolicRegressor":  # noqa: N803
        """Search for equations.

        Arguments:
            X: Rows `(N, D)`: an array, a frame, whose columns name the variables, or a tensor.
            y: Values `(N,)`, or `(N, O)` for an equation for each column.
            sample_weight: Importance of the rows `(N,)`, not negative; a weight of 2 is the same
                as a row given twice.
        Returns:
            Itself.
        Raises:
            ValueError: If the rows are not finite numbers, a setting is out of range, or rules
                allow nothing.
        """
        clock = Clock(check_seconds(self.max_seconds))
        earlier = list(getattr(self, "tables_", [])) if self.warm_start else []
        device, precision = chosen_device(self.device, X), precision_of(X, y)
        inputs, targets, weights = self._validated(X, y, sample_weight)
        variables = self._variables()
        settings = self._settings(variables)
        random = check_random_state(self.random_state)
        flat = targets.ndim == 1
        table = targets[:, None] if flat else targets  # (N, O)
        outputs, starts = table.shape[1], starts_of(table.shape[1], self.n_jobs)
        seeds = random.randint(_SEEDS, size=(outputs, starts + 1)).tolist()
        asked = []
        for output, (first, *rest) in enumerate(seeds):
            rows = rows_of(inputs, table[:, output], weights, variables, device)
            known = earlier[output] if len(earlier) == outputs else ()
            asked.append(
                Asked(
                    prepare(rows, settings, precision, first),
                    tuple(rest),
                    tuple(row.equation for row in known),
                    "y" if flat else f"y[{output}]",
                )
            )
        many = len(inputs) > self.max_rows
        share = _SEARCH_SHARE_OF_MANY if many else _SEARCH_SHARE
        explored = explore_all(asked, settings, clock.part(share), self.n_jobs)
        ends = [
            conclude(output.prepared, found, clock)
            for output, found in zip(asked, explored, strict=True)
        ]
        interrupted = [found.interrupted for each in explored for found in each]
        self.tables_ = [table for table, _ in ends]
        self.variables_, self._is_flat = variables, flat
        self.interrupted_ = any(interrupted) or any(late for _, late in ends)
        self.notes_ = asked[0].prepared.notes
        self._tell(clock)
        return self

    def predict(self, X: object, index: Index = None) -> NDArray[np.float64]:  # noqa: N803
        """Values of the equations.

        Arguments:
            X: Rows `(N, D)`.
            index: Row of the table to use; the chosen one if None.
        Returns:
            Shape `(N,)`, or `(N, O)` if y had columns; NaN or infinite where an equation is.
        """
        check_is_fitted(self, "tables_")
        inputs = validate_data(self, as_array(X), dtype=np.float64, reset=False)
        rows = self._rows(index)
        values = np.empty((len(inputs), len(rows)))
        for begin in range(0, len(inputs), _CHUNK):
            part = torch_library.tensor(inputs[begin : begin + _CHUNK])
            columns = dict(zip(self.variables_, part.unbind(1), strict=True))
            for output, row in enumerate(rows):
                values[begin : begin + _CHUNK, output] = row.equation.evaluate(columns).numpy()
        return values[:, 0] if self._is_flat else values

    def fit_constants(
        self,
        formula: str,
        X: object,  # noqa: N803
        y: object,
        sample_weight: object = None,
        starts: Mapping[str, float] | None = None,
    ) -> FormulaFit:
        """Fit the named constants of a given formula; nothing is searched for or kept.

        Arguments:
            formula: For instance `a*sin(b*x) + c`: names that are no columns are constants.
            X: Rows `(N, D)`.
            y: Values `(N,)`.
            sample_weight: Importance of the rows `(N,)`.
            starts: Values to begin with, by name; they are not needed.
        Raises:
            ValueError: If the formula or the rows cannot be used.
        """
        probe = SymbolicRegressor()
        inputs, target, weights = probe._validated(X, y, sample_weight)
        if target.ndim != 1:
            raise DataError(f"y must have shape (N,), but has {target.shape}")
        variables, device = probe._variables(), chosen_device(self.device, X)
        seed = int(check_random_state(self.random_state).randint(_SEEDS))
        own = [entry for entry in self.primitives or () if isinstance(entry, Primitive)]
        return fit_formula(
            formula,
            rows_of(inputs, target, weights, variables, device),
            starts=starts,
            primitives=STANDARD.with_primitives(*(primitive.base for primitive in own)),
            generator=torch_library.Generator().manual_seed(seed),
        )

    def save(self, path: Path | str) -> None:
        """Write the fit to a file of plain text, in one step.

        Engines, rules and primitives that are objects are not in it.

        Arguments:
            path: Its folder must exist.
        """
        check_is_fitted(self, "tables_")
        columns = getattr(self, "feature_names_in_", None)
        write_regressor(
            Path(path),
            Saved(
                plain_settings(self.get_params(deep=False)),
                None if columns is None else tuple(columns),
                self.variables_,
                tuple(self.tables_),
                self._is_flat,
            ),
        )

    @classmethod
    def load(cls, path: Path | str, primitives: Sequence[Primitive] = ()) -> "SymbolicRegressor":
        """Read a file that `save` wrote; nothing in it is executed.

        Arguments:
            path: The file.
            primitives: Those in its equations that are not standard.
        Raises:
            DataError: If the file cannot be used.
        """
        saved = read_regressor(Path(path), primitives)
        try:
            made = cls()
            made.set_params(**saved.settings)
        except (TypeError, ValueError) as error:
            raise DataError(f"{path} cannot be used: {error}") from error
        if primitives:
            named = DEFAULT_PRIMITIVES if made.primitives is None else made.primitives
            made.primitives = [*named, *primitives]
        made.tables_, made.variables_ = list(saved.tables), saved.variables
        made._is_flat, made.interrupted_ = saved.is_flat, False
        made.n_features_in_ = len(saved.variables)
        if saved.columns is not None:
            made.feature_names_in_ = np.array(saved.columns, dtype=object)
        return made

    def _settings(self, variables: Sequence[str]) -> SearchSettings:
        """What holds for all outputs and starts, checked."""
        primitives = chosen_primitives(self.primitives)
        rules = chosen_rules(self.rules, variables, primitives)
        return SearchSettings(
            find_engine(self.engine, init=self.init),
            primitives,
            rules,
            self.max_complexity,
            self.max_rows,
            self.validation_fraction,
            self.verbose,
        )

    def _variables(self) -> tuple[str, ...]:
        """Names of the variables: those of the columns, or x0, x1, ..."""
        columns = getattr(self, "feature_names_in_", None)
        if columns is None:
            return tuple(f"x{column}" for column in range(self.n_features_in_))
        return variable_names(list(columns))

    def _validated(
        self,
        X: object,  # noqa: N803
        y: object,
        sample_weight: object,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None]:
        """Inputs, targets and weights as finite numbers of fitting shapes."""
        inputs, targets = validate_data(
            self, as_array(X), as_array(y), dtype=np.float64, multi_output=True, y_numeric=True
        )
        targets = as_numbers(targets, "y")
        if sample_weight is None:
            return inputs, targets, None
        weights = check_array(
            as_array(sample_weight),
            dtype=np.float64,
            ensure_2d=False,
            input_name="sample_weight",
        )
        if weights.shape != (len(inputs),):
            raise DataError(
                f"sample_weight must have shape ({len(inputs)},), but has {weights.shape}"
            )
        if not ((weights >= 0).all() and (weights > 0).any()):
            raise DataError("sample_weight must not be negative, and at least one not be zero")
        return inputs, targets, weights

    def _tell(self, clock: Clock) -> None:
        """Notices on the error stream."""
        if self.verbose > 0:
            for note in self.notes_:
                say(note)
        if self.interrupted_:
            say(f"interrupted after {clock.spent:.1f} s; the equations found by then stand")
