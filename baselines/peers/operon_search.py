"""A run of Operon through `pyoperon`'s own objects, with the time at which each model appeared."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from torch import Tensor

__all__ = ["OperonFind", "OperonSearch"]

_PRECISION = 17
_UNLIMITED = 2**40
_DEEPEST, _SHORTEST_START, _LONGEST_START, _TOURNAMENT = 10, 2, 10, 5
_MUTATION, _INTERNAL = 0.25, 0.9
_ROUNDING = 1e-12
"""Share of the mean square that constants and sums in single precision leave: (8 roundings)^2."""


@dataclass(frozen=True)
class OperonFind:
    """A model that was on Operon's front.

    Arguments:
        text: In infix, with its scale and offset.
        tree: Operon's own object.
        error: Mean squared error on the rows.
        seconds: When it was first seen there.
        exact: Whether it misses the rows by rounding in single precision alone.
    """

    text: str
    tree: object
    error: float
    seconds: float
    exact: bool


class OperonSearch:
    """NSGA-II on accuracy and length, as `pyoperon.sklearn.SymbolicRegressor` sets it up.

    That class keeps its algorithm to itself, which alone can be asked for its front after each
    generation; so the same parts are joined here, with the same defaults. A test holds both to
    the same front.

    Arguments:
        program: The module `pyoperon`.
        symbols: Functions of the search, by the names of its node types in lower case.
        population: Number of individuals.
        length: Largest number of nodes.
        iterations: Levenberg-Marquardt steps on each individual.
        generations: Largest number of generations; unlimited unless given.
    """

    def __init__(
        self,
        program: ModuleType,
        symbols: Sequence[str],
        population: int,
        length: int,
        iterations: int,
        generations: int = _UNLIMITED,
    ) -> None:
        self._generations = generations
        self._program, self._symbols = program, tuple(symbols)
        self._population, self._length, self._iterations = population, length, iterations
        self.generations = 0
        self.evaluations = 0
        self.history: list[OperonFind] = []
        """Every model that was on the front after a generation, in the order of finding."""

    def run(
        self,
        inputs: Tensor,
        targets: Tensor,
        names: Sequence[str],
        seed: int,
        seconds: int,
        until_exact: bool,
    ) -> list[OperonFind]:
        """Search, and return the front.

        Arguments:
            inputs: Shape `(N, D)`.
            targets: Shape `(N,)`.
            names: D names of the columns, for the text of models.
            seed: Determines the draws.
            seconds: Budget, whole seconds.
            until_exact: Whether to end at the first model that is exact in single precision.
        """
        op, started = self._program, time.perf_counter()
        y = targets.double().numpy()
        data = op.Dataset(np.asfortranarray(np.column_stack((inputs.double().numpy(), y))))
        rows, columns = op.Range(0, data.Rows), sorted(data.Variables, key=lambda v: v.Index)
        problem = op.Problem(data)
        problem.TrainingRange, problem.TestRange = rows, op.Range(data.Rows - 1, data.Rows)
        problem.Target, problem.InputHashes = columns[-1], [v.Hash for v in columns[:-1]]
        problem.ConfigurePrimitiveSet(self._primitives())
        table = op.DispatchTable()
        named = {v.Hash: name for v, name in zip(columns[:-1], names, strict=True)}
        judge = _Judge(op, table, data, rows, y, named)
        parts = _Parts(op, problem, table, self._length, self._iterations)
        config = op.GeneticAlgorithmConfig(
            generations=self._generations,
            max_evaluations=_UNLIMITED,
            local_iterations=self._iterations,
            population_size=self._population,
            pool_size=self._population,
            p_crossover=1.0,
            p_mutation=_MUTATION,
            seed=seed,
            max_time=seconds,
        )
        algorithm = op.NSGA2Algorithm(
            config,
            problem,
            parts.trees,
            parts.coefficients,
            parts.generator,
            parts.reinserter,
            parts.sorter,
        )
        seen: set[str] = set()

        def look() -> None:
            """Note what is new on the front; Operon calls it after each generation."""
            now = time.perf_counter() - started
            for individual in algorithm.BestFront:
                found = judge(individual, now)
                if found.text not in seen:
                    seen.add(found.text)
                    self.history.append(found)
                    if until_exact and found.exact:
                        parts.evaluator.Budget = 0

        algorithm.Run(op.RandomGenerator(np.uint64(seed)), look, 1, False)
        look()
        self.generations = int(algorithm.Generation)
        self.evaluations = int(parts.evaluator.ResidualEvaluations)
        first = {found.text: found for found in self.history}
        return [first[judge(individual, 0.0).text] for individual in algorithm.BestFront]

    def _primitives(self) -> int:
        kinds = {name.lower(): kind for name, kind in vars(self._program.NodeType).items()}
        return sum(int(kinds[name]) for name in (*self._symbols, "constant", "variable"))


class _Parts:
    """Operators of the search; they are kept here because Operon only points at them."""

    def __init__(
        self, op: ModuleType, problem: object, table: object, length: int, iterations: int
    ) -> None:
        names = problem.InputHashes  # type: ignore[attr-defined]
        self.primitives = primitives = problem.PrimitiveSet  # type: ignore[attr-defined]
        self.creator = creator = op.BalancedTreeCreator(primitives, names, 0.0)
        self.coefficients = op.NormalCoefficientInitializer()
        self.coefficients.ParameterizeDistribution(0, 1)
        self.trees = op.UniformLengthTreeInitializer(creator)
        arity, _ = primitives.FunctionArityLimits()
        self.trees.ParameterizeDistribution(arity + 1, min(_LONGEST_START, length))
        self.trees.MinDepth, self.trees.MaxDepth = 1, 1000
        self.objectives = [
            op.Evaluator(problem, table, op.R2(), True),
            op.LengthEvaluator(problem),
        ]
        self.evaluator = op.MultiEvaluator(problem)
        for objective in self.objectives:
            objective.Budget = _UNLIMITED
            self.evaluator.Add(objective)
        self.evaluator.Budget = _UNLIMITED
        one, several = op.NormalOnePointMutation(), op.NormalMultiPointMutation()
        discrete = op.DiscretePointMutation()
        for constant in op.Math.Constants:
            discrete.Add(constant, 1.0)
        for point in (one, several):
            point.ParameterizeDistribution(0, 1)
        grown = (creator, self.coefficients, _DEEPEST, length)
        self.mutations = [
            one,
            several,
            discrete,
            op.ChangeVariableMutation(names),
            op.ChangeFunctionMutation(primitives),
            op.InsertSubtreeMutation(*grown),
            op.ReplaceSubtreeMutation(*grown),
            op.RemoveSubtreeMutation(primitives),
        ]
        self.mutation = op.MultiMutation()
        for mutation in self.mutations:
            self.mutation.Add(mutation, 1.0)
        self.comparison = op.CrowdedComparison()
        self.reinserter, self.sorter = op.KeepBestReinserter(self.comparison), op.RankSorter()
        self.selectors = [op.TournamentSelector(self.comparison) for _ in range(2)]
        for selector in self.selectors:
            selector.TournamentSize = _TOURNAMENT
        self.crossover = op.SubtreeCrossover(_INTERNAL, _DEEPEST, length)
        self.optimizer = op.LMOptimizer(table, problem, iterations, 0)
        self.fitting = op.CoefficientOptimizer(self.optimizer)
        self.generator = op.BasicOffspringGenerator(
            self.evaluator, self.crossover, self.mutation, *self.selectors, self.fitting
        )


class _Judge:
    """Reads individuals as text with scale and offset, and measures their error once each."""

    def __init__(
        self,
        op: ModuleType,
        table: object,
        data: object,
        rows: object,
        targets: "np.ndarray[tuple[int], np.dtype[np.float64]]",
        names: dict[int, str],
    ) -> None:
        self._op, self._table, self._data, self._rows = op, table, data, rows
        self._targets, self._names = targets, names
        self._limit = _ROUNDING * float(np.mean(targets**2))

    def __call__(self, individual: object, seconds: float) -> OperonFind:
        op = self._op
        genotype = individual.Genotype  # type: ignore[attr-defined]
        values = op.Evaluate(self._table, genotype, self._data, self._rows)
        scale, offset = op.FitLeastSquares(values, self._targets)
        nodes = genotype.Nodes
        if scale != 1:
            nodes += [op.Node.Constant(scale), op.Node.Mul()]
        if offset != 0:
            nodes += [op.Node.Constant(offset), op.Node.Add()]
        tree = op.Tree(nodes).UpdateNodes()
        text = str(op.InfixFormatter.Format(tree, self._names, _PRECISION))
        error = float(np.mean((self._targets - (scale * values.astype(float) + offset)) ** 2))
        error = error if math.isfinite(error) else math.inf
        return OperonFind(text, tree, error, seconds, error <= self._limit)
