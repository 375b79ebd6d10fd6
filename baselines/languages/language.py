"""A language of equations: sums of terms in a fixed order with numbers of fixed digits."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Generator, Tensor

from baselines.languages.automaton import Automaton
from baselines.languages.equations import Equations
from baselines.languages.form import Form
from baselines.languages.lengths import SkeletonShares, UniformLengths
from baselines.languages.number import Number
from baselines.languages.vocabulary import Vocabulary
from esr.equations import Expression, parse
from esr.errors import ConfigurationError, DataError

__all__ = ["Language", "Skeleton"]


class Skeleton:
    """An equation without its numbers: some of the language's terms, in order.

    Arguments:
        terms: Indices of the terms, ascending.
        forms: The terms themselves.
        coefficient: What stands before a term.
        inner: What stands inside.
    """

    def __init__(
        self, terms: Sequence[int], forms: Sequence[Form], coefficient: Number, inner: Number
    ) -> None:
        self.terms, self.forms = tuple(terms), tuple(forms)
        self.text = "+".join(form.text for form in forms)
        """With # for each number."""
        self.numbers = tuple(
            coefficient if place == 0 else inner for form in forms for place in range(form.numbers)
        )
        """What may stand at each place, in the order of the text."""


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
        ConfigurationError: If a term cannot be read, is given twice, or no skeleton is left.
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
        self.variables = tuple(variables)
        self.coefficient = coefficient if coefficient is not None else Number()
        self.inner = inner if inner is not None else Number(5, 30)
        self.max_terms, self.max_length, self.leading = max_terms, max_length, leading
        self.forms = tuple(Form(text, self.variables) for text in forms)
        if len(set(forms)) < len(forms) or not forms or not self.coefficient.signed:
            raise ConfigurationError(
                f"a language needs different terms and a coefficient with signs, but got terms "
                f"{list(forms)} and coefficient {self.coefficient}"
            )
        names = {word for text in forms for word in _words(text)}
        signs = {c for text in forms for c in text if not c.isalnum() and c not in "#_"}
        self.vocabulary = Vocabulary([*sorted(signs | set("+-.")), *sorted(names)])
        self.skeletons = self._all_skeletons()
        pieces = [self._pieces(skeleton) for skeleton in self.skeletons]
        self.automaton = Automaton(pieces, self.vocabulary)
        lengths = [_characters(piece) for piece in pieces]
        self.lengths = torch.tensor(lengths)
        """Characters of each skeleton's equations, int64 `(K,)`."""
        self.slots = max(len(skeleton.numbers) for skeleton in self.skeletons)
        """Most numbers S of an equation."""
        self._lay_out(pieces)

    @property
    def tokens(self) -> int:
        """Most tokens T of an equation with its end."""
        return self._template.shape[1]

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
            DataError: If something is missing or of a wrong type.
        """
        given = dict(description)
        try:
            for name in ("coefficient", "inner"):
                given[name] = Number(*given[name])  # type: ignore[misc]
            return Language(**given)  # type: ignore[arg-type]
        except (KeyError, TypeError, AttributeError) as error:
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
        """
        wanted = (shares if shares is not None else UniformLengths()).shares(self.lengths)
        device = generator.device
        which = torch.multinomial(wanted.to(device), count, replacement=True, generator=generator)
        steps = torch.zeros(count, self.slots, dtype=torch.long, device=device)
        for number in (self.coefficient, self.inner):
            values = number.steps.to(device)
            shape = (count, self.slots)
            picked = torch.randint(len(values), shape, generator=generator, device=device)
            steps = torch.where(self._is(number).to(device)[which], values[picked], steps)
        return Equations(which, steps)

    def values(self, equations: Equations) -> Tensor:
        """The numbers themselves, float64 `(M, S)`; zero where there is none."""
        return (
            equations.steps.double()
            / self._scale.to(equations.steps.device)[equations.skeletons.clamp_min(0)]
        )

    def nearest(self, skeletons: Tensor, numbers: Tensor) -> Equations:
        """Equations of given skeletons with the numbers nearest to real ones `(M, S)`."""
        steps = torch.zeros_like(numbers, dtype=torch.long)
        for number in (self.coefficient, self.inner):
            here = self._is(number).to(numbers.device)[skeletons.clamp_min(0)]
            steps = torch.where(here, number.nearest(numbers), steps)
        return Equations(skeletons, torch.where((skeletons >= 0)[:, None], steps, 0))

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
        tokens = self._template.to(device)[kinds]
        plus_minus = torch.tensor([self.vocabulary.index(s) for s in "+-"], device=device)
        for number, rows, slots, starts in self._places(kinds):
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
        for number, rows, slots, starts in self._places(kinds):
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
                length = _characters(self._pieces(skeleton))
                if terms[0] < lead and (self.max_length is None or length <= self.max_length):
                    found.append(skeleton)
        if not found:
            raise ConfigurationError(
                f"no equation has at most {most} terms, {self.max_length} characters and begins "
                f"with one of the first {lead} terms; allow more"
            )
        return tuple(found)

    def _pieces(self, skeleton: Skeleton) -> list[str | Number]:
        pieces: list[str | Number] = []
        for form in skeleton.forms:
            numbers = iter([self.coefficient] + [self.inner] * form.inner)
            for part in form.text.replace("#", " # ").split():
                pieces += [next(numbers)] if part == "#" else self.vocabulary.split(part)
        return pieces

    def _lay_out(self, pieces: Sequence[Sequence[str | Number]]) -> None:
        """Write the tables: templates, where numbers start, what they are, terms' first slots."""
        count = len(pieces)
        point = self.vocabulary.index(".")
        widths = [sum(1 if isinstance(p, str) else p.width for p in piece) for piece in pieces]
        self._template = torch.full((count, max(widths) + 1), Vocabulary.PAD)
        self._starts = torch.full((count, self.slots), -1)
        self._kinds = torch.full((count, self.slots), -1)
        self._scale = torch.ones(count, self.slots, dtype=torch.float64)
        self._first = torch.full((len(self.forms), count), -1)
        for row, piece in enumerate(pieces):
            place = slot = 0
            for part in piece:
                if isinstance(part, str):
                    self._template[row, place] = self.vocabulary.index(part)
                    place += 1
                    continue
                self._starts[row, slot] = place
                self._kinds[row, slot] = [self.coefficient, self.inner].index(part)
                self._scale[row, slot] = part.scale
                place += part.width
                self._template[row, place - 1 - part.decimals] = point
                slot += 1
            self._template[row, place] = Vocabulary.END
            slot = 0
            for index, form in zip(
                self.skeletons[row].terms, self.skeletons[row].forms, strict=True
            ):
                self._first[index, row] = slot
                slot += form.numbers

    def _is(self, number: Number) -> Tensor:
        """Where skeletons have a number of this kind, bool `(K, S)`."""
        return self._kinds == [self.coefficient, self.inner].index(number)

    def _places(self, kinds: Tensor) -> list[tuple[Number, Tensor, Tensor, Tensor]]:
        """For each kind of number: rows, slots and first token of all its places."""
        found = []
        for number in {self.coefficient, self.inner}:
            here = self._is(number).to(kinds.device)[kinds.clamp_min(0)] & (kinds >= 0)[:, None]
            rows, slots = here.nonzero(as_tuple=True)
            starts = self._starts.to(kinds.device)[kinds[rows], slots]
            found.append((number, rows, slots, starts))
        return found


def _words(text: str) -> list[str]:
    """The names in a term: variables and functions."""
    spaced = "".join(c if c.isalnum() or c == "_" else " " for c in text)
    return [word for word in spaced.split() if not word.isdigit()]


def _characters(pieces: Sequence[str | Number]) -> int:
    """Characters of an equation."""
    return sum(len(piece) if isinstance(piece, str) else piece.width for piece in pieces)
