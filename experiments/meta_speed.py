"""What an outer step of second-order MAML costs: `python -m experiments.meta_speed`.

The gradient of the query error after a few inner steps by the initialisation of an equation
learner, for several functions at once: by `esr.meta`, by loops over the functions, through the
model and in the plainest torch there is, and by `torch.func`. All are shown to agree in float64
before they are timed in turns, in float32. Times are CPU times of all threads; ratios are to
the quicker loop and for one function and replica, the median over turns.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Generator, Tensor

from baselines.eql import EQL, NoStructure, paper_layers
from esr.meta import MAML, Episodes, InnerLoop, Learner
from esr.models import Batch
from experiments.meta_loop import Plain, network_of, paper_network

__all__ = ["contenders", "disagreement", "main", "measured"]

UNITS = {"identity": 4, "square": 4, "sin": 2, "exp": 2, "sigmoid": 2, "mul": 2}
RATE = 0.01
POINTS = 10
TURN_SECONDS = 0.2
LOOPS = ("loop over models", "loop, plain torch")

Gradient = Mapping[str, Tensor]
Contender = Callable[[], Gradient]


def equation_learner(replicas: int, dtype: torch.dtype) -> EQL:
    """The network that is meta-trained, without a structure term."""
    generator = Generator().manual_seed(0)
    hidden = paper_layers(2, UNITS)
    model = EQL(1, 1, hidden, NoStructure(), replicas, generator=generator)
    return model.to(dtype)


def sines(functions: int, dtype: torch.dtype) -> Episodes:
    """Sines of different frequency and phase at random points of [-1, 1]."""
    generator = Generator().manual_seed(1)
    x = 2 * torch.rand(2, functions, POINTS, 1, generator=generator, dtype=dtype) - 1
    speed, phase = 6 * torch.rand(2, functions, 1, 1, generator=generator, dtype=dtype)
    return Episodes(*(Batch(part, torch.sin(speed * part + phase)) for part in x))


def contenders(
    functions: int, replicas: Sequence[int], steps: int, dtype: torch.dtype
) -> dict[str, Contender]:
    """Ways to find one outer gradient, by name; ours once for each number of replicas.

    Arguments:
        functions: Number of functions K.
        replicas: Numbers R of initialisations side by side; the others have one.
        steps: Number of inner steps.
        dtype: Of everything.
    """
    episodes, objective = sines(functions, dtype), MAML(InnerLoop(steps))
    found: dict[str, Contender] = {}
    for network, name in zip(
        (network_of(equation_learner(1, dtype)), paper_network), LOOPS, strict=True
    ):
        plain = Plain(network, objective.inner, RATE, objective.query_limit)
        found[name] = _bound(plain.looped, _initialisation(equation_learner(1, dtype)), episodes)
    weights = _initialisation(equation_learner(1, dtype))
    found["torch.func"] = _bound(plain.vectorised, weights, episodes)
    for count in replicas:
        found[f"ours, R={count}"] = _ours(objective, equation_learner(count, dtype), episodes)
    return found


def disagreement(functions: int, replicas: int, steps: int) -> float:
    """The largest relative distance, in float64, of any way's gradient from the plain loop's,
    ours for each of the replicas."""
    dtype = torch.float64
    ways = contenders(functions, [replicas], steps, dtype)
    episodes, objective = sines(functions, dtype), MAML(InnerLoop(steps))
    plain = Plain(paper_network, objective.inner, RATE, objective.query_limit)
    model = equation_learner(replicas, dtype)
    ours = ways.pop(f"ours, R={replicas}")()
    expected = ways[LOOPS[1]]()
    worst = max(_distance(way(), expected) for way in ways.values())
    for replica in range(replicas):
        own = {name: w[[replica]] for name, w in _initialisation(model).items()}
        mine = {name: gradient[[replica]] for name, gradient in ours.items()}
        worst = max(worst, _distance(mine, plain.looped(own, episodes)))
    return worst


def measured(ways: Mapping[str, Contender], turns: int) -> dict[str, list[float]]:
    """CPU seconds of each way in each turn, after one that warms up; quick ones are repeated
    within a turn."""
    repeats: dict[str, int] = {}
    for name, way in ways.items():
        way()
        repeats[name] = max(1, min(20, int(TURN_SECONDS / max(1e-9, _seconds(way, 1)))))
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            found[name].append(_seconds(way, repeats[name]))
    return found


def main() -> None:
    """Check, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--functions", type=int, nargs="+", default=[8, 32, 128])
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--steps", type=int, default=5, help="inner steps")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for replicas in options.replicas:
        distance = disagreement(min(options.functions), replicas, options.steps)
        print(f"gradients of all ways, R={replicas}, float64: relative distance {distance:.1e}")
        if not distance < 1e-6:
            raise SystemExit("the gradients differ, so their times mean nothing")
    print(f"{'':>4}  {'':18} {'ms a step':>10} {'ms a function':>14} {'times less':>11}")
    for functions in options.functions:
        ways = contenders(functions, options.replicas, options.steps, torch.float32)
        _print(functions, measured(ways, options.turns))


def _print(functions: int, found: Mapping[str, Sequence[float]]) -> None:
    quicker = min(LOOPS, key=lambda name: statistics.median(found[name]))
    for name, seconds in found.items():
        replicas = int(name.partition("R=")[2] or 1)
        step = statistics.median(seconds) * 1e3
        ratio = statistics.median(
            replicas * loop / own for loop, own in zip(found[quicker], seconds, strict=True)
        )
        print(
            f"K={functions:<4} {name:18} {step:9.2f} {step / functions / replicas:14.3f} "
            f"{ratio:10.1f}x"
        )


def _ours(objective: MAML, model: EQL, episodes: Episodes) -> Contender:
    learner, generator = Learner(model, RATE), Generator()
    names, parameters = zip(*model.named_parameters(), strict=True)

    def gradient() -> Gradient:
        total = objective(learner, episodes, generator=generator).total(0.0)
        return dict(zip(names, torch.autograd.grad(total, parameters), strict=True))

    return gradient


def _bound(
    way: Callable[[dict[str, Tensor], Episodes], Gradient],
    weights: dict[str, Tensor],
    episodes: Episodes,
) -> Contender:
    return lambda: way(weights, episodes)


def _initialisation(model: EQL) -> dict[str, Tensor]:
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def _distance(one: Gradient, other: Gradient) -> float:
    difference = torch.cat([(one[name] - other[name]).flatten() for name in other])
    return float(difference.norm() / torch.cat([g.flatten() for g in other.values()]).norm())


def _seconds(way: Contender, repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        way()
    return (time.process_time() - start) / repeats


if __name__ == "__main__":
    main()
