import math

import pytest
import torch

from esr.errors import ConfigurationError
from esr.relaxation import HardConcrete


def test_probability_open_is_the_frequency_of_nonzero_samples() -> None:
    gates = HardConcrete()
    log_alpha = torch.tensor([-2.0, 0.0, 1.5], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    samples = gates.sample(log_alpha.expand(200_000, 3), generator=generator)
    frequency = (samples > 0).double().mean(0)
    # four standard deviations of a frequency over 200,000 draws
    torch.testing.assert_close(frequency, gates.probability_open(log_alpha), atol=4.5e-3, rtol=0)


def test_samples_reach_both_ends_and_stay_between_them() -> None:
    samples = HardConcrete().sample(
        torch.zeros(10_000, dtype=torch.float64), generator=torch.Generator().manual_seed(1)
    )
    assert samples.min() == 0
    assert samples.max() == 1


def test_mode_is_equation_13_of_louizos() -> None:
    # log alpha = 0: sigmoid 1/2, stretched to 1/2; log alpha = log 3: 3/4 -> 0.8
    log_alpha = torch.tensor([0.0, math.log(3), -10.0, 10.0], dtype=torch.float64)
    expected = torch.tensor([0.5, 0.8, 0.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(HardConcrete().mode(log_alpha), expected)


def test_gradient_equals_finite_differences() -> None:
    gates = HardConcrete()
    log_alpha = torch.linspace(-1, 1, 5, dtype=torch.float64, requires_grad=True)

    def sample(x: torch.Tensor) -> torch.Tensor:
        return gates.sample(x, generator=torch.Generator().manual_seed(3))

    assert torch.autograd.gradcheck(sample, (log_alpha,))


@pytest.mark.parametrize("bad", [{"temperature": 0.0}, {"low": 0.1}, {"high": 0.9}])
def test_settings_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="HardConcrete needs"):
        HardConcrete(**bad)
