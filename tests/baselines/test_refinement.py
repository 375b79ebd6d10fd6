"""From a network and a skeleton to an equation: what is found is what brute force finds."""

import math
from itertools import product

import pytest
import torch
from torch import Generator, Tensor

from baselines.languages import Equations, Language, Number, UniformSkeletons, polynomials
from baselines.population import (
    Architecture,
    Layer,
    Points,
    Unit,
    gauss_legendre,
    relative_errors,
    sampled_points,
)
from baselines.refinement import (
    Refined,
    Refinement,
    read_as_polynomials,
    refine,
    search_skeletons,
)
from baselines.refinement.rounding import real_coefficients, rounded_coefficients, triangular
from esr.errors import ConfigurationError, DataError

SQUARE = Unit("square", torch.square, lambda z, a: 2 * z)
QUADRATICS = Architecture((1, 3, 1), SQUARE, bias=True)
SINES = Architecture((2, 3, 1), "sin", bias=True)
WAVES = Language(["#*sin(#*x)", "#*sin(#*y)", "#"], ("x", "y"), inner=Number(5, 25))
LINE = gauss_legendre(8)
PLANE = gauss_legendre(6, 2)


def generator(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def drawn(language: Language, count: int) -> Equations:
    return language.draw(count, UniformSkeletons(), generator=generator())


def networks(architecture: Architecture, first: Tensor, bias: Tensor, second: Tensor) -> Tensor:
    """Networks with one hidden layer: weights `(M, D, 3)`, biases and output weights `(M, 3)`."""
    nothing = second.new_zeros(len(second), 1, 1)
    layers = [Layer(first, bias[:, None]), Layer(second[..., None], nothing)]
    return architecture.join(layers)


def quadratics(equations: Equations) -> Tensor:
    """Networks that are polynomials of degree 2: sums of x^2, (x + 1)^2 and 1."""
    language, count = polynomials(), len(equations)
    at = torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64)
    left, middle, right = language.evaluate(
        equations.skeletons, language.values(equations), at
    ).unbind(1)
    square, slope = (left + right) / 2 - middle, (right - left) / 2
    second = torch.stack([square - slope / 2, slope / 2, middle - slope / 2], 1)
    first = second.new_tensor([[1.0, 1.0, 0.0]]).expand(count, 1, 3)
    bias = second.new_tensor([0.0, 1.0, 1.0]).expand(count, 3)
    return networks(QUADRATICS, first, bias, second)


def sines(equations: Equations) -> Tensor:
    """Networks that are equations of `WAVES`: a neuron for each sine, and one that says 1."""
    first = torch.zeros(len(equations), 2, 3, dtype=torch.float64)
    second = torch.zeros(len(equations), 3, dtype=torch.float64)
    bias = second.new_tensor([0.0, 0.0, math.pi / 2]).expand_as(second)
    values = WAVES.values(equations)
    for row, kind in enumerate(equations.skeletons.tolist()):
        slot = 0
        for term in WAVES.skeletons[kind].terms:
            second[row, term] = values[row, slot]
            if term < 2:
                first[row, term, term] = values[row, slot + 1]
            slot += 1 + (term < 2)
    return networks(SINES, first, bias, second)


def disturbed(weights: Tensor, size: float) -> Tensor:
    noise = torch.randn(weights.shape, generator=generator(1), dtype=weights.dtype)
    return weights + size * noise


def all_misfits(
    language: Language, kind: int, outputs: Tensor, points: Points
) -> tuple[Tensor, Tensor]:
    """Every equation of a skeleton in steps `(E, n)`, and weighted squared errors `(M, E)`."""
    steps = torch.tensor(
        list(product(*(n.steps.tolist() for n in language.skeletons[kind].numbers)))
    )
    padded = torch.nn.functional.pad(steps, (0, language.slots - steps.shape[1]))
    kinds = torch.full((len(steps),), kind)
    values = language.evaluate(kinds, language.values(Equations(kinds, padded)), points.points)
    return padded, points.mean((outputs[:, None] - values).square())


