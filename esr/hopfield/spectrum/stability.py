r"""Steps, temperatures and energy ranges that the ends of a spectrum allow.

All follow from two facts about an activation V = g(u) that is the gradient of a convex function
with Lipschitz constant s, the *slope*. Let Phi be the integral of its inverse, L the Lyapunov
energy leak Phi(V) - 1/2 V'QV - b'V, and let a step of length dt along -leak u + QV + b move u by D
and V by d. Then |d|^2 <= s D.d (co-coercivity), and

    dL <= (leak - 1/dt) D.d - leak |d|^2 / (2s) + |lambda_min| |d|^2 / 2.

With dt <= 1/leak the first factor is not positive, so D.d may be replaced by its bound, and
dL <= 0 follows if dt <= 2 / (leak + s |lambda_min|). Without dt <= 1/leak it does not: a unit that
leaves saturation in one overshooting step raises the energy even if Q = 0.

The slope is gain/2 for g(u) = (1 + tanh(gain (u - 1/2)))/2, and 1/(2T) for a softmax at
temperature T, whose Jacobian (diag p - pp')/T has norm at most 1/(2T).
"""

import math

from esr.errors import ConfigurationError

__all__ = [
    "contraction_temperature",
    "energy_range",
    "lowest_for_step",
    "safe_damping",
    "safe_graded_step",
    "safe_step",
    "squared_norms",
    "unique_mean_field_temperature",
]


def safe_step(lowest: float, slope: float, *, leak: float = 1.0, margin: float = 0.9) -> float:
    r"""A step at which the energy of graded dynamics never rises, for symmetric couplings.

    .. math:: dt = m \min\Big(\frac{1}{\lambda},\; \frac{2}{\lambda + s\,|\lambda_{min}|}\Big)

    Arguments:
        lowest: Lowest eigenvalue :math:`\lambda_{min}` of Q, or a lower bound such as
            `Eigenpairs.lower`; one that is not negative constrains no more than 0. For one-hot
            groups that of `CentredOperator` is enough.
        slope: Largest slope s of the activation, positive.
        leak: :math:`\lambda` of the dynamics, at least 0.
        margin: m, in (0, 1]; at 1 the bound itself.
    Returns:
        The step, positive; infinite where nothing bounds it (no leak, no negative eigenvalue).
    Raises:
        ConfigurationError: If a value is out of range.
    Source: derived in this module's docstring.
    """
    _require_finite(lowest)
    _require(slope > 0, f"slope must be positive, but is {slope}")
    _require(leak >= 0, f"leak must be at least 0, but is {leak}")
    _require(0 < margin <= 1, f"margin must be in (0, 1], but is {margin}")
    resistance = max(leak, (leak + slope * max(0.0, -lowest)) / 2)
    return margin / resistance if resistance > 0 else float("inf")


def lowest_for_step(step: float, slope: float, *, leak: float = 1.0) -> float:
    """The most negative lowest eigenvalue at which `step` never raises the energy, at most 0.

    Arguments:
        step: dt, positive, at most 1/leak.
        slope: Largest slope of the activation, positive.
        leak: Of the dynamics, at least 0.
    Raises:
        ConfigurationError: If a value is out of range, or no spectrum makes the step safe.
    Source: the inverse of `safe_step` with margin 1.
    """
    _require(slope > 0, f"slope must be positive, but is {slope}")
    _require(leak >= 0, f"leak must be at least 0, but is {leak}")
    _require(step > 0, f"step must be positive, but is {step}")
    _require(
        step * leak <= 1,
        f"no couplings make the step {step} safe at leak {leak}; take at most 1/leak",
    )
    return -(2 / step - leak) / slope


def safe_graded_step(lowest: float, gain: float, *, margin: float = 0.9) -> float:
    """`safe_step` of the activation (1 + tanh(gain (u - 1/2)))/2, whose slope is gain/2.

    Arguments:
        lowest: Lowest eigenvalue of Q or a lower bound.
        gain: Positive.
        margin: In (0, 1].
    Raises:
        ConfigurationError: If a value is out of range.
    """
    _require(gain > 0, f"gain must be positive, but is {gain}")
    return safe_step(lowest, gain / 2, margin=margin)


