"""Is a tally what the exact distribution says: goodness of fit, in figures and in words.

`scipy.special` is imported where a p-value is computed, since it takes longer than many runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from dicesim.choices import require_between
from dicesim.errors import ParameterError
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
        The alarm level, between 0 and 0.5.

    Returns
    -------
    Check

    Raises
    ------
    ParameterError
        There is nothing to test, or no alarm level.

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
    require_between("alpha", alpha, 0, 0.5)
    n = tally.total
    if not n or len(pmf) < 2:
        raise ParameterError(
            "tally: a test needs a trial at least, and two possible outcomes", parameter="tally"
        )
    counts = tally.counter()
    pooled = _pool(n, pmf)
    cells = _cells(counts, n, pmf, pooled)
    impossible = [outcome for outcome in counts if outcome not in pmf]
    if impossible:
        return _undefined(cells, alpha, "deviates", _say_impossible(impossible))
    if len(cells) < 2:
        return _undefined(cells, alpha, "inconclusive", _say_too_few(n, pmf, alpha))
    statistic = _pearson(cells, n, pmf, pooled)
    return _test(counts, n, pmf, cells, statistic, alpha)


def _test(
    counts: Mapping[int, int],
    n: int,
    pmf: PMF,
    cells: tuple[Cell, ...],
    statistic: float,
    alpha: float,
) -> Check:
    from scipy import special

    dof = len(cells) - 1
    p_value = float(special.chdtrc(dof, statistic))
    bias = detectable_bias(n, dof, pmf, alpha)
    verdict: Verdict = "consistent"
    explanation = (
        f"a bias of {pmf.likeliest} above {_percent(bias)} of its share would have been seen"
    )
    if p_value < alpha:
        verdict, explanation = "deviates", _say_deviation(counts, n, pmf, alpha)
    elif _chance_of_such_a_fit(cells, n, dof, statistic) < _TOO_GOOD:
        verdict = "suspiciously good"
        explanation = "the counts fit more closely than chance allows; were they made up?"
    elif bias > _GREATEST_BIAS:
        verdict, explanation = "inconclusive", _say_more(n, pmf, alpha)
    return Check(
        statistic, dof, p_value, math.sqrt(statistic / n), bias, alpha, cells, verdict, explanation
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
    score = math.sqrt(_ratio(deviation * deviation, n * weight * (total - weight)))
    return -score if deviation < 0 else score


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
    from scipy import special

    noncentrality = float(special.chndtrinc(special.chdtri(dof, alpha), dof, 1 - _POWER))
    share = float(pmf[pmf.likeliest])
    return math.sqrt(noncentrality / n) / math.sqrt(share / (1 - share))


def _pool(n: int, pmf: PMF) -> list[range]:
    """Ranges of the support that are tested together, until enough is expected of each."""
    starts, weight = [0], 0
    for i, share in enumerate(pmf.weights, start=1):
        weight += share
        if n * weight >= _LEAST_EXPECTED * pmf.total:
            starts.append(i)
            weight = 0
    if starts[-1] < len(pmf) and len(starts) > 1:
        starts.pop()  # too little is left for a cell of its own
    ends = [start for start in starts[1:] if start < len(pmf)] + [len(pmf)]
    return [range(start, end) for start, end in zip(starts, ends, strict=False)]


def _cells(counts: Mapping[int, int], n: int, pmf: PMF, pooled: list[range]) -> tuple[Cell, ...]:
    return tuple(
        Cell(
            pmf.outcomes[members[0]],
            pmf.outcomes[members[-1]],
            sum(counts.get(pmf.outcomes[i], 0) for i in members),
            n * _weight(members, pmf) / pmf.total,
        )
        for members in pooled
    )


def _weight(members: range, pmf: PMF) -> int:
    before = pmf.cumulative[members.start - 1] if members.start else 0
    return pmf.cumulative[members.stop - 1] - before


def _pearson(cells: tuple[Cell, ...], n: int, pmf: PMF, pooled: list[range]) -> float:
    weights = [_weight(members, pmf) for members in pooled]
    return math.fsum(
        (pmf.total * cell.count - n * weight) ** 2 / (pmf.total * n * weight)
        for cell, weight in zip(cells, weights, strict=True)
    )


def _chance_of_such_a_fit(cells: tuple[Cell, ...], n: int, dof: int, statistic: float) -> float:
    """Bound the probability of a fit at least as good from below.

    The chi-square distribution knows nothing of whole numbers: to it a perfect fit is impossible,
    while a hundred coins show one in twelve times. So the probability of just these counts, by the
    local limit theorem, is a bound as well.
    """
    from scipy import special

    spread = sum(math.log(cell.expected / n) for cell in cells)
    logarithm = -(statistic + dof * math.log(2 * math.pi * n) + spread) / 2
    return max(float(special.chdtr(dof, statistic)), math.exp(min(logarithm, 0.0)))


def _undefined(cells: tuple[Cell, ...], alpha: float, verdict: Verdict, explanation: str) -> Check:
    """Build the check of counts that have no statistic."""
    p_value = 0.0 if verdict == "deviates" else None
    return Check(None, len(cells) - 1, p_value, None, None, alpha, cells, verdict, explanation)


def _say_impossible(impossible: list[int]) -> str:
    shown = ", ".join(map(str, impossible[:5])) + (", ..." if len(impossible) > 5 else "")
    return f"outcomes occurred that cannot: {shown}"


def _say_too_few(n: int, pmf: PMF, alpha: float) -> str:
    return f"{_trials(n)} too few for a test; about {_enough(n, pmf, alpha):,} would do"


def _say_more(n: int, pmf: PMF, alpha: float) -> str:
    return (
        f"no alarm, but {_trials(n)} too few to show even a doubling of the likeliest outcome; "
        f"about {_enough(n, pmf, alpha):,} would do"
    )


def _enough(n: int, pmf: PMF, alpha: float) -> int:
    """Find a number of trials above `n` that would show a doubling of the likeliest outcome.

    It fills two cells at least, by the evenest cut of the support; and more trials have more cells.
    """
    evenest = max(min(below, pmf.total - below) for below in pmf.cumulative[:-1])
    needed = max(n + 1, -(-_LEAST_EXPECTED * pmf.total // evenest))
    while True:
        bias = detectable_bias(needed, max(len(_pool(needed, pmf)) - 1, 1), pmf, alpha)
        if bias <= _GREATEST_BIAS:
            return needed
        needed = math.ceil(needed * max((bias / _GREATEST_BIAS) ** 2, 1.01))


def _say_deviation(counts: Mapping[int, int], n: int, pmf: PMF, alpha: float) -> str:
    def score(outcome: int) -> float:
        return z_score(counts.get(outcome, 0), n, pmf.weight(outcome), pmf.total) or 0.0

    def change(outcome: int) -> float:
        return _ratio(counts.get(outcome, 0) * pmf.total, n * pmf.weight(outcome)) - 1

    worst = sorted(pmf.outcomes, key=lambda outcome: -abs(score(outcome)))[:3]
    shares = ", ".join(f"{outcome} by {change(outcome):+.2%}" for outcome in worst)
    return f"p is below the alarm level of {alpha:g}; most of all {shares} of their share"


def _ratio(numerator: int, denominator: int) -> float:
    """Divide whole numbers of any size, rounding once."""
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf


def _trials(n: int) -> str:
    return "1 trial is" if n == 1 else f"{n:,} trials are"


def _percent(share: float) -> str:
    """Two significant digits, without an exponent."""
    digits = max(0, 1 - math.floor(math.log10(share * 100)))
    return f"{share * 100:.{digits}f} %"
