"""Languages of equations: what is written is what is read, and nothing else is read."""

from itertools import product

import pytest
import torch
from sample_languages import LANGUAGES, generator

from baselines.languages import (
    Equations,
    Language,
    Number,
    UniformSkeletons,
    Vocabulary,
    polynomials,
    waves_and_growth,
)
from esr.errors import ConfigurationError, DataError

TINY = Number(-2, 1)
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


def drawn(language: Language, count: int = 300) -> Equations:
    return language.draw(count, UniformSkeletons(), generator=generator())


def every_equation(language: Language) -> list[str]:
    """All equations of a language, from its texts of terms and numbers alone."""
    found = []
    for skeleton in language.skeletons:
        pieces = "".join(form.text for form in skeleton.forms).split("#")
        for numbers in product(*(number.all_texts() for number in skeleton.numbers)):
            ends = [*numbers, ""]
            found.append("".join(a + b for a, b in zip(pieces, ends, strict=True)))
    return found


class TestLanguage:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_decoding_inverts_encoding(self, language: Language) -> None:
        equations = drawn(language)
        tokens = language.encode(equations)
        assert tokens.shape == (300, language.tokens)
        assert language.decode(tokens).equal(equations).all()
        padded = torch.nn.functional.pad(tokens, (0, 3), value=Vocabulary.PAD)
        assert language.decode(padded).equal(equations).all()

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_reading_inverts_writing(self, language: Language) -> None:
        equations = drawn(language, 60)
        texts = language.texts(equations)
        assert language.read(texts).equal(equations).all()
        lengths = torch.tensor([len(text) for text in texts])
        assert (lengths == language.lengths[equations.skeletons]).all()

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_values_are_those_of_the_parsed_text(self, language: Language) -> None:
        equations = drawn(language, 40)
        points = 0.1 + torch.rand(7, len(language.variables), generator=generator()).double()
        values = language.evaluate(equations.skeletons, language.values(equations), points)
        given = {name: points[:, i] for i, name in enumerate(language.variables)}
        for text, row in zip(language.texts(equations), values, strict=True):
            expected = language.expression(text).evaluate(given)
            torch.testing.assert_close(row, expected.expand(7), rtol=1e-12, atol=1e-12)

    def test_points_may_differ_between_equations(self) -> None:
        language = waves_and_growth()
        equations = drawn(language, 20)
        points = torch.rand(20, 5, 2, generator=generator(), dtype=torch.float64)
        numbers = language.values(equations)
        together = language.evaluate(equations.skeletons, numbers, points)
        one = language.evaluate(equations.skeletons[:1], numbers[:1], points[0])
        torch.testing.assert_close(together[:1], one)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_nearest_undoes_less_than_half_a_step(self, language: Language) -> None:
        equations = drawn(language)
        values = language.values(equations) + 0.004  # half a step of the finest is 0.005
        found = language.nearest(equations.skeletons, values)
        assert found.equal(equations).all()

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_description_makes_the_same_language(self, language: Language) -> None:
        same = Language.described(language.describe())
        assert same.describe() == language.describe()
        assert torch.equal(same.automaton.next, language.automaton.next)
        assert same.vocabulary.tokens == language.vocabulary.tokens

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_draws_stay_in_range_and_repeat(self, language: Language) -> None:
        equations = drawn(language)
        assert equations.equal(drawn(language)).all()
        for index, skeleton in enumerate(language.skeletons):
            steps = equations.steps[equations.skeletons == index]
            for slot, number in enumerate(skeleton.numbers):
                assert torch.isin(steps[:, slot], number.steps).all()
            assert (steps[:, len(skeleton.numbers) :] == 0).all()

    def test_what_is_no_equation_stays_none(self) -> None:
        language = polynomials()
        none = language.read(
            ["", "x", "+1.5*x*x-0.0*x", "1.5", "+1.5*x+1.5*x", "+1.5*x" * 9, "+y"]
        )
        assert (none.skeletons == -1).all()
        assert (none.steps == 0).all()
        assert language.texts(none) == [""] * 7
        assert not none.equal(none).any()
        values = language.evaluate(none.skeletons, language.values(none), torch.ones(3, 1))
        assert values.isnan().all()
        assert (language.nearest(none.skeletons, torch.ones(7, 3)).steps == 0).all()

    def test_polynomials_are_those_of_the_slides(self) -> None:
        language = polynomials()
        assert len(language.vocabulary) == 19
        assert int(language.lengths.max()) == 18
        assert len(language.skeletons) == 7
        assert "+1.5*x*x-0.3*x+4.0" in language.texts(language.read(["+1.5*x*x-0.3*x+4.0"]))

    def test_waves_and_growth_are_no_polynomials(self) -> None:
        language = waves_and_growth()
        for skeleton in language.skeletons:
            assert "sin" in skeleton.text or "exp" in skeleton.text
            assert len(skeleton.terms) <= 2

    def test_gradients_reach_the_numbers(self) -> None:
        language = waves_and_growth()
        equations = drawn(language, 5)
        numbers = language.values(equations).requires_grad_()
        points = torch.rand(4, 2, generator=generator(), dtype=torch.float64)
        assert torch.autograd.gradcheck(
            lambda given: language.evaluate(equations.skeletons, given, points), (numbers,)
        )

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"forms": "#*x"}, "different terms in a list"),
            ({"forms": []}, "different terms in a list"),
            ({"forms": ["#*x", "#*x"]}, "different terms in a list"),
            ({"forms": ["#*x"], "variables": ("x", "x")}, "different variables"),
            ({"forms": ["#*x"], "coefficient": Number(1, 9)}, "low < 0 for the coefficient"),
            ({"forms": ["#*x"], "max_terms": 0}, "must be positive integers or None"),
            ({"forms": ["#*x"], "leading": 1.0}, "must be positive integers or None"),
            ({"forms": ["#*x"], "max_length": 3}, "no equation has at most 1 terms, 3 characters"),
            ({"forms": ["#*sin(x)", "#*sinh(x)"]}, "beginnings of each other"),
        ],
    )
    def test_impossible_language_is_refused(
        self, arguments: dict[str, object], message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            Language(**arguments)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"inner": [5, 30]}, r"must be \[low, high, decimals\], but is \[5, 30\]"),
            ({"inner": None}, r"must be \[low, high, decimals\]"),
            ({"inner": [5, 3, 1]}, "low <= high"),
            ({"most_terms": 3}, "unexpected keyword argument 'most_terms'"),
            ({"max_terms": "3"}, "must be positive integers"),
        ],
    )
    def test_wrong_description_is_refused(self, change: dict[str, object], message: str) -> None:
        with pytest.raises(DataError, match=message):
            Language.described({**polynomials().describe(), **change})

    def test_incomplete_description_names_what_is_missing(self) -> None:
        with pytest.raises(DataError, match="needs 'coefficient'"):
            Language.described({"forms": ["#*x"]})

    def test_degree_and_count_are_checked(self) -> None:
        with pytest.raises(ConfigurationError, match="degree must be an integer from 0 on"):
            polynomials(-1)
        with pytest.raises(ConfigurationError, match="must be positive, but is 0"):
            polynomials().draw(0, generator=generator())