def safe_damping(lowest: float, temperature: float, *, margin: float = 0.9) -> float:
    r"""A damping at which synchronous Potts mean field never raises its free energy.

    It holds for both ways to damp, :math:`u \leftarrow (1-\delta)u + \delta(QV+b)` with
    V = softmax(u/T), and :math:`V \leftarrow (1-\delta)V + \delta\,\mathrm{softmax}((QV+b)/T)`,
    and rules out that the iteration flickers between two patterns.

    .. math:: \delta \le \min\Big(1, \frac{2}{1 + |\lambda_{min}| / 2T}\Big)

    Arguments:
        lowest: Lowest eigenvalue of Q, or better of its `CentredOperator`, or a lower bound.
        temperature: T, positive.
        margin: In (0, 1].
    Raises:
        ConfigurationError: If a value is out of range.
    Source: for damped u, `safe_step` with slope 1/(2T); for damped V, the negative entropy is
        2T-strongly convex along changes that keep each group's sum, so a step towards W changes
        the free energy by at most
        :math:`(-\delta T(2-\delta) + \delta^2|\lambda_{min}|/2)\,|W-V|^2`.
    """
    _require(temperature > 0, f"temperature must be positive, but is {temperature}")
    return safe_step(lowest, 1 / (2 * temperature), margin=margin)


def unique_mean_field_temperature(highest: float) -> float:
    """The temperature above which Potts mean field has one fixed point, at least 0.

    Above half the highest eigenvalue of PQP (`CentredOperator`) the free energy is strictly
    convex, and its one minimum the one fixed point, which a `safe_damping` reaches.

    Arguments:
        highest: Highest eigenvalue of PQP or an upper bound.
    Raises:
        ConfigurationError: If the value is not finite.
    """
    _require_finite(highest)
    return max(0.0, highest) / 2


def contraction_temperature(lowest: float, highest: float) -> float:
    """The temperature above which even undamped Potts mean field contracts: half of |PQP|.

    Arguments:
        lowest: Lowest eigenvalue of PQP (`CentredOperator`) or a lower bound.
        highest: Highest eigenvalue of PQP or an upper bound.
    Raises:
        ConfigurationError: If a value is not finite.
    """
    _require_finite(lowest, highest)
    return max(abs(lowest), abs(highest)) / 2


def squared_norms(group_sizes: list[int], free: int = 0) -> tuple[float, float]:
    """Least and greatest |V|^2 of relaxed activations, over all one-hot groups and free units.

    Arguments:
        group_sizes: Number of units of each one-hot group, each at least 1; the activations of a
            group are at least 0 and sum to 1.
        free: Number of other units, whose activations are in [0, 1].
    Raises:
        ConfigurationError: If a size is out of range.
    """
    _require(
        all(size >= 1 for size in group_sizes) and free >= 0,
        f"groups must have at least 1 unit, but have {group_sizes}, with {free} free units",
    )
    return sum(1 / size for size in group_sizes), float(len(group_sizes) + free)


def energy_range(lowest: float, highest: float, norms: tuple[float, float]) -> tuple[float, float]:
    """Bounds of the energy -1/2 V'QV over all relaxed activations.

    Arguments:
        lowest: Lowest eigenvalue of Q or a lower bound.
        highest: Highest eigenvalue of Q or an upper bound.
        norms: Least and greatest |V|^2, from `squared_norms`.
    Returns:
        A lower and an upper bound.
    Raises:
        ConfigurationError: If a value is not finite.
    """
    _require_finite(lowest, highest)
    return (
        -0.5 * max(highest * norm for norm in norms),
        -0.5 * min(lowest * norm for norm in norms),
    )


def _require_finite(*eigenvalues: float) -> None:
    for value in eigenvalues:
        _require(math.isfinite(value), f"eigenvalues must be finite, but one is {value}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigurationError(message)
