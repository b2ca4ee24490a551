"""The check against scipy, and its verdicts."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from scipy import stats

import dicesim
from dicesim import PMF, Tally, goodness_of_fit
from dicesim.chi_square import log10_survival, noncentralities
from dicesim.effect_size import detectable_bias
from dicesim.outcome_tests import (
    adjusted_p_values,
    at_least,
    at_most,
    simultaneous_intervals,
    z_score,
)

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


def test_p_values_beyond_floating_point_have_a_logarithm() -> None:
    """At even degrees of freedom the tail is a sum of Poisson terms, in whole numbers."""
    for dof, statistic in ((10, 1_480), (10, 10**4), (2, 10**5), (200, 3_000), (1000, 10_000)):
        half = statistic // 2
        terms = sum(half**i * math.factorial(dof) // math.factorial(i) for i in range(dof // 2))
        exact = math.log10(terms // math.factorial(dof // 2)) if dof < 20 else math.log10(terms)
        exact -= math.log10(math.factorial(dof)) - (
            math.log10(math.factorial(dof // 2)) if dof < 20 else 0
        )
        exact -= half / math.log(10)
        assert log10_survival(dof, statistic) == pytest.approx(exact, rel=1e-12)
    check = goodness_of_fit(Tally.of({2: 10**6}), PMF_2D6)
    assert check.p_value == 0
    assert check.log10_p == pytest.approx(-35e6 / 2 / math.log(10), rel=1e-4)
    assert goodness_of_fit(Tally.of({0: 50_100, 1: 49_900}), COIN).log10_p == pytest.approx(
        math.log10(stats.chi2.sf(0.4, 1))
    )


def test_both_tails_and_both_statistics() -> None:
    """Right and left tail are scipy's; the unpooled statistic stands beside the pooled one."""
    check = dicesim.run("10d10", 5000, rng=5).check
    assert check is not None
    assert check.p_left == pytest.approx(stats.chi2.cdf(check.statistic, check.dof), rel=1e-9)
    assert check.pooled
    counts = dicesim.run("10d10", 5000, rng=5).counts
    pmf = dicesim.exact("10d10")
    expected = [5000 * float(pmf[x]) for x in pmf]
    reference = stats.power_divergence([counts[x] for x in pmf], expected, lambda_="pearson")
    assert check.unpooled_statistic == pytest.approx(reference.statistic, rel=1e-9)
    assert check.unpooled_dof == len(pmf) - 1
    whole = dicesim.run("2d6", 5000, rng=5).check
    assert whole is not None
    assert not whole.pooled
    assert (whole.unpooled_statistic, whole.unpooled_dof) == (whole.statistic, whole.dof)


@pytest.mark.parametrize("statistic", [0.3, 11.0, 40.0, 9e5, 2e6, 1e13])
def test_the_interval_of_the_effect_inverts_the_noncentral_distribution(statistic: float) -> None:
    """At either end the statistic is a quantile, unless the end is 0."""
    low, high = noncentralities(statistic, 5, 0.95)
    assert 0 <= low <= high
    if statistic < 1e6:
        assert high == 0 or stats.ncx2.cdf(statistic, 5, high) == pytest.approx(0.025)
        assert low == 0 or stats.ncx2.sf(statistic, 5, low) == pytest.approx(0.025)
    else:  # where scipy gives up, a noncentral statistic is a normal one
        for end, z in ((low, 1.96), (high, -1.96)):
            assert (statistic - 5 - end) / math.sqrt(2 * (5 + 2 * end)) == pytest.approx(
                z, abs=1e-3
            )


def test_the_interval_of_the_effect_covers_it(seed: int) -> None:
    """Of 2,000 intervals at 95 %, all but 5 % and five standard errors (.0049) hold the truth."""
    shares = np.array([0.18, 0.164, 0.164, 0.164, 0.164, 0.164])
    truth = math.sqrt(((shares - 1 / 6) ** 2 * 6).sum())
    tables = np.random.default_rng(seed).multinomial(5000, shares, size=2000)
    pmf, covered = dicesim.exact("d6"), 0
    for table in tables.tolist():
        check = goodness_of_fit(Tally.of(dict(zip(pmf, table, strict=True))), pmf)
        assert check.effect_interval is not None
        covered += check.effect_interval[0] <= truth <= check.effect_interval[1]
    assert covered / 2000 == pytest.approx(0.95, abs=5 * 0.0049)


