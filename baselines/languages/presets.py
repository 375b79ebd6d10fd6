"""The languages that experiments use."""

from baselines.languages.language import Language
from baselines.languages.number import Number
from esr.errors import ConfigurationError

__all__ = ["polynomials", "waves_and_growth"]

LEADING = (
    "#*sin(#*x)",
    "#*sin(#*y)",
    "#*exp(#*x)",
    "#*exp(#*y)",
    "#*x*sin(#*y)",
    "#*y*sin(#*x)",
    "#*sin(#*x*y)",
    "#*x*exp(#*y)",
)
"""Terms that no polynomial equals."""


def polynomials(
    degree: int = 2, max_terms: int | None = None, max_length: int | None = None
) -> Language:
    """Polynomials of one variable, highest power first, with coefficients from -5.0 to 5.0.

    With degree 2 it has 19 tokens and at most 18 characters, `+1.5*x*x-0.3*x+4.0`: the
    language of "Symbolic Regression via Neural Network weights".

    Arguments:
        degree: Highest power, at least 0.
        max_terms: Most terms; all unless given.
        max_length: Most characters; any unless given.
    Raises:
        ConfigurationError: If one of them is out of range.
    """
    if type(degree) is not int or degree < 0:
        raise ConfigurationError(f"the degree must be an integer from 0 on, but is {degree!r}")
    forms = ["#" + "*x" * power for power in range(degree, -1, -1)]
    return Language(forms, max_terms=max_terms, max_length=max_length)


def waves_and_growth(max_terms: int = 2) -> Language:
    """Sums of sines, exponentials and products of two variables, of which at least one term is no
    polynomial; frequencies and rates from 0.5 to 2.5.

    Arguments:
        max_terms: Most terms, at least 1.
    """
    forms = [*LEADING, "#*x*y", "#*x", "#*y", "#"]
    return Language(
        forms, ("x", "y"), inner=Number(5, 25), max_terms=max_terms, leading=len(LEADING)
    )
