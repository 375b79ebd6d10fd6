"""The reader of weights: what every model must do, and that shortcuts change nothing."""

from collections.abc import Sequence
from functools import partial

import pytest
import torch
from torch import Generator, Tensor
from torch.nn import functional

from baselines.languages import Language, Vocabulary, polynomials
from baselines.population import Architecture
from baselines.reader import (
    CanonicalOrder,
    FlatEncoder,
    GraphEncoder,
    Lengths,
    NeuronEncoder,
    ProbeEncoder,
    RandomOrder,
    Reader,
    ReaderSize,
    ReadingBatch,
    Writer,
)
from baselines.reader.attention import Span
from baselines.reader.encoders import EncoderFactory
from baselines.reader.spans import cut_spans, laid_out
from esr.errors import ConfigurationError, DataError
from esr.models import ReplicaModule

R, B = 3, 11
SIZE = ReaderSize(width=8, layers=2, heads=2)
ENCODERS: dict[str, EncoderFactory] = {
    "flat": partial(FlatEncoder, expanded=16),
    "flat_canonical": partial(FlatEncoder, expanded=16, order=CanonicalOrder()),
    "neuron": partial(NeuronEncoder, size=ReaderSize(layers=1, heads=2)),
    "probe": partial(ProbeEncoder, nodes=3, expanded=16),
    "graph": partial(GraphEncoder, channels=4, expanded=16),
}
ARCHITECTURE = Architecture((1, 3, 2, 3, 1), bias=True)
LANGUAGE = polynomials(1)


def make(name: str, seed: int = 0, replicas: int = R) -> Reader:
    generator = Generator().manual_seed(seed)
    return Reader(ARCHITECTURE, LANGUAGE, ENCODERS[name], SIZE, 0.1, replicas, generator).double()


def batch(
    language: Language = LANGUAGE, architecture: Architecture = ARCHITECTURE
) -> ReadingBatch:
    generator = Generator().manual_seed(9)
    equations = language.draw(B, generator=generator)
    weights = torch.randn(B, architecture.count, generator=generator, dtype=torch.float64)
    return ReadingBatch(weights, language.encode(equations), language.values(equations))


