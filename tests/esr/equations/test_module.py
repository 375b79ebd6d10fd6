import pytest
import torch

from esr.equations import Expression, ExpressionModule, parse


def test_module_has_the_value_of_the_expression() -> None:
    expression = parse("1.5*sin(2*x)**2 + 0.25*y**-2 - z**0.5")
    module = expression.to_torch(["y", "x", "z"], dtype=torch.float64)
    inputs = torch.rand(4, 5, 3, dtype=torch.float64) + 0.1
    y, x, z = inputs.unbind(-1)
    assert module(inputs).shape == (4, 5)
    torch.testing.assert_close(module(inputs), expression(x=x, y=y, z=z), rtol=1e-14, atol=1e-14)
    assert module.expression() == expression


def test_all_constants_but_whole_exponents_are_trained() -> None:
    module = parse("1.5*x**2 + x**0.5 + 2**x").to_torch(["x"], dtype=torch.float64)
    assert [name for name, _ in module.named_parameters()] == ["constants"]
    assert module.constants.tolist() == [1.5, 0.5, 2.0]
    inputs = torch.rand(6, 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda c, x: torch.func.functional_call(module, {"constants": c}, (x,)),
        (module.constants.detach().requires_grad_(), inputs),
    )


def test_training_recovers_constants_for_negative_bases() -> None:
    x = torch.linspace(-2, 2, 40, dtype=torch.float64)[:, None]
    module = parse("1*x**3 + 0").to_torch(["x"], dtype=torch.float64)
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=50)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = (module(x) - (2.5 * x[:, 0] ** 3 - 1)).square().mean()
        value.backward()
        return value

    optimizer.step(loss)  # type: ignore[arg-type]
    assert f"{module.expression():.4g}" == "2.5*x**3 - 1"


def test_state_travels_between_modules_of_one_form() -> None:
    first, second = (parse(t).to_torch(["x"]) for t in ("2*x + 3", "5*x + 7"))
    second.load_state_dict(first.state_dict())
    assert list(first.state_dict()) == ["constants"]
    assert second.expression() == first.expression() == parse("2*x + 3")


def test_expressions_without_constants_or_variables_work() -> None:
    inputs = torch.rand(5, 2)
    assert torch.equal(parse("x").to_torch(["x", "y"])(inputs), inputs[:, 0])
    assert parse("2").to_torch(["x", "y"])(inputs).tolist() == [2.0] * 5
    assert "x, variables=(x)" in repr(parse("x").to_torch(["x"]))


def test_wrong_use_is_explained() -> None:
    expression: Expression = parse("x + y")
    with pytest.raises(ValueError, match="variable 'y' of the expression has no value"):
        ExpressionModule(expression, ["x"])
    with pytest.raises(ValueError, match="variables must be distinct, but are x, y, x"):
        expression.to_torch(["x", "y", "x"])
    with pytest.raises(ValueError, match=r"features x, y, but got shape \(5, 3\)"):
        expression.to_torch(["x", "y"])(torch.rand(5, 3))
