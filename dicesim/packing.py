"""The packing kernel: a 16-bit random word holds several trials.

An expression whose dice have M <= 2**16 joint outcomes in all is a table of M totals. A random
word is read as a number with k digits in base M: each digit is a joint outcome, and so a trial.
Words past the last whole multiple of M**k are rejected, so that all joint outcomes are equally
likely (compare N. Brackett-Rozinsky and D. Lemire, "Batched Ranged Random Integer Generation",
2024). Counting needs no work for a single trial: the words are counted, their counts are folded
into counts of joint outcomes, and those into counts of totals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dicesim.evaluation import evaluate
from dicesim.expression import Expression
from dicesim.rolled import Block, Places, Slots
from dicesim.tally import Integers, Tally

Words = NDArray[np.uint16]

_VALUES: Final = 2**16
_BITS: Final = 16
# Dice in all joint outcomes that are evaluated for a table; dice with one side add no outcomes.
_MOST_DICE: Final = 2**22
# Words that are drawn at once, and that are read at once; the stream is the same for any size.
_BLOCK: Final = 2**18
_PIECE: Final = 2**14


@dataclass(frozen=True, eq=False)
class Packing:
    """An expression as a table, and how many trials a word of it holds.

    Parameters
    ----------
    totals : ndarray of int64, shape (M,)
        Total of each joint outcome.
    digits : int
        Trials in a word.
    accepted : int
        Words below this hold trials; it is a multiple of M**digits.
    """

    totals: Integers
    digits: int
    accepted: int

    def counts(self, rng: np.random.Generator, size: int) -> Tally:
        """Count the totals of `size` trials."""
        draws = self._draw(rng, size)
        last = next(draws)
        table = np.bincount(last, minlength=_VALUES)
        for last in draws:
            table += np.bincount(last, minlength=_VALUES)
        slots = self._fold(table)
        surplus = -size % self.digits
        if surplus:
            beyond = self._read(last[-1:])[-surplus:]
            slots -= np.bincount(beyond, minlength=len(self.totals))
        return self._look_up(slots)

    def blocks(self, rng: np.random.Generator, size: int) -> Iterator[Integers]:
        """Yield the totals of `size` trials, the same that `counts` counts."""
        for words in self._draw(rng, size):
            for start in range(0, len(words), _PIECE):
                block = self.totals[self._read(words[start : start + _PIECE])][:size]
                size -= len(block)
                yield block

    def _draw(self, rng: np.random.Generator, size: int) -> Iterator[Words]:
        """Draw words, rejected ones among them, until just enough of them are accepted."""
        needed = -(-size // self.digits)
        while needed:
            # Seven standard deviations more than expected, so that a second draw is a rarity.
            fours = -(-needed * _VALUES // (self.accepted * 4)) + math.isqrt(needed) + 8
            drawn = rng.integers(0, 2**64, size=min(fours, _BLOCK // 4), dtype=np.uint64)
            words: Words = drawn.astype("<u8", copy=False).view("<u2")
            accepted = int(np.count_nonzero(words < self.accepted))
            if accepted >= needed:  # the last word drawn has to be one that counts
                words = words[words < self.accepted][:needed]
            needed -= min(accepted, needed)
            yield words

    def _fold(self, table: Integers) -> Integers:
        """Turn counts of words into counts of joint outcomes, one digit after the other."""
        slots = np.zeros(len(self.totals), dtype=np.int64)
        table = table[: self.accepted]
        for _ in range(self.digits):
            table = table.reshape(-1, len(slots))
            slots += table.sum(axis=0)
            table = table.sum(axis=1)
        return slots

    def _read(self, words: Words) -> Places:
        """Joint outcomes of each word in turn, the lowest digit first."""
        rest = words[words < self.accepted].astype(np.intp)
        slots = np.empty((len(rest), self.digits), dtype=np.intp)
        for digit in range(self.digits):
            rest, slots[:, digit] = np.divmod(rest, len(self.totals))
        return slots.ravel()

    def _look_up(self, slots: Integers) -> Tally:
        """Turn counts of joint outcomes into counts of totals."""
        outcomes, order, first = self._groups
        counts = np.add.reduceat(slots[order], first)
        return Tally(outcomes[counts > 0], counts[counts > 0])

    @cached_property
    def _groups(self) -> tuple[Integers, Places, Places]:
        """Different totals; an order in which equal ones stand together; where each begins."""
        order = np.argsort(self.totals, kind="stable")
        outcomes, first = np.unique(self.totals[order], return_index=True)
        return outcomes, order, first


@lru_cache(maxsize=32)
def pack(expression: Expression) -> Packing | None:
    """Table of an expression, or None where it has too many joint outcomes.

    Examples
    --------
    >>> from dicesim.dice import Dice
    >>> packing = pack(Dice(2, 6))
    >>> packing.totals.shape, packing.digits, packing.accepted
    ((36,), 3, 46656)
    """
    if expression.endless or expression.joint_bits > _BITS:
        return None
    size = round(2**expression.joint_bits)
    if size * expression.price > _MOST_DICE:
        return None
    totals = _table(expression, size).astype(np.int64)
    totals.flags.writeable = False
    return Packing(totals, *_layout(size))


def _layout(size: int) -> tuple[int, int]:
    """Digits of a word and accepted words that give the most trials for each word drawn."""
    choices = [
        (digits, _VALUES // size**digits * size**digits)
        for digits in range(1, _BITS + 1)
        if size**digits <= _VALUES
    ]
    return max(choices, key=lambda choice: choice[0] * choice[1])


def _table(expression: Expression, size: int) -> Block:
    """Evaluate all joint outcomes."""
    return evaluate(expression, _Enumeration(size), size)


class _Enumeration:
    """Source of all joint outcomes: one number in mixed radix for each, a digit for each roll.

    A digit that an outcome does not look at takes all its values, so the others stay uniform.
    """

    def __init__(self, size: int) -> None:
        self._rest = np.arange(size)

    def slots(self, total: int, rows: int) -> Slots:
        """One digit of all outcomes for each row."""
        slots = np.empty((rows, len(self._rest)), dtype=np.intp)
        for row in slots:
            self._rest, row[:] = np.divmod(self._rest, total)
        return slots

    def slots_at(self, total: int, places: Places, rows: int) -> Slots:
        """As for whole rows, so that the digits are the same for all outcomes."""
        return self.slots(total, rows).reshape(-1)[places]
