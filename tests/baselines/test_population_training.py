"""Training populations: passes, Levenberg-Marquardt and Adam."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from baselines.languages import polynomials
from baselines.population import (
    Architecture,
    BatchedAdam,
    Damping,
    Fitted,
    Fitter,
    LevenbergMarquardt,
    OwnStarts,
    Points,
    gauss_legendre,
    relative_errors,
    sampled_points,
)
from baselines.population.adam import error_gradients
from baselines.population.passes import derivatives, forward, kernel, sensitivities
from esr.errors import ConfigurationError, DataError

SHAPES = [
    Architecture(),
    Architecture((2, 3, 4, 1), "silu", bias=True),
    Architecture((1, 3, 1), "tanh", bias=True),
    Architecture((1, 1, 2, 1), "gelu"),
]
TOLERANCE = 1e-4


def random_weights(architecture: Architecture, count: int, seed: int = 0) -> Tensor:
    generator = Generator().manual_seed(seed)
    shape = (count, architecture.count)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def random_points(architecture: Architecture, count: int = 5) -> Points:
    return sampled_points(count, architecture.inputs, generator=Generator().manual_seed(1))


def parabolas(count: int, points: Points, seed: int = 3) -> Tensor:
    language = polynomials(2)
    drawn = language.draw(count, generator=Generator().manual_seed(seed))
    return language.evaluate(drawn.skeletons, language.values(drawn), points.points)


def fitted(fitter: Fitter, count: int = 40, nodes: int = 10, tolerance: float = 1e-4) -> Fitted:
    points, architecture = gauss_legendre(nodes), Architecture()
    start = OwnStarts().draw(architecture, 0, count, 0)
    return fitter.fit(architecture, start, parabolas(count, points), points, tolerance)


class TestPasses:
    @pytest.mark.parametrize("architecture", SHAPES, ids=str)
    def test_kernel_is_the_product_of_derivatives(self, architecture: Architecture) -> None:
        weights, points = random_weights(architecture, 3), random_points(architecture)
        layers, bias = architecture.split(weights), architecture.bias
        passed = forward(layers, architecture.unit, points.points)
        for factors in (points.weights, torch.rand(3, 5).double()):
            sensitive = sensitivities(layers, architecture.unit, passed, factors)
            rows = derivatives(passed, sensitive, bias)
            expected = architecture.jacobian(weights, points.points)[1] * factors[..., None]
            torch.testing.assert_close(rows, expected)
            torch.testing.assert_close(kernel(passed, sensitive, bias), rows @ rows.mT)

    @pytest.mark.parametrize("architecture", SHAPES, ids=str)
    def test_gradients_equal_autograd(self, architecture: Architecture) -> None:
        weights, points = random_weights(architecture, 3), random_points(architecture)
        targets = torch.rand(3, 5, dtype=torch.float64) + 0.5
        errors, gradients = error_gradients(architecture, weights, targets, points)
        weights.requires_grad_()
        expected = relative_errors(architecture, weights, targets, points)
        torch.testing.assert_close(errors, expected.detach())
        torch.testing.assert_close(gradients, *torch.autograd.grad(expected.sum(), weights))


class TestLevenbergMarquardt:
    @pytest.mark.parametrize("bias", [False, True])
    def test_dual_and_primal_steps_agree(
        self, bias: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The same points twice with half the weight are the same problem, which is then
        solved in the other form."""
        architecture = Architecture((1, 3, 3, 1), "silu", bias)
        points = gauss_legendre(architecture.count - 1)
        twice = Points(points.points.repeat(2, 1), points.weights.repeat(2) / 2)
        start, targets = 0.5 * random_weights(architecture, 20), parabolas(20, points)
        for steps in (1, 3):
            fitter = LevenbergMarquardt(steps=steps)
            dual = fitter.fit(architecture, start, targets, points, TOLERANCE)
            primal = fitter.fit(architecture, start, targets.repeat(1, 2), twice, TOLERANCE)
            torch.testing.assert_close(dual, primal, rtol=1e-6, atol=1e-8)  # solves round

    def test_one_step_is_the_damped_least_squares_solution(self) -> None:
        architecture, points = Architecture((1, 3, 1), "silu", bias=True), gauss_legendre(6)
        start, targets = 0.3 * random_weights(architecture, 20), parabolas(20, points)
        found = LevenbergMarquardt(steps=1).fit(architecture, start, targets, points, TOLERANCE)
        outputs, jacobian = architecture.jacobian(start, points.points)
        roots = points.weights.sqrt()
        above = jacobian * roots[:, None]
        right = torch.cat([(targets - outputs) * roots, torch.zeros_like(start)], 1)
        below = torch.eye(architecture.count).double().expand(20, -1, -1)
        step = torch.linalg.lstsq(torch.cat([above, below], 1), right[..., None]).solution
        trial = start + step[..., 0]
        errors = relative_errors(architecture, trial, targets, points)
        lower = errors < relative_errors(architecture, start, targets, points)
        torch.testing.assert_close(found.weights, torch.where(lower[:, None], trial, start))
        assert lower.sum() > 10

    def test_population_converges_and_errors_are_true(self) -> None:
        found, points = fitted(LevenbergMarquardt(), count=300), gauss_legendre(10)
        assert (found.errors <= TOLERANCE).float().mean() > 0.99
        assert found.steps.float().mean() < 15
        assert found.weights.dtype == torch.float32
        again = relative_errors(Architecture(), found.weights, parabolas(300, points), points)
        torch.testing.assert_close(again, found.errors.double(), rtol=1e-2, atol=1e-8)  # float32

    def test_overdetermined_population_converges(self) -> None:
        architecture, points = Architecture((1, 4, 4, 1)), gauss_legendre(40)  # P = 24 weights
        start = OwnStarts().draw(architecture, 0, 60, 0)
        found = LevenbergMarquardt().fit(
            architecture, start, parabolas(60, points), points, TOLERANCE
        )
        assert (found.errors <= TOLERANCE).float().mean() > 0.9

    @pytest.mark.parametrize("batch", [1, 7, 40])
    def test_companions_do_not_matter(self, batch: int) -> None:
        architecture, points = Architecture(), gauss_legendre(10)
        start, targets = random_weights(architecture, 40) / 3, parabolas(40, points)
        everyone = LevenbergMarquardt(steps=12).fit(
            architecture, start, targets, points, TOLERANCE
        )
        few = LevenbergMarquardt(steps=12, batch=batch).fit(
            architecture, start[3:25], targets[3:25], points, TOLERANCE
        )
        own = Fitted(*(part[3:25] for part in everyone))
        assert 0 < (own.errors > TOLERANCE).sum() < 22  # some give up, some converge
        torch.testing.assert_close(few, own, rtol=1e-4, atol=1e-7)  # steps amplify rounding

    def test_network_that_cannot_be_fitted_is_given_up(self) -> None:
        """Units without biases that are odd cannot say one."""
        architecture, points = Architecture((1, 3, 1), "tanh"), gauss_legendre(10)
        targets = torch.ones(1, 10, dtype=torch.float64)
        start = random_weights(architecture, 1)
        found = LevenbergMarquardt(steps=500).fit(architecture, start, targets, points, 1e-3)
        assert found.steps < 500
        assert found.errors == pytest.approx(1, abs=1e-3)


