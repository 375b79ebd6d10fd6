import pytest
import torch

from esr.errors import ConfigurationError
from esr.random import RandomStreams


def draw(streams: RandomStreams, name: str) -> torch.Tensor:
    return torch.rand(4, generator=streams[name])


def test_a_draw_in_one_stream_does_not_shift_another() -> None:
    first, second = RandomStreams(7), RandomStreams(7)
    draw(first, "noise")
    assert torch.equal(draw(first, "data"), draw(second, "data"))


def test_streams_and_seeds_differ() -> None:
    draws = [draw(RandomStreams(s), n) for s in (0, 1) for n in ("data", "init")]
    assert len({tuple(d.tolist()) for d in draws}) == 4


def test_state_goes_on_where_it_was() -> None:
    streams = RandomStreams(3)
    draw(streams, "data")
    state = streams.state_dict()
    expected = draw(streams, "data")
    other = RandomStreams(3)
    other.load_state_dict(state)
    assert torch.equal(draw(other, "data"), expected)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True, 2**63])
def test_a_seed_that_is_not_one_is_refused(seed: object) -> None:
    with pytest.raises(ConfigurationError, match="seed must be an integer"):
        RandomStreams(seed)  # type: ignore[arg-type]
