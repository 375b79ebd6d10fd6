"""What languages are made of: numbers, terms, shares of skeletons, tokens."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_languages import LANGUAGES, generator
from torch import Tensor

from baselines.languages import (
    Form,
    Language,
    Number,
    SkewedLengths,
    UniformLengths,
    UniformSkeletons,
    Vocabulary,
    polynomials,
    waves_and_growth,
)
from esr.errors import ConfigurationError, DataError

NUMBERS = [
    Number(),
    Number(5, 30),
    Number(-30, -5),
    Number(0, 7),
    Number(-7, 0),
    Number(-120, 45),
    Number(-5, 250, 2),
    Number(-1, 1),
    Number(3, 3, 3),
]


class TestNumber:
    @pytest.mark.parametrize("number", NUMBERS)
    def test_texts_say_the_steps_in_a_fixed_width(self, number: Number) -> None:
        texts = number.all_texts()
        assert {len(text) for text in texts} == {number.width}
        assert len(texts) == len(set(texts)) == len(number.steps)
        for text, steps in zip(texts, number.steps.tolist(), strict=True):
            assert steps != 0
            assert float(text) * number.scale == pytest.approx(steps)
            assert (text[0] in "+-") == number.signed

    @pytest.mark.parametrize("number", NUMBERS)
    def test_reading_inverts_characters(self, number: Number) -> None:
        places = number.characters(number.steps)
        assert len(places) == number.width
        assert torch.equal(number.read(places), number.steps)
        digits = [str(d) for d in range(10)]
        for index, text in enumerate(number.all_texts()):
            for place, character in zip(places, text, strict=True):
                value = int(place[index])
                known = {"+": 0, "-": 1, ".": 0} | {d: int(d) for d in digits}
                assert value == known[character]

    @pytest.mark.parametrize("number", NUMBERS)
    @settings(max_examples=15, deadline=None)
    @given(values=st.lists(st.floats(-60, 60), min_size=1, max_size=8))
    def test_nearest_is_nearest_but_for_zero(self, number: Number, values: list[float]) -> None:
        given_values = torch.tensor(values, dtype=torch.float64)
        found = number.nearest(given_values)
        assert torch.isin(found, number.steps).all()
        distance = (given_values[:, None] * number.scale - number.steps).abs()
        own = (given_values * number.scale - found).abs()
        torch.testing.assert_close(own, distance.amin(1), rtol=0, atol=1e-9)

    def test_nearest_keeps_the_sign_of_small_values(self) -> None:
        assert Number().nearest(torch.tensor([0.01, -0.01, 0.0])).tolist() == [1, -1, 1]

    @pytest.mark.parametrize("number", NUMBERS)
    def test_values_that_are_not_finite_have_a_nearest(self, number: Number) -> None:
        found = number.nearest(torch.tensor([torch.inf, -torch.inf, torch.nan]))
        assert found[:2].tolist() == [int(number.steps[-1]), int(number.steps[0])]
        assert torch.isin(found, number.steps).all()

    @pytest.mark.parametrize("number", NUMBERS)
    def test_shifting_moves_along_the_list(self, number: Number) -> None:
        places = torch.arange(len(number.steps))
        for by in (-3, -1, 0, 1, 2, 400):
            expected = number.steps[(places + by).clamp(0, len(places) - 1)]
            assert torch.equal(number.shifted(number.steps, by), expected)

    @pytest.mark.parametrize("arguments", [(0, 0), (3, 2), (-1, 1, 0), (True, 2), (-1.0, 1)])
    def test_wrong_range_is_refused(self, arguments: tuple[int, ...]) -> None:
        with pytest.raises(ConfigurationError, match="integers low <= high, not both 0"):
            Number(*arguments)


class TestForm:
    @pytest.mark.parametrize("text", ["#", "#*x", "#*x*sin(-#*y+2)", "#*exp(#*x)/(#+y*y)"])
    def test_slopes_are_those_of_autograd(self, text: str) -> None:
        form = Form(text, ("x", "y"))
        points = torch.rand(4, 2, generator=generator(), dtype=torch.float64)
        numbers = 0.5 + torch.rand(3, form.numbers, generator=generator(), dtype=torch.float64)
        values, slopes = form.linearised(numbers, points)
        torch.testing.assert_close(values, form.evaluate(numbers, points))

        def summed(given_numbers: Tensor) -> Tensor:  # rows do not mix
            return form.evaluate(given_numbers, points).sum(0)

        expected = torch.autograd.functional.jacobian(summed, numbers).transpose(0, 1)
        torch.testing.assert_close(slopes, expected)

    @pytest.mark.parametrize("text", ["x", "2*x", "sin(#*x)", "# * x", ""])
    def test_a_term_without_coefficient_is_refused(self, text: str) -> None:
        with pytest.raises(ConfigurationError, match=r"must be # or begin with #\*"):
            Form(text, ("x",))

    @pytest.mark.parametrize("text", ["#*x+#", "#*x-x"])
    def test_a_coefficient_that_is_no_factor_is_refused(self, text: str) -> None:
        with pytest.raises(ConfigurationError, match="must be a factor of all of it"):
            Form(text, ("x",))

    def test_faults_are_named(self) -> None:
        with pytest.raises(ConfigurationError, match=r"cannot read the term '#\*z'"):
            Form("#*z", ("x",))
        with pytest.raises(ConfigurationError, match="must not be called 'number0'"):
            Form("#*x", ("x", "number0"))


class TestShares:
    @pytest.mark.parametrize(
        "shares", [UniformLengths(), UniformSkeletons(), SkewedLengths(), SkewedLengths(0.5)]
    )
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_shares_sum_to_one(
        self, language: Language, shares: UniformLengths | UniformSkeletons | SkewedLengths
    ) -> None:
        wanted = shares.shares(language.lengths)
        assert wanted.shape == (len(language.skeletons),)
        assert (wanted > 0).all()
        torch.testing.assert_close(wanted.sum(), torch.tensor(1.0, dtype=torch.float64))

    def test_uniform_lengths_are_uniform(self) -> None:
        language = waves_and_growth()
        wanted = UniformLengths().shares(language.lengths)
        lengths = language.lengths.unique()
        for length in lengths:
            own = wanted[language.lengths == length]
            assert float(own.sum()) == pytest.approx(1 / len(lengths))
            assert torch.equal(own, own[:1].expand_as(own))

    def test_draws_follow_the_shares(self) -> None:
        language = polynomials()
        drawn_lengths = language.lengths[language.draw(4000, generator=generator()).skeletons]
        counts = drawn_lengths.bincount()[language.lengths.unique()]
        # 4000 draws of 7 equal lengths: 571 each, standard deviation 22; five of them
        assert (counts - 4000 / 7).abs().max() < 110

    def test_skewed_lengths_have_their_share_of_the_longest(self) -> None:
        language = polynomials()
        wanted = SkewedLengths(0.7).shares(language.lengths)
        assert float(wanted[language.lengths == 18].sum()) == pytest.approx(0.7)
        with pytest.raises(ConfigurationError, match="above 0 and below 1"):
            SkewedLengths(1.0)


class TestVocabulary:
    def test_text_inverts_splitting(self) -> None:
        vocabulary = waves_and_growth().vocabulary
        text = "+1.5*x*sin(0.5*y)"
        tokens = vocabulary.encode(vocabulary.split(text))
        assert vocabulary.text(tokens) == text
        assert len(tokens) < len(text)  # sin is one token

    def test_faults_are_named(self) -> None:
        with pytest.raises(ConfigurationError, match="beginnings of each other"):
            Vocabulary(["+", "+"])
        with pytest.raises(DataError, match="did you mean 'sin'"):
            waves_and_growth().vocabulary.index("sine")
        with pytest.raises(DataError, match="cannot read 'xz' at 'z'"):
            polynomials().vocabulary.split("xz")

    def test_special_tokens_are_told_by_name(self) -> None:
        vocabulary = polynomials().vocabulary
        told = vocabulary.text(torch.tensor([Vocabulary.UNKNOWN, vocabulary.zero]))
        assert told == "<unknown>0"
