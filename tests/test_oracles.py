"""The exact engine against two independent packages, on pools far too large to enumerate.

icepool and dyce share nothing with dicesim but the rules of the games. Every probability is held
against theirs as an exact fraction; what a construct means is spelled out here in their words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import icepool  # type: ignore[import-untyped]
import pytest
from dyce import H, HResult, P, expand, explode_n
from dyce.p import survey_outcome_order_ascending

import dicesim

d6, d8, d10, d20 = (icepool.d(sides) for sides in (6, 8, 10, 20))
LOADED = {1: 3, 2: 3, 3: 3, 4: 3, 5: 3, 6: 5}
# What the dice of `>=5f1` count for.
SCORES = {1: -1, 2: 0, 3: 0, 4: 0, 5: 1, 6: 1}


def penetrating_die(left: int) -> Any:
    """A d6 of icepool that penetrates so many times at most."""
    if not left:
        return d6
    return d6.map(lambda face: face + penetrating_die(left - 1) - 1 if face == 6 else face)


@icepool.multiset_function  # type: ignore[untyped-decorator]
def set_and_sum(dice: Any) -> Any:
    """The largest set of dice, and their sum."""
    return dice.largest_count(), dice.sum()


# depth is the greatest number of extra dice for each die, as max= is; icepool's default is 9.
ICEPOOL: dict[str, Callable[[], Any]] = {
    # dice and arithmetic
    "100d6": lambda: 100 @ d6,
    "4dF": lambda: 4 @ icepool.Die([-1, 0, 1]),
    "40dF": lambda: 40 @ icepool.Die([-1, 0, 1]),
    "d%": lambda: icepool.d(100),
    "10d%": lambda: 10 @ icepool.d(100),
    "20d{1..5:3,6:5}": lambda: 20 @ icepool.Die(LOADED),
    "12d20*3-5d8": lambda: (12 @ d20) * 3 - 5 @ d8,
    "(10d6-40)//(2d4)": lambda: (10 @ d6 - 40) // (2 @ icepool.d(4)),
    "(1d6)d6": lambda: d6 @ d6,
    "(3d10)d8": lambda: (3 @ d10) @ d8,
    # keep and drop
    "20d6kh10": lambda: d6.highest(20, 10),
    "10d10kh4": lambda: d10.highest(10, 4),
    "10d10kl3": lambda: d10.lowest(10, 3),
    "8d6dl2dh1": lambda: d6.pool(8)[2:-1].sum(),
    "30d8dh5dl5": lambda: d8.pool(30)[5:-5].sum(),
    "12d{1,1,2,3,5}kh5": lambda: icepool.Die([1, 1, 2, 3, 5]).highest(12, 5),
    "d1000adv": lambda: icepool.d(1000).highest(2),
    "d1000dis": lambda: icepool.d(1000).lowest(2),
    "(1d20)d6kh3": lambda: d20.map(lambda count: d6.highest(count, min(count, 3))),
    # explode, where each extra die is a die of its own
    "10d6!": lambda: 10 @ d6.explode(depth=20),
    "10d6! max=9": lambda: 10 @ d6.explode(),
    "10d10! max=4 >=8": lambda: (
        d10.explode_to_pool(10, depth=4).keep_outcomes(lambda face: face >= 8).size()
    ),
    "6d6! max=3 kh3": lambda: d6.explode_to_pool(6, depth=3).highest(3).sum(),
    "8d10!>=9 max=2 kl3": lambda: d10.explode_to_pool(8, [9, 10], depth=2).lowest(3).sum(),
    "largest_set(6d6! max=2)": lambda: d6.explode_to_pool(6, depth=2).largest_count(),
    # compound, where a chain is one die, and penetrate
    "6d6!! max=5 kh3": lambda: d6.explode(depth=5).highest(6, 3),
    "9d8!!>=7 max=4 dl4": lambda: d8.explode([7, 8], depth=4).highest(9, 5),
    "8d6!p max=3": lambda: 8 @ penetrating_die(3),
    "8d6!!max=2 >=7": lambda: 8 @ (d6.explode(depth=2) >= 7),
    # reroll and clamp
    "30d6r1": lambda: 30 @ d6.reroll([1], depth="inf"),
    "10d6r<=2kh5": lambda: d6.reroll([1, 2], depth="inf").highest(10, 5),
    "10d6ro1": lambda: 10 @ d6.reroll([1], depth=1),
    "20d10ro>=8kl6": lambda: d10.reroll([8, 9, 10], depth=1).lowest(20, 6),
    "20d6mi2ma5": lambda: 20 @ d6.clip(2, 5),
    # count, and comparisons of totals
    "50d10>=8": lambda: 50 @ (d10 >= 8),
    "20d6>=5f1": lambda: 20 @ d6.map(SCORES),
    "30d6kh20>=5f1": lambda: d6.pool(30).highest(20).sum(SCORES),
    "(20d6)>=70": lambda: 20 @ d6 >= 70,
    "10d6+3>=6d10": lambda: 10 @ d6 + 3 >= 6 @ d10,
    # pools of unlike parts
    "{2d6,d8,d10,d12}kh2": lambda: icepool.Pool([2 @ d6, d8, d10, icepool.d(12)]).highest(2).sum(),
    "{10d6,8d8,d100}dh1": lambda: icepool.Pool([10 @ d6, 8 @ d8, icepool.d(100)]).lowest(2).sum(),
    "{4d6kh3,4d6kh3,4d6kh3,4d6kh3,4d6kh3,4d6kh3}dl2": lambda: d6.highest(4, 3).highest(6, 4),
    "{3d6,2d8,2d10,d20}>=9": lambda: sum(die >= 9 for die in (3 @ d6, 2 @ d8, 2 @ d10, d20)),
    # functions of totals; icepool's pointwise_max is about distribution functions, highest is max
    "max(10d6,8d8,d100)": lambda: icepool.highest(10 @ d6, 8 @ d8, icepool.d(100)),
    "min(10d6,8d8,d100)": lambda: icepool.lowest(10 @ d6, 8 @ d8, icepool.d(100)),
    "abs(20d6-20d6)": lambda: (20 @ d6 - 20 @ d6).abs(),
    "sign(20d6-15d8)": lambda: (20 @ d6 - 15 @ d8).sign(),
    "if((20d6)>=70,10d10,5d4)": lambda: (20 @ d6 >= 70).if_else(10 @ d10, 5 @ icepool.d(4)),
    # functions of dice; a pair is a face shown by just two, so keep_counts asks for equality
    "distinct(8d8)": lambda: d8.pool(8).unique().size(),
    "distinct(20d20)": lambda: d20.pool(20).unique().size(),
    "largest_set(10d10)": lambda: d10.pool(10).largest_count(),
    "largest_set(10d10kh6)": lambda: d10.pool(10).highest(6).largest_count(),
    "pairs(8d6)": lambda: d6.pool(8).keep_counts("==", 2).unique().size(),
    "pairs(20d12)": lambda: icepool.d(12).pool(20).keep_counts("==", 2).unique().size(),
    "straight(7d8)": lambda: d8.pool(7).largest_straight(),
    "straight(15d12)": lambda: icepool.d(12).pool(15).largest_straight(),
    "straight(8d{1,2,4,5,6,9})": lambda: icepool.Die([1, 2, 4, 5, 6, 9]).pool(8).largest_straight(),
    # names
    "a=5d6;a*a-a": lambda: (5 @ d6).map(lambda total: total * total - total),
    "p=8d6;100*largest_set(p)+p": lambda: set_and_sum(d6.pool(8)).map(
        lambda largest, total: 100 * largest + total
    ),
}


def without(faces: H[int], *rolled_again: int) -> H[int]:
    """Faces of a die that never shows some of them."""
    return H({face: weight for face, weight in faces.items() if face not in rolled_again})


def again_once(faces: H[int], *rolled_again: int) -> H[int]:
    """Total of a die that is rolled once more where it shows one of these faces."""

    def course(rolled: HResult[int]) -> H[int] | int:
        return rolled.h if rolled.outcome in rolled_again else rolled.outcome

    return expand(course, faces)


def tens_and_eights(left: int) -> H[int]:
    """How many dice of at least 8 a d10 makes that explodes so many times at most."""

    def course(rolled: HResult[int]) -> H[int] | int:
        success = int(rolled.outcome >= 8)
        return success + tens_and_eights(left - 1) if rolled.outcome == 10 and left else success

    return expand(course, H(10))


def penetrating_h(left: int) -> H[int]:
    """Total of a d6 that penetrates so many times at most."""

    def course(rolled: HResult[int]) -> H[int] | int:
        if rolled.outcome < 6 or not left:
            return rolled.outcome
        return rolled.outcome + penetrating_h(left - 1) - 1

    return expand(course, H(6))


def sevens_explode(rolled: HResult[int], _left: int, _done: int) -> H[int] | int:
    """What explode_n rolls next where 7 and more explode: the die again, or nothing."""
    return rolled.h if rolled.outcome >= 7 else rolled.outcome


def looked_at(dice: P[int], initial: Any, step: Callable[[Any, int, int], Any]) -> H[Any]:
    """What becomes of a state, face by face from the lowest, at each face that some dice show."""
    return dice.survey(accumulate=step, initial=initial, order=survey_outcome_order_ascending)


def longest_run(dice: P[int]) -> H[int]:
    """The longest run of consecutive faces."""

    def step(state: tuple[int, int, int], face: int, _count: int) -> tuple[int, int, int]:
        longest, run, before = state
        run = run + 1 if face == before + 1 else 1
        return max(longest, run), run, face

    return looked_at(dice, (0, 0, -1), step).apply(lambda state: int(state[0]))


def best_of_rolled(rolled: HResult[int]) -> H[int]:
    """The sum of the highest three of as many d6 as were rolled."""
    return (rolled.outcome @ P(6)).at(slice(-min(rolled.outcome, 3), None))


# expand would leave out courses rarer than one in 2**23, and warn; explode_n keeps all of them.
DYCE: dict[str, Callable[[], H[Any]]] = {
    # dice and arithmetic
    "100d6": lambda: 100 @ H(6),
    "4dF": lambda: 4 @ H((-1, 0, 1)),
    "40dF": lambda: 40 @ H((-1, 0, 1)),
    "d%": lambda: H(100),
    "10d%": lambda: 10 @ H(100),
    "20d{1..5:3,6:5}": lambda: 20 @ H(LOADED),
    "12d20*3-5d8": lambda: 12 @ H(20) * 3 - 5 @ H(8),
    "(10d6-40)//(2d4)": lambda: (10 @ H(6) - 40) // (2 @ H(4)),
    "(3d10)d8": lambda: expand(lambda rolled: rolled.outcome @ H(8), 3 @ H(10)),
    "(1d6)d6": lambda: expand(lambda rolled: rolled.outcome @ H(6), H(6)),
    # keep and drop
    "20d6kh10": lambda: (20 @ P(6)).at(slice(-10, None)),
    "10d10kh4": lambda: (10 @ P(10)).at(slice(-4, None)),
    "10d10kl3": lambda: (10 @ P(10)).at(slice(3)),
    "8d6dl2dh1": lambda: (8 @ P(6)).at(slice(2, -1)),
    "30d8dh5dl5": lambda: (30 @ P(8)).at(slice(5, -5)),
    "12d{1,1,2,3,5}kh5": lambda: (12 @ P(H((1, 1, 2, 3, 5)))).at(slice(-5, None)),
    "d1000adv": lambda: (2 @ P(1000)).at(-1),
    "d1000dis": lambda: (2 @ P(1000)).at(0),
    "(1d20)d6kh3": lambda: expand(best_of_rolled, H(20)),
    # explode and compound; n is the greatest number of extra dice for each die, as max= is
    "10d6!": lambda: 10 @ explode_n(H(6), n=20),
    "10d10! max=4 >=8": lambda: 10 @ tens_and_eights(4),
    "6d6!! max=5 kh3": lambda: (6 @ P(explode_n(H(6), n=5))).at(slice(-3, None)),
    "10d6! max=9": lambda: 10 @ explode_n(H(6), n=9),
    "9d8!!>=7 max=4 dl4": lambda: (9 @ P(explode_n(H(8), n=4, resolver=sevens_explode))).at(
        slice(4, None)
    ),
    "8d6!p max=3": lambda: 8 @ penetrating_h(3),
    "8d6!!max=2 >=7": lambda: 8 @ explode_n(H(6), n=2).ge(7),
    # reroll and clamp
    "30d6r1": lambda: 30 @ without(H(6), 1),
    "10d6r<=2kh5": lambda: (10 @ P(without(H(6), 1, 2))).at(slice(-5, None)),
    "10d6ro1": lambda: 10 @ again_once(H(6), 1),
    "20d10ro>=8kl6": lambda: (20 @ P(again_once(H(10), 8, 9, 10))).at(slice(6)),
    "20d6mi2ma5": lambda: 20 @ H(6).apply(lambda face: min(max(face, 2), 5)),
    # count, and comparisons of totals
    "50d10>=8": lambda: 50 @ H(10).ge(8),
    "20d6>=5f1": lambda: 20 @ H(6).apply(SCORES.__getitem__),
    "(20d6)>=70": lambda: (20 @ H(6)).ge(70),
    "10d6+3>=6d10": lambda: (10 @ H(6) + 3).ge(6 @ H(10)),
    # pools of unlike parts
    "{2d6,d8,d10,d12}kh2": lambda: P(2 @ H(6), H(8), H(10), H(12)).at(slice(-2, None)),
    "{10d6,8d8,d100}dh1": lambda: P(10 @ H(6), 8 @ H(8), H(100)).at(slice(2)),
    "{4d6kh3,4d6kh3,4d6kh3,4d6kh3,4d6kh3,4d6kh3}dl2": lambda: (
        6 @ P((4 @ P(6)).at(slice(-3, None)))
    ).at(slice(2, None)),
    "{3d6,2d8,2d10,d20}>=9": lambda: (
        (3 @ H(6)).ge(9) + (2 @ H(8)).ge(9) + (2 @ H(10)).ge(9) + H(20).ge(9)
    ),
    # functions of totals
    "max(10d6,8d8,d100)": lambda: P(10 @ H(6), 8 @ H(8), H(100)).at(-1),
    "min(10d6,8d8,d100)": lambda: P(10 @ H(6), 8 @ H(8), H(100)).at(0),
    "abs(20d6-20d6)": lambda: abs(20 @ H(6) - 20 @ H(6)),
    "sign(20d6-15d8)": lambda: (20 @ H(6) - 15 @ H(8)).apply(lambda x: (x > 0) - (x < 0)),
    "if((20d6)>=70,10d10,5d4)": lambda: expand(
        lambda met: 10 @ H(10) if met.outcome else 5 @ H(4), (20 @ H(6)).ge(70)
    ),
    # functions of dice
    "distinct(8d8)": lambda: looked_at(8 @ P(8), 0, lambda seen, _face, _count: seen + 1),
    "distinct(20d20)": lambda: looked_at(20 @ P(20), 0, lambda seen, _face, _count: seen + 1),
    "largest_set(10d10)": lambda: looked_at(10 @ P(10), 0, lambda most, _face, n: max(most, n)),
    "pairs(8d6)": lambda: looked_at(8 @ P(6), 0, lambda pairs, _face, n: pairs + (n == 2)),
    "pairs(20d12)": lambda: looked_at(20 @ P(12), 0, lambda pairs, _face, n: pairs + (n == 2)),
    "straight(7d8)": lambda: longest_run(7 @ P(8)),
    "straight(15d12)": lambda: longest_run(15 @ P(12)),
    "straight(8d{1,2,4,5,6,9})": lambda: longest_run(8 @ P(H((1, 2, 4, 5, 6, 9)))),
    # names
    "a=5d6;a*a-a": lambda: (5 @ H(6)).apply(lambda total: total * total - total),
    "p=8d6;100*largest_set(p)+p": lambda: looked_at(
        8 @ P(6), (0, 0), lambda two, face, n: (max(two[0], n), two[1] + face * n)
    ).apply(lambda two: 100 * two[0] + two[1]),
}


@pytest.mark.parametrize("text", ICEPOOL)
def test_equals_icepool(text: str) -> None:
    """Every probability is the one that icepool finds (L3)."""
    die = ICEPOOL[text]()
    law = {int(total): die.probability(total) for total in die if die[total]}
    assert dict(dicesim.exact(text)) == law


# dyce warns that explode_n, expand and P.survey are experimental; should they change, this test
# tells.
@pytest.mark.filterwarnings(r"ignore:.* is experimental:dyce.lifecycle.ExperimentalWarning")
@pytest.mark.parametrize("text", DYCE)
def test_equals_dyce(text: str) -> None:
    """Every probability is the one that dyce finds (L3)."""
    law = {int(total): share for total, share in DYCE[text]().probability_items() if share}
    assert dict(dicesim.exact(text)) == law
