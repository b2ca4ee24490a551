"""The validator itself, validated: how often it cries wolf, and how often it finds one.

Every share of many replicates lies within five standard errors of what it should be, or within the
bounds that are stated: a false alarm below 1e-6 for each, whatever the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

import dicesim
from dicesim import PMF, Tally, goodness_of_fit
from dicesim.cells import choose_cells, pearson
from dicesim.chi_square import power_of
from dicesim.effect_size import effect_of

REPLICATES = 20_000
# Fewest and most p-values of 20,000 sound runs below a level (false alarm 1e-6 each).
BOUNDS = {0.05: (853, 1154), 0.01: (135, 272), 0.001: (3, 45)}
SIZES = (3_600, 10**5, 10**6, 10**9, 10**12, 10**15)
DIE = dicesim.exact("d6")


def p_values(tables: NDArray[np.int64], n: int, pmf: PMF) -> NDArray[np.float64]:
    """p-values of many tables, by the statistic and the tail that `goodness_of_fit` takes."""
    assert len(choose_cells(n, pmf)) == len(pmf)  # nothing is pooled
    statistics = pearson(tables, n, pmf.weights, pmf.total)
    return np.asarray(special.chdtrc(len(pmf) - 1, statistics))


def draw(
    shares: Sequence[Fraction], n: int, replicates: int, seed: Sequence[int]
) -> NDArray[np.int64]:
    """Draw tables of counts by conditional binomials, with ratios from exact remainders."""
    rng = np.random.default_rng(seed)
    tables = np.empty((replicates, len(shares)), dtype=np.int64)
    left, rest = np.full(replicates, n), Fraction(1)
    for i, share in enumerate(shares):
        tables[:, i] = rng.binomial(left, float(share / rest)) if share < rest else left
        left, rest = left - tables[:, i], rest - share
    return tables


def null_tables(text: str, n: int, replicates: int, seed: int) -> tuple[NDArray[np.int64], PMF]:
    """Tables of sound runs."""
    pmf = dicesim.exact(text)
    return draw(list(pmf.values()), n, replicates, [seed, n, len(pmf)]), pmf


@pytest.mark.parametrize("text", ["2d6", "d6", "d20"])
@pytest.mark.parametrize("n", SIZES)
def test_sound_runs_raise_the_alarm_as_often_as_stated(text: str, n: int, seed: int) -> None:
    """Of 20,000 sound runs, a share of alpha has a p-value below alpha, from 3,600 to 10**15."""
    tables, pmf = null_tables(text, n, REPLICATES, seed)
    found = p_values(tables, n, pmf)
    for level, (fewest, most) in BOUNDS.items():
        assert fewest <= int((found < level).sum()) <= most, level


@pytest.mark.parametrize("text", ["2d6", "d6", "d20"])
@pytest.mark.parametrize("n", SIZES)
def test_many_tables_at_once_are_checked_like_one(text: str, n: int, seed: int) -> None:
    """The calibration is that of `goodness_of_fit`: both give the same p-values, and scipy's."""
    tables, pmf = null_tables(text, n, 20, seed)
    together = p_values(tables, n, pmf)
    for table, p_value in zip(tables.tolist(), together, strict=True):
        check = goodness_of_fit(Tally.of(dict(zip(pmf, table, strict=True))), pmf)
        assert (check.p_method, check.p_value) == ("asymptotic", p_value)
        expected = [float(n * pmf[x]) for x in pmf]
        reference = stats.power_divergence(table, expected, lambda_="pearson")
        # scipy squares rounded differences, which at 10**15 leaves fewer digits.
        assert check.statistic == pytest.approx(reference.statistic, rel=1e-6)
        assert check.p_value == pytest.approx(reference.pvalue, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["2d6", "d6", "d20"])
@pytest.mark.parametrize("n", SIZES)
def test_whole_checks_raise_the_alarm_as_often_as_stated(text: str, n: int, seed: int) -> None:
    """The same, each of the 20,000 through `goodness_of_fit`."""
    tables, pmf = null_tables(text, n, REPLICATES, seed)
    checks = [
        goodness_of_fit(Tally.of(dict(zip(pmf, table, strict=True))), pmf)
        for table in tables.tolist()
    ]
    for level, (fewest, most) in BOUNDS.items():
        below = sum(check.p_value is not None and check.p_value < level for check in checks)
        assert fewest <= below <= most, level
    # Two in a million raise the alarm, one for each tail; four of these would be one in 10**7.
    assert sum(check.alarm for check in checks) <= 3


def sums(first: Sequence[Fraction], second: Sequence[Fraction]) -> list[Fraction]:
    """Law of the sum of two dice whose faces are 1 to 6."""
    law = [Fraction(0)] * (len(first) + len(second) - 1)
    for i, p in enumerate(first):
        for j, q in enumerate(second):
            law[i + j] += p * q
    return law


def with_six(bias: Fraction) -> list[Fraction]:
    """A die whose 6 is off by a share, the other faces giving way evenly."""
    return [(1 - (1 + bias) / 6) / 5] * 5 + [(1 + bias) / 6]


FAIR, FIVE, ONE = (with_six(Fraction(percent, 100)) for percent in (0, 5, 1))
POWERS = [
    ("d6, 6 at +5 %", FIVE, 20_000, 0.6774),
    ("2d6, both dice", sums(FIVE, FIVE), 20_000, 0.6292),
    ("2d6, one die", sums(FIVE, FAIR), 20_000, 0.1608),
    ("2d6, both by +1 %", sums(ONE, ONE), 10**6, 0.9385),
    ("d6, 6 at +10 %", with_six(Fraction(1, 10)), 1000, 0.1570),
    ("a byte modulo 6", [Fraction(43, 256)] * 4 + [Fraction(42, 256)] * 2, 10**5, 0.7768),
]


@pytest.mark.parametrize(
    ("law", "n", "power"), [row[1:] for row in POWERS], ids=[r[0] for r in POWERS]
)
def test_biased_dice_are_found_as_often_as_they_should(
    law: list[Fraction], n: int, power: float, seed: int
) -> None:
    """The share of 20,000 biased tables below .05 is the known power within .02."""
    pmf = DIE if len(law) == 6 else dicesim.exact("2d6")
    assert sum(law) == 1
    tables = draw(law, n, REPLICATES, [seed, n, len(law)])
    assert (p_values(tables, n, pmf) < 0.05).mean() == pytest.approx(power, abs=0.02)
    distance = sum(float((q - p) ** 2 / p) for q, p in zip(law, pmf.values(), strict=True))
    assert power_of(n * distance, len(law) - 1, 0.05) == pytest.approx(power, abs=0.02)


def test_the_effect_of_a_bias_is_cohens() -> None:
    """The formula is the definition: w**2 is the sum of (q - p)**2 / p, pooled cells included."""
    pmf = dicesim.exact("2d6")
    law = [p * (1 - Fraction(1, 20) * Fraction(1, 5)) for p in pmf.values()]
    law[5] = Fraction(1, 6) * Fraction(21, 20)
    assert sum(law) == 1
    distance = sum(float((q - p) ** 2 / p) for q, p in zip(law, pmf.values(), strict=True))
    assert effect_of(0.05, pmf) == pytest.approx(distance**0.5)
    first, rest = sum(law[4:7]), Fraction(16, 36)
    pooled = (first - rest) ** 2 / rest + (first - rest) ** 2 / (1 - rest)
    assert effect_of(0.05, pmf, 16) == pytest.approx(float(pooled) ** 0.5)