def both() -> list[Any]:
    return [LevenbergMarquardt(steps=30), BatchedAdam(steps=30)]


@pytest.mark.parametrize("fitter", both(), ids=lambda one: type(one).__name__)
class TestFitters:
    def test_errors_fall(self, fitter: Fitter) -> None:
        architecture, points = Architecture(), gauss_legendre(10)
        start = OwnStarts().draw(architecture, 0, 40, 0)
        before = relative_errors(architecture, start, parabolas(40, points), points)
        assert (fitted(fitter).errors < before).all()

    def test_a_network_that_is_there_already_stays(self, fitter: Fitter) -> None:
        found = fitted(fitter, tolerance=1e9)
        assert torch.equal(found.weights, OwnStarts().draw(Architecture(), 0, 40, 0))
        assert (found.steps == 0).all()

    def test_the_start_is_not_overwritten_and_no_network_is_none(self, fitter: Fitter) -> None:
        points, architecture = gauss_legendre(10), Architecture()
        start = OwnStarts().draw(architecture, 0, 3, 0)
        before = start.clone()
        fitter.fit(architecture, start, parabolas(3, points), points, TOLERANCE)
        assert torch.equal(start, before)
        none = fitter.fit(architecture, start[:0], parabolas(3, points)[:0], points, TOLERANCE)
        assert [len(part) for part in none] == [0, 0, 0]

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
    def test_a_start_that_is_not_finite_spoils_no_other(self, fitter: Fitter, bad: float) -> None:
        architecture, points = Architecture(unit="softplus"), gauss_legendre(10)
        start, targets = OwnStarts().draw(architecture, 0, 9, 0), parabolas(9, points)
        good = fitter.fit(architecture, start, targets, points, TOLERANCE)
        spoilt = start.clone()
        spoilt[4] = bad
        found = fitter.fit(architecture, spoilt, targets, points, TOLERANCE)
        others = torch.arange(9) != 4
        for one, other in zip(found, good, strict=True):
            torch.testing.assert_close(one[others], other[others], rtol=1e-3, atol=1e-5)
        assert found.errors[4] == torch.inf
        assert found.steps[4] == 0

    def test_what_cannot_be_fitted_is_refused(self, fitter: Fitter) -> None:
        architecture, points = Architecture(), gauss_legendre(10)
        start, targets = OwnStarts().draw(architecture, 0, 4, 0), parabolas(4, points)
        nan, zero = targets.clone(), targets.clone()
        nan[2, 0] = torch.nan
        zero[1] = 0
        wrong: list[tuple[Any, str]] = [
            ((start[:, 1:], targets, points), "start must be"),
            ((start[1:], targets, points), "targets must be"),
            ((start, targets[:, 1:], points), "targets must be"),
            ((start, targets, gauss_legendre(5, inputs=2)), "points must be"),
            ((start.long(), targets, points), "floating type"),
            ((start, nan, points), "first is number 2"),
            ((start, zero, points), "first is number 1"),
        ]
        for arguments, message in wrong:
            with pytest.raises(DataError, match=message):
                fitter.fit(architecture, *arguments, TOLERANCE)
        for tolerance in (0.0, -1.0, float("nan"), float("inf")):
            with pytest.raises(ConfigurationError, match="tolerance must be positive"):
                fitter.fit(architecture, start, targets, points, tolerance)


