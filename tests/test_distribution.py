"""The exact engine against brute force and known values."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

import dicesim
from dicesim import PMF, ExactUnavailable
from tests.oracle import enumerated


def brute_force(text: str) -> PMF:
    """Play every course of a trial."""
    law = enumerated(dicesim.parse(text))
    common = math.lcm(*(share.denominator for share in law.values()))
    return PMF({total: int(share * common) for total, share in law.items()})


@pytest.mark.parametrize(
    "text",
    [
        "2d6", "d20", "d%", "3d6+1d8+2", "d20-1", "5", "-7", "0d6", "0d6+1d4", "d1", "3d1+2d3",
        "2d6*3", "-2d6*3+d8", "(2d6+1)*(1d4-2)", "d6*d8", "d6*d6-d6", "d4-d4-d4", "2d4-2d4",
        "-(d6+2)*d3", "--d6", "d6*0", "d6*-1", "(d6-d6)*(d6-d6)", "1d6*1000000+d4", "d2*d3*d4*d5",
        "3d2+2d3+2d4-d5+1", "(d6+(d4-(d3+1)))*2",
    ],
)  # fmt: skip
def test_equals_enumeration(text: str) -> None:
    """Every weight is that of a count of all joint outcomes (L3)."""
    assert dicesim.exact(text) == brute_force(text)


def test_2d6_is_exact() -> None:
    """2d6 is 1/36 ... 6/36 ... 1/36."""
    pmf = dicesim.exact("2d6")
    assert pmf.outcomes == tuple(range(2, 13))
    assert [pmf[x] for x in pmf] == [Fraction(6 - abs(x - 7), 36) for x in range(2, 13)]
    assert sum(pmf.values()) == 1


@pytest.mark.parametrize(("count", "sides"), [(30, 6), (100, 6), (100, 20), (1000, 6), (7, 1000)])
def test_large_pools_keep_all_mass(count: int, sides: int) -> None:
    """No weight is lost in pools where floating point would have lost some."""
    pmf = dicesim.exact(f"{count}d{sides}")
    assert pmf.total == sides**count
    assert pmf.exact_mean == Fraction(count * (sides + 1), 2)
    assert pmf.exact_variance == Fraction(count * (sides * sides - 1), 12)
    assert pmf.weights == pmf.weights[::-1]
    assert pmf.weights[:3] == (1, count, math.comb(count + 1, 2))


def test_unlike_pools_in_one_recurrence_equal_their_convolution() -> None:
    """The recurrence for several pools agrees with convolving them one by one."""
    parts = [dicesim.exact(text) for text in ("20d6", "13d8", "5d20")]
    together = dicesim.exact("20d6+13d8+5d20")
    assert together == parts[0].convolve(parts[1]).convolve(parts[2])


def test_unavailable_says_why() -> None:
    """Weights beyond the limit of memory are refused before any is computed."""
    with pytest.raises(ExactUnavailable, match=r"beyond the limit of 268,435,456; raise it"):
        dicesim.exact("1000d1000")
    with pytest.raises(ExactUnavailable, match=r"116,\d\d\d,\d\d\d bytes of packed weights"):
        dicesim.exact("3000d6*3+3000d6")
    with pytest.raises(ExactUnavailable, match=r"steps of the recurrence"):
        dicesim.exact("+".join(f"d{sides}" for sides in range(2, 500)))
    assert dicesim.exact("d100*d100+d100*d100").exact_mean == 2 * Fraction(101, 2) ** 2
    assert len(dicesim.exact("50d1000", limits=dicesim.Limits(table_bytes=10**7))) == 49_951


@pytest.mark.parametrize(
    "text",
    [
        "3d6! max=1000000 kh1", "d{0,1}!! ==0 max=1000000 ma1", "d20!>=2 max=1000",
        "d100! >=2 max=200", "10d20!p dl3", "2d1000kh1! >=2 max=2", "(d100)d100kh50", "(1d1000)d6",
        "distinct(40d6!)", "distinct(50d100)", "a = d40000; if(a>=3, a, 2*a)", "d100000r1",
        "4d6kh3r1kh2",
        "largest_set(1000d100)", "pairs(10000d6)", "(1d1000)d4>=2",
        "".join(f"x_{i} = d6; " for i in range(99)) + "+".join(f"x_{i}*x_{i}" for i in range(99)),
        f"{{{', '.join(['d500'] * 400)}}}kh1", "+".join(["abs(d300000-5)//100000"] * 14),
    ],
)  # fmt: skip
def test_what_would_take_long_is_refused(text: str) -> None:
    """Work beyond a second or two is refused, and the reason is told (L6)."""
    with pytest.raises(ExactUnavailable, match=r"would take|again"):
        dicesim.exact(text)


def test_three_dice_against_two() -> None:
    """The best two of three dice against the best two of two, compared one by one, by names."""
    law = dicesim.exact(
        "x = d6; y = d6; z = d6; u = d6; v = d6; high = max(x, y, z); low = min(x, y, z); "
        "(high>max(u, v)) + (x+y+z-high-low>min(u, v))"
    )
    assert [law[wins] * 7776 for wins in (0, 1, 2)] == [2275, 2611, 2890]


@pytest.mark.parametrize(
    ("text", "mean"),
    [
        ("{-d6*300000, d6*300000}kh1", 1_050_000),
        ("{d{-1000000,1000000}, d6}kh1", Fraction(1_000_000, 2) + Fraction(7, 4)),
        ("d{0..100000}", 50_000),
        ("100d6!", 420),
        ("a = d5000; " + "+".join(["a"] * 200), 500_100),
        ("a = d100; b = d100; c = d100; a+b+c", Fraction(303, 2)),
        ("d{1,1000000000}", 500_000_000.5),
        (
            "d{1..4,100000}! max=5",
            Fraction(100_010, 5) * sum(Fraction(1, 5) ** k for k in range(6)),
        ),
        ("100000d20kl1", 1 + sum(Fraction(20 - k, 20) ** 100_000 for k in range(1, 20))),
    ],
)
def test_what_looks_dear_is_not(text: str, mean: Fraction) -> None:
    """Wide gaps, many faces, many dice and names that are used once have a cheap way."""
    assert dicesim.exact(text).exact_mean == pytest.approx(mean, rel=1e-13)


def test_pmf_figures() -> None:
    """Tails, quantiles and probabilities come from whole weights."""
    pmf = dicesim.exact("2d6")
    assert pmf.cumulative == (1, 3, 6, 10, 15, 21, 26, 30, 33, 35, 36)
    assert pmf.probability(">= 9") == Fraction(10, 36)
    assert pmf.probability("7") == Fraction(1, 6)
    assert pmf.probability("!= 7") == Fraction(5, 6)
    assert [pmf.quantile(q) for q in (0, 1 / 36, 0.5, Fraction(35, 36), 1)] == [2, 2, 7, 11, 12]
    assert pmf.mean == 7
    assert pmf.std == pytest.approx(math.sqrt(35 / 6), rel=1e-15)
    assert pmf[1] == 0
    assert 1 not in pmf
    assert pmf.likeliest == 7
    ten = dicesim.exact("d10")
    assert [ten.quantile(k / 10) for k in range(1, 11)] == list(range(1, 11))
    twenty = dicesim.exact("d20")
    assert [twenty.quantile(k / 20) for k in range(1, 21)] == list(range(1, 21))
    for share in (-0.1, 1.1, math.nan, "x"):
        with pytest.raises(dicesim.ParameterError):
            pmf.quantile(share)  # type: ignore[arg-type]


def test_pmf_is_a_frozen_value() -> None:
    """A PMF compares by its law, and never changes."""
    pmf = PMF({1: 2, 2: 4, 3: 0})
    assert pmf == PMF({2: 2, 1: 1})
    assert hash(pmf) == hash(PMF({2: 2, 1: 1}))
    assert pmf != {1: Fraction(1, 3), 2: Fraction(2, 3)}
    assert pmf == PMF({1: Fraction(1, 3), 2: Fraction(2, 3)}) == PMF(pmf)
    with pytest.raises(AttributeError):
        pmf.outcomes = (1,)
    for weights in ({}, {1: 0}, {1: -1, 2: 2}, {1: 0.5}, {0.5: 1}):
        with pytest.raises(dicesim.ParameterError):
            PMF(weights)  # type: ignore[arg-type]


def test_pmf_shows_itself() -> None:
    """The plain forms carry exact fractions while they are readable."""
    pmf = dicesim.exact("2d6")
    first = pmf.to_dict()["outcomes"][0]
    assert first == {
        "outcome": 2, "probability": 1 / 36, "exact": "1/36", "at_least": 1.0, "at_most": 1 / 36
    }  # fmt: skip
    assert pmf.to_csv().splitlines()[:2] == [
        "outcome,probability,exact,at_least,at_most",
        f"2,{1 / 36!r},1/36,1.0,{1 / 36!r}",
    ]
    for row in dicesim.exact("d6-d4").to_dict()["outcomes"]:
        held = {"at_least": f">= {row['outcome']}", "at_most": f"<= {row['outcome']}"}
        for column, comparison in held.items():
            assert row[column] == float(dicesim.exact("d6-d4").probability(comparison))
    assert dicesim.exact("200d6").to_dict()["outcomes"][0]["exact"] is None
    assert repr(PMF({0: 1, 1: 1})) == "PMF({0: 1, 1: 1})"
    assert repr(dicesim.exact("100d6")) == "PMF(<501 outcomes, 100 to 600>)"


def test_names_stand_only_for_what_can_occur() -> None:
    """A set that is never empty can be divided by, through a name as well."""
    law = dicesim.exact("a = 3d4; -3d4//largest_set(a)")
    assert law.outcomes[0] == -12
    assert law == dicesim.exact("-3d4//largest_set(3d4)")
