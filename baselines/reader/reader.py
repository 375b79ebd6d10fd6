"""A model that reads the weights of networks and writes the equations they represent."""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from baselines.languages import Language
from baselines.languages.vocabulary import Vocabulary
from baselines.linear import ReplicaLinear
from baselines.population import Architecture
from baselines.reader.contract import ReadingBatch
from baselines.reader.decoder import Decoder
from baselines.reader.encoders import EncoderFactory
from baselines.reader.prefixes import CachedPrefixes
from baselines.reader.size import ReaderSize
from baselines.reader.spans import cut_spans, laid_out
from esr.errors import ConfigurationError, DataError
from esr.models import Energy, EnergyModel

__all__ = ["Reader"]

LARGEST = 5.0
"""Unit of numbers in the energy: the largest coefficient of the usual languages."""


class Reader(EnergyModel[ReadingBatch]):
    r"""An encoder of weights and a transformer that writes tokens.

    The energy of a batch is the mean of :math:`-\log p(\text{token})` over all tokens including
    the ends. If asked for, a part of the squared error of a dense layer that tells the equation's
    numbers, in units of 5, from the memory is added.

    Arguments:
        architecture: Of the networks to read.
        language: Of the equations to write.
        encoder: Makes the encoder, such as `GraphEncoder`.
        size: Of the transformer.
        numbers_weight: Weight of the numbers' error, at least 0; with 0 there is no such layer.
        replicas: None or the number of parallel copies R.
        generator: Feeds the initial draw; torch's default generator unless given.
    Raises:
        ConfigurationError: If replicas or the weight are out of range.
    """

    def __init__(
        self,
        architecture: Architecture,
        language: Language,
        encoder: EncoderFactory,
        size: ReaderSize | None = None,
        numbers_weight: float = 0.0,
        replicas: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        copies = 1 if replicas is None else replicas
        if copies < 1 or numbers_weight < 0:
            raise ConfigurationError(
                f"a reader needs replicas of at least 1 and numbers_weight of at least 0, but "
                f"got {replicas} and {numbers_weight}"
            )
        super().__init__(copies)
        size = size if size is not None else ReaderSize()
        self.architecture, self.language = architecture, language
        self.size, self.numbers_weight = size, numbers_weight
        self.encoder = encoder(architecture, size.width, copies, generator=generator)
        self.decoder = Decoder(
            len(language.vocabulary), language.tokens, size, copies, generator=generator
        )
        self.numbers: ReplicaLinear | None = None
        if numbers_weight > 0:
            self.numbers = ReplicaLinear(
                self.encoder.tokens * size.width, language.slots, copies, generator=generator
            )
        if generator is not None:
            self.to(generator.device)

    def adapt(self, weights: Tensor) -> None:
        """Take scales from networks `(M, P)` of the training set, once, before training."""
        self.encoder.adapt(weights)

    def energy(self, batch: ReadingBatch, *, generator: Generator | None = None) -> Energy:
        """Mean cross-entropy of the tokens, and of the numbers' errors, for each replica.

        Arguments:
            batch: Networks and equations.
            generator: Feeds random orders of neurons, in training mode only.
        Raises:
            DataError: If tokens or numbers do not fit the language.
        """
        self._check(batch)
        lengths, order = (batch.tokens != Vocabulary.PAD).sum(1).sort()
        spans = cut_spans(lengths.tolist())  # shapes must be known here: once for each batch
        weights, tokens, numbers = (part[order] for part in batch[:3])
        memory = self.encoder(weights, generator=generator if self.training else None)
        said = laid_out(functional.pad(tokens[:, :-1], (1, 0), value=Vocabulary.START), spans)
        scores = self.decoder(said, spans, memory)
        count = lengths.sum() if batch.lengths is None else batch.lengths.tokens * len(tokens)
        data = _surprise(scores, laid_out(tokens, spans)) / count
        if self.numbers is not None:
            told = self.numbers(memory.flatten(2)) - numbers.to(memory) / LARGEST
            there = (numbers != 0).to(memory)
            count = there.sum() if batch.lengths is None else batch.lengths.numbers * len(there)
            misfit = (told.square() * there).sum((1, 2)) / count.clamp_min(1)
            data = data + self.numbers_weight * misfit
        return Energy(data, torch.zeros_like(data))

    def begin(self, weights: Tensor) -> CachedPrefixes:
        """Empty beginnings for networks `(B, P)`."""
        return CachedPrefixes(self.decoder, self.decoder.remember(self.encoder(weights)))

    def _check(self, batch: ReadingBatch) -> None:
        places, slots = self.language.tokens, self.language.slots
        rows = len(batch.weights)
        if batch.tokens.shape != (rows, places) or batch.numbers.shape != (rows, slots):
            raise DataError(
                f"{rows} networks need tokens ({rows}, {places}) and numbers ({rows}, {slots}), "
                f"but got {tuple(batch.tokens.shape)} and {tuple(batch.numbers.shape)}"
            )


def _surprise(scores: Tensor, tokens: Tensor) -> Tensor:
    """Summed cross-entropy `(R,)` of scores `(R, N, V)` and tokens `(N,)` that are no padding."""
    replicas, count, _ = scores.shape
    each = functional.cross_entropy(
        scores.flatten(0, 1),
        tokens.repeat(replicas),
        ignore_index=Vocabulary.PAD,
        reduction="none",
    )
    return each.view(replicas, count).sum(1)
