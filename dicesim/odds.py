"""How often one of two independent totals is the greater one, and by how much on average.

A law is exact, or it is the shares of trials that were counted. Where one is counted or both are,
every pair of an outcome here and an outcome there is weighed, not trial against trial: that wastes
nothing, and what is exact adds no error.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, NamedTuple

import numpy as np

from dicesim.outcome_tests import Floats, wilson
from dicesim.pmf import MAX_DIGITS, PMF

# Confidence of all intervals.
LEVEL: Final = 0.95
# Steps that take about a second, and the bits that weights are cut to where they would take more:
# enough for every digit of every float, down to the least.
_MAX_STEPS: Final = 2**27
_ENOUGH_BITS: Final = 1_200
_DIGIT_BITS: Final = 30
# Variances below this are those of rounding.
_ROUNDING: Final = 1e-28


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """A figure of a comparison: exact, or an estimate with its uncertainty.

    Parameters
    ----------
    value : float
    exact : Fraction or None
        The same without rounding, where it is exact; None for an estimate, and where whole numbers
        are so long that only the digits of `value` were computed.
    standard_error : float or None
        0 where the figure is exact; None where it is not defined, as for a mean of one trial.
    interval : tuple of float, or None
        Lower and upper end at the level of 95 %.

    Examples
    --------
    >>> float(ComparedFigure.of(Fraction(1, 4))), ComparedFigure.of(Fraction(1, 4)).fraction
    (0.25, '1/4')
    """

    value: float
    exact: Fraction | None
    standard_error: float | None
    interval: tuple[float, float] | None

    @classmethod
    def of(cls, exact: Fraction) -> ComparedFigure:
        """Return the figure of what is known exactly.

        Parameters
        ----------
        exact : fractions.Fraction

        Returns
        -------
        ComparedFigure
        """
        value = float(exact)
        return cls(value, exact, 0.0, (value, value))

    def __float__(self) -> float:
        return self.value

    @property
    def fraction(self) -> str | None:
        """The exact value in lowest terms, as ``"1/36"``; None where there is none, or too long."""
        if self.exact is None or self.exact.denominator >= 10**MAX_DIGITS:
            return None
        return "{}/{}".format(*self.exact.as_integer_ratio())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: ``value``, ``exact``, ``standard_error``, ``low``, ``high``.

        Returns
        -------
        dict
        """
        low, high = self.interval or (None, None)
        return {
            "value": self.value,
            "exact": self.fraction,
            "standard_error": self.standard_error,
            "low": low,
            "high": high,
        }


class Shares(NamedTuple):
    """A law, or the shares of trials.

    Parameters
    ----------
    law : PMF
        Exact, or with counts as weights.
    trials : int or None
        How many were counted; None where the law is exact.
    """

    law: PMF
    trials: int | None = None

    @property
    def variance_of_mean(self) -> float:
        """Square of the standard error of the mean; 0 where the law is exact."""
        if self.trials is None:
            return 0.0
        return float(self.law.exact_variance) / max(self.trials - 1, 1)


def mean_figure(shares: Shares) -> ComparedFigure:
    """Return the mean, with Student's interval where it is that of trials.

    Examples
    --------
    >>> mean_figure(Shares(PMF({0: 1, 1: 3}))).exact
    Fraction(3, 4)
    """
    return difference(shares, Shares(PMF({0: 1})))


def difference(a: Shares, b: Shares) -> ComparedFigure:
    """Return the mean of A less that of B, with Welch's interval where both are of trials.

    References
    ----------
    B. L. Welch, "The generalization of 'Student's' problem when several different population
    variances are involved", Biometrika 34 (1947).

    Examples
    --------
    >>> difference(Shares(PMF({0: 1, 1: 3})), Shares(PMF({0: 1, 1: 1}))).exact
    Fraction(1, 4)
    """
    exact = a.law.exact_mean - b.law.exact_mean
    counted = [shares for shares in (a, b) if shares.trials is not None]
    if not counted:
        return ComparedFigure.of(exact)
    value = float(exact)
    if any(shares.trials == 1 for shares in counted):
        return ComparedFigure(value, None, None, None)
    variances = [shares.variance_of_mean for shares in counted]
    if not any(variances):
        return ComparedFigure(value, None, 0.0, None)  # no spread was seen, which proves none
    from scipy import special  # slow to import, and no need of what is exact

    error = math.sqrt(sum(variances))
    parts = zip(counted, variances, strict=True)
    weights = [variance**2 / ((shares.trials or 0) - 1) for shares, variance in parts]
    half = float(special.stdtrit(sum(variances) ** 2 / sum(weights), (1 + LEVEL) / 2)) * error
    return ComparedFigure(value, None, error, (value - half, value + half))