class TestRefine:
    def test_numbers_of_exact_polynomials_are_found(self) -> None:
        language, equations = polynomials(), drawn(polynomials(), 200)
        found = refine(
            language, QUADRATICS, quadratics(equations), equations.skeletons, None, LINE
        )
        assert found.equations.equal(equations).all()
        # float64 rounds sums of a few numbers below 10
        torch.testing.assert_close(found.numbers, language.values(equations), rtol=0, atol=1e-12)
        assert (found.misfit < 1e-24).all()
        assert found.verified.all()

    def test_numbers_inside_terms_are_found(self) -> None:
        equations = drawn(WAVES, 200)
        found = refine(WAVES, SINES, sines(equations), equations.skeletons, None, PLANE)
        assert found.equations.equal(equations).all()
        # the least well determined numbers are those of c * sin(0.5 x) with small c
        torch.testing.assert_close(found.numbers, WAVES.values(equations), rtol=0, atol=1e-6)
        assert (found.fitted_misfit < 1e-20).all()

    @pytest.mark.parametrize("rough", [False, True])
    def test_a_coarse_lattice_is_made_up_for_by_the_fit(self, rough: bool) -> None:
        equations = drawn(WAVES, 40)
        numbers = WAVES.values(equations) + 0.2 if rough else None
        coarse = Refinement(combinations=16, steps=30)
        weights = sines(equations)
        found = refine(WAVES, SINES, weights, equations.skeletons, numbers, PLANE, coarse)
        assert found.equations.equal(equations).all()

    def test_misfit_is_that_of_relative_errors(self) -> None:
        equations = drawn(WAVES, 50)
        weights = disturbed(sines(equations), 0.01)
        found = refine(WAVES, SINES, weights, equations.skeletons, None, PLANE)
        kinds = equations.skeletons
        for misfit, numbers in (
            (found.misfit, WAVES.values(found.equations)),
            (found.fitted_misfit, found.numbers),
        ):
            values = WAVES.evaluate(kinds, numbers, PLANE.points)
            expected = relative_errors(SINES, weights, values, PLANE)
            torch.testing.assert_close(misfit, expected)
        # the fit has more freedom, and is judged by the same sums up to their denominators
        assert (found.fitted_misfit <= 1.1 * found.misfit).all()

    def test_rounding_is_the_best_of_all_polynomials(self) -> None:
        language = Language(["#*x*x", "#*x", "#"], coefficient=Number(-12, 12))
        weights = disturbed(quadratics(drawn(language, 60)), 0.02)
        kind = len(language.skeletons) - 1
        kinds = torch.full((60,), kind)
        found = refine(language, QUADRATICS, weights, kinds, None, LINE)
        steps, errors = all_misfits(language, kind, QUADRATICS.outputs(weights, LINE.points), LINE)
        assert torch.equal(found.equations.steps, steps[errors.argmin(1)])

    def test_rounding_is_the_best_of_all_waves_and_the_rival_the_second(self) -> None:
        language = Language(
            ["#*sin(#*x)", "#*sin(#*y)", "#"], ("x", "y"), Number(-9, 9), Number(5, 12)
        )
        kind = [skeleton.terms for skeleton in language.skeletons].index((0, 2))
        equations = drawn(WAVES, 40)
        weights = disturbed(sines(equations), 0.05)
        kinds = torch.full((40,), kind)
        found = refine(language, SINES, weights, kinds, None, PLANE)
        steps, errors = all_misfits(language, kind, SINES.outputs(weights, PLANE.points), PLANE)
        order = errors.argsort(1)
        assert torch.equal(found.equations.steps, steps[order[:, 0]])
        rival = Equations(kinds, steps[order[:, 1]])
        values = language.evaluate(kinds, language.values(rival), PLANE.points)
        expected = relative_errors(SINES, weights, values, PLANE)
        torch.testing.assert_close(found.rival_misfit, expected)

    def test_networks_do_not_influence_each_other(self) -> None:
        equations = drawn(WAVES, 5)
        weights = disturbed(sines(equations), 0.02)
        together = refine(WAVES, SINES, weights, equations.skeletons, None, PLANE)
        for row in range(5):
            one = slice(row, row + 1)
            alone = refine(WAVES, SINES, weights[one], equations.skeletons[one], None, PLANE)
            assert alone.equations.equal(together.equations[one]).all()
            torch.testing.assert_close(alone.misfit, together.misfit[one])

    def test_tolerance_decides_what_is_verified_and_certain(self) -> None:
        equations = drawn(polynomials(), 60)
        weights = quadratics(equations)

        def found(tolerance: float) -> Refined:
            settings = Refinement(tolerance=tolerance)
            kinds = equations.skeletons
            return refine(polynomials(), QUADRATICS, weights, kinds, None, LINE, settings)

        strict, loose = found(1e-9), found(1.0)
        assert strict.certain.all()  # no two polynomials are that near each other
        assert loose.verified.all()
        assert not loose.certain.any()
        wrong = refine(
            polynomials(), QUADRATICS, weights, (equations.skeletons + 1) % 7, None, LINE
        )
        assert not wrong.verified.all()

    def test_without_a_skeleton_there_is_no_equation(self) -> None:
        weights = quadratics(drawn(polynomials(), 3))
        kinds = torch.tensor([-1, 0, -1])
        found = refine(polynomials(), QUADRATICS, weights, kinds, None, LINE)
        assert found.equations.skeletons.tolist() == [-1, 0, -1]
        assert (found.equations.steps[[0, 2]] == 0).all()
        assert found.misfit[[0, 2]].isinf().all()
        assert not found.verified[[0, 2]].any()

    @pytest.mark.parametrize("settings", [Refinement(), Refinement(combinations=9)])
    def test_networks_that_are_not_finite_are_not_verified(self, settings: Refinement) -> None:
        equations = drawn(WAVES, 4)
        weights = sines(equations)
        weights[1] = torch.nan
        kinds = torch.full((4,), len(WAVES.skeletons) - 1)
        found = refine(WAVES, SINES, weights, kinds, None, PLANE, settings)
        assert found.misfit[1].isinf()
        assert not found.verified[1]
        assert found.misfit[[0, 2, 3]].isfinite().all()

    def test_standard_errors_are_those_of_linear_regression(self) -> None:
        points = sampled_points(40, generator=generator())
        architecture = Architecture((1, 5, 1), "tanh", bias=True)
        weights = torch.randn(6, architecture.count, generator=generator()).double()
        kinds = torch.full((6,), 6)
        found = refine(polynomials(), architecture, weights, kinds, None, points)
        x = points.points[:, 0]
        matrix = torch.stack([x * x, x, torch.ones_like(x)], 1)
        outputs = architecture.outputs(weights, points.points)
        solved = torch.linalg.lstsq(matrix, outputs.T)
        torch.testing.assert_close(found.numbers, solved.solution.T)
        variance = (outputs - solved.solution.T @ matrix.T).square().sum(1) / (40 - 3)
        expected = (variance[:, None] * (matrix.T @ matrix).inverse().diagonal()).sqrt()
        torch.testing.assert_close(found.errors, expected)

    def test_as_many_points_as_numbers_leave_no_standard_error(self) -> None:
        equations = drawn(polynomials(), 5)
        kinds = torch.full((5,), 6)
        found = refine(
            polynomials(), QUADRATICS, quadratics(equations), kinds, None, gauss_legendre(3)
        )
        assert found.errors.isnan().all()

    def test_single_precision_networks_are_refined_in_double(self) -> None:
        equations = drawn(polynomials(), 50)
        weights = quadratics(equations).float()
        found = refine(polynomials(), QUADRATICS, weights, equations.skeletons, None, LINE)
        assert found.numbers.dtype == found.misfit.dtype == torch.float64
        assert found.equations.equal(equations).all()

    def test_wrong_input_is_refused(self) -> None:
        weights = quadratics(drawn(polynomials(), 2))
        kinds = torch.tensor([0, 6])

        def tried(kinds: Tensor, numbers: Tensor | None = None, points: Points = LINE) -> None:
            refine(polynomials(), QUADRATICS, weights, kinds, numbers, points)

        with pytest.raises(DataError, match=r"need skeletons of shape \(2,\)"):
            tried(kinds[:1])
        with pytest.raises(DataError, match=r"numbers of shape \(2, 3\) or None"):
            tried(kinds, torch.zeros(2, 2))
        with pytest.raises(DataError, match="from -1 to 6, but range from 0 to 7"):
            tried(kinds + torch.tensor([0, 1]))
        with pytest.raises(DataError, match="has 3 numbers, but there are only 2 points"):
            tried(kinds, None, gauss_legendre(2))
        with pytest.raises(ConfigurationError, match="must be positive"):
            Refinement(kept=0)


