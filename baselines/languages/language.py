"""A language of equations: sums of terms in a fixed order with numbers of fixed digits."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Generator, Tensor

from baselines.languages.automaton import Automaton
from baselines.languages.equations import Equations
from baselines.languages.form import Form
from baselines.languages.layout import Layout
from baselines.languages.lengths import SkeletonShares, UniformLengths
from baselines.languages.number import Number
from baselines.languages.skeleton import Piece, Skeleton
from baselines.languages.vocabulary import Vocabulary
from esr.equations import Expression, parse
from esr.errors import ConfigurationError, DataError

__all__ = ["Language"]


class Language:
    """Sums of at most a few of the given terms, each at most once and in the given order.

    The language is finite in its skeletons, so that the grammar is one table of states.

    Arguments:
        forms: Texts of the terms, such as `#*x*x`, in the order in which they are written.
        variables: Names of the inputs.
        coefficient: The number before a term.
        inner: The numbers inside terms, such as a frequency.
        max_terms: Most terms of an equation; all unless given.
        max_length: Most characters of an equation; any unless given.
        leading: An equation begins with one of so many of the first forms; any unless given.
    Raises:
        ConfigurationError: If a term cannot be read or is given twice, another argument is out
            of range, no skeleton is left, or two cannot be told apart.
    """

    def __init__(
        self,
        forms: Sequence[str],
        variables: Sequence[str] = ("x",),
        coefficient: Number | None = None,
        inner: Number | None = None,
        max_terms: int | None = None,
        max_length: int | None = None,
        leading: int | None = None,
    ) -> None:
        self.coefficient = coefficient if coefficient is not None else Number()
        self.inner = inner if inner is not None else Number(5, 30)
        self.max_terms, self.max_length, self.leading = max_terms, max_length, leading
        self._check(forms, variables)
        self.variables = tuple(variables)
        self.forms = tuple(Form(text, self.variables) for text in forms)
        names = {word for text in forms for word in _words(text)}
        signs = {c for text in forms for c in text if not c.isalnum() and c not in "#_"}
        self.vocabulary = Vocabulary([*sorted(signs | set("+-.")), *sorted(names)])
        self.skeletons = self._all_skeletons()
        pieces = [skeleton.pieces(self.vocabulary) for skeleton in self.skeletons]
        self.automaton = Automaton(pieces, self.vocabulary)
        self.lengths = torch.tensor([_characters(piece) for piece in pieces])
        """Characters of each skeleton's equations, int64 `(K,)`."""
        self.counts = torch.tensor([len(skeleton.numbers) for skeleton in self.skeletons])
        """Numbers of each skeleton, int64 `(K,)`."""
        self.slots = int(self.counts.max())
        """Most numbers S of an equation."""
        self._layout = Layout(pieces, [self.coefficient, self.inner], self.vocabulary)
        self._first = self._first_slots()

    @property
    def tokens(self) -> int:
        """Most tokens T of an equation with its end."""
        return self._layout.template.shape[1]

    def describe(self) -> dict[str, object]:
        """Plain values from which `Language.described` makes the same language."""
        numbers = {
            name: [number.low, number.high, number.decimals]
            for name, number in (("coefficient", self.coefficient), ("inner", self.inner))
        }
        return {
            "forms": [form.text for form in self.forms],
            "variables": list(self.variables),
            **numbers,
            "max_terms": self.max_terms,
            "max_length": self.max_length,
            "leading": self.leading,
        }

    @staticmethod
    def described(description: Mapping[str, object]) -> "Language":
        """The language that `describe` described.

        Raises:
            DataError: If something is missing, unknown or makes no language.
        """
        try:
            given = dict(description)
            for name in ("coefficient", "inner"):
                given[name] = Number(*_three(given[name]))
            return Language(**given)  # type: ignore[arg-type]
        except KeyError as error:
            raise DataError(f"a description of a language needs {error}: {description}") from error
        except (TypeError, ValueError) as error:
            raise DataError(
                f"this does not describe a language ({error}): {description}"
            ) from error

    def draw(
        self, count: int, shares: SkeletonShares | None = None, *, generator: Generator
    ) -> Equations:
        """Random equations: a skeleton by its share, then each number uniformly.

        Arguments:
            count: Number M.
            shares: How often each skeleton; `UniformLengths` unless given.
            generator: Feeds the draws; the equations live on its device.
        Raises:
            ConfigurationError: If the number is not positive.
        """
        if count < 1:
            raise ConfigurationError(f"the number of equations must be positive, but is {count}")
        wanted = (shares if shares is not None else UniformLengths()).shares(self.lengths)
        device = generator.device
        which = torch.multinomial(wanted.to(device), count, replacement=True, generator=generator)
        steps = torch.zeros(count, self.slots, dtype=torch.long, device=device)
        for number, here in self._layout.kinds(which):
            values = number.steps.to(device)
            picked = torch.randint(len(values), here.shape, generator=generator, device=device)
            steps = torch.where(here, values[picked], steps)
        return Equations(which, steps)

    def values(self, equations: Equations) -> Tensor:
        """The numbers themselves, float64 `(M, S)`; zero where there is none."""
        scale = self._layout.scale.to(equations.steps.device)
        return equations.steps.double() / scale[equations.skeletons.clamp_min(0)]

    def nearest(self, skeletons: Tensor, numbers: Tensor) -> Equations:
        """Equations of given skeletons with the numbers nearest to real ones `(M, S)`."""
        steps = torch.zeros_like(numbers, dtype=torch.long)
        for number, here in self._layout.kinds(skeletons):
            steps = torch.where(here, number.nearest(numbers), steps)
        return Equations(skeletons, steps)

    def evaluate(self, skeletons: Tensor, numbers: Tensor, points: Tensor) -> Tensor:
        """Values of equations, of the type of `numbers`; NaN where the skeleton is -1.

        Arguments:
            skeletons: `(M,)`.
            numbers: `(M, S)`, which may have gradients.
            points: `(N, D)`, or `(M, N, D)` with own points for each.
        Returns:
            `(M, N)`.
        """
        total = numbers.new_zeros(len(skeletons), points.shape[-2])
        first = self._first.to(skeletons.device)[:, skeletons.clamp_min(0)]  # (F, M)
        first = torch.where(skeletons >= 0, first, -1)
        for index, form in enumerate(self.forms):
            rows = (first[index] >= 0).nonzero()[:, 0]
            if not len(rows):
                continue
            places = first[index, rows, None] + torch.arange(form.numbers, device=rows.device)
            own = points[rows] if points.ndim == 3 else points
            values = form.evaluate(numbers[rows[:, None], places], own)
            total = total.index_add(0, rows, values)
        return torch.where((skeletons >= 0)[:, None], total, torch.nan)

    def encode(self, equations: Equations) -> Tensor:
        """Tokens with the end token and padding, int64 `(M, T)`."""
        kinds, device = equations.skeletons, equations.skeletons.device
        tokens = self._layout.template.to(device)[kinds]
        plus_minus = torch.tensor([self.vocabulary.index(s) for s in "+-"], device=device)
        for number, rows, slots, starts in self._layout.places(kinds):
            characters = number.characters(equations.steps[rows, slots])
            for place, character in enumerate(characters):
                if number.signed and place == 0:
                    tokens[rows, starts] = plus_minus[character]
                elif place != len(characters) - 1 - number.decimals:
                    tokens[rows, starts + place] = self.vocabulary.zero + character
        return tokens

    def decode(self, tokens: Tensor) -> Equations:
        """The equations that tokens `(M, T')` spell; skeleton -1 where they spell none."""
        kinds = self.automaton.run(tokens)
        steps = torch.zeros(len(tokens), self.slots, dtype=torch.long, device=tokens.device)
        minus = self.vocabulary.index("-")
        for number, rows, slots, starts in self._layout.places(kinds):
            characters = [tokens[rows, starts + place] for place in range(number.width)]
            read = [character - self.vocabulary.zero for character in characters]
            if number.signed:
                read[0] = (characters[0] == minus).long()
            steps[rows, slots] = number.read(read)
        return Equations(kinds, steps)

    def texts(self, equations: Equations) -> list[str]:
        """Each equation as it is written; empty where there is none."""
        tokens = self.encode(Equations(equations.skeletons.clamp_min(0), equations.steps))
        known = (equations.skeletons >= 0).tolist()
        return [
            self.vocabulary.text(row) if is_known else ""
            for row, is_known in zip(tokens, known, strict=True)
        ]

    def read(self, texts: Sequence[str]) -> Equations:
        """The equations of texts, the inverse of `texts`; skeleton -1 where one is none."""
        tokens = torch.full((len(texts), self.tokens + 1), Vocabulary.PAD)
        for row, text in enumerate(texts):
            try:
                symbols = self.vocabulary.split(text)[: self.tokens]
            except DataError:
                continue
            tokens[row, : len(symbols)] = self.vocabulary.encode(symbols)
            tokens[row, len(symbols)] = Vocabulary.END
        return self.decode(tokens)

    def expression(self, text: str) -> Expression:
        """The expression of one equation's text."""
        return parse(text.removeprefix("+"), variables=self.variables)

    def _all_skeletons(self) -> tuple[Skeleton, ...]:
        """All that are allowed, shorter ones first."""
        most = self.max_terms if self.max_terms is not None else len(self.forms)
        lead = self.leading if self.leading is not None else len(self.forms)
        found = []
        for count in range(1, most + 1):
            for terms in combinations(range(len(self.forms)), count):
                forms = [self.forms[index] for index in terms]
                skeleton = Skeleton(terms, forms, self.coefficient, self.inner)
                length = _characters(skeleton.pieces(self.vocabulary))
                if terms[0] < lead and (self.max_length is None or length <= self.max_length):
                    found.append(skeleton)
        if not found:
            raise ConfigurationError(
                f"no equation has at most {most} terms, {self.max_length} characters and begins "
                f"with one of the first {lead} terms; allow more"
            )
        return tuple(found)

    def _first_slots(self) -> Tensor:
        """The slot of each term's coefficient in each skeleton, -1 if it has none, `(F, K)`."""
        first = torch.full((len(self.forms), len(self.skeletons)), -1)
        for row, skeleton in enumerate(self.skeletons):
            slot = 0
            for index, form in zip(skeleton.terms, skeleton.forms, strict=True):
                first[index, row] = slot
                slot += form.numbers
        return first

    def _check(self, forms: Sequence[str], variables: Sequence[str]) -> None:
        """Refuse what makes no language, before anything is built from it."""
        for what, names in (("terms", forms), ("variables", variables)):
            if isinstance(names, str) or len(set(names)) < len(names) or not names:
                raise ConfigurationError(
                    f"a language needs one or more different {what} in a list, but got {names!r}"
                )
        numbers = (self.coefficient, self.inner)
        if not all(isinstance(n, Number) for n in numbers) or not self.coefficient.signed:
            raise ConfigurationError(
                f"a language needs numbers, coefficients with signs among them, so that terms "
                f"can be told apart, but got coefficient={self.coefficient!r} and "
                f"inner={self.inner!r}; give Number objects, with low < 0 for the coefficient"
            )
        limits = (self.max_terms, self.max_length, self.leading)
        if any(limit is not None and (type(limit) is not int or limit < 1) for limit in limits):
            raise ConfigurationError(
                f"max_terms, max_length and leading must be positive integers or None, but are "
                f"{self.max_terms!r}, {self.max_length!r} and {self.leading!r}"
            )


def _words(text: str) -> list[str]:
    """The names in a term: variables and functions."""
    spaced = "".join(c if c.isalnum() or c == "_" else " " for c in text)
    return [word for word in spaced.split() if not word.isdigit()]


def _three(described: object) -> Sequence[int]:
    """The arguments of a described number."""
    if not isinstance(described, (list, tuple)) or len(described) != 3:
        raise ValueError(f"a number must be [low, high, decimals], but is {described!r}")
    return described


def _characters(pieces: Sequence[Piece]) -> int:
    """Characters of an equation."""
    return sum(len(piece) if isinstance(piece, str) else piece.width for piece in pieces)
