import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

import esr
from esr.associative import (
    HopfieldLayer,
    HopfieldPooling,
    Implicit,
    OneStep,
    Projections,
    RawPatterns,
    Retrieval,
    RetrievalGradient,
    StoredPatterns,
    Unrolled,
)
from esr.errors import ConfigurationError, DataError

MODES: list[RetrievalGradient] = [Unrolled(), Unrolled(4), Implicit(), OneStep()]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def layer(*, heads: int = 2, retrieval: Retrieval | None = None, **sizes: int) -> HopfieldLayer:
    settings = Projections(**sizes)
    made = HopfieldLayer(6, heads, retrieval or Retrieval(), settings, generator=seeded())
    return made.double()


def test_it_is_exported() -> None:
    assert esr.HopfieldLayer is HopfieldLayer


def test_one_step_is_multi_head_attention() -> None:
    made = layer(heads=3)
    maps = made.heads
    attention = nn.MultiheadAttention(6, 3, batch_first=True, dtype=torch.float64)
    parts = (maps.query_map, maps.key_map, maps.value_map)
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        attention.in_proj_bias.zero_()
        attention.in_proj_bias[:6] = maps.query_map.bias
        attention.out_proj.weight.copy_(maps.output_map.weight)
        attention.out_proj.bias.copy_(maps.output_map.bias)
    queries, keys = draw(0, 2, 4, 6), draw(1, 2, 5, 6)
    mask = torch.tensor([[True] * 5, [True, False, True, False, True]])
    expected, weights = attention(
        queries, keys, keys, key_padding_mask=~mask, average_attn_weights=False
    )
    found = made.associate(queries, keys, mask=mask)
    torch.testing.assert_close(found.output, expected)
    torch.testing.assert_close(found.weights, weights)


def test_raw_patterns_are_retrieved_themselves() -> None:
    patterns = draw(2, 10, 16)
    retrieval = Retrieval(beta=20.0, learnable=False, gradient=OneStep())
    made = HopfieldLayer(16, retrieval=retrieval, projections=RawPatterns()).double()
    assert not list(made.parameters())
    found = made.associate(patterns + 0.3 * draw(3, 10, 16), patterns)
    # other weights are below exp(-20 times a gap of 1.6 or more)
    torch.testing.assert_close(found.output, patterns, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.states.squeeze(0), found.output)
    assert (found.residuals < 1e-6).all()
    assert (found.steps <= 3).all()


def test_raw_heads_retrieve_each_from_its_share_of_features() -> None:
    queries, keys, values = draw(4, 2, 3, 6), draw(5, 2, 4, 6), draw(6, 2, 4, 2)
    retrieval = Retrieval(beta=0.7, gradient=Unrolled(3))
    both = HopfieldLayer(6, 2, retrieval, RawPatterns()).double()(queries, keys, values)
    for head in range(2):
        part = slice(3 * head, 3 * head + 3)
        stored = StoredPatterns(keys[..., part], 0.7)
        states = stored.update(stored.update(queries[..., part]))
        alone = stored.weights(states) @ values[..., head : head + 1]
        torch.testing.assert_close(both[..., head : head + 1], alone, rtol=1e-6, atol=0)
    # beta is stored as a logarithm in single precision before double()