@pytest.fixture(params=ENCODERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def energies(model: Reader, given: ReadingBatch | None = None) -> Tensor:
    return model.energy(given or batch()).per_replica().detach()


def written(model: Reader, given: ReadingBatch) -> Tensor:
    """Scores of each token from the incremental path, `(R, B, T, V)`."""
    prefixes, scores = model.begin(given.weights), []
    token = torch.full((model.replicas, B), Vocabulary.START)
    for following in given.tokens.unbind(1):
        scores.append(prefixes.scores(token))
        token = following.expand(model.replicas, B)
    return torch.stack(scores, 2)


def forced(model: Reader, tokens: Tensor, weights: Tensor) -> Tensor:
    """Scores of each token from one pass over whole sequences `(B, T)`, `(R, B, T, V)`."""
    said = functional.pad(tokens[:, :-1], (1, 0), value=Vocabulary.START).flatten()
    span = Span(*tokens.shape)
    scores = model.decoder(said, [span], model.encoder(weights)).log_softmax(2)
    return scores.view(len(scores), *tokens.shape, -1)


def test_energies_of_equal_parts_have_the_batchs_energy_as_their_mean() -> None:
    model, whole = make("probe"), ReadingBatch(*(part[:10] for part in batch()[:3]))
    tokens = (whole.tokens != Vocabulary.PAD).double().sum()
    lengths = Lengths(tokens / 10, (whole.numbers != 0).double().sum() / 10)
    rows = whole.tokens.ne(Vocabulary.PAD).sum(1).argsort()  # the parts' lengths differ
    parts = [ReadingBatch(*(p[some] for p in whole[:3]), lengths) for some in rows.split(5)]
    mean = (energies(model, parts[0]) + energies(model, parts[1])) / 2
    torch.testing.assert_close(mean, energies(model, whole))


def test_every_tensor_leads_with_replicas(name: str) -> None:
    model = make(name)
    owners = [module for module in model.modules() if isinstance(module, ReplicaModule)]
    owned = {id(p) for module in owners for p in module.parameters(recurse=False)}
    assert all(p.shape[0] == R and id(p) in owned for p in model.parameters())
    assert model.encoder(batch().weights).shape == (R, B, model.encoder.tokens, SIZE.width)


def test_replicas_do_not_share_gradients(name: str) -> None:
    model = make(name)
    energy = model.energy(batch())
    assert energy.data.shape == energy.structure.shape == (R,)
    energy.per_replica()[1].backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert not parameter.grad[[0, 2]].any()


def test_one_replica_computes_what_it_computes_among_others(name: str) -> None:
    model, alone = make(name), make(name, replicas=1)
    alone.load_state_dict(
        {
            key: value[1:2] if key in dict(model.named_parameters()) else value
            for key, value in model.state_dict().items()
        }
    )
    torch.testing.assert_close(energies(alone)[0], energies(model)[1])
    torch.testing.assert_close(written(alone, batch())[0], written(model, batch())[1])


def test_resetting_touches_only_the_replicas_asked_for(name: str) -> None:
    model = make(name)
    before, which = energies(model), torch.tensor([False, True, True])
    model.reset_replicas(which, generator=Generator().manual_seed(5))
    after = energies(model)
    assert torch.equal(after[~which], before[~which])
    assert not torch.isclose(after[which], before[which]).any()
    again = make(name)
    again.reset_replicas(which, generator=Generator().manual_seed(5))
    assert torch.equal(energies(again), after)


def test_resetting_forgets_training(name: str) -> None:
    model, trained = make(name), make(name)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter += 1.0
    for reader in (model, trained):
        reader.reset_replicas(
            torch.ones(R, dtype=torch.bool), generator=Generator().manual_seed(1)
        )
    assert torch.equal(energies(model), energies(trained))


def test_state_dict_carries_everything(name: str) -> None:
    model, other = make(name), make(name, seed=3)
    model.adapt(batch().weights * 3 + 1)
    assert not torch.isclose(energies(model), energies(other)).any()
    other.load_state_dict(model.state_dict())
    assert torch.equal(energies(model), energies(other))


def test_energy_gradient_equals_finite_differences(name: str) -> None:
    model, generator = make(name), Generator().manual_seed(4)
    model.energy(batch()).total().backward()
    steps = [torch.randn(p.shape, generator=generator).double() for p in model.parameters()]
    slopes, values = [], []
    for parameter, step in zip(model.parameters(), steps, strict=True):
        assert parameter.grad is not None
        slopes.append((parameter.grad * step).sum())
    for shift in (-1e-6, 2e-6):
        with torch.no_grad():
            for parameter, step in zip(model.parameters(), steps, strict=True):
                parameter += shift * step
        values.append(energies(model).sum())
    # exact to about 1e-8: the squared step times third derivatives, and rounding
    torch.testing.assert_close((values[1] - values[0]) / 2e-6, sum(slopes), rtol=1e-6, atol=1e-7)


def test_writing_token_by_token_scores_as_whole_equations_do(name: str) -> None:
    model, given = make(name), batch()
    writer: Writer = model
    assert writer.replicas == R
    expected = forced(model, given.tokens, given.weights)
    # one formula in two orders of summation, in float64
    torch.testing.assert_close(written(model, given), expected, rtol=0, atol=1e-10)


def test_grouping_by_length_changes_no_energy(name: str) -> None:
    model, given = make(name), batch()
    lengths = (given.tokens != Vocabulary.PAD).sum(1)
    assert len(cut_spans(sorted(lengths.tolist()), 1)) > 1
    model.numbers = None
    scores = forced(model, given.tokens, given.weights)
    said = scores.gather(3, given.tokens.expand(R, B, -1)[..., None])[..., 0]
    said = torch.where(given.tokens == Vocabulary.PAD, 0.0, said)
    # sums of the same terms in another order, in float64
    torch.testing.assert_close(
        energies(model), -said.sum((1, 2)) / lengths.sum(), rtol=0, atol=1e-10
    )


def test_later_tokens_do_not_change_earlier_scores() -> None:
    model, given = make("flat"), batch()
    changed = given.tokens.clone()
    changed[:, 3:] = Vocabulary.UNKNOWN
    before = forced(model, given.tokens, given.weights)
    after = forced(model, changed, given.weights)
    torch.testing.assert_close(after[:, :, :4], before[:, :, :4], rtol=0, atol=1e-12)
    assert not torch.isclose(after[:, :, 4:], before[:, :, 4:]).all(3).any()


def test_picked_beginnings_go_on_as_those_they_were_picked_from() -> None:
    model, given = make("graph"), batch()
    rows = torch.tensor([[0, 0, 4], [10, 2, 2], [1, 5, 9]])
    prefixes = model.begin(given.weights)
    token = torch.full((R, B), Vocabulary.START)
    for place in range(2):
        prefixes.scores(token)
        token = given.tokens[:, place].expand(R, B)
    picked = prefixes.picked(rows)
    replica = torch.arange(R)[:, None]
    torch.testing.assert_close(
        picked.scores(token[replica, rows]), prefixes.scores(token)[replica, rows]
    )
    torch.testing.assert_close(prefixes.scores(token).exp().sum(2), torch.ones(R, B).double())


def test_beginnings_longer_than_equations_are_refused() -> None:
    prefixes, token = make("flat").begin(batch().weights), torch.ones(R, B, dtype=torch.long)
    for _ in range(LANGUAGE.tokens):
        prefixes.scores(token)
    with pytest.raises(DataError, match="at most 11 tokens"):
        prefixes.scores(token)


def test_the_numbers_error_is_that_of_the_numbers_there_are() -> None:
    model, given = make("flat"), batch()
    without = make("flat")
    without.numbers = None
    assert model.numbers is not None
    told = model.numbers(model.encoder(given.weights).flatten(2))
    there = given.numbers != 0
    errors = torch.stack([(own - given.numbers / 5)[there].square().mean() for own in told])
    torch.testing.assert_close(energies(model) - energies(without), 0.1 * errors)


def test_random_orders_are_drawn_in_training_only() -> None:
    generator = Generator().manual_seed(0)
    encoder = partial(FlatEncoder, expanded=16, order=RandomOrder())
    model = Reader(ARCHITECTURE, LANGUAGE, encoder, SIZE, generator=generator).double()

    def drawn() -> Tensor:
        return model.energy(batch(), generator=generator).data

    assert drawn() != drawn()
    assert energies(model) == energies(model)
    model.eval()
    assert drawn() == drawn()


@pytest.mark.parametrize(
    ("lengths", "cost", "spans"),
    [
        ([5, 5, 7, 9], 0, [(2, 5), (1, 7), (1, 9)]),
        ([5, 5, 7, 9], 100, [(4, 9)]),
        ([2, 2, 2, 9, 10], 5, [(3, 2), (2, 10)]),
        ([4], 7, [(1, 4)]),
    ],
)
def test_spans_are_the_cheapest_cut(
    lengths: list[int], cost: int, spans: Sequence[tuple[int, int]]
) -> None:
    assert cut_spans(lengths, cost) == [Span(*span) for span in spans]


def test_spans_lay_out_every_token_before_the_padding() -> None:
    tokens = torch.tensor([[1, 2, 0, 0], [3, 4, 5, 0], [6, 7, 8, 9]])
    assert laid_out(tokens, [Span(1, 2), Span(2, 4)]).tolist() == [1, 2, 3, 4, 5, 0, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"replicas": 0}, "replicas of at least 1"),
        ({"numbers_weight": -1.0}, "numbers_weight of at least 0"),
        ({"size": ReaderSize(width=12, heads=2)}, "multiple of 12"),
    ],
)
def test_settings_out_of_range_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Reader(ARCHITECTURE, LANGUAGE, ENCODERS["flat"], **arguments)  # type: ignore[arg-type]


def test_a_width_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="multiple of its heads"):
        ReaderSize(width=10, heads=4)


def test_tokens_of_another_language_are_refused() -> None:
    with pytest.raises(DataError, match=r"need tokens \(11, 11\)"):
        make("flat").energy(batch(polynomials(2)))
