"""Few rows and a million, as users give them: within the time, and within 4 GiB."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, time
import numpy as np, torch
from esr.regressor import SymbolicRegressor

torch.set_num_threads(1)
rows, columns, noise = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
generator = np.random.default_rng(0)
X = generator.uniform(1, 3, (rows, columns))
y = 2.5 * X[:, 0] * np.sin(X[:, 1]) + (X[:, 2] if columns > 2 else 0)
y += noise * generator.normal(size=rows)
began = time.monotonic()
model = SymbolicRegressor(max_seconds=40, random_state=0).fit(X, y)
seconds = time.monotonic() - began
gibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(f"{seconds:.1f} s, {gibibytes:.2f} GiB")
truth = "2.5*x0*sin(x1) + x2" if columns > 2 else "2.5*x0*sin(x1)"
from esr.equations import parse
print(model.expression_)
assert model.expression_.equals(parse(truth), decimals=2)
assert seconds < 41
assert gibibytes < 4
"""


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("10", "2", "0"), ("1000000", "10", "0.01")])
def test_the_law_is_found_in_few_rows_and_in_a_million(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
