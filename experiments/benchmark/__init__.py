"""Benchmark: problems x estimators x seeds, one line of a file for each run."""

from experiments.benchmark.estimator import Estimator, EstimatorFactory
from experiments.benchmark.problem import BenchmarkProblem
from experiments.benchmark.suite import Suite

__all__ = ["BenchmarkProblem", "Estimator", "EstimatorFactory", "Suite"]
