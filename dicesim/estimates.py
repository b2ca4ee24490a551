"""Estimates from a tally, each with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from dicesim.choices import require_between
from dicesim.condition import Condition
from dicesim.outcome_tests import wilson
from dicesim.tally import Tally

LEVEL: Final = 0.95
# Sums below this fit an int64.
_FITTING: Final = 2**62


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its uncertainty.

    Parameters
    ----------
    value : float
    standard_error : float
    interval : tuple of float
        Lower and upper end, at the level that was asked for.

    Examples
    --------
    >>> import dicesim
    >>> estimate = dicesim.run("2d6", n=10_000, rng=42).probability(">= 9")
    >>> float(estimate), [round(end, 4) for end in estimate.interval]
    (0.279, [0.2703, 0.2879])
    """

    value: float
    standard_error: float
    interval: tuple[float, float]

    def __float__(self) -> float:
        return self.value

    @property
    def margin(self) -> float:
        """How far the interval reaches from the value, on its longer side."""
        low, high = self.interval
        return max(self.value - low, high - self.value)


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums of the totals of a tally and of their squares, exact.

    Figures that are not defined (the spread of a single trial, anything of none) are None.
    """

    n: int
    first: int
    second: int

    @classmethod
    def of(cls, tally: Tally) -> Moments:
        """Add up a tally."""
        n, outcomes, counts = tally.total, tally.outcomes, tally.counts
        widest = max(map(abs, map(int, outcomes[[0, -1]])), default=0) if n else 0
        if n * widest * widest < _FITTING:
            weighted = outcomes * counts
            return cls(n, int(weighted.sum()), int((weighted * outcomes).sum()))
        pairs = list(zip(outcomes.tolist(), counts.tolist(), strict=True))
        return cls(n, sum(x * k for x, k in pairs), sum(x * x * k for x, k in pairs))

    @property
    def mean(self) -> float | None:
        """Mean."""
        return self.first / self.n if self.n else None

    @property
    def std(self) -> float | None:
        """Sample standard deviation, with n - 1."""
        if self.n < 2:
            return None
        squares = self.n * self.second - self.first * self.first
        return math.sqrt(squares / (self.n * (self.n - 1)))

    @property
    def standard_error(self) -> float | None:
        """Standard error of the mean."""
        return None if self.std is None else self.std / math.sqrt(self.n)


def mean(tally: Tally, level: float = LEVEL) -> Estimate | None:
    """Estimate the mean; its interval is Student's.

    Parameters
    ----------
    tally : Tally
    level : float, optional
        Confidence of the interval, between 0 and 1.

    Returns
    -------
    Estimate or None
        None for less than two trials.

    Examples
    --------
    >>> estimate = mean(Tally.of({1: 50, 2: 50}))
    >>> estimate.value, round(estimate.standard_error, 4), round(estimate.margin, 4)
    (1.5, 0.0503, 0.0997)
    """
    from scipy import special

    tail = upper_tail(level)
    moments = Moments.of(tally)
    if moments.mean is None or moments.standard_error is None:
        return None
    half = float(special.stdtrit(moments.n - 1, tail)) * moments.standard_error
    interval = (moments.mean - half, moments.mean + half)
    return Estimate(moments.mean, moments.standard_error, interval)


def standard_error_of_std(tally: Tally) -> float | None:
    """Return the standard error of the standard deviation, by the delta method.

    References
    ----------
    M. G. Kendall and A. Stuart, "The Advanced Theory of Statistics", volume 1, chapter 10.

    Examples
    --------
    >>> round(standard_error_of_std(Tally.of({1: 25, 2: 50, 3: 25})), 4)
    0.0352
    """
    moments = Moments.of(tally)
    if moments.mean is None or not moments.std:
        return None
    deviations = tally.outcomes - moments.mean
    share = tally.counts / moments.n
    second, fourth = float(share @ deviations**2), float(share @ deviations**4)
    return math.sqrt(max(fourth - second * second, 0.0) / moments.n) / (2 * moments.std)


def probability(tally: Tally, condition: Condition, level: float = LEVEL) -> Estimate | None:
    """Estimate how probable a comparison is; its interval is Wilson's.

    Parameters
    ----------
    tally : Tally
    condition : Condition
    level : float, optional
        Confidence of the interval, between 0 and 1.

    Returns
    -------
    Estimate or None
        None for no trial.

    Examples
    --------
    >>> estimate = probability(Tally.of({1: 75, 2: 25}), Condition.parse(">= 2"))
    >>> estimate.value, [round(end, 4) for end in estimate.interval]
    (0.25, [0.1755, 0.343])
    """
    z = _quantile(upper_tail(level))
    if not tally.total:
        return None
    n, hits = tally.total, times(tally, condition)
    share = hits / n
    low, high = wilson(hits, n, z)
    return Estimate(share, math.sqrt(share * (1 - share) / n), (float(low), float(high)))


def times(tally: Tally, condition: Condition) -> int:
    """Count the trials that meet a comparison."""
    return int(np.sum(tally.counts, where=condition.holds(tally.outcomes)))


def upper_tail(level: float) -> float:
    """Probability below the upper end of a central interval."""
    require_between("level", level, 0, 1)
    return (1 + level) / 2


@lru_cache(maxsize=16)
def _quantile(tail: float) -> float:
    from scipy import special

    return float(special.ndtri(tail))