def test_energies_of_what_is_retrieved_never_rise_with_steps() -> None:
    queries, keys = draw(7, 3, 5, 6), draw(8, 3, 8, 6)
    energies = [
        layer(retrieval=Retrieval(beta=2.0, top_k=5, gradient=Unrolled(steps)))
        .associate(queries, keys)
        .energies
        for steps in range(1, 6)
    ]
    for earlier, later in pairwise(energies):
        assert (later <= earlier + 1e-12).all()


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("top_k", [None, 2])
class TestModes:
    def made(self, mode: RetrievalGradient, top_k: int | None) -> HopfieldLayer:
        return layer(retrieval=Retrieval(top_k=top_k, gradient=mode))

    def test_what_is_hidden_has_no_influence(
        self, mode: RetrievalGradient, top_k: int | None
    ) -> None:
        made = self.made(mode, top_k)
        queries, keys = draw(0, 2, 3, 6), draw(1, 2, 5, 6)
        mask = torch.tensor([[True, True, True, False, False], [False] * 5])
        keys[:, 3:] = math.nan
        keys.requires_grad_()
        output = made(queries, keys, mask=mask)
        torch.testing.assert_close(output[0], made(queries[0], keys[0, :3]))
        assert (output[1] == 0).all()  # sees nothing, in spite of the bias
        output.sum().backward()
        assert keys.grad is not None
        for parameter in made.parameters():
            assert parameter.grad is None or parameter.grad.isfinite().all()
        assert keys.grad.isfinite().all()
        assert (keys.grad[1] == 0).all()

    def test_a_pair_mask_is_a_mask_for_each_query(
        self, mode: RetrievalGradient, top_k: int | None
    ) -> None:
        made = self.made(mode, top_k)
        queries, keys = draw(2, 2, 3, 6), draw(3, 2, 5, 6)
        pair_mask = draw(4, 2, 3, 5) > 0
        mask = draw(5, 2, 5) > -1
        output = made(queries, keys, mask=mask, pair_mask=pair_mask)
        for query in range(3):
            alone = made(queries[:, query : query + 1], keys, mask=mask & pair_mask[:, query])
            torch.testing.assert_close(output[:, query : query + 1], alone)

    def test_leading_dimensions_broadcast_and_may_be_absent(
        self, mode: RetrievalGradient, top_k: int | None
    ) -> None:
        made = self.made(mode, top_k)
        queries, keys = draw(6, 4, 2, 3, 6), draw(7, 2, 5, 6)
        found = made.associate(queries, keys)
        assert found.output.shape == (4, 2, 3, 6)
        assert found.weights.shape == (4, 2, 2, 3, 5)
        assert found.energies.shape == found.steps.shape == found.residuals.shape
        assert found.energies.shape == (4, 2, 2, 3)
        assert (found.energies >= 0).all()
        torch.testing.assert_close(found.output[1, 1], made(queries[1, 1], keys[1]))

    def test_parameters_get_finite_gradients(
        self, mode: RetrievalGradient, top_k: int | None
    ) -> None:
        made = self.made(mode, top_k)
        made(draw(8, 2, 3, 6), draw(9, 2, 5, 6)).square().sum().backward()
        without = {name for name, p in made.named_parameters() if p.grad is None}
        ends_at_rest = not isinstance(mode, Unrolled)
        assert without == (
            {"heads.query_map.weight", "heads.query_map.bias"} if ends_at_rest else set()
        )
        for parameter in made.parameters():
            if parameter.grad is not None:
                assert parameter.grad.isfinite().all()
                assert parameter.grad.abs().max() > 0


def test_all_gradients_equal_finite_differences() -> None:
    made = layer(retrieval=Retrieval(beta=1.0, gradient=Unrolled(3)), value_features=2)
    names, parameters = zip(*made.named_parameters(), strict=True)
    mask = torch.tensor([True, False, True])
    values = draw(12, 3, 2)

    def output(queries: Tensor, keys: Tensor, *tensors: Tensor) -> Tensor:
        state = dict(zip(names, tensors, strict=True))
        found: Tensor = torch.func.functional_call(
            made, state, (queries, keys, values), {"mask": mask}
        )
        return found

    inputs = (draw(10, 2, 6).requires_grad_(), draw(11, 3, 6).requires_grad_())
    assert torch.autograd.gradcheck(output, (*inputs, *parameters), atol=1e-5, rtol=0)


def test_vmap_over_layers_is_a_loop() -> None:
    layers = [layer(retrieval=Retrieval(gradient=Unrolled(2), top_k=2)) for _ in range(3)]
    for index, made in enumerate(layers):
        made.log_beta.data += 0.3 * index
    queries = draw(13, 4, 6)
    stacked, _ = torch.func.stack_module_state(layers)  # type: ignore[no-untyped-call]
    outputs = torch.func.vmap(
        lambda state: torch.func.functional_call(layers[0], state, (queries,))
    )(stacked)
    torch.testing.assert_close(outputs, torch.stack([made(queries) for made in layers]))


def test_sizes_may_differ_and_normalised_states_have_unit_variance() -> None:
    settings = Projections(5, 4, head_features=8, out_features=7, normalised=True, bias=False)
    made = HopfieldLayer(6, 3, Retrieval(beta=2.0), settings, generator=seeded())
    queries, keys, values = draw(0, 2, 6).float(), draw(1, 9, 5).float(), draw(2, 9, 4).float()
    found = made.associate(queries, keys, values)
    assert found.output.shape == (2, 7)
    assert found.patterns.keys.shape == (3, 9, 8)
    # layer_norm adds 1e-5 to variances of about 1/10
    torch.testing.assert_close(
        found.patterns.keys.var(-1, correction=0), torch.ones(3, 9), atol=2e-3, rtol=0
    )
    torch.testing.assert_close(made.beta, torch.full((3,), 2.0))
    assert not any("bias" in name for name, _ in made.named_parameters())


