import pytest
import torch
from torch import Generator, Tensor

from esr.regressor.sampling import distinct_rows, draw_sample
from esr.search import Rows


def rows(weights: Tensor | None = None, count: int = 40) -> Rows:
    generator = Generator().manual_seed(0)
    inputs = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    target = inputs.sum(1)
    return Rows(
        inputs, target, torch.ones_like(target) if weights is None else weights, ("x", "y")
    )


def test_weights_are_repetitions_wherever_rows_stand() -> None:
    generator = Generator().manual_seed(1)
    counts = torch.randint(4, (40,), generator=generator)
    weighted = distinct_rows(rows(counts.double()))
    index = torch.arange(40).repeat_interleave(counts)
    index = index[torch.randperm(len(index), generator=generator)]
    plain = rows()
    repeated = distinct_rows(
        Rows(plain.inputs[index], plain.target[index], plain.weights[index], plain.variables)
    )
    assert torch.equal(weighted.inputs, repeated.inputs)
    assert torch.equal(weighted.target, repeated.target)
    assert torch.equal(weighted.weights, repeated.weights)
    assert len(weighted.target) == int((counts > 0).sum())
    assert float(weighted.weights.mean()) == pytest.approx(1, abs=1e-12)


def test_equal_inputs_with_other_targets_are_other_rows() -> None:
    inputs = torch.tensor([[0.0], [-0.0], [0.0]], dtype=torch.float64)
    target = torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64)
    found = distinct_rows(Rows(inputs, target, torch.ones_like(target), ("x",)))
    assert sorted(found.target.tolist()) == [1.0, 2.0]  # 0.0 and -0.0 are one number
    assert found.weights[found.target == 1].tolist() == [pytest.approx(4 / 3)]


@pytest.mark.parametrize(("count", "held"), [(2, 1), (3, 1), (4, 1), (10, 2), (100, 25)])
def test_a_quarter_is_held_out(count: int, held: int) -> None:
    sample = draw_sample(torch.rand(count), 5000, 0.25, generator=Generator().manual_seed(0))
    assert len(sample.validation) == held
    both = torch.cat((sample.training, sample.validation))
    assert sorted(both.tolist()) == list(range(count))


def test_a_sample_has_one_row_of_each_range_of_the_target() -> None:
    generator = Generator().manual_seed(0)
    target = torch.rand(10_007, generator=generator).square()
    sample = draw_sample(target, 100, 0.25, generator=generator)
    both = torch.cat((sample.training, sample.validation))
    assert len(set(both.tolist())) == 100
    ranks = target.argsort().argsort()[both].sort().values
    edges = torch.arange(101) * 10_007 // 100
    assert bool(((ranks >= edges[:-1]) & (ranks < edges[1:])).all())


def test_the_same_seed_draws_the_same_rows() -> None:
    target = torch.rand(500, generator=Generator().manual_seed(3))
    one, two = (draw_sample(target, 50, 0.3, generator=Generator().manual_seed(7)) for _ in "ab")
    assert torch.equal(one.training, two.training)
    assert torch.equal(one.validation, two.validation)
