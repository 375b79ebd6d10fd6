"""From modules to equations, with networks that are equations exactly."""

import math

import pytest
import torch
from torch import nn

from baselines.languages import Equations, Language, Number, polynomials
from baselines.population import Architecture, gauss_legendre, module_of, network_of
from baselines.reader import (
    Beam,
    FlatEncoder,
    Greedy,
    Reader,
    ReaderSize,
    Sampling,
    equation_of,
    equations_of,
)
from baselines.refinement import Refinement, prices
from esr.equations import parse
from esr.errors import ConfigurationError, DataError

LANGUAGE = polynomials(1)
ARCHITECTURE = Architecture((1, 2, 1), "relu", bias=True)
SMALL = Sampling(16)


def line(slope: float, offset: float, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    """slope * x + offset = slope * (relu(x) - relu(-x)) + offset, exactly."""
    weights = torch.tensor([1.0, -1.0, slope, -slope, 0.0, 0.0, offset], dtype=dtype)
    return module_of(ARCHITECTURE, weights)


def untrained(language: Language = LANGUAGE, replicas: int = 1) -> Reader:
    """It names skeletons at random, so that several candidates have all of them."""
    generator = torch.Generator().manual_seed(0)
    size = ReaderSize(width=8, layers=1, heads=2)
    reader = Reader(
        ARCHITECTURE, language, FlatEncoder, size, replicas=replicas, generator=generator
    )
    return reader.eval()


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_a_line_is_read_as_its_equation() -> None:
    found = equation_of(line(1.5, -0.3), untrained(), decoding=SMALL, generator=seeded())
    assert str(found) == found.text == "+1.5*x-0.3"
    assert found.expression == parse("1.5*x-0.3")
    assert found.misfit < 1e-25  # rounding of float64, squared
    assert found.verified
    language = found.candidates[0].language
    kinds = language.read([candidate.text for candidate in found.candidates]).skeletons
    misfits = torch.tensor([candidate.misfit for candidate in found.candidates])
    assert (prices(language, kinds, misfits).diff() >= 0).all()
    texts = [candidate.text for candidate in found.candidates]
    assert len(set(texts)) == len(texts) > 3
    assert not found.candidates[1].misfit < 1e-25
    assert all(math.isfinite(candidate.log_probability) for candidate in found.candidates)


def test_misfit_is_the_relative_error_of_each_candidate() -> None:
    module = line(0.5, 2.0)
    points = gauss_legendre(6)
    found = equation_of(module, untrained(), decoding=SMALL, points=points, generator=seeded())
    outputs = module(points.points)[:, 0].detach()
    for candidate in found.candidates:
        values = candidate.expression(x=points.points[:, 0])
        expected = points.mean((values - outputs).square()) / points.mean(values.square())
        assert math.isclose(candidate.misfit, float(expected), rel_tol=1e-9, abs_tol=1e-25)


def test_many_networks_are_read_as_each_alone() -> None:
    reader = untrained()
    modules = [line(1.0, 0.2), line(-4.9, 5.0, torch.float32), line(0.7, -0.1)]
    together = equations_of(modules, reader, decoding=Beam(6))
    alone = [equation_of(module, reader, decoding=Beam(6)) for module in modules]
    for one, other in zip(together, alone, strict=True):
        assert [c.text for c in one.candidates] == [c.text for c in other.candidates]
    assert equations_of([], reader) == []


def test_what_the_reader_knows_first_is_found_without_search() -> None:
    """A reader that always writes one skeleton: the numbers come from the network."""
    reader = untrained()
    with torch.no_grad():
        reader.decoder.scores.bias[..., LANGUAGE.vocabulary.index("x")] = 50
        reader.decoder.scores.bias[..., LANGUAGE.vocabulary.index("*")] = 50
        reader.decoder.scores.bias[..., LANGUAGE.vocabulary.index("<end>")] = 50
    found = equation_of(line(3.2, 1e-3), reader, decoding=Greedy())
    assert found.text == "+3.2*x"
    assert found.verified
    assert len(found.candidates) == 2
    strict = equation_of(
        line(3.2, 1e-3), reader, decoding=Greedy(), refinement=Refinement(tolerance=1e-9)
    )
    assert (strict.text, strict.verified) == ("+3.2*x", False)


def test_candidates_of_all_replicas_compete() -> None:
    reader = untrained(replicas=2)
    module = line(1.5, -0.3)
    found = equation_of(module, reader, decoding=Greedy())
    decoded = Greedy().decode(reader, LANGUAGE, network_of(module)[1])
    written = set(LANGUAGE.texts(decoded.flat()))
    assert written <= {candidate.text for candidate in found.candidates}
    assert len(written) == 2


def test_numbers_inside_are_refined_too() -> None:
    """With all frequencies tried, the nearest wave to a line through 0 is a slow one."""
    language = Language(["#*sin(#*x)", "#"], inner=Number(1, 20))
    found = equation_of(line(1.0, 0.0), untrained(language), decoding=SMALL, generator=seeded())
    skeletons = language.read([candidate.text for candidate in found.candidates])
    best = language.values(Equations(skeletons.skeletons[:1], skeletons.steps[:1]))[0]
    assert math.isclose(float(best[0] * best[1]), 1.0, rel_tol=0.05)  # the slope at 0
    assert found.misfit < 1e-3


def test_networks_of_another_kind_are_refused() -> None:
    reader = untrained()
    with pytest.raises(DataError, match=r"expected a network 1-2-1, relu.* got 1-3-1, tanh"):
        equation_of(nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1)), reader)
    broken = line(1.0, 1.0)
    with torch.no_grad():
        broken[0].weight[0, 0] = math.nan
    with pytest.raises(DataError, match=r"modules\[1\]: all weights must be finite, but 1 of"):
        equations_of([line(1.0, 1.0), broken], reader)


def test_points_with_other_inputs_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"points must be \(N, 1\).* are \(64, 2\)"):
        equation_of(line(1.0, 0.0), untrained(), points=gauss_legendre(8, 2))


def test_a_reader_that_diverged_is_reported() -> None:
    reader = untrained()
    with torch.no_grad():
        reader.decoder.scores.bias.fill_(math.nan)
    with pytest.raises(DataError, match=r"modules\[0\]: the reader wrote no equation"):
        equation_of(line(1.0, 1.0), reader)
