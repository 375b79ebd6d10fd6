import itertools

import pytest
import torch

from esr.search.relations.elimination import combination
from esr.search.relations.subsets import best_subsets


@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_set_of_the_size_misses_by_less(size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    columns = torch.randn(30, 6, generator=generator, dtype=torch.float64)
    target = columns @ torch.tensor([1.0, 0, -2, 0, 0.5, 0], dtype=torch.float64)
    target += 0.3 * torch.randn(30, generator=generator, dtype=torch.float64)
    found = [s for s in best_subsets(columns, target, 3, 2) if len(s.columns) == size]
    misses = sorted(
        combination(columns[:, list(chosen)], target).miss
        for chosen in itertools.combinations(range(6), size)
    )
    assert [support.miss for support in found] == pytest.approx(misses[:2], rel=1e-9)
    if size == 3:
        assert found[0].columns == (0, 2, 4)
        again = columns[:, [0, 2, 4]] @ torch.tensor(found[0].numbers, dtype=torch.float64)
        assert (again - target).square().mean().sqrt() == pytest.approx(found[0].miss)
