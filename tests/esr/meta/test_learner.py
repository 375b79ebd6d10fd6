from torch import Generator

from baselines.eql import EQL, paper_layers
from esr.meta import MAML, Episodes, InnerLoop, Learner, single_family
from esr.models import Batch
from esr.random import RandomStreams
from esr.structure import SmoothedL05
from esr.training import Phase, Trainer


class Draws:
    """Two functions at a time, the same at every step."""

    def batch(self, progress: object) -> Episodes:
        generator = Generator().manual_seed(0)
        family = single_family("a*x", {"a": [1, 2]})
        functions = family.draw(2, generator=generator)
        inputs = family.points(2, 8, generator=generator)
        values = functions.evaluate(inputs)
        return Episodes(Batch(inputs[:, :4], values[:, :4]), Batch(inputs[:, 4:], values[:, 4:]))


def test_a_phase_that_prunes_prunes_the_initialisation() -> None:
    model = EQL(
        1,
        1,
        hidden=paper_layers(1, {"identity": 2, "square": 2}),
        structure=SmoothedL05(0.005),
        replicas=2,
        generator=Generator().manual_seed(1),
    )
    before = [len(equation.constants) for (equation,) in model.expressions(["x"])]
    phases = {"meta": Phase(2, 0.001), "fine": Phase(2, 0.001, prune=0.3)}
    objective = MAML(InnerLoop(steps=1))
    Trainer(phases, objective=objective).fit(Learner(model), Draws(), RandomStreams(0))
    after = [len(equation.constants) for (equation,) in model.expressions(["x"])]
    assert all(new < old for old, new in zip(before, after, strict=True))
