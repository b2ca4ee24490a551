"""Is a tally what the exact distribution says: goodness of fit, in figures and in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

from scipy import special

from dicesim.pmf import PMF
from dicesim.tally import Tally

Verdict = Literal["consistent", "inconclusive", "deviates", "suspiciously good"]

# A simulation raises the alarm below this p-value: once in a million sound runs.
ALARM: Final = 1e-6
# Counts that lie closer to the exact ones than all but one in a million sound runs.
_TOO_GOOD: Final = 1e-6
# Least expected count of a cell for which the chi-square distribution is trusted.
_LEAST_EXPECTED: Final = 5
_POWER: Final = 0.8
# A test that would miss even a doubling of the likeliest outcome has nothing to say.
_GREATEST_BIAS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Cell:
    """Neighbouring outcomes that are tested together.

    Parameters
    ----------
    low, high : int
        First and last outcome.
    count : int
        Trials observed.
    expected : float
        Trials expected.
    """

    low: int
    high: int
    count: int
    expected: float


@dataclass(frozen=True, slots=True)
class Check:
    """Goodness of fit of a tally to an exact distribution.

    Parameters
    ----------
    statistic : float or None
        Pearson's chi-square over the cells; None where it is not defined.
    dof : int
        Degrees of freedom: cells less one.
    p_value : float or None
        Probability of a statistic at least as large, if the law holds.
    effect_size : float or None
        Cohen's w, the root of statistic / n.
    detectable_bias : float or None
        Relative change of the likeliest outcome's share that n trials would have shown with a power
        of 80 % at the alarm level.
    alpha : float
        The alarm level.
    cells : tuple of Cell
        What was compared, after neighbours were pooled to an expected count of at least 5.
    verdict : {"consistent", "inconclusive", "deviates", "suspiciously good"}
    explanation : str
        The verdict in a sentence.
    """

    statistic: float | None
    dof: int
    p_value: float | None
    effect_size: float | None
    detectable_bias: float | None
    alpha: float
    cells: tuple[Cell, ...]
    verdict: Verdict
    explanation: str

    @property
    def alarm(self) -> bool:
        """Whether the counts deviate, or fit suspiciously well."""
        return self.verdict in ("deviates", "suspiciously good")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the JSON form."""
        return {
            "statistic": self.statistic,
            "dof": self.dof,
            "p_value": self.p_value,
            "effect_size": self.effect_size,
            "detectable_bias": self.detectable_bias,
            "alpha": self.alpha,
            "cells": [
                {"low": cell.low, "high": cell.high, "count": cell.count, "expected": cell.expected}
                for cell in self.cells
            ],
            "verdict": self.verdict,
            "explanation": self.explanation,
        }


def goodness_of_fit(tally: Tally, pmf: PMF, alpha: float = ALARM) -> Check:
    """Hold a tally against the exact distribution it should come from.

    Every term of Pearson's statistic is a ratio of whole numbers, rounded once, so that neither
    tiny probabilities nor 10**15 trials lose digits.

    Parameters
    ----------
    tally : Tally
        At least one trial.
    pmf : PMF
        At least two outcomes.
    alpha : float, optional
        The alarm level.

    Returns
    -------
    Check

    References
    ----------
    K. Pearson, "On the criterion ...", Philosophical Magazine 50 (1900). J. Cohen, "Statistical
    Power Analysis for the Behavioral Sciences" (1988), chapter 7.

    Examples
    --------
    >>> coin = PMF({0: 1, 1: 1})
    >>> check = goodness_of_fit(Tally.of({0: 5_060, 1: 4_940}), coin)
    >>> check.statistic, round(check.p_value, 4), check.verdict
    (1.44, 0.2301, 'consistent')
    """
    counts = tally.counter()
    n = tally.total
    impossible = [outcome for outcome in counts if outcome not in pmf]
    cells, statistic = _compare(counts, n, pmf)
    dof = len(cells) - 1
    if impossible or dof == 0:
        return _without_statistic(n, pmf, cells, impossible, alpha)
    p_value = float(special.chdtrc(dof, statistic))
    bias = detectable_bias(n, dof, pmf, alpha)
    verdict, explanation = _judge(counts, n, pmf, statistic, dof, p_value, bias, alpha)
    return Check(
        statistic=statistic,
        dof=dof,
        p_value=p_value,
        effect_size=math.sqrt(statistic / n),
        detectable_bias=bias,
        alpha=alpha,
        cells=cells,
        verdict=verdict,
        explanation=explanation,
    )


