"""Tails of Pearson's statistic where the chi-square distribution is not to be trusted.

Whole tables of counts are ordered by the statistic. For whole-number counts O and weights w it is,
but for constants, the sum of O**2 / w; on a common denominator that is a whole number, so that
ties are ties.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dicesim.cells import Table
from dicesim.monte_carlo import Tails, monte_carlo_tails
from dicesim.outcome_tests import at_least, at_most

Floats = NDArray[np.float64]

# Steps of the exact recurrence that take about a tenth of a second.
_AFFORDABLE: Final = 4 * 10**7
_OVERHEAD: Final = 5_000
# Whole numbers up to here are exact in floating point.
_EXACT: Final = 2**53


def small_sample_tails(table: Table, alpha: float) -> Tails:
    """Find the tails exactly where that takes a moment, else estimated by Monte Carlo.

    Parameters
    ----------
    table : Table
    alpha : float
        Replicates are spent until a p-value below this can be told.
    """
    order = _whole_order(table)
    if order is not None:
        observed = sum(count * count * c for count, c in zip(table.counts, order, strict=True))
        steps = len(table) * (table.n + 1)
        if steps * (table.n * (observed + 2) // 2 + _OVERHEAD) <= _AFFORDABLE:
            return _exact_tails(table, order, observed)
    return monte_carlo_tails(table, alpha)


def binomial_tails(table: Table) -> Tails:
    """Exact tails of a table of two cells, whatever the number of trials.

    Examples
    --------
    >>> coin = Table((range(1), range(1, 2)), (8, 2), (1, 1), 10, 2)
    >>> round(binomial_tails(coin).right, 6) == round(2 * 56 / 1024, 6)
    True
    """
    n, total, weight = table.n, table.total, table.weights[0]
    off = abs(total * table.counts[0] - n * weight)
    share = weight / total

    def beyond(off: int) -> float:
        """Probability of a deviation of at least `off` / total."""
        low, high = (n * weight - off) // total, -((-n * weight - off) // total)
        below = float(at_most(low, n, share)) if low >= 0 else 0.0
        above = float(at_least(high, n, share)) if high <= n else 0.0
        return min(below + above, 1.0) if off else 1.0

    return Tails(beyond(off), 1 - beyond(off + 1), "exact")


def _whole_order(table: Table) -> list[int] | None:
    """Whole numbers c such that the sum of c O**2 orders tables as Pearson's statistic does."""
    common = 1
    for weight in set(table.weights):
        common = math.lcm(common, weight)
        if common > _EXACT:
            return None
    return [common // weight for weight in table.weights]


def _exact_tails(table: Table, order: Sequence[int], observed: int) -> Tails:
    """Let the cells take their counts one after another, each binomial given those before.

    A state is the number of trials left and the sum so far; sums beyond the observed one share
    their last entry, so that no tail is ever the complement of the other.
    """
    n, top, rest = table.n, observed + 1, table.total
    states = np.zeros((n + 1, top + 1))
    states[n, 0] = 1.0
    for weight, c in zip(table.weights[:-1], order[:-1], strict=True):
        chances = _binomial(n, weight / rest)
        after = np.zeros_like(states)
        for count in range(n + 1):
            moved = states[count:] * chances[count:, count, None]
            step = min(c * count * count, top)
            after[: n + 1 - count, step:top] += moved[:, : top - step]
            after[: n + 1 - count, top] += moved[:, top - step :].sum(axis=1)
        states, rest = after, rest - weight
    left, sums = np.ogrid[: n + 1, : top + 1]
    sums = np.where(sums == top, top, np.minimum(sums + order[-1] * left * left, top))
    right = float(states[sums >= observed].sum())
    return Tails(min(right, 1.0), min(float(states[sums <= observed].sum()), 1.0), "exact")


def _binomial(n: int, share: float) -> Floats:
    """Binomial probabilities: a row for each number of trials, a column for each count."""
    from scipy import special

    trials, hits = np.ogrid[: n + 1, : n + 1]
    misses = np.maximum(trials - hits, 0)
    ways = special.gammaln(trials + 1) - special.gammaln(hits + 1) - special.gammaln(misses + 1)
    logarithm = ways + special.xlogy(hits, share) + special.xlog1py(misses, -share)
    return np.where(hits <= trials, np.exp(logarithm), 0.0)