def test_a_bias_that_does_not_matter_is_negligible() -> None:
    """Half of 10**12 coins and a thousandth are certainly off, and nobody would notice."""
    n = 10**12
    check = goodness_of_fit(Tally.of({0: n // 2 + n // 2000, 1: n // 2 - n // 2000}), COIN)
    assert check.verdict == "deviates"
    assert (
        "detectable but negligible: as large as one outcome alone off by 0.10 %"
        in check.explanation
    )
    strict = goodness_of_fit(
        Tally.of({0: n // 2 + n // 2000, 1: n // 2 - n // 2000}), COIN, tolerance=1e-4
    )
    assert "in all as large as one outcome alone off by 0.10 %" in strict.explanation


def test_the_faces_that_deviate_are_named() -> None:
    """Those that stand out by themselves, after allowance for their number; or that none does."""
    die = dicesim.exact("d6")
    six = Tally.of({1: 980, 2: 1000, 3: 1000, 4: 1000, 5: 980, 6: 1240})
    check = goodness_of_fit(six, die, 0.01, rolls="recorded", outcomes_named="face")
    assert "off beyond chance: face 6 by +20 % of its share" in check.explanation
    spread = Tally.of({1: 1075, 2: 925, 3: 1075, 4: 925, 5: 1075, 6: 925})
    check = goodness_of_fit(spread, die, 0.01, rolls="recorded", outcomes_named="face")
    assert check.verdict == "deviates"
    assert "no single face is off beyond chance, most of all face 1 by +7.5 %" in check.explanation
    few = goodness_of_fit(
        Tally.of({1: 3, 2: 4}), die, 0.01, rolls="recorded", outcomes_named="face"
    )
    assert "7 rolls are too few to show even a doubling of the likeliest face" in few.explanation


def test_impossible_outcomes_can_be_refused() -> None:
    """A face that the die does not have is bad input, where rolls were recorded."""
    with pytest.raises(dicesim.ParameterError, match="faces occurred that cannot: 13"):
        goodness_of_fit(
            Tally.of({7: 1, 13: 1}), PMF_2D6, outcomes_named="face", impossible="refused"
        )


def test_no_verdict_claims_too_much() -> None:
    """Nothing is called fair, proven or random, and no chance is given for the die."""
    tallies = [{0: 50_100, 1: 49_900}, {0: 52_000, 1: 48_000}, {0: 10**13, 1: 10**13}, {0: 3}]
    for rolls in ("simulation", "recorded"):
        for counts in [*tallies, {7: 1}]:
            said = goodness_of_fit(Tally.of(counts), COIN, rolls=rolls).explanation
            assert not re.search(r"fair|proven|random|% chance", said)


def test_each_outcome_has_its_own_test() -> None:
    """Two-sided binomial p-values, Holm's adjustment, and Wilson intervals at alpha / k."""
    counts, weights = [4, 30, 10, 0], [1, 4, 2, 1]
    p_values = [
        min(1, 2 * min(stats.binom.cdf(o, 44, w / 8), stats.binom.sf(o - 1, 44, w / 8)))
        for o, w in zip(counts, weights, strict=True)
    ]
    order = sorted(range(4), key=lambda i: p_values[i])
    expected, reached = [0.0] * 4, 0.0
    for rank, i in enumerate(order):
        reached = max(reached, min(1, (4 - rank) * p_values[i]))
        expected[i] = reached
    assert adjusted_p_values(counts, weights, 44, 8) == pytest.approx(expected)
    low, high = simultaneous_intervals(counts, 44, 0.05)
    for i, count in enumerate(counts):
        interval = stats.binomtest(count, 44).proportion_ci(1 - 0.05 / 4, method="wilson")
        assert (low[i], high[i]) == pytest.approx((interval.low, interval.high))


def test_each_outcome_of_a_result_has_its_own_test() -> None:
    """In the rows, of a support with rare outcomes, at 10**15, and of what cannot occur."""
    for text, n in (("10d10", 10**6), ("2d6", 10**15)):
        result = dicesim.run(text, n, rng=3, method="multinomial")
        for row in result.outcomes:
            assert row["p_holm"] > 1e-6
            assert row["low"] <= row["expected"] <= row["high"]
    assert list(adjusted_p_values([5, 1], [1, 0], 6, 1)) == [0, 0]


@pytest.mark.parametrize("n", [1, 2, 40, 10**6, 2**33, 10**15])
def test_binomial_tails_hold_for_any_number_of_trials(n: int) -> None:
    """Those of scipy's distribution, and beyond what its own functions take."""
    share = min(0.3, 5 / n)
    hits = [k for k in (0, 1, 2, 7, 15) if k <= n]
    law = stats.binom(n, share) if n < 2**31 else stats.poisson(n * share)
    assert at_most(hits, n, share) == pytest.approx(law.cdf(hits), rel=1e-8)
    assert at_least(hits, n, share) == pytest.approx(law.sf(np.array(hits) - 1), rel=1e-8)
    assert float(at_most(n, n, share)) == float(at_least(0, n, 1.0)) == 1


def test_every_figure_of_a_huge_run_is_a_number() -> None:
    """Rare outcomes of more than 2**31 trials have p-values too, so that there is JSON."""
    result = dicesim.run("20d20", 10**12, rng=1, method="multinomial")
    assert all(0 <= row["p_holm"] <= 1 for row in result.outcomes)
    assert json.loads(result.to_json())["n"] == 10**12
    skewed = dicesim.run("d{0:9999999999, 1}", 10**11, rng=1, method="multinomial")
    assert skewed.check is not None
    assert 0 < (skewed.check.p_value or 0) <= 1
