"""Tails of few trials against brute force, against each other, and against scipy."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations_with_replacement

import numpy as np
import pytest
from scipy import stats

import dicesim
from dicesim import PMF, Check, Tally, goodness_of_fit
from dicesim.cells import Table, single_outcomes, tabulate
from dicesim.monte_carlo import monte_carlo_tails, tail_bound
from dicesim.small_samples import binomial_tails, small_sample_tails

DIE = dicesim.exact("d6")
COIN = PMF({0: 1, 1: 1})


def table_of(counts: Sequence[int], pmf: PMF) -> Table:
    """Counts of all outcomes as a table of single cells."""
    found = dict(zip(pmf, counts, strict=True))
    return tabulate(found, sum(counts), pmf, single_outcomes(pmf))


def check_of(counts: Sequence[int], pmf: PMF, alpha: float = 0.01) -> Check:
    """Check counts of all outcomes."""
    return goodness_of_fit(Tally.of(dict(zip(pmf, counts, strict=True))), pmf, alpha)


def brute_force(counts: Sequence[int], pmf: PMF) -> tuple[float, float]:
    """Both tails over all tables, in fractions."""
    n, shares = sum(counts), list(pmf.values())

    def statistic(table: Sequence[int]) -> Fraction:
        return sum((o * o / p for o, p in zip(table, shares, strict=True)), Fraction(0))

    observed, right, left = statistic(counts), Fraction(0), Fraction(0)
    for chosen in combinations_with_replacement(range(len(pmf)), n):
        table = [chosen.count(i) for i in range(len(pmf))]
        ways = math.factorial(n) // math.prod(map(math.factorial, table))
        mass = Fraction(ways)
        for o, p in zip(table, shares, strict=True):
            mass *= p**o
        right += mass if statistic(table) >= observed else 0
        left += mass if statistic(table) <= observed else 0
    return float(right), float(left)


def test_the_known_exact_p_value() -> None:
    """Twelve rolls of a die: .266117, where the chi-square distribution says .220640."""
    check = check_of([0, 1, 2, 2, 2, 5], DIE)
    assert check.p_method == "exact"
    assert check.p_value == pytest.approx(0.266117, abs=5e-7)
    assert (check.statistic, check.dof) == (7, 5)
    assert stats.chi2.sf(7, 5) == pytest.approx(0.220640, abs=5e-7)
    assert not check.pooled
    assert check.log10_p == pytest.approx(math.log10(0.266117), abs=1e-6)


@pytest.mark.parametrize(
    ("counts", "pmf"),
    [
        ([0, 1, 2, 2, 2, 5], DIE),
        ([1, 1, 1, 1, 1, 1], DIE),
        ([0, 0, 0, 0, 0, 7], DIE),
        ([0, 3, 1, 0, 1], PMF({1: 1, 2: 2, 3: 3, 4: 2, 5: 1})),
        ([5, 0, 0], PMF({0: 1, 1: 10, 2: 1000})),
        ([3, 4], COIN),
        ([2, 9], PMF({0: 1, 1: 6})),
    ],
)
def test_exact_tails_are_those_of_all_tables(counts: list[int], pmf: PMF) -> None:
    """Tables are ordered by Pearson's statistic in whole numbers, so that ties are ties."""
    right, left = brute_force(counts, pmf)
    tails = small_sample_tails(table_of(counts, pmf), 0.01)
    assert tails.method == "exact"
    assert (tails.right, tails.left) == pytest.approx((right, left), rel=1e-10)
    if len(pmf) == 2:
        tails = binomial_tails(table_of(counts, pmf))
        assert (tails.right, tails.left) == pytest.approx((right, left), rel=1e-10)


def test_tails_far_out_are_no_complements() -> None:
    """Thirty sixes keep all their digits: 6 / 6**30."""
    assert check_of([0, 0, 0, 0, 0, 30], DIE).p_value == pytest.approx(6.0**-29, rel=1e-10)
    assert check_of([100, 0], COIN).p_value == pytest.approx(2.0**-99, rel=1e-10)


