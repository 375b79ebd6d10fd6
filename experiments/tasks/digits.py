"""Digits: learn to add handwritten digits from sums alone, and to sums never seen.

One small network reads a latent number from each of two images, an equation learner adds them;
only sums below a limit are given. The truth is a sum of two latents of equal weight, with the
latent standing for the digit in a unit of its own choice.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor

from baselines.digits import DigitBatch, DigitEncoder, DigitSumModel
from esr.equations import simplify
from esr.errors import ConfigurationError
from esr.models import EnergyModel, SymbolicModel
from esr.random import RandomStreams
from esr.training import Callback, Phase, Progress
from experiments.tasks.digits_batches import DigitBatches, pair_up
from experiments.tasks.digits_data import DigitData, DigitImages
from experiments.tasks.digits_figure import draw_additions
from experiments.tasks.digits_law import SUM, VARIABLES, DigitLaw, find_law, reading_of
from experiments.tasks.digits_measures import Additions, measure_additions, summarise
from experiments.tasks.digits_pairs import LARGEST_SUM
from experiments.tasks.task import Conclusion, Contender, ModelFactory

__all__ = ["Digits"]

_FITTING_PAIRS, _VALIDATION_PAIRS, _TEST_PAIRS = 2000, 2000, 10_000


class EncoderFactory(Protocol):
    """Makes an encoder once the task has said which sizes it needs."""

    def __call__(
        self, *, height: int, width: int, replicas: int, generator: Generator
    ) -> DigitEncoder:
        """An encoder of images of that size."""
        ...


class Digits:
    """The digits task.

    Arguments:
        phases: The schedule of training.
        data: Where images come from.
        batches: How training batches are drawn.
        encoder: Makes the encoder.
        limit: Only pairs whose sum is below it are trained on and chosen by, from 1 to 18.
        finalists: How many of the best replicas are finished.
        tolerance: Smallest effect, in units of the sums' standard deviation, that a term must
            have to stay in the equation.
    Raises:
        ConfigurationError: If a number is out of range.
    Source: Kim et al. (2020), https://arxiv.org/abs/1912.04825, section on MNIST arithmetic.
    """

    callbacks: Sequence[Callback[DigitBatch]] = ()

    def __init__(
        self,
        phases: Mapping[str, Phase],
        data: DigitData,
        batches: DigitBatches,
        encoder: EncoderFactory = DigitEncoder,
        limit: int = 15,
        finalists: int = 4,
        tolerance: float = 0.03,
    ) -> None:
        if not 1 <= limit <= LARGEST_SUM or finalists < 1:
            raise ConfigurationError(
                f"task.limit must be from 1 to {LARGEST_SUM} and task.finalists at least 1, but "
                f"they are {limit} and {finalists}"
            )
        self.phases, self.data, self.batches = dict(phases), data, batches
        self.encoder, self.limit = encoder, limit
        self.finalists, self.tolerance = finalists, tolerance

    def prepare(self, streams: RandomStreams, device: torch.device) -> None:
        """Read and split the images; draw pairs to choose by and to measure with."""
        split = self.data.split(streams["data"]).to(device)
        self.training, self.test = split.training, split.test
        self._seed, self._device = streams.seed, device
        low, pairs = self.limit, streams["pairs"]
        self._fitting = pair_up(split.training, _FITTING_PAIRS, 0, low, generator=pairs)
        self._validation = pair_up(split.validation, _VALIDATION_PAIRS, 0, low, generator=pairs)
        self._tests = [
            pair_up(split.test, _TEST_PAIRS, start, stop, generator=streams["tests"])
            for start, stop in ((0, low), (low, LARGEST_SUM + 1))
        ]

    def build(
        self, make_model: ModelFactory, replicas: int, streams: RandomStreams
    ) -> DigitSumModel:
        """Encoder and adder: the adder maps two latents to the sum."""
        adder = make_model(
            in_features=2, out_features=1, replicas=replicas, generator=streams["init"]
        )
        height, width = self.training.pixels.shape[1:]
        encoder = self.encoder(
            height=height, width=width, replicas=replicas, generator=streams["encoder"]
        )
        mean, unit = float(self._fitting.sums.mean()), float(self._fitting.sums.std())
        return DigitSumModel(encoder, adder, mean, max(unit, 1.0))

    def batch(self, progress: Progress) -> DigitBatch:
        """Images and pairs drawn anew at each step, determined by the seed and the step."""
        generator = RandomStreams(self._seed, self._device)[f"batch {progress.step}"]
        return self.batches.draw(self.training, self.limit, generator=generator)

    def validate(self, model: EnergyModel[DigitBatch]) -> Tensor:
        """Mean squared error on pairs of validation images with sums below the limit, `(R,)`."""
        return model.energy(_cast(self._validation, next(model.parameters()).dtype)).data

    def describe(self, model: EnergyModel[DigitBatch], replica: int) -> Mapping[str, str]:
        """The equation of one replica as it stands, small weights left out."""
        if not isinstance(model, DigitSumModel) or not isinstance(model.adder, SymbolicModel):
            return {}
        standardised = model.adder.expressions(VARIABLES, threshold=0.01)[replica][0]
        equation = reading_of(model, standardised)
        small = simplify(equation, seconds=1.0) if equation.complexity <= 100 else equation
        return {SUM: f"{small:.3g}"}

    @torch.no_grad()
    def conclude(
        self, found: Contender[DigitBatch], reference: Contender[DigitBatch] | None = None
    ) -> Conclusion:
        """Choose the replica that adds best, finish its equation, and add digits never seen.

        Arguments:
            found: The trained model.
            reference: Another trained model, such as a plain network, to be shown beside.
        """
        law = self._law(found)
        additions = {found.name: self._additions(law)}
        metrics = additions[found.name].metrics()
        metrics["complexity"] = float(law.equation.complexity if law.equation is not None else 0)
        if reference is not None:
            other = self._additions(self._law(reference))
            additions[reference.name] = other
            metrics |= {f"reference_{k}": v for k, v in other.metrics().items()}
        return Conclusion(
            metrics=metrics,
            expressions={SUM: law.equation} if law.equation is not None else {},
            summary=summarise(metrics, self.limit),
            figures={"additions": draw_additions(additions, self.limit)},
        )

    def _law(self, contender: Contender[DigitBatch]) -> DigitLaw:
        if not isinstance(contender.model, DigitSumModel):
            raise TypeError(f"expected what build() made, but got {type(contender.model)}")
        precise = copy.deepcopy(contender.model).double().eval()
        errors = torch.where(contender.active, self.validate(precise), torch.inf)
        fitting, validation = (
            _cast(batch, torch.float64) for batch in (self._fitting, self._validation)
        )
        return find_law(precise, errors, fitting, validation, self.finalists, self.tolerance)

    def _additions(self, law: DigitLaw) -> Additions:
        images = DigitImages(self.test.pixels.double(), self.test.digits)
        seen, unseen = (_cast(batch, torch.float64) for batch in self._tests)
        return measure_additions(law, images, seen, unseen)


def _cast(batch: DigitBatch, dtype: torch.dtype) -> DigitBatch:
    return DigitBatch(batch.images.to(dtype), batch.pairs, batch.sums.to(dtype))