def odds(a: Shares, b: Shares) -> tuple[ComparedFigure, ComparedFigure, ComparedFigure]:
    """Return the probabilities of A > B, A = B and A < B for independent totals of both.

    Where trials were counted, the standard error comes from the conditional probabilities: those
    of A > b, given each outcome b of the trials, and likewise the other way round, as for the
    statistic of Mann and Whitney. The interval is Wilson's with that standard error.

    References
    ----------
    E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or more
    correlated receiver operating characteristic curves", Biometrics 44 (1988).

    Examples
    --------
    >>> d4, d6 = PMF(dict.fromkeys(range(1, 5), 1)), PMF(dict.fromkeys(range(1, 7), 1))
    >>> [figure.fraction for figure in odds(Shares(d4), Shares(d6))]
    ['1/4', '1/6', '7/12']
    """
    laws, rounded = _affordable(a.law, b.law)
    shares = _pairs(*laws)
    trials = [side.trials for side in (a, b) if side.trials is not None]
    if not trials:
        greater, equal, less = (_figure(share, rounded) for share in shares)
    else:
        values = np.array([float(share) for share in shares])
        variances = _variances(values, Shares(laws[0], a.trials), Shares(laws[1], b.trials))
        pairs = zip(values.tolist(), variances.tolist(), strict=True)
        greater, equal, less = (_estimate(value, v, min(trials)) for value, v in pairs)
    return greater, equal, less


def _figure(share: Fraction, rounded: bool) -> ComparedFigure:
    value = float(share)
    return ComparedFigure(value, None if rounded else share, 0.0, (value, value))


def _estimate(share: float, variance: float, n: int) -> ComparedFigure:
    """Return the estimate of a share, whose interval is that of trials which vary as much.

    Where all trials say the same, it leaves room for outcomes that so many trials may not meet,
    as Wilson's does for a share of 0.
    """
    from scipy import special

    z = float(special.ndtri((1 + LEVEL) / 2))
    low, high = share * n / (n + z * z), (share * n + z * z) / (n + z * z)
    if variance and 0 < share < 1:
        worth = share * (1 - share) / variance
        low, high = map(float, wilson(share * worth, worth, z))
    return ComparedFigure(share, None, math.sqrt(variance), (low, high))


def _affordable(a: PMF, b: PMF) -> tuple[tuple[PMF, PMF], bool]:
    """Return both laws, with shorter weights where products of the long ones take too long."""
    short, long = sorted(law.total.bit_length() / _DIGIT_BITS for law in (a, b))
    if (len(a) + len(b)) * long * short ** (math.log2(3) - 1) <= _MAX_STEPS:
        return (a, b), False
    return (_cut(a), _cut(b)), True


def _cut(law: PMF) -> PMF:
    excess = max(law.total.bit_length() - _ENOUGH_BITS, 0)
    return PMF({x: w >> excess for x, w in zip(law.outcomes, law.weights, strict=True)})


def _pairs(a: PMF, b: PMF) -> tuple[Fraction, Fraction, Fraction]:
    greater = equal = 0
    for weight, (below, at) in zip(a.weights, _beside(a, b), strict=True):
        greater += weight * below
        equal += weight * at
    total = a.total * b.total
    return (
        Fraction(greater, total),
        Fraction(equal, total),
        Fraction(total - greater - equal, total),
    )


def _beside(law: PMF, other: PMF) -> Iterator[tuple[int, int]]:
    """Weight of the other law below each outcome of the first, and at it."""
    place = bisect_left(other.outcomes, law.outcomes[0])
    below = other.cumulative[place - 1] if place else 0
    for outcome in law.outcomes:
        while place < len(other) and other.outcomes[place] < outcome:
            below = other.cumulative[place]
            place += 1
        met = place < len(other) and other.outcomes[place] == outcome
        yield below, other.weights[place] if met else 0


def _variances(values: Floats, a: Shares, b: Shares) -> Floats:
    """Squares of the standard errors of all three probabilities."""
    given = []
    if a.trials is not None:
        given.append((_conditional_variances(a.law, b.law), a.trials))
    if b.trials is not None:  # below B is where A is less
        given.append((_conditional_variances(b.law, a.law)[::-1], b.trials))
    variances = np.asarray(sum(variance / n for variance, n in given))
    if len(given) == 2:
        # What only both together decide is small; it has come into either term, and counts once.
        (first, n), (second, m) = given
        joint = (values * (1 - values) - first - second) / (n * m)
        variances = np.maximum(variances - joint, joint)
    return np.asarray(np.maximum(variances, 0.0))


def _conditional_variances(law: PMF, other: PMF) -> Floats:
    """Variances, over the first law, of the probability that the other is below, at and above."""
    total = other.total
    given = np.array(
        [
            (below / total, at / total, (total - below - at) / total)
            for below, at in _beside(law, other)
        ]
    )
    weights = np.array([weight / law.total for weight in law.weights])
    variances = weights @ (given - weights @ given) ** 2
    return np.asarray(np.where(variances < _ROUNDING, 0.0, variances))
