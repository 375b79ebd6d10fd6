"""Decoding against brute force over every equation of tiny languages."""

import math

import pytest
import torch
from fake_writers import RecurrentWriter, TableWriter, writes
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from baselines.languages import Language, Number, Vocabulary, polynomials, waves_and_growth
from baselines.reader import Beam, Decoded, Decoding, Greedy, Sampling, SkeletonBeam, Writer
from esr.errors import ConfigurationError, DataError

TINY = Language(["#*x", "#"], coefficient=Number(-2, 2))
"""24 equations: four numbers, two terms."""
WEIGHTS = torch.tensor([[0.3, 0.1], [-1.2, 0.4], [2.0, 0.9]])


def every_text(language: Language = TINY) -> list[str]:
    texts = [""]
    found = []
    numbers = language.coefficient.all_texts()
    for form in language.forms:
        texts += [text + form.text.replace("#", n) for text in texts for n in numbers]
        found = [text for text in texts if text]
    return found


def log_probabilities(
    writer: Writer, weights: Tensor, temperature: float = 1.0
) -> dict[str, float]:
    """Each text's probability for one network, among texts that begin alike, one loop deep."""
    texts = every_text()
    spelt = {text: [*TINY.vocabulary.split(text), "<end>"] for text in texts}
    found = {}
    for text in texts:
        prefixes, last, total = writer.begin(weights[None]), Vocabulary.START, 0.0
        for place, symbol in enumerate(spelt[text]):
            scores = prefixes.scores(torch.full((writer.replicas, 1), last))[0, 0]
            alike = [s for s in spelt.values() if s[:place] == spelt[text][:place]]
            allowed = {s[place]: scores[TINY.vocabulary.index(s[place])] for s in alike}
            wanted = torch.stack(list(allowed.values())) / temperature
            total += float(allowed[symbol] / temperature - wanted.logsumexp(0))
            last = TINY.vocabulary.index(symbol)
        found[text] = total
    return found


def texts_of(decoded: Decoded, network: int, language: Language = TINY) -> list[str]:
    candidates = decoded.equations[0]
    return language.texts(candidates[network])


def test_widest_beam_lists_every_equation_by_its_probability() -> None:
    writer = RecurrentWriter(TINY)
    decoded = Beam(30, chunk=2).decode(writer, TINY, WEIGHTS)
    assert decoded.equations.skeletons.shape == (1, 3, 30)
    for network in range(3):
        expected = log_probabilities(writer, WEIGHTS[network])
        assert math.isclose(sum(map(math.exp, expected.values())), 1, rel_tol=1e-12)
        ranked = sorted(expected, key=lambda text: -expected[text])
        assert texts_of(decoded, network) == [*ranked, *[""] * 6]
        wanted = torch.tensor([expected[text] for text in ranked], dtype=torch.float64)
        torch.testing.assert_close(
            decoded.log_probabilities[0, network, :24], wanted, rtol=1e-10, atol=1e-10
        )
    assert (decoded.log_probabilities[..., 24:] == -math.inf).all()
    assert (decoded.equations.steps[..., 24:, :] == 0).all()


@pytest.mark.parametrize("width", [1, 2, 5])
def test_narrow_beam_keeps_the_best_beginnings(width: int) -> None:
    """Probabilities of beginnings are sums over the equations that begin so."""
    writer = RecurrentWriter(TINY, seed=3)
    decoded = Beam(width).decode(writer, TINY, WEIGHTS)
    for network in range(3):
        whole = log_probabilities(writer, WEIGHTS[network])
        spelt = {t: (*TINY.vocabulary.split(t), "<end>") for t in whole}
        kept: list[tuple[str, ...]] = [()]
        for place in range(1, TINY.tokens + 1):
            mass: dict[tuple[str, ...], float] = {}
            for text, symbols in spelt.items():
                if symbols[: place - 1] in kept:
                    begin = symbols[:place]
                    mass[begin] = mass.get(begin, 0.0) + math.exp(whole[text])
            kept = sorted(mass, key=lambda begin: -mass[begin])[:width]
        assert texts_of(decoded, network) == ["".join(begin[:-1]) for begin in kept]


