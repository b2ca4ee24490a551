"""The simulator beside other ways to roll the same rules, and each of those held to its law."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
import pytest

from benchmarks import classroom, handwritten
from benchmarks.conftest import TRIALS, Compare
from dicesim import Tally, exact, goodness_of_fit, parse, sampling

# The time of this process alone, so that other work on the machine does not count; where that
# clock is coarse, the one on the wall.
_COARSE: Final = time.get_clock_info("process_time").resolution > 1e-6
pytestmark = pytest.mark.benchmark(timer=time.perf_counter if _COARSE else time.process_time)

# Takes a number of trials, and returns how often each total occurred.
Count = Callable[[int], Any]

_TWO = handwritten.joint_outcomes(2, 6)
_FOUR = handwritten.joint_outcomes(4, 6)


def generator() -> np.random.Generator:
    """Make the bit generator of runs that ask for none, which is numpy's fastest."""
    return np.random.Generator(np.random.SFC64(2009))


def ours(rule: str) -> Count:
    """Count as dicesim counts a batch; the rule is read beforehand."""
    tree, rng = parse(rule), generator()
    return lambda n: sampling.counts(tree, rng, n)


def by_hand() -> dict[str, Count]:
    """List each rule as it is written by hand."""
    rng = generator()
    return {
        rule: partial(handwritten.counts, roll, rng) for rule, roll in handwritten.RULES.items()
    }


def other_ways() -> dict[tuple[str, str], tuple[Count, int]]:
    """List ways that are taught, and a clever one, with as many trials as each has time for."""
    rng = generator()
    return {
        ("2d6", "randint and Counter"): (partial(classroom.randint, random.Random(2009)), 10**5),
        ("2d6", "textbook numpy"): (partial(classroom.textbook, rng), TRIALS),
        ("2d6", "one draw for both dice"): (
            partial(handwritten.one_draw, _TWO.sum(axis=0), rng),
            TRIALS,
        ),
        ("4d6kh3", "numpy with a sort"): (partial(classroom.sorting, rng), TRIALS),
        ("4d6kh3", "one draw for all dice"): (
            partial(handwritten.one_draw, _FOUR.sum(axis=0) - _FOUR.min(axis=0), rng),
            TRIALS,
        ),
    }


def hold(rule: str, counted: Mapping[int, int] | np.ndarray[Any, Any], n: int) -> None:
    """Hold counts against the exact distribution, with a false alarm in a million."""
    counts = counted if isinstance(counted, Mapping) else dict(enumerate(counted.tolist()))
    tally = Tally.of(counts)
    assert tally.total == n
    check = goodness_of_fit(tally, exact(rule), alpha=1e-6)
    assert check.p_value is not None
    assert check.p_value > 1e-6, check.explanation


@pytest.mark.parametrize("rule", handwritten.RULES)
def test_what_is_written_by_hand_is_right(rule: str) -> None:
    """Every rule by hand follows the law of its notation."""
    hold(rule, by_hand()[rule](TRIALS), TRIALS)


@pytest.mark.parametrize(("rule", "way"), other_ways())
def test_other_ways_are_right(rule: str, way: str) -> None:
    """So does every other way."""
    count, trials = other_ways()[rule, way]
    hold(rule, count(trials), trials)


def test_one_process_per_roll_is_right() -> None:
    """The processes seed themselves, each from the system."""
    hold("2d6", classroom.one_process_per_roll(100), 100)


@pytest.mark.parametrize("rule", handwritten.RULES)
def test_rules_by_hand(compare: Compare, rule: str) -> None:
    """Every rule, beside the same by hand."""
    place = 0, list(handwritten.RULES).index(rule)
    compare(place, rule, ours(rule), by_hand()[rule])


@pytest.mark.parametrize(("rule", "way"), other_ways())
def test_other_ways(compare: Compare, rule: str, way: str) -> None:
    """Two rules, beside other ways."""
    place = 1, 1 + list(other_ways()).index((rule, way))
    count, trials = other_ways()[rule, way]
    compare(place, f"{rule}, {way}", ours(rule), count, trials=trials)


@pytest.mark.benchmark(timer=time.perf_counter)
def test_one_process_per_roll(compare: Compare) -> None:
    """By the clock on the wall, for what the processes take is no time of this one."""
    place, label = (1, 0), "2d6, one Process per roll, all cores"
    count = classroom.one_process_per_roll
    compare(place, label, ours("2d6"), count, trials=100, rounds=5)
