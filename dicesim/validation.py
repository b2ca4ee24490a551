"""Is a tally what the exact distribution says: goodness of fit, in figures and in words.

`scipy.special` is imported where a p-value is computed, since it takes longer than many runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

from dicesim.cells import FEW, Cell, Table, choose_cells, single_outcomes, tabulate
from dicesim.chi_square import log10_survival
from dicesim.choices import require_alpha, require_choice
from dicesim.effect_size import detectable_bias, interval_of_effect, weight_around_likeliest
from dicesim.errors import ParameterError
from dicesim.monte_carlo import PMethod, Tails
from dicesim.pmf import PMF
from dicesim.small_samples import binomial_tails, small_sample_tails
from dicesim.tally import Tally
from dicesim.verdicts import (
    GREATEST_BIAS,
    Words,
    say_consistent,
    say_deviation,
    say_impossible,
    say_more,
    say_too_good,
)

Verdict = Literal["consistent", "inconclusive", "deviates", "suspiciously good"]

# A simulation raises the alarm below this p-value: once in a million sound runs.
ALARM: Final = 1e-6
# Recorded rolls, which are looked at once, below this one.
RECORDED_ALARM: Final = 0.01
# A bias that nobody would notice at a table.
TOLERANCE: Final = 0.01
# Counts that lie closer to the exact ones than all but one in a million sound runs.
_TOO_GOOD: Final = 1e-6
# Two cells are a binomial distribution, which is a normal one if as much is expected of either.
_BINOMIAL: Final = 1000


@dataclass(frozen=True, slots=True, repr=False)
class Check:
    """Goodness of fit of a tally to an exact distribution.

    Parameters
    ----------
    statistic : float or None
        Pearson's chi-square over the cells; None where an outcome occurred that cannot.
    dof : int
        Degrees of freedom: cells less one.
    p_value : float or None
        Probability of a statistic at least as large, if the law holds: the right tail.
    effect_size : float or None
        Cohen's w, the root of statistic / n.
    detectable_bias : float or None
        Relative change of the likeliest outcome's share that n trials would have shown with a power
        of 80 % at the alarm level.
    alpha : float
        The alarm level.
    cells : tuple of Cell
        What was compared, after neighbours were pooled to an expected count of at least 5; each
        outcome is a cell where few trials have an exact or a Monte Carlo p-value.
    verdict : {"consistent", "inconclusive", "deviates", "suspiciously good"}
    explanation : str
        The verdict in a sentence.
    p_left : float or None
        Probability of a statistic at most as large: the left tail.
    log10_p : float or None
        Decimal logarithm of the p-value, also where that is too small for a floating-point number.
    p_method : {"asymptotic", "exact", "monte carlo"}
        Whether the tails are those of the chi-square distribution, those of the multinomial
        distribution, or estimated from tables drawn from that.
    p_standard_error : float or None
        Of a Monte Carlo p-value.
    replicates : int or None
        Tables drawn for a Monte Carlo p-value; None where that is a bound, far below the level.
    unpooled_statistic : float or None
        Pearson's chi-square over single outcomes; None where it is beyond floating point.
    unpooled_dof : int
        Degrees of freedom of that: outcomes less one.
    effect_interval : tuple of float, or None
        Confidence interval of Cohen's w at 95 %; None where cells outnumber the trials.

    Examples
    --------
    >>> import dicesim
    >>> check = dicesim.run("2d6", n=10_000, rng=42).check
    >>> check
    <Check consistent: chi-square 14.37 on 10 dof, p = 0.157>
    >>> check.alarm, check.pooled, len(check.cells)
    (False, False, 11)
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
    p_left: float | None = None
    log10_p: float | None = None
    p_method: PMethod = "asymptotic"
    p_standard_error: float | None = None
    replicates: int | None = None
    unpooled_statistic: float | None = None
    unpooled_dof: int = 0
    effect_interval: tuple[float, float] | None = None

    def __repr__(self) -> str:
        figures = "an impossible outcome"
        if self.statistic is not None:
            figures = f"chi-square {self.statistic:.4g} on {self.dof:,} dof, p = {self.p_value:.3g}"
        return f"<Check {self.verdict}: {figures}>"

    def __str__(self) -> str:
        return f"{self.verdict}: {self.explanation}"

    @property
    def alarm(self) -> bool:
        """Whether the counts deviate, or fit suspiciously well."""
        return self.verdict in ("deviates", "suspiciously good")

    @property
    def pooled(self) -> bool:
        """Whether sparse neighbours share a cell."""
        return self.dof < self.unpooled_dof

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the JSON form.

        Returns
        -------
        dict
        """
        return {
            "statistic": _finite(self.statistic),
            "dof": self.dof,
            "p_value": self.p_value,
            "p_left": self.p_left,
            "log10_p": self.log10_p,
            "p_method": self.p_method,
            "p_standard_error": self.p_standard_error,
            "replicates": self.replicates,
            "unpooled_statistic": _finite(self.unpooled_statistic),
            "unpooled_dof": self.unpooled_dof,
            "effect_size": _finite(self.effect_size),
            "effect_interval": self.effect_interval and list(self.effect_interval),
            "detectable_bias": _finite(self.detectable_bias),
            "alpha": self.alpha,
            "cells": [cell.to_dict() for cell in self.cells],
            "verdict": self.verdict,
            "explanation": self.explanation,
        }


def goodness_of_fit(
    tally: Tally,
    pmf: PMF,
    alpha: float = ALARM,
    *,
    rolls: Literal["simulation", "recorded"] = "simulation",
    outcomes_named: str = "outcome",
    impossible: Literal["deviates", "refused"] = "deviates",
    tolerance: float = TOLERANCE,
) -> Check:
    """Hold a tally against the exact distribution it should come from.

    Pearson's statistic, in whole numbers until the last division, over cells of neighbouring
    outcomes that are expected at least five times. Its tails are those of the chi-square
    distribution; up to 100 trials, and where fewer than two cells are left, they are exact or
    estimated by Monte Carlo; and those of two cells are binomial. Of a few hundred trials whose
    cells hold hardly more than five, sound ones go below 1e-6 up to six times in a million.

    Parameters
    ----------
    tally : Tally
        At least one trial.
    pmf : PMF
        At least two outcomes.
    alpha : float, optional
        The alarm level, between 0 and 0.5.
    rolls : {"simulation", "recorded"}, optional
        Whether the sentences speak of trials or of rolls.
    outcomes_named : str, optional
        What the sentences call an outcome, such as ``"face"``.
    impossible : {"deviates", "refused"}, optional
        What an outcome that cannot occur means: the law is wrong, or the input.
    tolerance : float, optional
        A bias of the likeliest outcome that does not matter, as a share of its probability.

    Returns
    -------
    Check

    Raises
    ------
    ParameterError
        There is nothing to test, no alarm level, or an impossible outcome that is refused.

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

    Twelve rolls of a die, whose p-value the chi-square distribution would take for .2206:

    >>> die = PMF(dict.fromkeys(range(1, 7), 1))
    >>> check = goodness_of_fit(Tally.of({2: 1, 3: 2, 4: 2, 5: 2, 6: 5}), die)
    >>> check.p_method, round(check.p_value, 6), check.verdict
    ('exact', 0.266117, 'inconclusive')
    """
    require_alpha(alpha)
    require_choice("rolls", rolls, ("simulation", "recorded"))
    require_choice("impossible", impossible, ("deviates", "refused"))
    words = Words("roll" if rolls == "recorded" else "trial", outcomes_named)
    counts, n = tally.counter(), tally.total
    if not n or len(pmf) < 2:
        raise ParameterError(
            f"tally: a test needs a {words.trial} at least, and two possible outcomes",
            parameter="tally",
        )
    beyond = [outcome for outcome in counts if outcome not in pmf]
    if beyond and impossible == "refused":
        raise ParameterError(f"tally: {say_impossible(beyond, words)}", parameter="tally")
    table = tabulate(counts, n, pmf, choose_cells(n, pmf))
    if beyond:
        return _impossible(table, pmf, alpha, say_impossible(beyond, words))
    single = table
    if len(table) < len(pmf):
        single = tabulate(counts, n, pmf, single_outcomes(pmf))
    return _test(table, single, pmf, alpha, tolerance, words)


def _test(
    table: Table, single: Table, pmf: PMF, alpha: float, tolerance: float, words: Words
) -> Check:
    n, statistic = table.n, table.statistic
    tails = _tails(table, statistic, alpha)
    cell = weight_around_likeliest(table.members, pmf)
    bias = detectable_bias(n, table.dof, pmf, alpha, cell=cell)
    effect = math.sqrt(statistic / n)
    interval = interval_of_effect(statistic, table.dof, n) if n >= len(table) else None
    verdict: Verdict = "consistent"
    if tails.right < alpha:
        verdict = "deviates"
        counts = dict(zip(pmf.outcomes, single.counts, strict=True))
        sizes = (effect, *(interval or (effect, math.inf)))
        explanation = say_deviation(counts, n, pmf, alpha, sizes, tolerance, words)
    elif tails.left < _TOO_GOOD:
        verdict, explanation = "suspiciously good", say_too_good(words)
    elif bias > GREATEST_BIAS:
        verdict, explanation = "inconclusive", say_more(n, pmf, alpha, words)
    else:
        explanation = say_consistent(bias, pmf, words)
    return Check(
        statistic=statistic,
        dof=table.dof,
        p_value=tails.right,
        effect_size=effect,
        detectable_bias=bias,
        alpha=alpha,
        cells=table.cells(pmf),
        verdict=verdict,
        explanation=explanation,
        p_left=tails.left,
        log10_p=_log10_p(tails, table.dof, statistic),
        p_method=tails.method,
        p_standard_error=tails.standard_error,
        replicates=tails.replicates,
        unpooled_statistic=statistic if single is table else single.statistic,
        unpooled_dof=single.dof,
        effect_interval=interval,
    )


def _tails(table: Table, statistic: float, alpha: float) -> Tails:
    """Both tails of the statistic, by the distribution that can be trusted."""
    few = table.n <= FEW or table.least_expected < 1
    if len(table) == 2 and table.least_expected < _BINOMIAL:
        return binomial_tails(table)
    if few:
        return small_sample_tails(table, alpha)
    from scipy import special

    right = float(special.chdtrc(table.dof, statistic))
    left = max(float(special.chdtr(table.dof, statistic)), _chance_of_such_a_fit(table, statistic))
    return Tails(right, left, "asymptotic")


def _chance_of_such_a_fit(table: Table, statistic: float) -> float:
    """Bound the probability of a fit at least as good from below.

    The chi-square distribution knows nothing of whole numbers: to it a perfect fit is impossible,
    while a hundred coins show one in twelve times. So the probability of just these counts, by the
    local limit theorem, is a bound as well.
    """
    spread = sum(math.log(weight / table.total) for weight in table.weights)
    logarithm = -(statistic + table.dof * math.log(2 * math.pi * table.n) + spread) / 2
    return math.exp(min(logarithm, 0.0))


def _log10_p(tails: Tails, dof: int, statistic: float) -> float | None:
    if tails.method == "asymptotic":
        return log10_survival(dof, statistic)
    return math.log10(tails.right) if tails.right > 0 else None


def _impossible(table: Table, pmf: PMF, alpha: float, explanation: str) -> Check:
    """Build the check of counts that the law cannot have."""
    return Check(
        statistic=None,
        dof=table.dof,
        p_value=0.0,
        effect_size=None,
        detectable_bias=None,
        alpha=alpha,
        cells=table.cells(pmf),
        verdict="deviates",
        explanation=explanation,
        p_method="exact",
        unpooled_dof=len(pmf) - 1,
    )


def _finite(figure: float | None) -> float | None:
    return figure if figure is not None and math.isfinite(figure) else None