class TestAutomaton:
    @pytest.mark.parametrize(
        "forms", [["#*x", "#"], ["#*sin(#*x)", "#*x"], ["#*(#-x)", "#*(x-#)"]]
    )
    def test_exactly_the_language_is_accepted(self, forms: list[str]) -> None:
        language = Language(forms, coefficient=TINY, inner=Number(1, 2))
        accepted, automaton = set(), language.automaton
        pending = [(0, ())]
        while pending:  # all paths to an end; the automaton has no circles
            state, tokens = pending.pop()
            for token in (automaton.next[state] >= 0).nonzero()[:, 0].tolist():
                if token == Vocabulary.END:
                    accepted.add(language.vocabulary.text(torch.tensor(tokens)))
                elif state != 1:
                    pending.append((int(automaton.next[state, token]), (*tokens, token)))
        expected = every_equation(language)
        assert len(expected) == len(set(expected))
        assert accepted == set(expected)

    def test_no_short_string_is_mistaken_for_an_equation(self) -> None:
        language = Language(["#*x", "#"], coefficient=TINY)
        equations = {text for text in every_equation(language) if len(text) <= 6}
        alphabet = [language.vocabulary.index(symbol) for symbol in "012+-*.x"]
        for length in range(1, 7):
            rows = torch.cartesian_prod(*[torch.tensor(alphabet)] * length).reshape(-1, length)
            ends = torch.full((len(rows), 1), Vocabulary.END)
            found = language.automaton.run(torch.cat([rows, ends], 1)) >= 0
            texts = {language.vocabulary.text(row) for row in rows[found]}
            assert texts == {text for text in equations if len(text) == length}

    def test_only_padding_follows_the_end(self) -> None:
        language = polynomials()
        tokens = language.encode(language.read(["+1.5"]))
        for token in range(1, len(language.vocabulary)):
            wrong = tokens.clone()
            wrong[0, 6] = token
            assert language.decode(wrong).skeletons.item() == -1
        assert language.decode(tokens[:, :4]).skeletons.item() == -1  # without an end

    def test_accepted_states_name_their_skeletons(self) -> None:
        language = waves_and_growth()
        named = language.automaton.accepted
        ends = language.automaton.next[:, Vocabulary.END] == 1
        assert torch.equal(named >= 0, ends)
        assert sorted(named[ends].tolist()) == list(range(len(language.skeletons)))

    @pytest.mark.parametrize(
        "forms", [["#*sin(#*x)", "#*sin(1.5*x)"], ["#*sin(1.5*x)", "#*sin(#*x)"]]
    )
    def test_a_term_that_is_a_case_of_another_is_refused(self, forms: list[str]) -> None:
        with pytest.raises(ConfigurationError, match="cannot be told apart"):
            Language(forms)

    def test_a_term_that_goes_on_where_a_number_ends_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="cannot be told apart"):
            Language(["#*sin(#*x)", "#*sin(1.55*x)"])
