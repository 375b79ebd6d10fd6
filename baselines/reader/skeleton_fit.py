"""One skeleton fitted to many networks: its real numbers, and its numbers in steps."""

from itertools import product

import torch
from torch import Tensor

from baselines.languages import Language
from baselines.population import Points
from baselines.reader.design import Design
from baselines.reader.inner_lattice import Combinations, InnerLattice, combinations_at
from baselines.reader.rounding import real_coefficients, rounded_coefficients, triangular
from esr.equations import levenberg_marquardt
from esr.errors import DataError

__all__ = ["SkeletonFit"]

_BRANCHES = 3  # inner numbers of which both neighbours are tried if not all combinations are


class SkeletonFit:
    """A skeleton of n = C + I numbers, ready to be fitted to M networks' outputs.

    Arguments:
        language: Its language.
        index: Which of the language's skeletons.
        points: The N points where networks and equations are compared.
        combinations: Most combinations of inner numbers to try.
        kept: How many of the best combinations are gone on with.
    Raises:
        DataError: If points are fewer than numbers.
    """

    def __init__(
        self, language: Language, index: int, points: Points, combinations: int, kept: int
    ) -> None:
        skeleton = language.skeletons[index]
        if len(points.weights) < len(skeleton.numbers):
            raise DataError(
                f"{skeleton.text} has {len(skeleton.numbers)} numbers, but there are only "
                f"{len(points.weights)} points to fit them at; give at least as many"
            )
        self.language, self.index, self.kept = language, index, kept
        self.design = Design(skeleton, points)
        self.lattice = InnerLattice(language.inner, self.design, combinations)

    @property
    def width(self) -> int:
        """Numbers in memory for each network, about."""
        return len(self.lattice.steps) * len(self.design.coefficients)

    def near(self, targets: Tensor) -> tuple[Tensor, Combinations]:
        """Numbers to start a fit from, `(M, k, n)`, best first: real coefficients with the best
        combinations of inner numbers; and the best combinations for rounded coefficients.

        Arguments:
            targets: What networks say, times the roots of the points' weights, `(M, N)`.
        """
        best, near = self.lattice.near(targets, self.language.coefficient, self.kept)
        real = real_coefficients(best.triangles, best.projected)
        return self._joined(real, best.steps), near

    def fitted(self, targets: Tensor, starts: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Real numbers `(M, n)` of the least sum of squares, and that sum `(M,)`.

        Arguments:
            targets: `(M, N)`.
            starts: Numbers to start from, `(M, k, n)`.
            steps: Steps of Levenberg and Marquardt's method.
        """
        networks, count, numbers = starts.shape
        if not self.design.inner:
            squares = (self.design.values(starts[:, 0]) - targets).square().sum(1)
            return starts[:, 0], squares
        wanted = targets.repeat_interleave(count, 0)

        def linearise(given: Tensor) -> tuple[Tensor, Tensor]:
            values, slopes = self.design.linearised(given)
            return values - wanted, slopes

        found = levenberg_marquardt(
            lambda given: self.design.values(given) - wanted,
            starts.reshape(-1, numbers),
            steps=steps,
            linearise=linearise,
        )
        squares, best = (found.loss * targets.shape[1]).view(networks, count).min(1)
        parameters = found.parameters.view(networks, count, numbers)
        return parameters[torch.arange(networks, device=best.device), best], squares

    def around(self, targets: Tensor, fitted: Tensor) -> Combinations:
        """Combinations of inner numbers next to fitted ones `(M, n)`: of the least certain, both
        neighbours."""
        number, inner = self.language.inner, fitted[:, self.design.inner]
        near = number.nearest(inner)
        beyond = torch.where(inner * number.scale >= near, 1, -1)
        far = torch.where(beyond > 0, number.shifted(near, 1), number.shifted(near, -1))
        free = min(inner.shape[1], _BRANCHES)
        least_sure = (inner * number.scale - near).abs().topk(free, 1).indices  # (M, free)
        tried = []
        for choice in product((False, True), repeat=free):
            mask = torch.zeros_like(near, dtype=torch.bool)
            chosen = torch.tensor(choice, device=near.device).expand(len(near), free)
            tried.append(torch.where(mask.scatter(1, least_sure, chosen), far, near))
        return combinations_at(number, self.design, torch.stack(tried, 1), targets)

    def rounded(self, near: Combinations) -> tuple[Tensor, Tensor]:
        """The two best equations with given combinations of inner numbers, in steps, best first,
        int64 `(M, 2, n)`, and their sums of squares `(M, 2)`; infinite if there is no second."""
        steps, squares = rounded_coefficients(
            self.language.coefficient, near.triangles, near.projected
        )
        squares = (squares + near.outside[..., None]).clamp_min(0).flatten(1)  # (M, k * L)
        inner = near.steps[:, :, None].expand(*steps.shape[:3], -1)
        joined = self._placed(steps, inner).flatten(1, 2)  # (M, k * L, n)
        least, first = squares.min(1)
        rows = torch.arange(len(first), device=first.device)
        same = (joined == joined[rows, first][:, None]).all(2)
        other, second = torch.where(same, torch.inf, squares).min(1)
        pair = torch.stack([first, second], 1)
        return joined[rows[:, None], pair], torch.stack([least, other], 1)

    def misfit(self, steps: Tensor, targets: Tensor) -> Tensor:
        """Relative mean squared errors `(M,)` of networks, `(M, N)`, from equations with numbers
        in steps, `(M, n)`."""
        coefficients = steps[:, self.design.coefficients].to(targets)
        real = self._joined(
            coefficients / self.language.coefficient.scale, steps[:, self.design.inner]
        )
        return self.relative(real, (self.design.values(real) - targets).square().sum(1))

    def relative(self, numbers: Tensor, squares: Tensor) -> Tensor:
        """Sums of squares `(M,)` over that of the equation with numbers `(M, n)`."""
        ratio = squares / self.design.values(numbers).square().sum(1)
        return ratio.nan_to_num(nan=torch.inf, posinf=torch.inf)

    def standard_errors(self, numbers: Tensor, squares: Tensor) -> Tensor:
        """Standard errors `(M, n)` of fitted numbers `(M, n)` under independent noise, whose
        variance at a point is inversely proportional to the point's weight."""
        slopes = self.design.linearised(numbers)[1]
        count, free = slopes.shape[2], slopes.shape[1] - slopes.shape[2]
        if free < 1:
            return torch.full_like(numbers, torch.nan)
        triangle = triangular(slopes)[1]
        unit = torch.eye(count, dtype=numbers.dtype, device=numbers.device)
        empty = triangle.diagonal(dim1=-2, dim2=-1) == 0
        regular = triangle + torch.diag_embed(empty.to(triangle))
        inverse = torch.linalg.solve_triangular(regular, unit.expand_as(triangle), upper=True)
        errors: Tensor = (inverse.square().sum(2) * (squares / free)[:, None]).sqrt()
        return errors

    def _joined(self, coefficients: Tensor, inner: Tensor) -> Tensor:
        """All numbers in the order of the text from coefficients and inner steps."""
        return self._placed(coefficients, inner.to(coefficients) / self.language.inner.scale)

    def _placed(self, coefficients: Tensor, inner: Tensor) -> Tensor:
        """Both kinds of numbers in the order of the text, `(*, n)`."""
        order = [*self.design.coefficients, *self.design.inner]
        places = sorted(range(len(order)), key=order.__getitem__)
        return torch.cat([coefficients, inner], -1)[..., places]