class TestRounding:
    def test_coefficients_are_the_best_of_all(self) -> None:
        number = Number(-9, 9)
        columns = torch.randn(30, 7, 3, generator=generator(), dtype=torch.float64)
        true = (torch.rand(30, 3, 1, generator=generator(1)).double() - 0.5) * 1.2
        noise = 0.2 * torch.randn(30, 7, generator=generator(2), dtype=torch.float64)
        targets = (columns @ true)[..., 0] + noise  # which moves coefficients by a few steps
        basis, triangle = triangular(columns)
        projected = torch.einsum("mn,mnc->mc", targets, basis)
        steps, squares = rounded_coefficients(number, triangle, projected, beam=64)
        every = torch.tensor(list(product(number.steps.tolist(), repeat=3)))
        values = torch.einsum("mnc,ec->men", columns, every.double() / number.scale)
        errors = (values - targets[:, None]).square().sum(2)
        assert torch.equal(steps[:, 0], every[errors.argmin(1)])
        outside = targets.square().sum(1) - projected.square().sum(1)
        torch.testing.assert_close(squares[:, 0] + outside, errors.amin(1))
        assert (squares.diff(dim=1) >= 0).all()

    def test_a_column_that_adds_nothing_gets_nothing(self) -> None:
        column = torch.randn(5, 1, generator=generator(), dtype=torch.float64)
        columns = torch.cat([column, 2 * column, torch.full_like(column, torch.inf)], 1)
        basis, triangle = triangular(columns)
        found = real_coefficients(triangle, column[:, 0] @ basis)
        torch.testing.assert_close(found, found.new_tensor([1.0, 0.0, 0.0]))

    def test_triangles_and_bases_make_the_columns(self) -> None:
        columns = torch.randn(4, 6, 3, generator=generator(), dtype=torch.float64)
        basis, triangle = triangular(columns)
        torch.testing.assert_close(basis @ triangle, columns)
        unit = torch.eye(3, dtype=torch.float64).expand(4, 3, 3)
        torch.testing.assert_close(basis.mT @ basis, unit)


