"""How often the adapted and finished model is the law."""

import math

import pytest
import torch
from torch import Generator, Tensor

from baselines.eql import EQL, paper_layers
from esr.errors import ConfigurationError
from esr.meta import Family, Member
from esr.models import Batch
from esr.structure import SmoothedL05
from experiments.tasks.meta_symbolic import Laws, Symbolic, exact_support, laws_found

FAMILY = Family(
    {
        "sine": Member("sin(w*x + c)", {"w": [5, 6], "c": [0, 2 * math.pi]}),
        "exponential": Member("a*exp(x)", {"a": [0.5, 1]}),
    },
    exact_shares=True,
)


def learner(replicas: int = 2) -> EQL:
    return EQL(
        1,
        1,
        hidden=paper_layers(1, {"identity": 1, "square": 1, "sin": 2, "exp": 1}),
        structure=SmoothedL05(0.005),
        replicas=replicas,
        initial_sd=0.3,
        generator=Generator().manual_seed(1),
    )


def test_exact_support_is_exact() -> None:
    functions = FAMILY.draw(4, generator=Generator().manual_seed(0))
    inputs = FAMILY.points(4, 10, generator=Generator().manual_seed(1))
    support = exact_support(functions, Batch(inputs, functions.evaluate(inputs)))
    assert support.inputs.dtype == support.targets.dtype == torch.float64
    for truth, x, y in zip(functions.expressions(), *support, strict=True):
        torch.testing.assert_close(truth.evaluate({"x": x[:, 0]}), y[:, 0], rtol=0, atol=1e-14)


@pytest.mark.slow
def test_laws_are_found_from_ten_points_and_nothing_else() -> None:
    functions = FAMILY.draw(2, generator=Generator().manual_seed(0))
    inputs = FAMILY.points(2, 10, generator=Generator().manual_seed(1), dtype=torch.float64)
    support = Batch(inputs, functions.evaluate(inputs))
    symbolic = Symbolic(functions=2, steps=(2, 0))
    before = learner().state_dict()
    model = learner()

    def found(truths: list[int]) -> dict[int, Tensor]:
        laws = [functions.expressions()[place] for place in truths]
        return laws_found(model, 1, laws, support, symbolic, variables=["x"])

    right, wrong = found([0, 1]), found([1, 0])
    assert list(right) == [0, 2]
    assert all(found.all() for found in right.values())
    assert not any(found.any() for found in wrong.values())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_shares_are_told_of_all_and_of_each_member() -> None:
    found = {5: torch.tensor([True, False, True])}
    laws = Laws(found, torch.tensor([0, 1, 1]), ["sine", "exponential", "absent"])
    expected = {"laws_5": 2 / 3, "laws_5_sine": 1.0, "laws_5_exponential": 0.5}
    assert laws.metrics() == pytest.approx(expected)
    cells = "2 of 3, sine 1 of 1, exponential 1 of 2"
    assert laws.rows() == [("laws found after 5 steps of Adam", cells)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"functions": -1}, "functions and steps"),
        ({"steps": (1.5,)}, "functions and steps"),
        ({"steps": ()}, "at least one number"),
        ({"seconds": 0}, "seconds must be positive"),
        ({"rate": 0}, "rate"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Symbolic(**settings)  # type: ignore[arg-type]