def z_score(count: int, n: int, weight: int, total: int) -> float | None:
    """Deviation of one outcome's count from its expectation, in standard deviations.

    Parameters
    ----------
    count, n : int
        Trials with this outcome, and all trials.
    weight, total : int
        The outcome's weight, and that of all outcomes.

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
    return math.copysign(
        math.sqrt(deviation * deviation / (n * weight * (total - weight))), deviation
    )


def detectable_bias(n: int, dof: int, pmf: PMF, alpha: float) -> float:
    """Relative change of the likeliest outcome's share that a test of `n` trials would show.

    Show means: raise the alarm at `alpha` with a probability of 80 %. The noncentrality that takes
    is found from the noncentral chi-square distribution; Cohen's w is its root per trial; and an
    outcome of probability p that is off by a share d, the others giving way evenly, has
    w = d sqrt(p / (1 - p)).

    Examples
    --------
    >>> round(detectable_bias(100_000, 1, PMF({0: 1, 1: 1}), 0.05), 4)
    0.0089
    """
    noncentrality = float(special.chndtrinc(special.chdtri(dof, alpha), dof, 1 - _POWER))
    share = float(pmf[pmf.likeliest])
    return math.sqrt(noncentrality / n) / math.sqrt(share / (1 - share))


def _compare(counts: dict[int, int], n: int, pmf: PMF) -> tuple[tuple[Cell, ...], float]:
    """Pool neighbours until enough is expected of each cell; return cells and statistic."""
    pooled: list[tuple[int, int, int, int]] = []
    low: int | None = None
    count = weight = 0
    for outcome, share in zip(pmf.outcomes, pmf.weights, strict=True):
        low = outcome if low is None else low
        count += counts.get(outcome, 0)
        weight += share
        if n * weight >= _LEAST_EXPECTED * pmf.total:
            pooled.append((low, outcome, count, weight))
            low, count, weight = None, 0, 0
    if low is not None:
        first, _, before, share = pooled.pop() if pooled else (low, 0, 0, 0)
        pooled.append((first, pmf.outcomes[-1], before + count, share + weight))
    terms = (
        (pmf.total * count - n * weight) ** 2 / (pmf.total * n * weight)
        for _, _, count, weight in pooled
    )
    cells = tuple(
        Cell(first, last, count, n * weight / pmf.total) for first, last, count, weight in pooled
    )
    return cells, math.fsum(terms)


def _without_statistic(
    n: int, pmf: PMF, cells: tuple[Cell, ...], impossible: list[int], alpha: float
) -> Check:
    verdict: Verdict = "deviates" if impossible else "inconclusive"
    if impossible:
        shown = ", ".join(map(str, impossible[:5])) + (", ..." if len(impossible) > 5 else "")
        explanation = f"outcomes occurred that cannot: {shown}"
    else:
        needed = math.ceil(2 * _LEAST_EXPECTED / float(pmf[pmf.likeliest]))
        explanation = f"{n:,} trials are too few for a test; make it {max(needed, 2 * n):,} or more"
    return Check(
        statistic=None,
        dof=len(cells) - 1,
        p_value=0.0 if impossible else None,
        effect_size=None,
        detectable_bias=None,
        alpha=alpha,
        cells=cells,
        verdict=verdict,
        explanation=explanation,
    )


def _judge(
    counts: dict[int, int],
    n: int,
    pmf: PMF,
    statistic: float,
    dof: int,
    p_value: float,
    bias: float,
    alpha: float,
) -> tuple[Verdict, str]:
    if p_value < alpha:
        return "deviates", _say_deviation(counts, n, pmf, alpha)
    if special.chdtr(dof, statistic) < _TOO_GOOD:
        return "suspiciously good", (
            "the counts lie closer to the exact ones than chance allows; were they made up?"
        )
    if bias > _GREATEST_BIAS:
        needed = math.ceil(n * (bias / _GREATEST_BIAS) ** 2)
        return "inconclusive", (
            f"nothing deviates, but only a bias above {bias:.0%} would have been seen; "
            f"about {needed:,} trials would show a doubling"
        )
    return "consistent", f"a bias above {_percent(bias)} would have been seen"


def _say_deviation(counts: dict[int, int], n: int, pmf: PMF, alpha: float) -> str:
    scores = {
        outcome: z_score(counts.get(outcome, 0), n, weight, pmf.total) or 0.0
        for outcome, weight in zip(pmf.outcomes, pmf.weights, strict=True)
    }
    worst = sorted(scores, key=lambda outcome: -abs(scores[outcome]))[:3]
    shares = (
        f"{outcome} by {counts.get(outcome, 0) / n / float(pmf[outcome]) - 1:+.2%}"
        for outcome in worst
    )
    return (
        f"p is below the alarm level of {alpha:g}; most of all {', '.join(shares)} of their share"
    )


def _percent(share: float) -> str:
    """Two significant digits, without an exponent."""
    digits = max(0, 1 - math.floor(math.log10(share * 100)))
    return f"{share * 100:.{digits}f} %"
