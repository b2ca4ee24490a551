"""Every construct of the notation: exact law, simulation and notation agree on what it means.

Small expressions are held against `tests.oracle`, which plays every course of a trial; large ones
are simulated and held against the exact law. Each statistical test has a false-alarm rate of 1e-6;
the fixed seed makes it pass or fail for good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest

import dicesim
from dicesim import PMF, ExactUnavailable, Expression, parse, unparse
from dicesim.sampling import counts
from dicesim.tally import Tally
from tests.oracle import enumerated
from tests.test_distribution import brute_force
from tests.test_sampling import FALSE_ALARM, TRIALS, p_value

# Outcomes expected less often than this are put together: the chi-square of small cells has a
# longer tail than its distribution for large ones.
FEW = 25

CONSTRUCTS = [
    # dice, percentile dice, Fudge dice, numbers
    "2d6", "d20", "0d6", "d1", "3d1", "7", "-7", "d%", "dF", "4dF",
    # custom and loaded faces
    "d{5}", "d{1,1,2,3}", "3d{1,1,2,3}", "d{0..9}", "2d{1..5:3,6:5}", "2d{-2..2:2,7}",
    # arithmetic
    "2d4+3", "d6-d8", "-d6*3+d4", "d6*d4-2", "--d4", "3*-d4", "(d6+1)*(d4-2)", "d6*d4*d3-d2",
    # quotients are floored, with either sign
    "d6//4", "-d6//4", "(d6-4)//-3", "(d6-9)//(-d4)", "2d6//d3", "d8//d{-2,-1,3}", "d12//2*3",
    "100//d6", "d{-3..3}//2", "d%//10",
    # keep and drop
    "4d6kh3", "4d4kl2", "3d6k2", "3d6k", "3d6kh", "3d6kl", "3d6dh", "3d6dl", "4d4dh2", "4d4dl1",
    "4d4dh1dl1", "4d4kh3kl2", "5d3kh4dl1", "4d4kl3kh1",
    # advantage and disadvantage
    "d20adv", "d20dis", "d%dis", "d{1,1,5}adv", "d6adv+2", "d8dis>=3", "d6adv! max=2",
    # explode
    "d6!", "2d4!", "2d6! max=3", "3d4!>=3 max=2", "2d4!==2 max=4", "2d6!<=2 max=2",
    "d{0..3}!<=1 max=3", "2d{1..3:2,4:3}! max=2", "3d6! max=2 kh1", "3d4!>=4 max=2 kh2",
    "2d6! max=1 dh1", "4d4kh2! max=1",
    # compound
    "d6!!", "2d4!!", "2d6!!>=5 max=2", "d6!!!=6 max=3", "2d{-2..1}!! max=3", "3d4!! max=1 dl1",
    # penetrate
    "d6!p", "2d6!p max=2", "2d4!p!=2 max=2", "2d{-1,2}!p max=4", "2d4!p max=2 kl1",
    # reroll
    "3d6r1", "2d6r<=2", "3d6ro1", "2d6ro<=3", "2d6ro>=5", "2d4r!=3", "2d{0,0,1,5}r0",
    "2d{-3..3}r<0", "2d{-3..3}ro-1", "3d6ro1kh2", "3d6kh2ro1", "3d6kl2r<3", "3d6r<=2 dl1",
    "2d4ro1ro1", "2d6r1r6", "2d4ro1! max=2", "2d4! max=1 r1",
    # clamp
    "3d6mi2", "3d6ma4", "2d6mi3ma4", "2d6ma3mi5", "2d6mi9", "2d{-5..5}mi-2", "2dFmi0", "4d4mi2kh3",
    "4d4kh3mi2", "2d6mi5!>=5 max=2", "2d6ma5!! max=2", "2d6ma5!p max=2", "2d6mi200", "2d6ma200",
    "2d6mi-200",
    # count, with and without failures
    "5d4>=3", "4d6>=5f1", "4d6>4f<=2", "4d6>=3f>=5", "4d6!=3", "3d6==6", "3d4<=2", "d20>=11",
    "3d{-1..2}<0f2", "4d4kh3>=3", "4d6dl1>3", "3d4! max=1 >=3", "3d4!! max=1 >=5",
    "3d4!p max=1 ==3f0", "3d6r1>=5f1", "3d6ro1>=5f1", "4d4mi2>=2f2", "(5d4>=3)-1",
    # comparisons of totals
    "(2d6)>=9", "1d20+5>=15", "2d6+1==d8", "(d6)<d4", "d6*2!=d4+2", "(3d4kh2)<=5", "(-d6)>-3",
    "(d4+d6)>=5", "(12//d6)>=(d4*d2)", "(4d4>=3)>=2", "((2d6)>=9)+1", "(2d4>=3)*2+1",
    # pools of unlike parts
    "{d4,d6}", "{2d6,d8,d10}kh2", "{d4,d6,d8}k", "{d4,d6,d8}kl1", "{d4,d6,d8}dh1", "{d4,d6,d8}dl2",
    "{2d4,d6,3}>=4", "{d4,d6,d8}>=4f1", "{2d4,d6,d8}kh2>=5", "{d4-3,d6-3}kh1",
    "{d4,d6-3,-d4}dh1dl1", "{d4,d4,d4,d4}kh3kl2", "{d4,d4,2d3kh1}kl2", "{{d4,d6}kh1,d8}kl1",
    "{d4! max=2,d6r1}kh1", "{(d6)>=4,d2}kl1",
    # functions of totals
    "max(d6,d8)", "min(2d4,5,d6)", "max(d4-3,-d6)", "max(d4! max=2,min(d6,3))", "abs(d6-d8)",
    "abs(-d4)", "sign(d6-d4)", "sign(d{-2..2})", "if(d20>=11,2d4,1)", "if((2d6)>=9,d4,-d4)",
    "if((2d4==3)>=1,d6,0)", "if(sign(d4-1),d6,-1)", "if(1,d4,d6)",
    # functions of dice
    "distinct(4d4)", "distinct(0d6)", "distinct(4d6kh3)", "distinct(3d4!p max=1)",
    "distinct((d4-1)d3)", "largest_set(4d4)", "largest_set(4d4r1)", "largest_set(3d3!! max=1)",
    "largest_set((1d3)d4! max=1)", "pairs(5d3)", "pairs(4d4mi2)", "pairs(3d4ro1)", "pairs(4d4dh1)",
    "pairs(4d{1,1,2,5:2})", "straight(4d4)", "straight(3d4! max=1)", "straight(4d{1,3,4,6})",
    "straight(3d{-1..1})", "straight(4d4dl1)", "straight(4d6ma3)", "straight((1d4)d4)",
    "largest_set(3d4kl2)*10+pairs(4d3)",
    # names
    "a=d6;a*a", "a=d6;a+a-d4", "a=2d6;b=d4;a*b-a", "x=d4;y=x+d4;x*y", "c=3d4>=3;c*c",
    "a=1d20;if(a==20,2d8+4,if(a+7>=16,1d8+4,0))", "s={d4,d6}kh1;s*s", "p=3d4;p>=8", "p=3d4;q=p;p-q",
    "p=4d4;p+10*distinct(p)", "p=4d4;q=p;10*pairs(q)+largest_set(p)", "p=4d4kh3;straight(p)*p",
    "p=3d4;q=p;s=q;straight(s)+10*distinct(p)", "p=3d4! max=1;100*largest_set(p)+p",
    "p=3d6;if(largest_set(p)>=2,p,-p)", "p=2d4;{p,d6}kh1+p",
    # a rolled number of dice
    "(1d3)d4", "(d4-1)d6", "(d{0,2})d4", "((d2)d2)d3", "(1d4)d4kh2", "(1d3)d4dl1", "(d3+1)d4dl2",
    "(d4-1)d4kl1", "(d3-1)d4! max=1", "(d3)d4!! max=2", "(d2+1)d4!p max=1 kh2", "(d3)d4r1>=3",
    "(d3)d4>=3f1", "(d3)d4ro1dh1", "(d3)d{1,1,4}mi2", "(d2)d4! max=1 kl1>=2", "(max(0,d6-4))d4",
    "(if(d2==1,0,2))d4", "n=d3;(n)d4+n", "n=d3;(n)d4kh1", "n=d3;pairs((n+1)d3)+10*n",
    "n=d2;p=(n+1)d3;distinct(p)+10*n", "p=(1d3)d4;p+10*distinct(p)",
    "n=d2;m=(n)d3;s=(max(0,m-n))d2;s+m+n",
]  # fmt: skip

LARGE = [
    # dice
    "100d6", "40d2-20", "10d%", "40dF", "12d{1..5:3,6:5}", "30d{-3..3,10}", "(d20)d6", "(2d6)d10",
    # arithmetic
    "10d6*7//3-4d20", "(5d6)//(2d4)", "20d6*3-50", "-(12d8)//7",
    # keep and drop
    "20d6kh10", "10d10kh4", "10d10kl3", "30d8dh5dl5", "100d6kh50", "25d6kh20kl7", "d1000adv",
    "d500dis", "(d20)d20kh3",
    # explode
    "10d6!", "20d6!p kl5", "10d10!kh5", "10d6!!>=5", "50d6ro<=2!! max=3", "15d8!p>=7 max=3 dl5",
    "10d{1..5:3,6:5}! max=6", "8d6kh5! max=4", "(2d10)d6! max=2", "(d10)d8!p max=2 kh3",
    # reroll and clamp
    "30d6r1", "40d8ro<=2", "20d10r<=3kh8", "20d6ro>=5kl6", "60d6mi2ma5", "30d10mi4kl10",
    # count
    "50d10>=8", "40d6>=5f1", "10d10! max=4 >=8", "30d6r1kh20>=5f2", "100d6kh50>=4", "(d12)d6r1>=5",
    # comparisons
    "(20d6)>=70", "10d6+3>=6d10", "(30d6>=5)>=11",
    # pools of unlike parts
    "{5d6,3d8,2d10,d20,4d4}kh3", "{3d6,2d8,2d10,d12,d20}>=9", "{10d6,8d8,d100}kl1",
    "{4d6kh3,4d6kh3,4d6kh3,4d6kh3,4d6kh3,4d6kh3}dl2",
    # functions of totals
    "max(10d6,8d8,d100)", "min(10d6,8d8,2d40)", "abs(20d6-20d6)", "sign(20d6-15d8)",
    "if((20d6)>=70,10d10,5d4)",
    # functions of dice
    "largest_set(10d10)", "distinct(20d20)", "pairs(20d12)", "straight(12d12)",
    "largest_set(12d6! max=1)", "straight(10d10kh7)", "distinct(15d10r<=2)", "pairs((d12)d8)",
    # names
    "p=10d6;p*10+distinct(p)", "n=d20;(n)d6-n", "a=2d20;b=3d6;a*b-a", "a=10d6;max(a,35)+a",
    "p=8d8;straight(p)*10+largest_set(p)", "p=6d6;if(largest_set(p)>=3,p,-p)",
]  # fmt: skip

# Dice that explode or change after a selection, and then are selected or looked at once more: the
# exact engine may leave these to the simulator.
INTRICATE = [
    "4d4kh3r1dl1", "4d4kh3! max=1 kl2", "3d4! max=1 kh2dl1", "distinct(3d4! max=1 kh2)",
    "straight(4d4kh3r1)", "largest_set(3d4kh2! max=1)", "p=3d4! max=1 kl2;p*10+pairs(p)",
    "(d3)d4! max=1 kh2dl1", "4d4kh3ro<=2kl2>=3f1",
]  # fmt: skip


def combinations() -> Iterator[str]:
    """Every set of modifiers in every order on three dice, counted and added up.

    The rarer kinds of explosion come in sets of three at most.
    """
    for explosion, most in (("! max=1", 4), ("!! max=1", 3), ("!p max=1", 3)):
        for selection in ("kh2", "dl1"):
            for size in range(most + 1):
                for modifiers in permutations(("r1", "mi2", explosion, selection), size):
                    pool = " ".join(["3d4", *modifiers])
                    yield f"{pool} >=3"
                    if modifiers:
                        yield pool


# Each once: a set without an explosion comes up with every kind of it.
COMBINATIONS = list(dict.fromkeys(combinations()))


def gathered(tally: Tally, law: PMF) -> tuple[Tally, PMF]:
    """Put the rarest outcomes together, until each that is left is expected often enough."""
    enough = Fraction(FEW, tally.total)
    rare: set[int] = set()
    share = Fraction(0)
    for outcome in sorted(law, key=law.weight):
        if law[outcome] >= enough and (not rare or share >= enough):
            break
        rare.add(outcome)
        share += law[outcome]
    together = {outcome: min(rare) if outcome in rare else outcome for outcome in law}
    observed: Counter[int] = Counter()
    for outcome, count in tally.counter().items():
        observed[together[outcome]] += count
    return Tally.of(observed), law.map(together.__getitem__)


def assert_rolls_follow(law: PMF, tree: Expression, seed: int) -> None:
    """Roll a million times, and hold the counts against a law."""
    tally = counts(tree, np.random.Generator(np.random.SFC64(seed)), TRIALS)
    assert tally.total == TRIALS
    assert set(tally.counter()) <= set(law)
    observed, cells = gathered(tally, law)
    # A law with one cell is obeyed by whatever lies in its support.
    assert len(cells) == 1 or p_value(observed, cells) > FALSE_ALARM


@pytest.mark.parametrize("text", CONSTRUCTS)
def test_exact_law_equals_enumeration(text: str) -> None:
    """Every probability is that of all courses which a trial can take, as a fraction (L3)."""
    tree = parse(text)
    assert dict(dicesim.exact(tree)) == enumerated(tree)


@pytest.mark.parametrize("text", [*CONSTRUCTS, *LARGE])
def test_rolls_follow_the_exact_law(text: str, seed: int) -> None:
    """A million rolls of every construct fit its exact law, and lie in its support (L3)."""
    assert_rolls_follow(dicesim.exact(text), parse(text), seed)


@pytest.mark.parametrize("text", [*CONSTRUCTS, *LARGE, *INTRICATE])
def test_notation_is_read_as_it_is_written(text: str) -> None:
    """Writing an expression and reading it again gives the same tree."""
    tree = parse(text)
    assert parse(unparse(tree)) == tree


@pytest.mark.parametrize("text", COMBINATIONS)
def test_modifiers_apply_in_the_order_written(text: str, seed: int) -> None:
    """Each order of modifiers means what it says, in the exact law and in the simulation (L3)."""
    law = brute_force(text)
    assert dicesim.exact(text) == law
    assert_rolls_follow(law, parse(text), seed)


@pytest.mark.parametrize("text", INTRICATE)
def test_rolls_are_right_where_no_exact_law_may_be_had(text: str, seed: int) -> None:
    """The simulation needs no exact engine to be right, and the engine does not guess (L3)."""
    law = brute_force(text)
    with suppress(ExactUnavailable):
        assert dicesim.exact(text) == law
    assert_rolls_follow(law, parse(text), seed)


@pytest.mark.parametrize(
    ("text", "mean"),
    [
        ("4d6kh3", Fraction(15869, 1296)),
        ("2d20kh1", Fraction(13825, 1000)),
        ("d20adv", Fraction(13825, 1000)),
        ("2d20kl1", Fraction(7175, 1000)),
        ("10d10>=7", Fraction(4)),
        ("20d6>=5f1", Fraction(20, 6)),
        ("3d6r1", Fraction(12)),
    ],
)
def test_known_means(text: str, mean: Fraction) -> None:
    """Means that can be looked up, or reckoned by hand."""
    assert dicesim.exact(text).exact_mean == mean


def test_mean_of_the_best_three_of_four() -> None:
    """The mean that tables of ability scores print is 12.2446."""
    assert round(dicesim.exact("4d6kh3").mean, 4) == 12.2446


@pytest.mark.parametrize("explosion", ["!", "!!"])
def test_default_limit_of_explosions_does_not_show(explosion: str) -> None:
    """A die that explodes without end has mean 4.2; twenty extra dice come as near as floats."""
    pmf = dicesim.exact(f"d6{explosion}")
    assert pmf.mean == pytest.approx(4.2, abs=1e-12)
    assert pmf.exact_mean == Fraction(7, 2) * (1 - Fraction(1, 6) ** 21) / Fraction(5, 6)


@pytest.mark.parametrize("text", ["30d6", "100d6", "100d6kh50", "100d6>=5f1", "30d6!", "40d6r1"])
def test_large_pools_keep_their_mass(text: str) -> None:
    """Probabilities of large pools add up to exactly one."""
    assert sum(dicesim.exact(text).values()) == 1


def test_a_comparison_counts_dice_or_compares_totals() -> None:
    """Straight after a pool a comparison counts its dice, and after parentheses it is 1 or 0."""
    assert dicesim.exact("10d10>=7").outcomes == tuple(range(11))
    assert dict(dicesim.exact("(10d10)>=7")) == {1: 1}


@pytest.mark.parametrize(
    ("counted", "spelled"),
    [
        ("3d4! max=1 >=3", "3d4!==4 max=1 >=3"),
        ("3d4r1>=3", "3d4r==1>=3"),
        ("3d6r<=2dl1", "3d6r<=2 dl1"),
        ("3d6!>=5dh1", "3d6!>=5 dh1"),
        ("4d6>=5f1", "4d6>=5f==1"),
        ("d20adv", "2d20kh1"),
        ("d20dis", "2d20kl1"),
        ("4d6k3", "4d6kh3"),
        ("4d6kl", "4d6kl1"),
        ("4dF", "4d{-1..1}"),
        ("D%", "d100"),
    ],
)
def test_short_forms(counted: str, spelled: str) -> None:
    """A short form is the same tree as the long one."""
    assert parse(counted) == parse(spelled)


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("3d6 + d8", 4),
        ("(2d6)d4", 14),
        ("6000d6ro1", 7000),
        ("6000d6r1", 7200),
        ("600d6! max=2", 600 + 100 + 17),
        ("600d6!>=3 max=2", 600 + 400 + 267),
        ("1000d{1:999999999999999,2}! ==1 max=99", 100_000),
    ],
)
def test_the_price_is_the_average_number_of_rolls(text: str, price: int) -> None:
    """Rounded up, with all that rerolls and explosions add."""
    assert parse(text).price == price


def test_the_first_comparison_after_an_explosion_is_its_condition() -> None:
    """Only a second one counts: a condition adds up, and after max= there is no condition."""
    assert dicesim.exact("2d10!>=8 max=1").outcomes[-1] == 40
    assert dicesim.exact("2d10!>=8 max=1 >=8").outcomes == (0, 1, 2, 3, 4)
    assert dicesim.exact("2d10! max=1 >=8").exact_mean == 2 * Fraction(3, 10) * Fraction(11, 10)
