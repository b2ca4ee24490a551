"""Each outcome by itself: deviation, probability, interval, with allowance for their number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dicesim.cells import ratio

Floats = NDArray[np.float64]

# Where the variance is above this, the binomial distribution is taken for a normal one.
_NORMAL: Final = 10_000.0


def adjusted_p_values(counts: Sequence[int], weights: Sequence[int], n: int, total: int) -> Floats:
    """Hold each count against its own expectation, with allowance for their number.

    Parameters
    ----------
    counts, weights : sequence of int
        Of each outcome; a weight of 0 is that of an outcome that cannot occur.
    n, total : int
        All trials, and the weight of all outcomes.

    Returns
    -------
    ndarray of float
        Probability of a count at least as far out, twice the smaller tail, adjusted by Holm's
        method: that any sound outcome is below a level has at most that probability.

    Examples
    --------
    >>> adjusted_p_values([5_160, 4_840], [1, 1], 10_000, 2).round(4)
    array([0.0028, 0.0028])
    """
    return holm(_two_sided(counts, weights, n, total))


def simultaneous_intervals(counts: Sequence[int], n: int, alpha: float) -> tuple[Floats, Floats]:
    """Confidence intervals of several probabilities, which hold together.

    Each of the k is Wilson's at the level 1 - alpha / k, by Bonferroni's inequality.

    References
    ----------
    L. A. Goodman, "On simultaneous confidence intervals for multinomial proportions",
    Technometrics 7 (1965).

    Examples
    --------
    >>> low, high = simultaneous_intervals([5_160, 4_840], 10_000, 0.01)
    >>> low.round(4), high.round(4)
    (array([0.502, 0.47 ]), array([0.53 , 0.498]))
    """
    from scipy import special

    return wilson(counts, n, -float(special.ndtri(alpha / (2 * len(counts)))))


def wilson(hits: ArrayLike, n: float, z: float) -> tuple[Floats, Floats]:
    """Confidence interval of a probability, which holds for rare and for missing outcomes too.

    Parameters
    ----------
    hits : array_like of float
        Of `n` trials.
    n : float
        Number of trials, or of as many as an estimate is worth.
    z : float
        Quantile of the normal distribution.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22 (1927).

    Examples
    --------
    >>> low, high = wilson(0, 100, 1.96)
    >>> float(low), round(float(high), 4)
    (0.0, 0.037)
    """
    share = np.asarray(hits, dtype=np.float64) / n
    spread = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / spread
    half = z / spread * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return (
        np.where(share > 0, np.maximum(middle - half, 0.0), 0.0),
        np.where(share < 1, np.minimum(middle + half, 1.0), 1.0),
    )


def holm(p_values: ArrayLike) -> Floats:
    """Adjust p-values for their number, by Holm's method.

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def holm_adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values by Holm's method; those that are missing stay so and do not count."""
    known = iter(holm([p for p in p_values if p is not None]).tolist())
    return [None if p is None else next(known) for p in p_values]


def holm_level(
    p_values: Sequence[float | None], adjusted: Sequence[float | None], alpha: float
) -> float:
    """Level at which single tests decide just what Holm's method decides.

    With r of m tests rejected that is alpha / (m - r): the next p-value was not below it, and
    those that were rejected lie below an even lower one.

    Examples
    --------
    >>> p_values = [0.001, 0.004, 0.5]
    >>> holm_level(p_values, holm_adjusted(p_values), 0.01)
    0.01
    """
    left = sum(p is not None for p in p_values)
    left -= sum(p is not None and p < alpha for p in adjusted)
    return alpha / max(left, 1)


def at_most(hits: ArrayLike, n: float, share: ArrayLike) -> Floats:
    """Binomial probability of so many hits or fewer, by the incomplete beta function.

    Beyond 2**31 trials `scipy.special.bdtr` gives no number.

    Examples
    --------
    >>> at_most([0, 1, 2], 2, 0.5)
    array([0.25, 0.75, 1.  ])
    """
    from scipy import special

    known = np.asarray(hits, dtype=np.float64)
    return np.where(known < n, special.betaincc(known + 1, n - known, share), 1.0)


def at_least(hits: ArrayLike, n: float, share: ArrayLike) -> Floats:
    """Binomial probability of so many hits or more; see `at_most`.

    Examples
    --------
    >>> at_least([0, 1, 2], 2, 0.5)
    array([1.  , 0.75, 0.25])
    """
    from scipy import special

    known = np.asarray(hits, dtype=np.float64)
    return np.where(known > 0, special.betainc(known, n - known + 1, share), 1.0)


def z_score(count: int, n: int, weight: int, total: int) -> float | None:
    """Deviation of one outcome's count from its expectation, in standard deviations.

    Parameters
    ----------
    count, n : int
        Trials with this outcome, and all trials.
    weight, total : int
        The outcome's weight, positive, and that of all outcomes.

    Returns
    -------
    float or None
        None where the outcome is certain.

    Examples
    --------
    >>> z_score(5_060, 10_000, 1, 2)
    1.2
    """
    if weight == total:
        return None
    deviation = total * count - n * weight
    score = math.sqrt(ratio(deviation * deviation, n * weight * (total - weight)))
    return -score if deviation < 0 else score


def _two_sided(counts: Sequence[int], weights: Sequence[int], n: int, total: int) -> Floats:
    """Twice the smaller tail: binomial for rare outcomes, and normal for the others."""
    from scipy import special

    pairs = zip(counts, weights, strict=True)
    scores = np.array([(z_score(count, n, w, total) if w else 0.0) or 0.0 for count, w in pairs])
    shares = np.array([ratio(weight, total) for weight in weights])
    p_values = 2 * special.ndtr(-np.abs(scores))
    rare = n * shares * (1 - shares) < _NORMAL
    hits, share = np.array(counts, dtype=np.float64)[rare], shares[rare]
    p_values[rare] = 2 * np.minimum(at_least(hits, n, share), at_most(hits, n, share))
    return np.asarray(np.minimum(p_values, 1.0))
