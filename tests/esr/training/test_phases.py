import pytest

from esr.errors import ConfigurationError
from esr.training import Phase, locate


def test_ramps_start_and_end_where_they_say() -> None:
    phase = Phase(steps=10, learning_rate=(1e-2, 1e-4), structure=(0.0, 2.0))
    assert phase.learning_rate_at(0) == pytest.approx(1e-2)
    assert phase.learning_rate_at(0.5) == pytest.approx(1e-3)  # geometric
    assert phase.learning_rate_at(1) == pytest.approx(1e-4)
    assert [phase.structure_at(f) for f in (0, 0.5, 1)] == [0.0, 1.0, 2.0]  # linear


def test_every_step_lies_in_its_phase() -> None:
    phases = {"a": Phase(2, 1e-2), "b": Phase(3, 1e-2)}
    places = [(p.name, p.index, p.fraction) for p in (locate(phases, s) for s in range(5))]
    assert places == [("a", 0, 0), ("a", 0, 1), ("b", 1, 0), ("b", 1, 0.5), ("b", 1, 1)]
    with pytest.raises(ValueError, match="beyond the 5 steps"):
        locate(phases, 5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0, "learning_rate": 1e-2}, "steps must be at least 1, but is 0"),
        ({"steps": 1, "learning_rate": 0.0}, "learning_rate must be positive"),
        ({"steps": 1, "learning_rate": (1e-2, 1e-3, 1e-4)}, "a number or a pair"),
        ({"steps": 1, "learning_rate": 1e-2, "structure": -1.0}, "structure must be at least 0"),
        ({"steps": 1, "learning_rate": 1e-2, "prune": -0.1}, "prune must be at least 0"),
    ],
)
def test_impossible_phases_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Phase(**settings)  # type: ignore[arg-type]
