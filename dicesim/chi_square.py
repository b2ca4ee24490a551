"""Tails of the chi-square distribution, and its noncentralities, wherever they lie.

`scipy.special` is imported where it is used, since it takes longer than many runs.
"""

from __future__ import annotations

import math
from typing import Final

# Below this `scipy.special.chdtrc` loses digits, and soon returns 0.
_UNDERFLOW: Final = 1e-290
# Noncentral tails beyond this statistic are normal ones to five digits, and scipy's are slow.
_HUGE: Final = 1e6
_CONTINUED: Final = 10_000


def log10_survival(dof: int, statistic: float) -> float:
    """Decimal logarithm of the probability of a statistic at least as large.

    Where that probability is too small for a floating-point number, the continued fraction of the
    incomplete gamma function has its logarithm (NIST Digital Library of Mathematical Functions,
    8.9.2).

    Examples
    --------
    >>> round(log10_survival(10, 23.20925), 6), round(log10_survival(10, 10_000.0), 3)
    (-2.0, -2158.056)
    """
    from scipy import special

    survival = float(special.chdtrc(dof, statistic))
    if survival > _UNDERFLOW:
        return math.log10(survival)
    shape, place = dof / 2, statistic / 2
    logarithm = shape * math.log(place) - place - math.lgamma(shape)
    return (logarithm + math.log(_upper_gamma_fraction(shape, place))) / math.log(10)


def noncentralities(statistic: float, dof: int, level: float) -> tuple[float, float]:
    """Confidence interval of the noncentrality that a statistic was drawn with.

    Both ends are those at which the statistic is a quantile of the noncentral chi-square
    distribution, or 0 (J. H. Steiger, "Beyond the F test ...", Psychological Methods 9, 2004).

    Examples
    --------
    >>> low, high = noncentralities(20.0, 5, 0.95)
    >>> round(low, 3), round(high, 3)
    (3.347, 36.557)
    """
    from scipy import special

    tail = (1 - level) / 2
    if statistic > _HUGE:
        return _normal_noncentralities(statistic, dof, -float(special.ndtri(tail)))
    below = float(special.chdtr(dof, statistic))
    low, high = (
        float(special.chndtrinc(statistic, dof, quantile)) if below > quantile else 0.0
        for quantile in (1 - tail, tail)
    )
    return low, high


def power_of(noncentrality: float, dof: int, alpha: float) -> float:
    """Probability that the statistic goes beyond the critical value of `alpha`.

    Examples
    --------
    >>> round(power_of(10.0, 5, 0.05), 4), power_of(1e30, 5, 0.05)
    (0.6774, 1.0)
    """
    from scipy import special

    power = 1 - float(special.chndtr(special.chdtri(dof, alpha), dof, noncentrality))
    return power if power == power else 1.0  # scipy gives up on huge noncentralities


def noncentrality_for(power: float, dof: int, alpha: float) -> float:
    """Noncentrality that a test needs to raise the alarm at `alpha` with this probability.

    Examples
    --------
    >>> round(noncentrality_for(0.8, 1, 0.05), 3)
    7.849
    """
    from scipy import special

    return float(special.chndtrinc(special.chdtri(dof, alpha), dof, 1 - power))


def _upper_gamma_fraction(shape: float, place: float) -> float:
    """Evaluate the continued fraction for a place above the shape (the method of Lentz)."""
    term = place + 1 - shape
    d = value = 1 / term
    c = 1e300
    for i in range(1, _CONTINUED):
        factor = i * (shape - i)
        term += 2
        d = 1 / (factor * d + term)
        c = term + factor / c
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _normal_noncentralities(statistic: float, dof: int, z: float) -> tuple[float, float]:
    """Solve for means whose normal quantile is the statistic; its variance is 2 dof + 4 mean."""
    excess, spread = statistic - dof, 2 * z * z
    half = math.sqrt(spread * (2 * excess + spread + dof))
    return max(excess + spread - half, 0.0), excess + spread + half