def test_greedy_is_the_beam_of_width_one() -> None:
    language = waves_and_growth()
    writer, weights = RecurrentWriter(language, replicas=3), torch.randn(9, 5)
    greedy = Greedy(chunk=4).decode(writer, language, weights)
    beam = Beam(1).decode(writer, language, weights)
    assert greedy.flat().equal(beam.flat()).all()
    torch.testing.assert_close(greedy.log_probabilities, beam.log_probabilities)
    assert (greedy.tokens == beam.tokens).all()


def test_replicas_are_decoded_as_if_alone() -> None:
    both = RecurrentWriter(TINY, replicas=2)
    alone = RecurrentWriter(TINY, replicas=1)
    alone.inputs, alone.stir, alone.outputs = both.inputs[1:], both.stir[1:], both.outputs[1:]
    together = Beam(4).decode(both, TINY, WEIGHTS)
    second = Beam(4).decode(alone, TINY, WEIGHTS)
    assert together.best(1).equal(second.best()).all()
    torch.testing.assert_close(together.log_probabilities[1], second.log_probabilities[0])


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_samples_come_as_often_as_they_are_probable(temperature: float) -> None:
    """Within five deviations of a binomial count for each of the 24 equations."""
    writer, count = RecurrentWriter(TINY), 6_000
    generator = torch.Generator().manual_seed(1)
    sampling = Sampling(count, temperature)
    decoded = sampling.decode(writer, TINY, WEIGHTS[:1], generator=generator)
    drawn = texts_of(decoded, 0)
    shares = log_probabilities(writer, WEIGHTS[0], temperature)
    reported = log_probabilities(writer, WEIGHTS[0])
    for text, logarithm in shares.items():
        share = math.exp(logarithm)
        spread = math.sqrt(share * (1 - share) / count)
        assert abs(drawn.count(text) / count - share) <= 5 * spread + 1 / count
    for place in (0, count // 2, count - 1):
        value = float(decoded.log_probabilities[0, 0, place])
        assert math.isclose(value, reported[drawn[place]], rel_tol=1e-9)
    assert (decoded.log_probabilities.diff(dim=-1) <= 0).all()


def test_same_generator_draws_the_same() -> None:
    drawn = [
        Sampling(7).decode(
            RecurrentWriter(TINY), TINY, WEIGHTS, generator=torch.Generator().manual_seed(2)
        )
        for _ in range(2)
    ]
    assert (drawn[0].tokens == drawn[1].tokens).all()


WAYS: tuple[Decoding, ...] = (Greedy(), Beam(5), Sampling(4))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: type(way).__name__)
@settings(max_examples=25, deadline=None)
@given(
    language=st.sampled_from([TINY, polynomials(1), polynomials(2, max_length=12)]),
    seed=st.integers(0, 2**31),
    spread=st.sampled_from([0.0, 1.0, 30.0, math.inf]),
    half=st.booleans(),
)
def test_whatever_the_scores_every_equation_is_of_the_language(
    way: Decoding, language: Language, seed: int, spread: float, half: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    size = len(language.vocabulary)
    table = torch.randn(language.tokens, size, size, generator=generator)
    table = torch.where(table > 0.5, spread, table) if spread < math.inf else -table.exp().exp()
    table = table.masked_fill(torch.rand(table.shape, generator=generator) < 0.3, -math.inf)
    writer = TableWriter(table.half() if half else table)
    decoded = way.decode(writer, language, torch.zeros(2, 3), generator=generator)
    candidates = decoded.flat()
    assert (candidates.skeletons >= 0).all()
    texts = language.texts(candidates)
    assert language.read(texts).equal(candidates).all()
    assert (language.encode(candidates) == decoded.tokens.flatten(0, 2)).all()
    if isinstance(way, Beam):
        assert len(set(texts[: way.width])) == way.width


def test_without_the_grammar_greedy_may_write_nonsense() -> None:
    wanted = writes(TINY, "+0.1*x-0.2")
    for constrained in (True, False):
        decoded = Greedy(constrained).decode(wanted, TINY, WEIGHTS)
        assert texts_of(decoded, 2) == ["+0.1*x-0.2"]
    nonsense = writes(TINY, "+0.1x")
    free = Greedy(constrained=False).decode(nonsense, TINY, WEIGHTS)
    assert free.flat().skeletons.tolist() == [-1, -1, -1]
    assert TINY.vocabulary.text(free.tokens[0, 0, 0]) == "+0.1x"
    assert texts_of(Greedy().decode(nonsense, TINY, WEIGHTS), 0)[0].startswith("+0.1")
    endless = TableWriter(torch.zeros(TINY.tokens, len(TINY.vocabulary), len(TINY.vocabulary)))
    endless.table[..., TINY.vocabulary.index("x")] = 1
    assert (Greedy(False).decode(endless, TINY, WEIGHTS).flat().skeletons == -1).all()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: type(way).__name__)
