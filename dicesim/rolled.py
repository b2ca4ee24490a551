"""The dice of a pool in a block of trials, and what modifiers do to all of them at once.

Dice lie in rows, trials in columns. Where trials have unlike numbers of dice, a mask tells which
are there. No step loops over trials: rerolls and explosions loop over the shrinking set of dice
that still roll, sorting and counting over the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dicesim.errors import ParameterError
from dicesim.expression import unknown
from dicesim.faces import Die
from dicesim.modifiers import Clamp, Count, Drop, End, Explode, Keep, Modifier, Reroll
from dicesim.totals import DiceFunctionName

Block: TypeAlias = NDArray[np.signedinteger[Any]]
Slots: TypeAlias = NDArray[np.integer[Any]]
Mask: TypeAlias = NDArray[np.bool_]
Places: TypeAlias = NDArray[np.intp]

# Up to so many rows a sorting network is faster than a sort of each column (measured: 40 times for
# 10 rows of bytes, ten times for 100).
_NETWORK: Final = 256
# Dice that are rolled again so often in vain are rolled with the faces that end it.
_MOST_REROLLS: Final = 100
# Faces of dice with weights up to this sum are looked up in a table.
_TABLE: Final = 2**16


class Source(Protocol):
    """Where rolls come from; a slot is a whole number from 0 to one less than the total weight."""

    def slots(self, total: int, rows: int) -> Slots:
        """Slots of so many dice in each trial, shape (rows, trials)."""

    def slots_at(self, total: int, places: Places, rows: int) -> Slots:
        """Slots of those dice alone that lie at these flat places of (rows, trials)."""


@dataclass(frozen=True, slots=True)
class Rolled:
    """Dice of a pool, in all trials of a block.

    Parameters
    ----------
    values : ndarray of a signed integer type, shape (dice, trials)
        What each die shows.
    present : ndarray of bool, same shape, or None
        Which dice are there; None is all of them.
    dropped : tuple of Rolled
        What was dropped on the way.
    """

    values: Block
    present: Mask | None = None
    dropped: tuple[Rolled, ...] = ()

    @property
    def number(self) -> NDArray[np.intp] | int:
        """Number of dice in each trial."""
        return len(self.values) if self.present is None else self.present.sum(axis=0)

    def total(self, dtype: type[np.signedinteger[Any]]) -> Block:
        """Sum of the dice that are there."""
        where = True if self.present is None else self.present
        total: Block = self.values.sum(axis=0, dtype=dtype, where=where)
        return total

    def holds(self, condition: Any) -> Mask:
        """Which dice are there and meet a condition."""
        met: Mask = condition.holds(self.values)
        return met if self.present is None else met & self.present


def face_values(die: Die, slots: Slots, dtype: type[np.signedinteger[Any]]) -> Block:
    """Faces that slots stand for.

    Examples
    --------
    >>> face_values(Die([(1, 5, 3), (6, 6, 5)]), np.arange(13, 20), np.int8)
    array([5, 5, 6, 6, 6, 6, 6], dtype=int8)
    """
    if len(die.runs) == 1:
        return np.add(slots, die.low, dtype=dtype, casting="unsafe")
    if die.total <= _TABLE:
        return _table(die, np.dtype(dtype))[slots]
    return _look_up(die, slots.astype(np.int64)).astype(dtype)


@lru_cache(maxsize=32)
def _table(die: Die, dtype: np.dtype[np.signedinteger[Any]]) -> Block:
    """Face of each slot."""
    return _look_up(die, np.arange(die.total)).astype(dtype)


def _look_up(die: Die, slots: Slots) -> Block:
    lows, starts, weights = _layout(die)
    run = np.searchsorted(starts, slots, side="right") - 1
    faces: Block = lows[run] + (slots - starts[run]) // weights[run]
    return faces


@lru_cache(maxsize=32)
def _layout(die: Die) -> tuple[Slots, Slots, Slots]:
    """First face, first slot, and slots for each face, of each run."""
    lows, highs, weights = np.array(die.runs, dtype=np.int64).T
    starts = np.cumsum((highs - lows + 1) * weights) - (highs - lows + 1) * weights
    return lows, starts, weights


def modify(rolled: Rolled, modifier: Modifier, die: Die, source: Source) -> Rolled:
    """Apply a modifier other than `Count` to dice."""
    match modifier:
        case Keep(end, number) | Drop(end, number):
            return _select(rolled, end, number, isinstance(modifier, Keep))
        case Reroll():
            return _reroll(rolled, modifier, die, source)
        case Explode(kind="compound"):
            return _compound(rolled, modifier, die, source)
        case Explode():
            return _explode(rolled, modifier, die, source)
        case Clamp(bound, value):
            clip = np.maximum if bound == "least" else np.minimum
            # A bound beyond the type lies beyond all values, too.
            extremes = np.iinfo(rolled.values.dtype)
            limit = rolled.values.dtype.type(min(max(value, extremes.min), extremes.max))
            return replace(rolled, values=clip(rolled.values, limit))
    raise unknown(modifier)


def count(rolled: Rolled, counted: Count, dtype: type[np.signedinteger[Any]]) -> Block:
    """Return how many dice succeed, less how many fail."""
    total: Block = rolled.holds(counted.success).sum(axis=0, dtype=dtype)
    if counted.failure is not None:
        total -= rolled.holds(counted.failure).sum(axis=0, dtype=dtype)
    return total


def _select(rolled: Rolled, end: End, number: int, keep: bool) -> Rolled:
    ordered = _ordered(rolled, end)
    present = None
    if rolled.present is not None:
        present = np.arange(len(ordered))[:, np.newaxis] < rolled.number
    near, far = (
        Rolled(ordered[part], None if present is None else present[part])
        for part in (slice(number), slice(number, None))
    )
    kept, dropped = (near, far) if keep else (far, near)
    return replace(kept, dropped=(*rolled.dropped, dropped))


def _ordered(rolled: Rolled, end: End) -> Block:
    """Sort the dice of each trial, those of one end first, those that are not there last."""
    values = rolled.values
    extremes = np.iinfo(values.dtype)
    if rolled.present is not None:
        # A die may show just this value: it then lies among the absent, where one is as good.
        values = np.where(
            rolled.present, values, extremes.min if end == "highest" else extremes.max
        )
    ascending = _sorted(values)
    return ascending[::-1] if end == "highest" else ascending


def _sorted(values: Block) -> Block:
    """Sort each column."""
    if len(values) > _NETWORK:
        return np.sort(values, axis=0)
    rows = values.copy()
    lower = np.empty_like(rows[:1]).ravel()
    for i, j in _comparators(len(rows)):
        np.minimum(rows[i], rows[j], out=lower)
        np.maximum(rows[i], rows[j], out=rows[j])
        rows[i] = lower
    return rows


@lru_cache(maxsize=32)
def _comparators(size: int) -> list[tuple[int, int]]:
    """Batcher's odd-even merge sort (Knuth, "The Art of Computer Programming", 5.2.2, M)."""
    comparators = []
    top = 1 << max(size - 1, 0).bit_length() >> 1
    bit = top
    while bit:
        reach, residue, distance = top, 0, bit
        while distance:
            comparators += [(i, i + distance) for i in range(size - distance) if i & bit == residue]
            distance, reach, residue = reach - bit, reach >> 1, bit
        bit >>= 1
    return comparators


