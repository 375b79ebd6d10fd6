import math

import pytest
import sympy
import torch

from esr.equations import STANDARD, Interval, Primitive, PrimitiveSet, Scale


def _soft_step(x: torch.Tensor) -> torch.Tensor:
    return x / torch.sqrt(1 + x * x)


def _sympy_soft_step(x: sympy.Expr) -> sympy.Expr:
    return x / sympy.sqrt(1 + x**2)


USER = Primitive("soft_step", 1, _soft_step, _sympy_soft_step)
SCALES = (
    Scale(),
    Scale(input_scale=0.37, output_scale=-2.5, output_shift=0.75),
    Scale(input_scale=4 * math.pi, output_scale=1 / math.e, output_shift=-1 / math.e),
)
PRIMITIVES = [*STANDARD.values(), USER]


def points_in_domain(primitive: Primitive, count: int = 25) -> list[torch.Tensor]:
    """Arguments in [-2, 2] whose scaled values lie in the domain; no two the same."""
    generator = torch.Generator().manual_seed(7)
    tensors = [
        4 * torch.rand(4000, generator=generator, dtype=torch.float64) - 2
        for _ in range(primitive.arity)
    ]
    inside = primitive.in_domain(*tensors)
    return [tensor[inside][:count] for tensor in tensors]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("base", PRIMITIVES, ids=lambda p: p.name)
def test_torch_and_sympy_sides_agree(base: Primitive, scale: Scale) -> None:
    primitive = base.scaled(
        input_scale=scale.input_scale,
        output_scale=scale.output_scale,
        output_shift=scale.output_shift,
    )
    tensors = points_in_domain(primitive)
    assert len(tensors[0]) == 25
    values = primitive(*tensors)
    for row, value in zip(zip(*tensors, strict=True), values.tolist(), strict=True):
        exact = primitive.to_sympy(*(sympy.Float(entry.item(), 40) for entry in row)).evalf(40)
        # 1e-12: a few roundings, times the condition number of the worst function
        assert math.isclose(value, float(exact), rel_tol=1e-12, abs_tol=1e-12)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("base", PRIMITIVES, ids=lambda p: p.name)
def test_autograd_equals_finite_differences(base: Primitive, scale: Scale) -> None:
    primitive = Primitive(
        base.name, base.arity, base.torch_function, base.sympy_function, base.domain, scale
    )
    tensors = points_in_domain(primitive)
    # away from the ends of the domain, from poles and from kinks, where differences are wrong
    steep = [primitive(*(t + shift for t in tensors)) for shift in (-1e-3, 0.0, 1e-3)]
    smooth = (steep[0] - 2 * steep[1] + steep[2]).abs() < 1e-3 * (1 + steep[1].abs())
    inputs = [tensor[smooth].requires_grad_() for tensor in tensors]
    assert len(inputs[0]) >= 5
    assert torch.autograd.gradcheck(primitive, inputs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("primitive", PRIMITIVES, ids=lambda p: p.name)
def test_primitives_keep_type_and_broadcast(primitive: Primitive) -> None:
    shapes = [(3, 1), (1, 4)][: primitive.arity]
    value = primitive.scaled(output_scale=2, output_shift=1)(*(torch.full(s, 0.5) for s in shapes))
    assert value.dtype == torch.float32
    assert value.shape == ((3, 4) if primitive.arity == 2 else (3, 1))


def test_input_limit_bounds_the_scaled_argument_for_tensors_only() -> None:
    primitive = STANDARD["exp"].scaled(input_scale=2, input_limit=5)
    x = torch.tensor([1.0, 100.0], dtype=torch.float64)
    torch.testing.assert_close(primitive(x), torch.tensor([2.0, 5.0], dtype=torch.float64).exp())
    assert primitive.to_sympy(sympy.Symbol("x")) == sympy.exp(2 * sympy.Symbol("x"))


def test_scaled_keeps_what_is_not_named_and_base_drops_all() -> None:
    primitive = STANDARD["sin"].scaled(input_scale=3).scaled(output_shift=2)
    assert (primitive.input_scale, primitive.output_scale) == (3, 1)
    assert (primitive.output_shift, primitive.input_limit) == (2, None)
    assert primitive.base == STANDARD["sin"]


def test_whole_powers_of_negative_numbers_are_real() -> None:
    base = torch.tensor([-2.0, -2.0, -2.0, 0.0], dtype=torch.float64)
    exponent = torch.tensor([3.0, -2.0, 0.5, 2.0], dtype=torch.float64)
    value = STANDARD["pow"](base, exponent)
    assert value[[0, 1, 3]].tolist() == [-8.0, 0.25, 0.0]
    assert value[2].isnan()


def test_interval_contains_its_closed_ends_and_no_infinity() -> None:
    values = torch.tensor([-math.inf, 0.0, 0.5, 1.0, math.inf, math.nan])
    half_open = Interval(0.0, 1.0, closed_low=False)
    assert half_open.contains(values).tolist() == [False, False, True, True, False, False]
    assert Interval().contains(values).tolist() == [False, True, True, True, False, False]


def test_wrong_definitions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"identifier .* but is '2x'.*'x_2x'"):
        Primitive("2x", 1, torch.sin, sympy.sin)
    with pytest.raises(ValueError, match="arity 1 or 2, not 3"):
        Primitive("f", 3, torch.sin, sympy.sin)
    with pytest.raises(ValueError, match=r"one interval per argument \(1\), but has 2"):
        Primitive("f", 1, torch.sin, sympy.sin, (Interval(), Interval()))
    with pytest.raises(TypeError, match="torch_function of primitive 'f' must be callable"):
        Primitive("f", 1, "sin", sympy.sin)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="output_scale must be a finite number, but is nan"):
        STANDARD["sin"].scaled(output_scale=math.nan)
    with pytest.raises(ValueError, match="input_scale must not be 0"):
        STANDARD["sin"].scaled(input_scale=0.0)
    with pytest.raises(ValueError, match="low <= high, but got low=2"):
        Interval(2.0, 1.0)
    with pytest.raises(ValueError, match="'mul' takes 2 arguments, but got 1"):
        STANDARD["mul"](torch.ones(1))


def test_primitive_set_is_an_ordered_mapping() -> None:
    sin, cos = STANDARD["sin"], STANDARD["cos"]
    small = PrimitiveSet((sin, cos))
    assert list(small) == ["sin", "cos"]
    assert small == PrimitiveSet((cos, sin))
    assert hash(small) == hash(PrimitiveSet((cos, sin)))
    assert "tan" not in small
    assert small.get("tan") is None
    assert list(small | PrimitiveSet((USER, sin))) == ["sin", "cos", "soft_step"]
    replaced = small.with_primitives(sin.scaled(input_scale=2))
    assert replaced["sin"].input_scale == 2
    assert small["sin"].input_scale == 1


def test_primitive_set_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"primitive 'sn' is unknown; did you mean 'sin'"):
        STANDARD["sn"]
    with pytest.raises(ValueError, match="two primitives are named 'sin'"):
        PrimitiveSet((STANDARD["sin"], STANDARD["sin"].scaled(input_scale=2)))
    with pytest.raises(ValueError, match="different primitives named 'sin'"):
        STANDARD | PrimitiveSet((STANDARD["sin"].scaled(input_scale=2),))
