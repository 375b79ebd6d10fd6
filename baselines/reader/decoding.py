"""Decoding: which equations a writer means, none of them outside the language.

A writer's scores of tokens that the grammar forbids count as minus infinity, so the rest is a
probability distribution over the equations of the language: the constrained distribution.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from baselines.languages import Equations, Language
from baselines.reader.contract import Writer
from baselines.reader.walk import Walk, free_table, grammar_table
from esr.errors import ConfigurationError, DataError

__all__ = ["Beam", "Decoded", "Decoding", "Greedy", "Sampling", "SkeletonBeam"]


class Decoded(NamedTuple):
    """C candidates for each of R replicas and B networks, the most probable first.

    Arguments:
        equations: Skeletons `(R, B, C)` and steps `(R, B, C, S)`. The skeleton is -1 where there
            is no candidate: the language has fewer equations, the scores were not numbers, or
            the decoding was not constrained.
        log_probabilities: Of each under the distribution it was decoded from, `(R, B, C)`; minus
            infinity where there is none.
        tokens: What was written, with end and padding, int64 `(R, B, C, T)`.
    """

    equations: Equations
    log_probabilities: Tensor
    tokens: Tensor

    def flat(self) -> Equations:
        """All candidates in one row, `(R * B * C,)`."""
        return Equations(self.equations.skeletons.flatten(), self.equations.steps.flatten(0, 2))

    def best(self, replica: int = 0) -> Equations:
        """A replica's most probable equation for each network, `(B,)`."""
        return Equations(
            self.equations.skeletons[replica, :, 0], self.equations.steps[replica, :, 0]
        )


class Decoding(Protocol):
    """A way to choose equations by a writer's scores."""

    def decode(
        self,
        writer: Writer,
        language: Language,
        weights: Tensor,
        *,
        generator: Generator | None = None,
    ) -> Decoded:
        """Candidates for networks.

        Arguments:
            writer: Scores the tokens of the language.
            language: Has the grammar.
            weights: `(B, P)`; the candidates are on their device.
            generator: Feeds the draws, if there are any.
        Raises:
            DataError: If the writer's tokens are not the language's.
        """
        ...


class Greedy:
    """The most probable token at each place: one candidate.

    Arguments:
        constrained: Whether only tokens that the grammar allows are written. Without it one sees
            what the grammar is worth: what is no equation has skeleton -1.
        chunk: Most networks at once, at least 1.
    Raises:
        ConfigurationError: If the chunk is not positive.
    """

    def __init__(self, constrained: bool = True, chunk: int = 1024) -> None:
        self.constrained, self.chunk = constrained, _positive(chunk, "chunk")

    def decode(
        self,
        writer: Writer,
        language: Language,
        weights: Tensor,
        *,
        generator: Generator | None = None,
    ) -> Decoded:
        """As `Decoding`, with C = 1; nothing is drawn."""
        table = grammar_table(language) if self.constrained else free_table(language)

        def some(part: Tensor) -> tuple[Tensor, Tensor]:
            walk = Walk(writer.begin(part), table.to(part.device), writer.replicas, len(part))
            _follow(walk, language.tokens, lambda judged: judged.argmax(-1))
            return walk.tokens[:, :, None], walk.log_probabilities[..., None]

        return _in_chunks(some, language, weights, self.chunk)


class Sampling:
    """Independent draws from the constrained distribution; the same one may come more than once.

    Arguments:
        count: Draws C for each network, at least 1.
        temperature: Divides the log-probabilities of each token before it is drawn, positive:
            below 1 draws probable ones more often. What is reported is without it.
        chunk: Most networks at once, at least 1.
    Raises:
        ConfigurationError: If a value is not positive.
    """

    def __init__(self, count: int, temperature: float = 1.0, chunk: int = 256) -> None:
        if not 0 < temperature < float("inf"):
            raise ConfigurationError(f"temperature must be positive, but is {temperature}")
        self.count, self.chunk = _positive(count, "count"), _positive(chunk, "chunk")
        self.temperature = temperature

    def decode(
        self,
        writer: Writer,
        language: Language,
        weights: Tensor,
        *,
        generator: Generator | None = None,
    ) -> Decoded:
        """As `Decoding`, with C = count."""
        table = grammar_table(language)

        def drawn(judged: Tensor) -> Tensor:
            """A token by its probability: that with the least waiting time."""
            waiting = torch.empty_like(judged).exponential_(generator=generator)
            race = judged / self.temperature - waiting.log()
            return torch.where(judged == -torch.inf, -torch.inf, race).argmax(-1)

        def some(part: Tensor) -> tuple[Tensor, Tensor]:
            replicas, networks = writer.replicas, len(part)
            walk = Walk(writer.begin(part), table.to(part.device), replicas, networks)
            copies = torch.arange(networks, device=part.device).repeat_interleave(self.count)
            walk.pick(copies.expand(replicas, -1))
            _follow(walk, language.tokens, drawn)
            shape = (replicas, networks, self.count)
            best, order = walk.log_probabilities.view(shape).sort(-1, descending=True)
            tokens = walk.tokens.view(*shape, -1)
            return tokens.gather(2, order[..., None].expand_as(tokens)), best

        return _in_chunks(some, language, weights, self.chunk)


