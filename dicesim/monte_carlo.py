"""Monte Carlo tails of Pearson's statistic: tables drawn from the law, in the same order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from dicesim.cells import FEW, Table, ratio

PMethod = Literal["asymptotic", "exact", "monte carlo"]
Floats = NDArray[np.float64]

_REPLICATES: Final = 9_999
# Draws that take about two seconds, spent only on what may have to raise the alarm.
_DRAWS: Final = 4 * 10**7
_CHUNK: Final = 10**6
# A trial that is drawn alone and sorted takes as long as so many cells.
_SORTING: Final = 20
# Statistics this close are equal, but for rounding.
_ROUNDING: Final = 1e-12
# Squares of counts times this stay within floating point.
_GREATEST_FACTOR: Final = 1e250
# Cells of different weights, up to which a bound is cheaper than the draws that it spares.
_MANY: Final = 1_000
_LEAST_MEAN: Final = 1e-250
# Batches have stream keys below the number of trials, hence below 2**63.
_RESERVED_KEY: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Tails:
    """Probabilities of a statistic at least as large, and at most as large.

    Parameters
    ----------
    right, left : float
    method : {"asymptotic", "exact", "monte carlo"}
    standard_error : float or None
        Of `right`, where it is a Monte Carlo estimate.
    replicates : int or None
        Tables that were drawn for it; None where it is so small that a bound stands for it.
    """

    right: float
    left: float
    method: PMethod
    standard_error: float | None = None
    replicates: int | None = None


class _Drawing:
    """Draws tables, and orders them by what Pearson's statistic is but for constants.

    With the likeliest cell apart, whose weight is m and which r of the n trials miss, that is the
    sum of m / w O**2 over the other cells, plus r**2 - 2 n r.
    """

    def __init__(self, table: Table) -> None:
        top = max(range(len(table)), key=table.weights.__getitem__)
        others = sorted((i for i in range(len(table)) if i != top), key=table.weights.__getitem__)
        weights = [table.weights[i] for i in others]
        rest = sum(weights)
        self._n = table.n
        self._factors = np.minimum(
            [ratio(table.weights[top], w) for w in weights], _GREATEST_FACTOR
        )
        self._shares = np.array([w / table.total for w in weights])
        self._conditional = np.cumsum([w / rest for w in weights])
        self._missing = rest / table.total
        counts = np.array([float(table.counts[i]) for i in others])
        self._observed = float(self._order(counts.sum(), (counts * counts) @ self._factors))
        self._slack = _ROUNDING * float(2 * self._n * counts.sum() + abs(self._observed))
        single = _SORTING * (1 + self._n * self._missing)
        self._by_cells = len(table) <= single
        self.price = min(len(table), single)

    def tails(self, replicates: int, rng: np.random.Generator) -> Tails:
        """Estimate both tails from so many tables."""
        above = below = 0
        chunk = max(int(_CHUNK / self.price), 1)
        for done in range(0, replicates, chunk):
            drawn = self._draw(min(chunk, replicates - done), rng)
            above += int((drawn >= self._observed - self._slack).sum())
            below += int((drawn <= self._observed + self._slack).sum())
        right, left = ((1 + number) / (replicates + 1) for number in (above, below))
        error = math.sqrt(right * (1 - right) / (replicates + 1))
        return Tails(right, left, "monte carlo", error, replicates)

    def _draw(self, size: int, rng: np.random.Generator) -> Floats:
        if self._by_cells:  # rare cells first, for which rounding would matter
            shares = [*self._shares, 1 - self._missing]
            drawn = rng.multinomial(self._n, shares, size=size)
            tables: Floats = drawn[:, :-1].astype(np.float64)
            return self._order(tables.sum(axis=1), (tables * tables) @ self._factors)
        missed = rng.binomial(self._n, self._missing, size=size)
        cells = np.searchsorted(self._conditional, rng.random(missed.sum()), side="right")
        cells = np.minimum(cells, len(self._factors) - 1)
        owners = np.repeat(np.arange(size), missed)
        entries, counts = np.unique(owners * len(self._factors) + cells, return_counts=True)
        owner, cell = np.divmod(entries, len(self._factors))
        sums = np.bincount(owner, counts.astype(np.float64) ** 2 * self._factors[cell], size)
        return self._order(missed.astype(np.float64), sums.astype(np.float64))

    def _order(self, missed: Floats, sums: Floats) -> Floats:
        return sums + missed * missed - 2 * self._n * missed


def monte_carlo_tails(table: Table, alpha: float) -> Tails:
    """Draw tables from the law, and count those that are at least as far out.

    The observed table is as likely as any drawn one to have any place in the order, hence
    (1 + #) / (B + 1). The stream is a reserved one: the same counts have the same p-value. What may
    have to raise the alarm is drawn anew, often enough to tell if that is affordable; and what has
    a bound far below the alarm level is not drawn at all.

    References
    ----------
    A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application" (1997), section 4.2.
    """
    bound = tail_bound(table)
    if bound < alpha / 10:
        return Tails(bound, 1.0, "monte carlo")
    stream = np.random.SeedSequence(0, spawn_key=(_RESERVED_KEY,))
    rng = np.random.Generator(np.random.SFC64(stream))
    drawing = _Drawing(table)
    tails = drawing.tails(_REPLICATES, rng)
    needed = min(math.ceil(4 / alpha), int(_DRAWS / drawing.price))
    if tails.right <= 10 / _REPLICATES and needed > _REPLICATES:
        tails = drawing.tails(needed - 1, rng)
    return tails


def tail_bound(table: Table) -> float:
    """Bound the right tail from above: what no number of draws could show.

    Markov's inequality, since the mean of the statistic is its degrees of freedom. For few trials
    also Chernoff's: given their sum n, counts are independent Poisson ones, which have that sum
    with a probability above 1 / sqrt(2 pi n) exp(-1 / 12 n) (Stirling); and no count is above n.

    Examples
    --------
    >>> die = Table(tuple(range(i, i + 1) for i in range(6)), (0,) * 5 + (30,), (1,) * 6, 30, 6)
    >>> 6.0**-29 < tail_bound(die) < 1e-6
    True
    """
    markov = table.dof / table.statistic if table.statistic else 1.0
    if table.n > FEW or len(set(table.weights)) > _MANY:
        return markov
    from scipy import special

    expected = [max(ratio(table.n * w, table.total), _LEAST_MEAN) for w in table.weights]
    reached = sum(count * count / mean for count, mean in zip(table.counts, expected, strict=True))
    means, cells = np.unique(expected, return_counts=True)
    counts = np.arange(table.n + 1.0)
    poisson = special.xlogy(counts, means[:, None]) - means[:, None] - special.gammaln(counts + 1)
    squares = counts * counts / means[:, None] / reached
    exponents = [
        float(cells @ special.logsumexp(poisson + slope * squares, axis=1)) - slope
        for slope in np.geomspace(1, 3_000, 60)
    ]
    stirling = math.log(2 * math.pi * table.n) / 2 + 1 / (12 * table.n)
    return min(markov, math.exp(min(min(exponents) + stirling, 0.0)))