def test_scores_that_are_not_numbers_are_no_equation(way: Decoding) -> None:
    """A diverged replica or network is reported and disturbs no other."""
    weights = WEIGHTS.clone()
    weights[1, 0] = math.nan
    decoded = way.decode(RecurrentWriter(TINY), TINY, weights)
    known = (decoded.equations.skeletons >= 0).all(-1)
    assert known.tolist() == [[True, False, True]]
    assert (decoded.log_probabilities[0, 1] == -math.inf).all()


def test_decoding_takes_no_gradient() -> None:
    weights = WEIGHTS.clone().requires_grad_()
    assert not Beam(2).decode(RecurrentWriter(TINY), TINY, weights).log_probabilities.requires_grad


WRONG: tuple[tuple[type, dict[str, float], str], ...] = (
    (Beam, {"width": 0}, "width must be a whole number of at least 1, but is 0"),
    (Greedy, {"chunk": -1}, "chunk must be"),
    (Sampling, {"count": 0}, "count must be"),
    (Sampling, {"count": 3, "temperature": 0.0}, "temperature must be positive, but is 0"),
)


@pytest.mark.parametrize(("way", "given", "message"), WRONG)
def test_wrong_settings_are_refused(way: type, given: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        way(**given)


def test_wrong_inputs_are_refused() -> None:
    with pytest.raises(DataError, match=r"must score the \d+ tokens of the language, but scores"):
        Greedy().decode(RecurrentWriter(waves_and_growth()), TINY, WEIGHTS)
    with pytest.raises(DataError, match=r"weights must be .*shape \(3,\)"):
        Greedy().decode(RecurrentWriter(TINY), TINY, WEIGHTS[:, 0])


def test_skeleton_beam_finds_every_skeleton_once_by_the_sum_of_its_branches() -> None:
    language = polynomials()
    writer = RecurrentWriter(language, replicas=2)
    decoded = SkeletonBeam(10).decode(writer, language, torch.ones(3, 4))
    found = decoded.equations.skeletons
    count = len(language.skeletons)
    assert (found[..., :count].sort(-1).values == torch.arange(count)).all()
    assert (found[..., count:] == -1).all()
    best = decoded.log_probabilities[..., :count]
    assert (best.diff(dim=-1) <= 0).all()
    assert (best <= 1e-12).all()


def test_skeleton_beam_counts_digits_and_signs_as_one() -> None:
    language = Language(["#*x", "#"])
    writer = RecurrentWriter(language)
    weights = torch.ones(1, 4)
    decoded = SkeletonBeam(1).decode(writer, language, weights)
    written = decoded.tokens[0, 0, 0].tolist()
    prefixes, before, total = writer.begin(weights), Vocabulary.START, 0.0
    table, state = language.automaton.next, 0
    zero = language.vocabulary.zero
    signs = [language.vocabulary.index(sign) for sign in "+-"]
    for token in written:
        scores = prefixes.scores(torch.tensor([[before]]))[0, 0]
        allowed = torch.where(table[state] >= 0, scores, -torch.inf).log_softmax(0)
        group = next((g for g in (list(range(zero, zero + 10)), signs) if token in g), [token])
        total += float(allowed[group].logsumexp(0))
        assert int(allowed[group].argmax()) == group.index(token)
        before, state = token, int(table[state, token])
        if state == 1:
            break
    torch.testing.assert_close(
        float(decoded.log_probabilities[0, 0, 0]), total, rtol=1e-5, atol=1e-5
    )
