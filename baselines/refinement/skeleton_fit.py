"""One skeleton fitted to many networks: its real numbers, and its numbers in steps."""

from itertools import product

import torch
from torch import Tensor

from baselines.languages import Language
from baselines.population import Points
from baselines.refinement.design import Design
from baselines.refinement.inner_lattice import Combinations, InnerLattice, combinations_at
from baselines.refinement.rounding import real_coefficients, rounded_coefficients, triangular
from baselines.refinement.settings import Refinement
from esr.equations import levenberg_marquardt
from esr.errors import DataError

__all__ = ["SkeletonFit"]

_MEMORY = 2**22  # numbers held at once for the networks of a chunk
_BRANCHES = 3  # inner numbers of which both neighbours are tried if not all combinations are


class SkeletonFit:
    """A skeleton of n = C + I numbers, ready to be fitted to M networks' outputs.

    Arguments:
        language: Its language.
        index: Which of the language's skeletons.
        points: The N points where networks and equations are compared.
        settings: Those of refinement.
    Raises:
        DataError: If points are fewer than numbers.
    """

    def __init__(
        self, language: Language, index: int, points: Points, settings: Refinement
    ) -> None:
        skeleton = language.skeletons[index]
        if len(points.weights) < len(skeleton.numbers):
            raise DataError(
                f"{skeleton.text} has {len(skeleton.numbers)} numbers, but there are only "
                f"{len(points.weights)} points to fit them at; give at least as many"
            )
        self.language, self.settings = language, settings
        self.design = Design(skeleton, points)
        self.lattice = InnerLattice(language.inner, self.design, settings.combinations)

    @property
    def chunk(self) -> int:
        """How many networks to treat at once, so that memory is bounded."""
        return max(1, _MEMORY // (len(self.lattice.steps) * len(self.design.coefficients)))

    def fitted(
        self, targets: Tensor, rough: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Combinations]:
        """Real numbers `(M, n)` of the least sum of squares, that sum `(M,)`, and combinations of
        inner numbers for rounding.

        Arguments:
            targets: What networks say, times the roots of the points' weights, `(M, N)`.
            rough: One more start of the fit, `(M, n)`; unused if all combinations were tried.
        """
        best, near = self._near(targets)
        starts = self._joined(real_coefficients(best.triangles, best.projected), best.steps)
        if self.lattice.whole:
            return *self._least(targets, starts[:, :1]), near
        if rough is not None:
            starts = torch.cat([starts, rough[:, None]], 1)
        numbers, squares = self._least(targets, starts)
        return numbers, squares, self._around(targets, numbers)

    def best(self, targets: Tensor) -> Tensor:
        """The equations found, in steps, int64 `(M, n)`, for targets `(M, N)`; as `rounded` has
        them after `fitted`, but without its fit where it is not needed."""
        whole = self.lattice.whole
        near = self._near(targets)[1] if whole else self.fitted(targets)[2]
        return self.rounded(near)[0][:, 0]

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

    def _near(self, targets: Tensor) -> tuple[Combinations, Combinations]:
        """The best combinations of the lattice for real and for rounded coefficients."""
        return self.lattice.near(targets, self.language.coefficient, self.settings.kept)

    def _least(self, targets: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Real numbers `(M, n)` of the least sum of squares from starts `(M, k, n)`, and that."""
        networks, count, numbers = starts.shape
        if not self.design.inner:  # least squares has found them
            squares = (self.design.values(starts[:, 0]) - targets).square().sum(1)
            return starts[:, 0], squares
        wanted = targets.repeat_interleave(count, 0)

        def linearise(given: Tensor) -> tuple[Tensor, Tensor]:
            values, slopes = self.design.linearised(given)
            return values - wanted, slopes

        found = levenberg_marquardt(
            lambda given: self.design.values(given) - wanted,
            starts.reshape(-1, numbers),
            steps=self.settings.steps,
            linearise=linearise,
        )
        squares, best = (found.loss * targets.shape[1]).view(networks, count).min(1)
        parameters = found.parameters.view(networks, count, numbers)
        return parameters[torch.arange(networks, device=best.device), best], squares

    def _around(self, targets: Tensor, fitted: Tensor) -> Combinations:
        """Combinations of inner numbers next to fitted ones `(M, n)`: of the least certain, both
        neighbours."""
        number, inner = self.language.inner, fitted[:, self.design.inner]
        near = number.nearest(inner)
        above = inner * number.scale >= near
        far = torch.where(above, number.shifted(near, 1), number.shifted(near, -1))
        free = min(inner.shape[1], _BRANCHES)
        unsure = (inner * number.scale - near).abs().topk(free, 1).indices  # (M, free)
        tried = []
        for choice in product((False, True), repeat=free):
            chosen = torch.tensor(choice, device=near.device).expand(len(near), free)
            mask = torch.zeros_like(near, dtype=torch.bool).scatter(1, unsure, chosen)
            tried.append(torch.where(mask, far, near))
        return combinations_at(number, self.design, torch.stack(tried, 1), targets)

    def _joined(self, coefficients: Tensor, inner: Tensor) -> Tensor:
        """All numbers in the order of the text from coefficients and inner steps."""
        return self._placed(coefficients, inner.to(coefficients) / self.language.inner.scale)

    def _placed(self, coefficients: Tensor, inner: Tensor) -> Tensor:
        """Both kinds of numbers in the order of the text, `(*, n)`."""
        order = [*self.design.coefficients, *self.design.inner]
        places = sorted(range(len(order)), key=order.__getitem__)
        return torch.cat([coefficients, inner], -1)[..., places]