class TestAdam:
    def test_it_takes_the_steps_of_torch(self) -> None:
        architecture, points = Architecture((1, 3, 1), bias=True), gauss_legendre(8)
        start, targets = random_weights(architecture, 4), parabolas(4, points)
        fitter = BatchedAdam(steps=7, check_every=3, batch=3)
        found = fitter.fit(architecture, start, targets, points, 1e-12)
        weights = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([weights], lr=fitter.rate)
        for _ in range(7):
            optimizer.zero_grad()
            relative_errors(architecture, weights, targets, points).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        torch.testing.assert_close(found.weights, weights.detach())
        assert (found.steps == 7).all()

    def test_rate_falls_to_the_last_one(self) -> None:
        """With a mean of one gradient, steps are as long as the rate."""
        architecture, points = Architecture((1, 3, 1)), gauss_legendre(8)
        start, targets = random_weights(architecture, 1), parabolas(1, points)
        ends = [
            BatchedAdam(steps, 0.01, 0.0, decays=(0.0, 0.0)).fit(
                architecture, start, targets, points, 1e-12
            )
            for steps in (1, 2)
        ]
        torch.testing.assert_close((ends[0].weights - start).abs().max().item(), 0.01)
        half = BatchedAdam(1, 0.005).fit(architecture, ends[0].weights, targets, points, 1e-12)
        torch.testing.assert_close(ends[1].weights, half.weights)

    def test_networks_leave_when_they_have_converged(self) -> None:
        found = fitted(BatchedAdam(steps=150), count=60, tolerance=1e-3)
        there = found.errors <= 1e-3
        assert 0.2 < there.float().mean() < 1
        assert (found.steps[~there] == 150).all()
        assert (found.steps % 10 == 0).all()
        assert len(found.steps[there].unique()) > 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LevenbergMarquardt(steps=0), "must be at least 1"),
        (lambda: LevenbergMarquardt(batch=0), "must be at least 1"),
        (lambda: LevenbergMarquardt(numbers=0), "must be at least 1"),
        (lambda: Damping(first=0), "damping needs"),
        (lambda: Damping(rise=1), "damping needs"),
        (lambda: replace(Damping(), fall=1), "damping needs"),
        (lambda: Damping(first=float("nan")), "damping needs"),
        (lambda: BatchedAdam(steps=0), "at least 1"),
        (lambda: BatchedAdam(rate=0), "positive rate"),
        (lambda: BatchedAdam(rate=0.1, last_rate=0.2), "positive rate"),
        (lambda: BatchedAdam(decays=(0.9, 1.0)), "below 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()