def _reroll(rolled: Rolled, modifier: Reroll, die: Die, source: Source) -> Rolled:
    values = rolled.values.copy()
    again = np.flatnonzero(rolled.holds(modifier.condition))
    for _ in range(1 if modifier.once else _MOST_REROLLS):
        if not len(again):
            break
        faces = _faces_at(die, again, values, source)
        values.reshape(-1)[again] = faces
        again = again[modifier.condition.holds(faces)]
    if len(again) and not modifier.once:
        # What would come in the end is one of the other faces: the same law, in one more roll.
        others = die.without(modifier.condition)
        values.reshape(-1)[again] = _faces_at(others, again, values, source)
    return replace(rolled, values=values)


def _compound(rolled: Rolled, modifier: Explode, die: Die, source: Source) -> Rolled:
    values = rolled.values.copy()
    exploding = np.flatnonzero(rolled.holds(modifier.condition))
    for _ in range(modifier.limit):
        if not len(exploding):
            break
        faces = _faces_at(die, exploding, values, source)
        values.reshape(-1)[exploding] += faces
        exploding = exploding[modifier.condition.holds(faces)]
    return replace(rolled, values=values)


def _explode(rolled: Rolled, modifier: Explode, die: Die, source: Source) -> Rolled:
    """Lay the extra dice of each generation into rows of their own, the first ones filled first."""
    generations = [rolled.values]
    masks = [np.ones(rolled.values.shape, np.bool_) if rolled.present is None else rolled.present]
    exploding = rolled.holds(modifier.condition)
    for _ in range(modifier.limit):
        extra = exploding.sum(axis=0)
        if not extra.any():
            break
        present = np.arange(extra.max())[:, np.newaxis] < extra
        values = np.zeros(present.shape, rolled.values.dtype)
        values[present] = _faces_at(die, np.flatnonzero(present), values, source)
        exploding = modifier.condition.holds(values) & present
        if modifier.kind == "penetrate":
            values -= 1
        generations.append(values)
        masks.append(present)
    if len(generations) == 1:
        return rolled
    values, present = np.concatenate(generations), np.concatenate(masks)
    return replace(rolled, values=values, present=present)


def _faces_at(die: Die, places: Places, values: Block, source: Source) -> Block:
    slots = source.slots_at(die.total, places, len(values))
    return face_values(die, slots, values.dtype.type)


def dice_function(name: DiceFunctionName, rolled: Rolled) -> Block:
    """Return a function of the dice of each trial, shape (trials,)."""
    ordered = _ordered(rolled, "lowest")
    number = rolled.number
    trials = ordered.shape[1]
    result = np.zeros(trials, np.int64)
    length = np.zeros(trials, np.int64)
    for row, (same, next_one) in enumerate(_neighbours(ordered)):
        there = row < number
        match name:
            case "distinct":
                result += there & ~same
            case "largest_set":
                length = np.where(same, length + 1, 1)
                np.maximum(result, length, out=result, where=there)
            case "pairs":
                length = np.where(same, length + 1, 1)
                # A second equal die makes a pair, a third one unmakes it.
                result += there & (length == 2)
                result -= there & (length == 3)
            case "straight":
                length = np.where(same, length, np.where(next_one, length + 1, 1))
                np.maximum(result, length, out=result, where=there)
            case _:
                raise ParameterError(f"name: {name!r} is no function of dice", parameter="name")
    return result


def _neighbours(ordered: Block) -> Iterator[tuple[Mask, Mask]]:
    """For each row, where it shows the face of the row before, and where the one after that."""
    nothing = np.zeros(ordered.shape[1], np.bool_)
    for row, values in enumerate(ordered):
        if row:
            before = ordered[row - 1]
            yield values == before, values - 1 == before
        else:
            yield nothing, nothing