class Beam:
    """The most probable beginnings are gone on with: at each place the best of all continuations
    of the survivors. With a width of the number of equations the result is exact.

    Arguments:
        width: Candidates C, at least 1.
        chunk: Most networks at once, at least 1.
    Raises:
        ConfigurationError: If a value is not positive.
    """

    def __init__(self, width: int = 8, chunk: int = 256) -> None:
        self.width, self.chunk = _positive(width, "width"), _positive(chunk, "chunk")

    def decode(
        self,
        writer: Writer,
        language: Language,
        weights: Tensor,
        *,
        generator: Generator | None = None,
    ) -> Decoded:
        """As `Decoding`, with C = width, all different; nothing is drawn."""
        return _survivors(writer, language, weights, self, self._branches(language))

    def _branches(self, language: Language) -> Callable[[Tensor], Tensor]:
        """What a beginning may become and how probable each is, `(R, n, V)`, from the
        log-probabilities of its next tokens."""
        return lambda judged: judged


class SkeletonBeam(Beam):
    """A beam over skeletons: candidates differ in their terms, and numbers are the most probable
    digits of each, to be refined.

    A beginning branches only where terms do. Digits count as one token there, and so do the two
    signs, with the sum of their probabilities; the most probable one is written. So a candidate's
    log-probability is that of its skeleton, given the numbers that stand in it.

    Arguments:
        width: Candidates C, at least 1; with that of the number of skeletons all are found.
        chunk: Most networks at once, at least 1.
    Raises:
        ConfigurationError: If a value is not positive.
    """

    def _branches(self, language: Language) -> Callable[[Tensor], Tensor]:
        zero = language.vocabulary.zero
        signs = [language.vocabulary.index(sign) for sign in "+-"]
        groups = [list(range(zero, zero + 10)), signs]

        def merged(judged: Tensor) -> Tensor:
            for group in groups:
                among = judged[..., group]
                best = among.argmax(-1, keepdim=True)
                alone = torch.full_like(among, -torch.inf)
                alone.scatter_(-1, best, among.logsumexp(-1, keepdim=True))
                judged[..., group] = alone
            return judged

        return merged


@torch.no_grad()
def _survivors(
    writer: Writer,
    language: Language,
    weights: Tensor,
    beam: Beam,
    branches: Callable[[Tensor], Tensor],
) -> Decoded:
    """The candidates of a beam."""
    table = grammar_table(language)

    def some(part: Tensor) -> tuple[Tensor, Tensor]:
        replicas, networks = writer.replicas, len(part)
        walk = Walk(writer.begin(part), table.to(part.device), replicas, networks)
        first = torch.arange(networks, device=part.device)[:, None]
        kept = 1
        for _ in range(language.tokens):
            judged = walk.log_probabilities[..., None] + branches(walk.judged())
            symbols = judged.shape[-1]
            every = judged.view(replicas, networks, kept * symbols)
            best, index = every.topk(min(beam.width, kept * symbols))
            walk.pick((first * kept + index // symbols).flatten(1))
            walk.grow((index % symbols).flatten(1), best.flatten(1))
            kept = best.shape[-1]
        shape = (replicas, networks, kept)
        return walk.tokens.view(*shape, -1), walk.log_probabilities.view(shape)

    return _in_chunks(some, language, weights, beam.chunk)


def _follow(walk: Walk, steps: int, choose: Callable[[Tensor], Tensor]) -> None:
    """Grow each beginning by the token that is chosen from log-probabilities `(R, n, V)`."""
    for _ in range(steps):
        judged = walk.judged()
        tokens = choose(judged)
        gained = judged.gather(-1, tokens[..., None])[..., 0]
        walk.grow(tokens, walk.log_probabilities + gained)


@torch.no_grad()
def _in_chunks(
    some: Callable[[Tensor], tuple[Tensor, Tensor]],
    language: Language,
    weights: Tensor,
    chunk: int,
) -> Decoded:
    """Candidates for all networks from what gives tokens `(R, b, C, T)` and log-probabilities
    `(R, b, C)` for some."""
    if weights.ndim != 2 or not len(weights):
        raise DataError(
            f"weights must be (networks, weights of each), at least one network, but have the "
            f"shape {tuple(weights.shape)}"
        )
    parts = [some(part) for part in torch.split(weights, chunk)]
    tokens = torch.cat([part[0] for part in parts], 1)
    log_probabilities = torch.cat([part[1] for part in parts], 1)
    read = language.decode(tokens.flatten(0, 2))
    none = log_probabilities == -torch.inf
    shape = none.shape
    skeletons = torch.where(none, -1, read.skeletons.view(shape))
    steps = torch.where((skeletons >= 0)[..., None], read.steps.view(*shape, -1), 0)
    return Decoded(Equations(skeletons, steps), log_probabilities, tokens)


def _positive(value: int, name: str) -> int:
    if type(value) is not int or value < 1:
        raise ConfigurationError(f"{name} must be a whole number of at least 1, but is {value!r}")
    return value
