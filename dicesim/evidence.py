"""An e-value against an exact law, which may be looked at after every roll.

The Dirichlet-multinomial Bayes factor sets the law against all others, weighted by a prior. While
rolls are independent and of the law, it is a martingale that starts at 1: so the probability that
it ever reaches 1 / alpha, however often one looks, is at most alpha (Ville's inequality). A p-value
holds for one look that was settled before the first roll.

The prior is an even mixture of Dirichlet(c k p) for c = 1, 10, 100, 1000 and 10,000, where k is the
number of outcomes and p their probabilities. The mean of each is the law. With c = 1, for a die
with equal faces, all dice with these faces are equally likely; the others look for ever smaller
biases, which the first would take for chance until far more rolls had been made.

References
----------
M. Lindon and A. Malek, "Anytime-valid inference for multinomial count data", Advances in Neural
Information Processing Systems 35 (2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from dicesim.pmf import PMF

# Trials from which two terms of Stirling's series are exact to eleven digits after the point, and
# `gammaln` would lose them to cancellation.
_MANY: Final = 1000
_SHARPNESS: Final = (1, 10, 100, 1000, 10_000)
_GREATEST_EXPONENT: Final = 700.0


def log_e_value(counts: Mapping[int, int], pmf: PMF) -> float:
    """Logarithm of the e-value of some counts.

    It is the deviance of the counts, from whole numbers, less what each prior costs: so no digits
    are lost to large numbers of trials.

    Parameters
    ----------
    counts : mapping of int to int
        How often each outcome occurred; all of them possible.
    pmf : PMF

    Examples
    --------
    >>> coin = PMF({0: 1, 1: 1})
    >>> [round(math.exp(log_e_value({0: 100 - x, 1: x}, coin)), 2) for x in (50, 60, 70)]
    [0.66, 1.35, 165.01]
    """
    occurred = [(pmf.weight(outcome), count) for outcome, count in counts.items() if count]
    if not occurred:
        return 0.0
    n = sum(count for _, count in occurred)
    deviance = math.fsum(
        count * _log_ratio(count * pmf.total, n * weight) for weight, count in occurred
    )
    return mean_e_value(deviance - _cost(occurred, n, pmf, c) for c in _SHARPNESS)


def _cost(occurred: Sequence[tuple[int, int]], n: int, pmf: PMF, sharpness: int) -> float:
    """Reckon what it costs not to know beforehand which law the deviance would favour."""
    size = sharpness * len(pmf)
    parts = [
        _growth(math.log(size * weight) - math.log(pmf.total), count) for weight, count in occurred
    ]
    return _growth(math.log(size), n) - math.fsum(parts)


def mean_e_value(logarithms: Iterable[float]) -> float:
    """Logarithm of the mean of e-values, which is itself one, whatever they have in common.

    Examples
    --------
    >>> round(mean_e_value([0.0, math.log(3)]), 12) == round(math.log(2), 12)
    True
    """
    values = list(logarithms)
    top = max(values)
    return top + math.log(math.fsum(math.exp(value - top) for value in values) / len(values))


def e_value(logarithm: float) -> float | None:
    """Return the e-value itself; None where it is beyond floating point."""
    return math.exp(logarithm) if logarithm < _GREATEST_EXPONENT else None


def _log_ratio(observed: int, expected: int) -> float:
    """Logarithm of a ratio of whole numbers of any size, exact near 1."""
    if expected < 2 * observed < 4 * expected:
        return math.log1p((observed - expected) / expected)
    return math.log(observed) - math.log(expected)


def _growth(logarithm: float, n: int) -> float:
    """Compute log(G(c + n) / G(c)) - n log n + n from log(c), for the smallest c as well."""
    from scipy import special

    c = math.exp(logarithm)
    start = float(special.gammaln(1 + c)) - logarithm
    reached = c + n
    if n < _MANY:
        return float(special.gammaln(reached)) - start - n * math.log(n) + n
    return (
        (c - 0.5) * math.log(reached)
        + n * math.log1p(c / n)
        - c
        + 0.5 * math.log(2 * math.pi)
        + 1 / (12 * reached)
        - start
    )
