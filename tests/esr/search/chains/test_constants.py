"""Refitting constants of different programs together."""

import pytest
import torch
from small_programs import aimless, landscape_of, programs_of

from esr.search.chains.constants import ConstantRefit
from esr.search.chains.heap import Programs


def test_constants_of_different_programs_are_found_together() -> None:
    landscape = landscape_of("sin(1.3*x)+0.7*y")
    programs = programs_of(
        landscape, "sin(1.1*x)+0.9*y", "0.9*y+sin(1.2*x)", "sin(1.2*x)+0.5*y*exp(0.01*x)"
    )
    fits = landscape.fits(programs, aimless(programs))
    ConstantRefit(landscape, steps=12).refit_(
        programs, fits, aimless(programs), torch.ones(3, dtype=torch.bool)
    )
    # the rounding of sums of squares, about 1e-16, is the least that an error can be
    assert float(fits.error.max()) < 1e-13
    written = landscape.alphabet.expression(
        programs.symbols[0].tolist(), programs.gains[0].tolist()
    )
    scale = float(fits.scale[0])
    inner, outer = sorted(constant for constant in written.constants)
    assert outer == pytest.approx(1.3, abs=1e-6)
    assert inner * scale == pytest.approx(0.7, abs=1e-6)


def test_energies_never_rise(drawn: Programs) -> None:
    landscape = landscape_of("x*y+sin(x)")
    groups = aimless(drawn)
    fits = landscape.fits(drawn, groups)
    before, symbols = fits.energy.clone(), drawn.symbols.clone()
    ConstantRefit(landscape).refit_(drawn, fits, groups, fits.energy.isfinite())
    assert bool((fits.energy <= before).all())
    assert int((fits.energy < before).sum()) > 20
    assert torch.equal(drawn.symbols, symbols)
    again = landscape.fits(drawn, groups)
    finite = before.isfinite()
    torch.testing.assert_close(again.energy[finite], fits.energy[finite], rtol=1e-9, atol=1e-9)


def test_only_what_is_worth_it_is_refitted(drawn: Programs) -> None:
    landscape = landscape_of("x*y+sin(x)")
    fits = landscape.fits(drawn, aimless(drawn))
    worth = fits.energy.isfinite()
    worth[::2] = False
    gains = drawn.gains.clone()
    ConstantRefit(landscape).refit_(drawn, fits, aimless(drawn), worth)
    assert torch.equal(drawn.gains[~worth], gains[~worth])
    nothing = torch.zeros_like(worth)
    ConstantRefit(landscape).refit_(drawn, fits, aimless(drawn), nothing)


def test_negative_bases_do_not_hinder_other_constants() -> None:
    landscape = landscape_of("(y-3)**5*2+sin(0.8*x)", depth=6)
    programs = programs_of(landscape, "2*(y-2.9)**5+sin(0.9*x)")
    fits = landscape.fits(programs, aimless(programs))
    before = float(fits.error[0])
    ConstantRefit(landscape, steps=8).refit_(
        programs, fits, aimless(programs), torch.ones(1, dtype=torch.bool)
    )
    assert float(fits.error[0]) < 1e-3 * before  # the exponent stays, all others move
