"""Tallies, and the aggregations that make them."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

import dicesim
from dicesim import Dice, Tally
from dicesim.shared import SharedCounters
from dicesim.tally import AGGREGATORS

ARRAYS = {
    "plain": np.array([7, 2, 7, 12, 7]),
    "one": np.array([5]),
    "none": np.array([], dtype=np.int64),
    "negative": np.array([-5, 3, -5]),
    "sparse": np.array([-(2**62), 2**62, 0, 2**62]),
    "equal": np.full(1000, 9),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("aggregation", AGGREGATORS)
def test_aggregations_agree_with_counter(name: str, aggregation: str) -> None:
    """Each way to count gives what the standard library's Counter gives."""
    tally = AGGREGATORS[aggregation](ARRAYS[name])
    assert tally.counter() == Counter(ARRAYS[name].tolist())
    assert list(tally.counter()) == sorted(tally.counter())
    assert tally.total == len(ARRAYS[name])
    assert tally.unique == len(set(ARRAYS[name].tolist()))


def test_groupby_needs_its_sort() -> None:
    """Equal totals that do not stand side by side are still one group."""
    assert AGGREGATORS["groupby"](np.array([1, 2, 1])).counter() == {1: 2, 2: 1}


def test_tallies_are_values() -> None:
    """Equal counts are equal, and have equal hashes; negative counts are refused."""
    assert Tally.of({1: 2, 3: 0}) == Tally.of({1: 2})
    assert hash(Tally.of({1: 2})) == hash(Tally.of({1: 2}))
    assert Tally.of({1: 2}) != Tally.of({1: 3})
    assert Tally.of({}) != {}
    for wrong in ({1: -2}, {1: 1.5}, {1: 2**63}, {2**63: 1}, {"x": 1}):
        with pytest.raises(dicesim.ParameterError):
            Tally.of(wrong)  # type: ignore[arg-type]


def test_wide_tallies_merge() -> None:
    """Supports that overlap in part are merged outcome by outcome."""
    left = Tally.of({-(2**63) + 1: 1, 0: 2, 5: 3})
    right = Tally.of({0: 1, 4: 1, 2**63 - 1: 7})
    assert (left + right).counter() == left.counter() + right.counter()


def test_shared_counters_mark_what_they_count() -> None:
    """A batch is marked exactly when it is counted, and marks are found modulo their number."""
    counters = SharedCounters(Dice(2, 6), marks=3)
    assert not counters.holds(0)
    counters.add(0, Tally.of({7: 2, 12: 1}))
    counters.add(4, Tally.of({2: 1}))
    assert [counters.holds(batch) for batch in (0, 1, 3, 4, 7)] == [True, False, False, True, False]
    assert counters.tally().counter() == {2: 1, 7: 2, 12: 1}


class CountingLock:
    """A lock that counts how often it is taken and given back."""

    def __init__(self) -> None:
        self.acquired = self.released = 0

    def __enter__(self) -> None:
        self.acquired += 1

    def __exit__(self, *_: object) -> None:
        self.released += 1


def test_the_lock_is_taken_once_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once a roll: that is what makes shared counters usable."""
    locks: list[CountingLock] = []

    def make() -> CountingLock:
        locks.append(CountingLock())
        return locks[-1]

    monkeypatch.setattr("dicesim.shared.threading", SimpleNamespace(Lock=make))
    dicesim.run("2d6", 10_000, batch_size=1000, executor="serial", aggregation="shared")
    assert [(lock.acquired, lock.released) for lock in locks] == [(10, 10)]


def test_tallies_of_any_integers_merge() -> None:
    """Outcomes may lie farther apart than int64 can tell."""
    far = {-(2**63): 1, -5 * 10**18: 10, 5 * 10**18: 20, 2**63 - 1: 2}
    near = {-6 * 10**18: 1, 0: 7, 5 * 10**18: 3}
    merged = Tally.of(far) + Tally.of(near)
    assert merged.counter() == Counter(far) + Counter(near)
    assert Tally.of(near) + Tally.of(far) == merged
    assert (Tally.of({-6 * 10**18: 1}) + Tally.of({7 * 10**18: 2})).unique == 2


@pytest.mark.parametrize("aggregation", AGGREGATORS)
def test_the_least_integer_is_counted(aggregation: str) -> None:
    """By each of the ways."""
    least = np.full(3, -(2**63))
    assert AGGREGATORS[aggregation](least).counter() == {-(2**63): 3}
