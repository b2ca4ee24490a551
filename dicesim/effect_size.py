"""How far a law is from another one, in words of one outcome that is off by a share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from dicesim.cells import LEAST_EXPECTED, choose_cells, ratio, weight_of
from dicesim.chi_square import noncentralities, noncentrality_for
from dicesim.pmf import PMF

POWER: Final = 0.8
LEVEL: Final = 0.95


def effect_of(bias: float, pmf: PMF, cell: int | None = None) -> float:
    """Cohen's w of a likeliest outcome that is off by a share of its probability.

    The other outcomes give way in proportion. With p the probability of the outcome, and q that of
    the cell it is tested in, ::

        w = bias p / (1 - p) sqrt((1 - q) / q)

    which is bias sqrt(p / (1 - p)) where the outcome has a cell of its own, and bias / sqrt(s - 1)
    for a fair die with s sides.

    Parameters
    ----------
    bias : float
        As a share: 0.05 is five percent.
    pmf : PMF
    cell : int, optional
        Weight of the cell that the likeliest outcome is in, if not of its own.

    References
    ----------
    J. Cohen, "Statistical Power Analysis for the Behavioral Sciences" (1988), section 7.2.

    Examples
    --------
    >>> die = PMF(dict.fromkeys(range(1, 7), 1))
    >>> round(effect_of(0.05, die), 6), round(0.05 / 5**0.5, 6)
    (0.022361, 0.022361)
    """
    weight = pmf.weight(pmf.likeliest)
    cell = cell or weight
    if cell == pmf.total:
        return 0.0
    odds = ratio(weight, pmf.total - weight)
    return bias * odds * math.sqrt(ratio(pmf.total - cell, cell))


def bias_of(effect: float, pmf: PMF, cell: int | None = None) -> float:
    """Share by which the likeliest outcome alone would have to be off: `effect_of`, inverted."""
    unit = effect_of(1.0, pmf, cell)
    return effect / unit if unit else math.inf


def interval_of_effect(statistic: float, dof: int, n: int) -> tuple[float, float]:
    """Confidence interval of Cohen's w at 95 %, from that of the noncentrality.

    Examples
    --------
    >>> low, high = interval_of_effect(20.0, 5, 1000)
    >>> round(low, 4), round(high, 4)
    (0.0579, 0.1912)
    """
    low, high = noncentralities(statistic, dof, LEVEL)
    return math.sqrt(low / n), math.sqrt(high / n)


def detectable_bias(
    n: int, dof: int, pmf: PMF, alpha: float, *, power: float = POWER, cell: int | None = None
) -> float:
    """Relative change of the likeliest outcome's share that a test of `n` trials would show.

    Show means: raise the alarm at `alpha` with a probability of 80 %, or `power`. The noncentrality
    that takes is found from the noncentral chi-square distribution, and Cohen's w is its root per
    trial.

    Examples
    --------
    >>> round(detectable_bias(100_000, 1, PMF({0: 1, 1: 1}), 0.05), 4)
    0.0089
    """
    return bias_of(math.sqrt(noncentrality_for(power, dof, alpha) / n), pmf, cell)


def weight_around_likeliest(members: Sequence[range], pmf: PMF) -> int:
    """Weight of the cell that the likeliest outcome is tested in."""
    if len(members) == len(pmf):
        return pmf.weight(pmf.likeliest)
    place = pmf.outcomes.index(pmf.likeliest)
    return next(weight_of(places, pmf) for places in members if place in places)


def enough_trials(
    n: int,
    pmf: PMF,
    alpha: float,
    bias: float,
    power: float = POWER,
    *,
    precision: float = 0.0,
) -> int:
    """Find the least number of trials above `n` that fills two cells and would show a bias.

    Or one that is greater by a share of at most `precision`, which is found sooner.

    Examples
    --------
    >>> enough_trials(0, PMF(dict.fromkeys(range(1, 7), 1)), 0.05, 0.05)
    25656
    """
    effect = effect_of(bias, pmf)
    unpooled = math.ceil(noncentrality_for(power, len(pmf) - 1, alpha) / (effect * effect))
    if unpooled * pmf.least_weight >= LEAST_EXPECTED * pmf.total:
        return max(unpooled, n + 1)

    def shows(trials: int) -> bool:
        members = choose_cells(trials, pmf)
        cell = weight_around_likeliest(members, pmf)
        dof = len(members) - 1
        return detectable_bias(trials, dof, pmf, alpha, power=power, cell=cell) <= bias

    evenest = max(min(below, pmf.total - below) for below in pmf.cumulative[:-1])
    least = max(n + 1, -(-LEAST_EXPECTED * pmf.total // evenest))
    # Not far from what it would take if nothing were pooled, as a rule.
    low = high = max(least, unpooled)
    if not shows(high):
        while not shows(high := 2 * high):
            low = high
    while high == low > least and shows(low := max(least, low // 2)):
        high = low
    while high - low > precision * high:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle + 1, high)
    return high