class TestRivals:
    @pytest.mark.parametrize("degree", [2, 3])
    def test_polynomials_are_read_without_a_reader(self, degree: int) -> None:
        equations = drawn(polynomials(), 100)
        weights = quadratics(equations)
        found = read_as_polynomials(polynomials(), QUADRATICS, weights, LINE, degree)
        assert found.equations.equal(equations).all()

    def test_polynomials_of_a_higher_degree_are_none(self) -> None:
        equations = drawn(polynomials(), 50)
        weights = quadratics(equations)
        language = polynomials(1)
        found = read_as_polynomials(language, QUADRATICS, weights, LINE, 2)
        with_square = torch.tensor(["x*x" in text for text in polynomials().texts(equations)])
        assert torch.equal(found.equations.skeletons < 0, with_square)

    def test_monomials_of_two_variables_find_their_terms(self) -> None:
        language = Language(["#*y", "#*x*y", "#*sin(#*x)", "#*x*x"], ("x", "y"))
        square = Architecture((2, 3, 1), SQUARE, bias=True)
        first = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]]).double()
        second = torch.tensor([[-0.6, 1.5, -1.5]]).double()  # 1.5 (x+y)^2 - 0.6 x^2 - 1.5 y^2
        weights = networks(square, first, torch.zeros_like(second), second)
        found = read_as_polynomials(language, square, weights, PLANE, 2)
        assert language.texts(found.equations) == ["+3.0*x*y+0.9*x*x"]

    def test_what_is_no_polynomial_is_not_read_as_one(self) -> None:
        equations = drawn(WAVES, 60)
        waves = equations[equations.skeletons != WAVES.read(["+1.5"]).skeletons]
        found = read_as_polynomials(WAVES, SINES, sines(waves), PLANE, 3)
        assert not found.equations.equal(waves).any()

    def test_degree_is_checked(self) -> None:
        weights = quadratics(drawn(polynomials(), 1))
        with pytest.raises(DataError, match="degree 8 makes 9 monomials of 1 inputs"):
            read_as_polynomials(polynomials(), QUADRATICS, weights, LINE, 8)
        with pytest.raises(DataError, match="makes 0 monomials"):
            read_as_polynomials(polynomials(), QUADRATICS, weights, LINE, -1)

    @pytest.mark.parametrize("combinations", [10_000, 25])
    def test_search_finds_skeletons(self, combinations: int) -> None:
        equations = drawn(WAVES, 30)
        settings = Refinement(combinations=combinations, steps=30)
        found = search_skeletons(WAVES, SINES, sines(equations), PLANE, settings)
        assert found.equations.equal(equations).all()

    def test_each_further_number_has_to_lessen_the_misfit(self) -> None:
        equations = drawn(polynomials(), 150)
        weights = disturbed(quadratics(equations), 0.02)

        def numbers(gain: float) -> Tensor:
            found = search_skeletons(polynomials(), QUADRATICS, weights, LINE, None, gain)
            return (found.equations.steps != 0).sum(1)

        few, some, many = numbers(1e9), numbers(1.5), numbers(1.0)
        assert (few == 1).all()
        assert (few <= some).all()
        assert (some <= many).all()
        assert (some < many).any()

    def test_gain_is_checked(self) -> None:
        weights = quadratics(drawn(polynomials(), 1))
        with pytest.raises(ConfigurationError, match="gain must be at least 1, but is 0"):
            search_skeletons(polynomials(), QUADRATICS, weights, LINE, gain=0.5)
