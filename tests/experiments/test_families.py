"""The families of functions in configs/family."""

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Generator, Tensor

from esr.meta import Family
from experiments.arguments import CONFIGS, prepare_arguments

BUILT_IN = ["damped", "oscillator", "six"]


def family(name: str) -> Family:
    config = OmegaConf.load(CONFIGS / "family" / f"{name}.yaml")
    made = instantiate(config, _convert_="all")
    assert isinstance(made, Family)
    return made


def test_every_file_is_known_here() -> None:
    assert {path.stem for path in (CONFIGS / "family").glob("*.yaml")} == {*BUILT_IN, "custom"}


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_family_is_finite_and_has_a_shift(name: str) -> None:
    made = family(name)
    assert made.has_shift
    made.check(generator=Generator().manual_seed(0))


@pytest.mark.parametrize("shifted", [False, True])
def test_damped_oscillators_solve_their_equation(shifted: bool) -> None:
    damped = family("damped")
    generator = Generator().manual_seed(0)
    functions = damped.draw(60, generator=generator, shifted=shifted)
    assert functions.kinds.unique().tolist() == [0, 1, 2]
    rows = [{"zeta": 1.0, **numbers} for numbers in functions.parameters()]
    zeta, omega, x0, v0 = (
        torch.tensor([row[name] for row in rows], dtype=torch.float64)[:, None]
        for name in ("zeta", "omega", "x0", "v0")
    )
    regimes = torch.sign(zeta[:, 0] - 1) + 1  # under-damped, critical, over-damped
    assert regimes.tolist() == functions.kinds.tolist()

    times = damped.points(60, 25, generator=generator, dtype=torch.float64)
    times[:, 0] = 0
    times.requires_grad_()
    position = functions.evaluate(times)
    velocity = slope(position, times)
    acceleration = slope(velocity, times)
    x, v, a = (part.detach()[..., 0] for part in (position, velocity, acceleration))
    # the terms reach omega^2 = 100; rounding of their sum stays below 1e-10
    residual = a + 2 * zeta * omega * v + omega**2 * x
    torch.testing.assert_close(residual, torch.zeros_like(residual), rtol=0, atol=1e-10)
    torch.testing.assert_close(x[:, :1], x0)
    torch.testing.assert_close(v[:, :1], v0)


def slope(values: Tensor, times: Tensor) -> Tensor:
    (derivative,) = torch.autograd.grad(values.sum(), times, create_graph=True)
    return derivative


def test_six_are_those_of_the_slides_each_once() -> None:
    six = family("six")
    functions = six.draw(6, generator=Generator().manual_seed(0))
    assert [f"{expression:.6g}" for expression in functions.expressions()] == [
        "x",
        "exp(-x**2/2)/2.50663",
        "exp(x)",
        "sin(x)",
        "x*sin(x) - 3",
        "x**2 + 3*x + 1",
    ]
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(x).exp()
    expected = torch.stack([x, normal, x.exp(), x.sin(), x * x.sin() - 3, x**2 + 3 * x + 1])
    torch.testing.assert_close(functions.evaluate(x.expand(6, 9)[..., None])[..., 0], expected)


def test_six_out_of_domain_are_the_same_squeezed() -> None:
    six = family("six")
    inside = six.draw(12, generator=Generator().manual_seed(0))
    outside = six.draw(12, generator=Generator().manual_seed(0), shifted=True)
    k = torch.tensor([numbers["k"] for numbers in outside.parameters()], dtype=torch.float64)
    points = six.points(12, 9, generator=Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(
        outside.evaluate(points), inside.evaluate(k[:, None, None] * points)
    )


TASK = """# A task with a family
defaults:
  - /family@family: oscillator
  - _self_
task:
  _target_: builtins.dict
  family: ${family}
"""


def composed(folder: Path, *overrides: str) -> Family:
    """The family that a command line gives to a task of a user's own folder."""
    (folder / "task").mkdir()
    (folder / "task" / "mine.yaml").write_text("# @package _global_\n" + TASK)
    arguments = prepare_arguments(["--config-dir", str(folder), "+task=mine", *overrides])
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        search = f"hydra.searchpath=[file://{folder}]"
        config = compose("config", overrides=[*arguments[2:], search])
    made = instantiate(config.task, _convert_="all")["family"]
    assert isinstance(made, Family)
    return made


def test_a_family_is_chosen_on_the_command_line(tmp_path: Path) -> None:
    made = composed(tmp_path, "family=damped", "family.members.under_damped.share=4")
    assert made.variables == ("t",)
    assert made.members[0].share == 4


def test_a_family_is_written_on_the_command_line(tmp_path: Path) -> None:
    made = composed(
        tmp_path,
        "family=custom",
        "family.expression=a*sin(b*t)",
        "family.parameters={a: [1, 2]}",
        "family.parameters.b=3",
        "family.shifted.a=[2, 3]",
        "family.ranges={t: [0, 5]}",
    )
    assert made.members[0].expression == "a*sin(b*t)"
    assert made.members[0].within(shifted=True) == {"a": (2, 3), "b": (3, 3)}
    assert made.ranges == {"t": (0, 5)}


def test_a_users_own_family_is_found(tmp_path: Path) -> None:
    (tmp_path / "family").mkdir()
    text = (CONFIGS / "family" / "oscillator.yaml").read_text()
    (tmp_path / "family" / "mine.yaml").write_text(text.replace("a*exp(x)", "a*x"))
    assert composed(tmp_path, "family=mine").members[1].expression == "a*x + b*exp(-x)"
