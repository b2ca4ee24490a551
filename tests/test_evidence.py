"""The e-value is a martingale that starts at 1, so that one may look after every roll."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest
from scipy import special

import dicesim
from dicesim import PMF
from dicesim.evidence import e_value, log_e_value, mean_e_value

LAWS = [
    PMF({1: 1, 2: 1, 3: 1}),
    PMF({0: 1, 1: 3}),
    dicesim.exact("2d2"),
    PMF({1: 1, 2: 2, 3: 10**30}),
]


@pytest.mark.parametrize("pmf", LAWS, ids=repr)
def test_its_expectation_is_one(pmf: PMF) -> None:
    """Over all sequences of up to six rolls, by enumeration."""
    for n in range(1, 7):
        expectation = math.fsum(
            math.exp(log_e_value(Counter(rolls), pmf)) * math.prod(float(pmf[x]) for x in rolls)
            for rolls in product(pmf, repeat=n)
        )
        assert expectation == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("pmf", LAWS, ids=repr)
def test_it_is_a_martingale(pmf: PMF) -> None:
    """Whatever came before, the expectation after one roll more is what it is now."""
    rng = np.random.default_rng(1)
    for size in (0, 1, 10, 990, 1000, 1010, 10**6):
        counts = Counter(
            {
                x: int(n)
                for x, n in zip(pmf, rng.multinomial(size, [1 / len(pmf)] * len(pmf)), strict=True)
            }
        )
        now = log_e_value(counts, pmf)
        after = math.fsum(
            math.exp(log_e_value(counts + Counter([x]), pmf) - now) * float(pmf[x]) for x in pmf
        )
        assert after == pytest.approx(1, rel=1e-7)


def test_it_is_the_bayes_factor_of_its_prior() -> None:
    """Equal to the formula of Lindon and Malek, averaged over the five priors."""
    pmf = dicesim.exact("2d6")
    counts = dict(zip(pmf, [3, 9, 12, 20, 0, 44, 31, 20, 11, 7, 1], strict=True))
    shares = np.array([float(p) for p in pmf.values()])
    n = np.array(list(counts.values()))
    factors = []
    for sharpness in (1, 10, 100, 1000, 10_000):
        prior = sharpness * 11 * shares
        factors.append(
            special.gammaln(prior.sum())
            - special.gammaln(prior.sum() + n.sum())
            + (special.gammaln(prior + n) - special.gammaln(prior)).sum()
            - (n * np.log(shares)).sum()
        )
    assert log_e_value(counts, pmf) == pytest.approx(np.log(np.mean(np.exp(factors))), abs=1e-8)


def test_looking_always_alarms_no_more_often_than_it_may(seed: int) -> None:
    """Of 1000 sound dice looked at after every 50th of 2000 rolls, few ever reach 1 / .05.

    At most 5 % by Ville's inequality, and five standard errors: false alarm below 1e-6. Whoever
    looks at p-values as often alarms many times as often.
    """
    rng = np.random.default_rng(seed)
    pmf = dicesim.exact("1d6")
    alarms = by_p_value = 0
    for _ in range(1000):
        looks = rng.multinomial(50, [1 / 6] * 6, size=40).cumsum(axis=0)
        expected = looks.sum(axis=1, keepdims=True) / 6
        statistics = ((looks - expected) ** 2 / expected).sum(axis=1)
        by_p_value += bool((special.chdtrc(5, statistics) < 0.05).any())
        alarms += any(
            log_e_value(dict(zip(pmf, row, strict=True)), pmf) >= -math.log(0.05)
            for row in looks.tolist()
        )
    assert alarms <= 1000 * 0.05 + 5 * math.sqrt(1000 * 0.05 * 0.95) < by_p_value


def test_biased_dice_are_found(seed: int) -> None:
    """Of 50 dice with a six that comes 1.5 times as often, all alarm within 5000 rolls."""
    rng = np.random.default_rng(seed)
    pmf = dicesim.exact("1d6")
    for row in rng.multinomial(5000, [0.15] * 5 + [0.25], size=50).tolist():
        assert log_e_value(dict(zip(range(1, 7), row, strict=True)), pmf) > math.log(100)


def test_no_digits_are_lost_at_huge_n() -> None:
    """At 10**15 rolls: the leading term is half of chi-square, by laws of large numbers."""
    coin = PMF({0: 1, 1: 1})
    half = 5 * 10**14
    even = log_e_value({0: half, 1: half}, coin)
    off = log_e_value({0: half + 10**8, 1: half - 10**8}, coin)
    assert even < 0
    # The sharpest prior knows best: it gives all the deviance but one part in 10**15 / 20,000.
    assert off - even == pytest.approx(2 * 10**16 / 10**15, rel=1e-6)


def test_laws_beyond_floating_point() -> None:
    """A share of 6**-1000 neither vanishes nor overflows."""
    value = log_e_value({1000: 1}, dicesim.exact("1000d6"))
    assert math.isfinite(value)
    assert log_e_value({}, PMF({1: 1, 2: 1})) == 0


def test_means_and_sizes_of_e_values() -> None:
    """The mean of e-values is one; beyond floating point only its logarithm is left."""
    assert mean_e_value([math.log(2), math.log(4)]) == pytest.approx(math.log(3))
    assert mean_e_value([5000.0, 0.0]) == pytest.approx(5000 - math.log(2))
    assert e_value(0.0) == 1
    assert e_value(5000.0) is None