def test_same_seed_same_layer_and_state_dict_restores_it() -> None:
    one, same, other = (HopfieldLayer(6, 2, generator=seeded(seed)) for seed in (1, 1, 2))
    queries = draw(0, 3, 6).float()
    torch.testing.assert_close(one(queries), same(queries), rtol=0, atol=0)
    assert not torch.equal(one(queries), other(queries))
    other.load_state_dict(one.state_dict())
    torch.testing.assert_close(one(queries), other(queries), rtol=0, atol=0)


def test_its_text_tells_the_settings() -> None:
    text = repr(HopfieldLayer(6, 2, Retrieval(beta=2.0, gradient=OneStep(5))))
    assert "features=6, heads=2" in text
    assert "gradient=OneStep(steps=5, tolerance=1e-06)" in text


def test_pooling_does_not_see_order_or_padding() -> None:
    pooling = HopfieldPooling(6, 4, 2, generator=seeded()).double()
    members = draw(0, 3, 5, 6)
    output = pooling(members)
    assert output.shape == (3, 4, 6)
    torch.testing.assert_close(pooling(members.flip(1)), output)
    padded = torch.cat([members, torch.full((3, 2, 6), math.inf, dtype=torch.float64)], 1)
    mask = (torch.arange(7) < 5).expand(3, 7)
    torch.testing.assert_close(pooling(padded, mask=mask), output)
    assert (pooling(padded, mask=mask & False) == 0).all()
    output.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in pooling.parameters())


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"beta is an inverse temperature .* but is -1"):
        Retrieval(beta=-1.0)
    with pytest.raises(ConfigurationError, match=r"beta is an inverse temperature .* but is 0"):
        Retrieval(beta=0.0)
    with pytest.raises(ConfigurationError, match="top_k must be at least 1"):
        Retrieval(top_k=0)
    with pytest.raises(ConfigurationError, match="heads must be at least 1, but is 0"):
        HopfieldLayer(4, 0)
    with pytest.raises(ConfigurationError, match="out_features must be at least 1"):
        Projections(out_features=0)
    with pytest.raises(ConfigurationError, match="4 features cannot be shared by 3 heads"):
        HopfieldLayer(4, 3, projections=RawPatterns())
    with pytest.raises(ConfigurationError, match="queries must be at least 1"):
        HopfieldPooling(4, 0)


def test_requests_that_do_not_fit_are_refused() -> None:
    made, queries = HopfieldLayer(6), torch.zeros(2, 3, 6)
    with pytest.raises(DataError, match=r"queries must have shape \(\*, L, 6\), but have \(3, 5"):
        made(torch.zeros(3, 5))
    with pytest.raises(DataError, match=r"keys must have shape \(\*, M, 6\), but have \(6,\)"):
        made(queries, torch.zeros(6))
    with pytest.raises(DataError, match="equally many and at least one, but there are 0 keys"):
        made(queries, torch.zeros(2, 0, 6))
    with pytest.raises(DataError, match="there are 4 keys and 5 values"):
        made(queries, torch.zeros(2, 4, 6), torch.zeros(2, 5, 6))
    with pytest.raises(DataError, match=r"must broadcast, but are \(2,\), \(3,\), \(3,\)"):
        made(queries, torch.zeros(3, 4, 6))
    with pytest.raises(DataError, match="queries must be floating-point"):
        made(queries.long())
    with pytest.raises(DataError, match=r"mask must be boolean.*try mask.bool\(\)"):
        made(queries, mask=torch.ones(2, 3))
    with pytest.raises(DataError, match=r"mask must have shape \(\*, 3\), but has \(2, 4\)"):
        made(queries, mask=torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(DataError, match=r"pair_mask must have shape \(\*, 3, 3\)"):
        made(queries, pair_mask=torch.ones(2, 3, dtype=torch.bool))
    with pytest.raises(DataError, match="queries, keys and masks must broadcast"):
        made(queries, mask=torch.ones(5, 3, dtype=torch.bool))
    raw = HopfieldLayer(6, 2, projections=RawPatterns())
    with pytest.raises(DataError, match="values of 3 features cannot be shared by 2 heads"):
        raw(queries, queries, queries[..., :3])