@pytest.mark.parametrize(
    ("counts", "pmf"),
    [
        ([3, 1, 4, 1, 5, 9], DIE),
        ([6, 0, 0, 1, 2], PMF({1: 1, 2: 2, 3: 3, 4: 2, 5: 1})),
        ([1, 0, 0, 2, 0, 27], PMF({**dict.fromkeys(range(1, 6), 1), 6: 100})),
    ],
)
def test_monte_carlo_agrees_with_the_exact_tails(counts: list[int], pmf: PMF) -> None:
    """Within five standard errors, for both ways of drawing; the same counts have the same p."""
    exact = small_sample_tails(table_of(counts, pmf), 0.01)
    drawn = monte_carlo_tails(table_of(counts, pmf), 0.01)
    assert (exact.method, drawn.method, drawn.replicates) == ("exact", "monte carlo", 9999)
    assert drawn.standard_error == pytest.approx(
        math.sqrt(drawn.right * (1 - drawn.right) / 10_000)
    )
    assert abs(drawn.right - exact.right) < 5 * math.sqrt(exact.right / 9999) + 1e-4
    assert abs(drawn.left - exact.left) < 5 * math.sqrt((1 - exact.right + 0.01) / 9999)
    assert monte_carlo_tails(table_of(counts, pmf), 0.01) == drawn


def test_trials_drawn_one_by_one() -> None:
    """Where there are many more outcomes than trials: a pair among three of a hundred sides."""
    counts = [2, 1, *[0] * 98]
    drawn = monte_carlo_tails(table_of(counts, dicesim.exact("d100")), 0.01)
    pair = 1 - 0.99 * 0.98
    assert abs(drawn.right - pair) < 5 * math.sqrt(pair / 9999) + 1e-4
    assert abs(drawn.left - 0.9999) < 5 * math.sqrt(1e-4 / 9999) + 1e-4


def test_monte_carlo_is_drawn_often_enough_to_tell() -> None:
    """What may raise the alarm is drawn anew; what is absurd needs no draws to say so."""
    check = check_of([37, *[7] * 9], dicesim.exact("d10"), 1e-5)
    assert check.p_method == "monte carlo"
    assert check.replicates == 4 * 10**5 - 1
    assert check.p_value == 1 / (4 * 10**5)
    assert check.verdict == "deviates"
    for counts, law in (([100, *[0] * 99], "d100"), ([3, *[0] * 5000], "1000d6")):
        absurd = check_of(counts, dicesim.exact(law), 1e-6)
        assert (absurd.verdict, absurd.p_method) == ("deviates", "monte carlo")
        assert (absurd.replicates, absurd.p_standard_error) == (None, None)
        assert absurd.p_value is not None
        assert absurd.p_value < 1e-100
        json.dumps(absurd.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ([0, 0, 0, 0, 0, 30], "d6"),
        ([40, 0, 0, 0, 0, 0], "d6"),
        ([10, 0, 0, 0, 2, 4, 0, 0, 0, 1, 0], "2d6"),
        ([8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "2d6"),
    ],
)
def test_the_bound_is_one(counts: list[int], text: str) -> None:
    """What stands for draws that nobody could make is no less than the exact tail."""
    table = table_of(counts, dicesim.exact(text))
    exact = small_sample_tails(table, 0.01)
    assert exact.method == "exact"
    assert exact.right <= tail_bound(table) < 0.05


def test_sparse_cells_beside_a_certain_one() -> None:
    """A million trials that leave a single cell have a p-value by Monte Carlo, and no alarm."""
    pmf = PMF({**dict.fromkeys(range(9), 1), 9: 10**9})
    check = check_of([1, *[0] * 8, 10**6], pmf)
    exact = 9e-9 * 10**6  # the probability of any but the last outcome, nearly
    assert check.p_method == "monte carlo"
    assert check.p_value == pytest.approx(exact, abs=5 * math.sqrt(exact / 9999))


def test_two_skewed_cells_are_binomial() -> None:
    """One in ten thousand, 18 times in 50,000: the chi-square distribution cries wolf."""
    pmf = PMF({0: 1, 1: 9_999})
    check = check_of([18, 49_982], pmf, 1e-6)
    assert check.p_method == "exact"
    assert check.p_value == pytest.approx(stats.binom.sf(17, 50_000, 1e-4), rel=1e-6)
    assert check.verdict == "consistent"
    assert stats.chi2.sf(check.statistic or 0, 1) < 1e-8


@pytest.mark.parametrize(
    ("text", "n"), [("d6", 12), ("d6", 30), ("2d6", 30), ("d20", 60), ("d2", 40)]
)
def test_few_sound_rolls_raise_no_more_alarms_than_stated(text: str, n: int, seed: int) -> None:
    """Of 200 checks, the share below .05 is at most .05 and five standard errors (.0154 each)."""
    pmf = dicesim.exact(text)
    shares = [float(p) for p in pmf.values()]
    tables = np.random.default_rng(seed).multinomial(n, shares, size=200)
    checks = [check_of(table, pmf) for table in tables.tolist()]
    assert {check.p_method for check in checks} <= {"exact", "monte carlo"}
    below = sum(check.p_value is not None and check.p_value < 0.05 for check in checks)
    assert below <= 200 * (0.05 + 5 * 0.0154)
