"""The check against scipy, and its verdicts."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations_with_replacement

import numpy as np
import pytest
from scipy import stats

import dicesim
from dicesim import PMF, Tally, goodness_of_fit
from dicesim.effect_size import detectable_bias
from dicesim.outcome_tests import z_score

PMF_2D6 = dicesim.exact("2d6")
COIN = PMF({0: 1, 1: 1})


@pytest.mark.parametrize("text", ["2d6", "d6", "d20", "3d6+1d8", "10d10", "d6*d8-3"])
@pytest.mark.parametrize("n", [1000, 100_000])
def test_statistic_and_p_are_those_of_scipy(text: str, n: int) -> None:
    """Pearson's statistic over the shown cells equals scipy's, and so does the p-value."""
    pmf = dicesim.exact(text)
    check = dicesim.run(text, n, rng=5).check
    assert check is not None
    reference = stats.chisquare(
        [cell.count for cell in check.cells], [cell.expected for cell in check.cells]
    )
    assert check.statistic == pytest.approx(reference.statistic, rel=1e-9)
    assert check.p_value == pytest.approx(reference.pvalue, rel=1e-9)
    assert check.dof == len(check.cells) - 1
    assert check.effect_size == pytest.approx(math.sqrt(reference.statistic / n))
    assert sum(cell.count for cell in check.cells) == n
    assert all(cell.expected >= 5 for cell in check.cells)
    assert (check.cells[0].low, check.cells[-1].high) == (pmf.outcomes[0], pmf.outcomes[-1])


def test_no_digit_is_lost_at_huge_n() -> None:
    """At 10**15 trials the statistic is that of exact arithmetic."""
    n = 36 * 10**14
    counts = {x: n * w // 36 for x, w in zip(PMF_2D6.outcomes, PMF_2D6.weights, strict=True)}
    counts[7] += 10**8
    counts[2] -= 10**8
    check = goodness_of_fit(Tally.of(counts), PMF_2D6)
    assert check.statistic == pytest.approx(1e16 / (6 * 10**14) + 1e16 / 10**14, rel=1e-15)
    exact = {x: n * w // 36 for x, w in zip(PMF_2D6.outcomes, PMF_2D6.weights, strict=True)}
    assert goodness_of_fit(Tally.of(exact), PMF_2D6).statistic == 0


def test_z_score_is_exact() -> None:
    """The score of one outcome is (O - E) / sqrt(n p (1 - p))."""
    assert z_score(5_060, 10_000, 1, 2) == 1.2
    assert z_score(4_940, 10_000, 1, 2) == -1.2
    assert z_score(10, 10, 3, 3) is None
    big = z_score(10**15 // 6 + 10**8, 10**15, 6**99, 6**100)
    assert big == pytest.approx(1e8 / math.sqrt(1e15 * 5 / 36), rel=1e-6)


def test_verdicts() -> None:
    """Four verdicts, each with its reason in words."""
    fine = goodness_of_fit(Tally.of({0: 50_100, 1: 49_900}), COIN)
    assert fine.verdict == "consistent"
    assert "would have been seen" in fine.explanation
    assert not fine.alarm
    off = goodness_of_fit(Tally.of({0: 52_000, 1: 48_000}), COIN)
    assert off.verdict == "deviates"
    assert "0 by +4.0 %" in off.explanation
    assert off.alarm
    good = goodness_of_fit(
        Tally.of({x: 10**6 * w for x, w in zip(PMF_2D6, PMF_2D6.weights, strict=True)}), PMF_2D6
    )
    assert good.verdict == "suspiciously good"
    assert good.alarm
    few = goodness_of_fit(Tally.of({3: 3, 4: 4, 6: 5, 7: 8, 8: 6, 9: 4}), PMF_2D6)
    assert few.verdict == "inconclusive"
    assert "30 trials are too few to show even a doubling" in few.explanation
    fewer = goodness_of_fit(Tally.of({7: 3}), PMF_2D6)
    assert (fewer.verdict, fewer.statistic, fewer.p_method) == ("inconclusive", 15, "exact")

    assert fewer.p_value == pytest.approx(enumerated([0] * 5 + [3] + [0] * 5, PMF_2D6)[0])
    assert "too few" in fewer.explanation


def test_laws_beyond_floating_point() -> None:
    """Weights of hundreds of digits neither overflow nor vanish."""
    check = dicesim.run("400d6", 1000, rng=1).check
    assert check is not None
    assert check.verdict == "inconclusive"
    absurd = goodness_of_fit(Tally.of({1000: 10**6}), dicesim.exact("1000d6"))
    assert absurd.verdict == "deviates"
    assert absurd.p_value == 0


def test_a_perfect_fit_of_a_few_coins_is_no_wonder() -> None:
    """Fifty of a hundred come once in twelve times, half of 10**15 to the coin do not."""
    assert goodness_of_fit(Tally.of({0: 50, 1: 50}), COIN).verdict == "consistent"
    assert goodness_of_fit(Tally.of({0: 10**13, 1: 10**13}), COIN).verdict == "suspiciously good"


def test_the_trials_that_are_advised_are_enough() -> None:
    """Whoever follows the advice of an inconclusive check gets a conclusive one."""
    for text, n in (("2d6", 3), ("2d6", 30), ("200d100", 1000), ("20*(d2-1)", 4)):
        pmf = dicesim.exact(text)
        while True:
            check = dicesim.run(text, n, rng=1, method="multinomial").check
            assert check is not None
            if check.verdict != "inconclusive":
                break
            advised = re.search(r"about ([\d,]+) would do", check.explanation)
            assert advised is not None
            assert int(advised[1].replace(",", "")) > n
            n = int(advised[1].replace(",", ""))
        assert check.verdict == "consistent"
        assert (check.detectable_bias or 9) <= 1
        assert len(pmf) >= len(check.cells)


def test_there_has_to_be_something_to_test() -> None:
    """No trial, a single outcome, and no alarm level are refused."""
    for tally, pmf, alpha in (
        (Tally.of({}), COIN, 0.01),
        (Tally.of({1: 5}), PMF({1: 1}), 0.01),
        (Tally.of({1: 5}), COIN, 0.9),
    ):
        with pytest.raises(dicesim.ParameterError):
            goodness_of_fit(tally, pmf, alpha)


def test_an_impossible_outcome_deviates_at_once() -> None:
    """One roll of 13 with 2d6 is enough."""
    check = goodness_of_fit(Tally.of({7: 10**6, 13: 1}), PMF_2D6)
    assert check.verdict == "deviates"
    assert check.p_value == 0
    assert "13" in check.explanation


def test_the_alarm_level_is_the_users() -> None:
    """The same counts deviate at one level and not at another."""
    tally = Tally.of({0: 50_500, 1: 49_500})
    assert goodness_of_fit(tally, COIN, alpha=0.01).verdict == "deviates"
    assert goodness_of_fit(tally, COIN, alpha=0.001).verdict == "consistent"


@pytest.mark.parametrize(("text", "n", "alpha"), [("d6", 20_000, 0.05), ("2d6", 10_000, 0.01)])
def test_the_detectable_bias_is_detected_four_times_in_five(
    text: str, n: int, alpha: float, seed: int
) -> None:
    """Simulated power at the stated bias is 80 %.

    Of 4000 tables, the share that raises the alarm lies within five standard errors (.0063 each)
    and .01 for the approximation by the noncentral distribution: false alarm below 1e-6.
    """
    pmf = dicesim.exact(text)
    shares = np.array([float(pmf[x]) for x in pmf])
    bias = detectable_bias(n, len(pmf) - 1, pmf, alpha)
    likeliest = list(pmf).index(pmf.likeliest)
    biased = shares * (1 - bias * shares[likeliest] / (1 - shares[likeliest]))
    biased[likeliest] = shares[likeliest] * (1 + bias)
    assert biased.sum() == pytest.approx(1)
    tables = np.random.default_rng(seed).multinomial(n, biased, size=4000)
    statistics = ((tables - n * shares) ** 2 / (n * shares)).sum(axis=1)
    power = (stats.chi2.sf(statistics, len(pmf) - 1) < alpha).mean()
    assert power == pytest.approx(0.8, abs=5 * 0.0063 + 0.01)


def test_p_values_of_sound_runs_are_uniform(seed: int) -> None:
    """Under the null hypothesis p is uniform (Kolmogorov-Smirnov, false alarm 1e-6)."""
    rng = np.random.default_rng(seed)
    shares = np.array([float(PMF_2D6[x]) for x in PMF_2D6])
    p_values = []
    for table in rng.multinomial(36_000, shares, size=3000):
        check = goodness_of_fit(Tally.of(dict(zip(PMF_2D6, table.tolist(), strict=True))), PMF_2D6)
        p_values.append(check.p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-6


def enumerated(counts: list[int], pmf: PMF) -> tuple[float, float]:
    """Both tails by brute force, over all tables and in fractions."""
    n = sum(counts)

    def statistic(table: Sequence[int]) -> Fraction:
        return sum((Fraction(o * o) / pmf[x] for o, x in zip(table, pmf, strict=True)), Fraction(0))

    observed, right, left = statistic(counts), Fraction(0), Fraction(0)
    for chosen in combinations_with_replacement(range(len(pmf)), n):
        table = [chosen.count(i) for i in range(len(pmf))]
        ways = math.factorial(n) // math.prod(map(math.factorial, table))
        mass = ways * math.prod(
            (pmf[x] ** o for o, x in zip(table, pmf, strict=True)), start=Fraction(1)
        )
        right += mass if statistic(table) >= observed else 0
        left += mass if statistic(table) <= observed else 0
    return float(right), float(left)
