"""The packing kernel: a 16-bit random word holds several trials.

An expression whose dice have M <= 2**16 joint outcomes in all is a table of M totals. A random
word is read as a number with k digits in base M: each digit is a joint outcome, and so a trial.
Words past the last whole multiple of M**k hold k - 1 digits, as far as multiples of M**(k - 1) go,
and so on; the few words that are left are rejected. So all joint outcomes are equally likely
(compare N. Brackett-Rozinsky and D. Lemire, "Batched Ranged Random Integer Generation", 2024).
Counting needs no work for a single trial: the words are counted, their counts are folded into
counts of joint outcomes, and those into counts of totals.

A die that explodes has more outcomes than a table. Its table ends where the chain has grown to some
length; the few trials that are still open there go on in the table of what remains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dicesim.tally import Integers, Tally, bincount
from dicesim.words import VALUES, Words, draw, draw_below

Block: TypeAlias = NDArray[np.signedinteger[Any]]
BlockType: TypeAlias = type[np.signedinteger[Any]]
Places: TypeAlias = NDArray[np.intp]

# Words that are drawn at once (measured; part of the stream), and that are looked at at once.
_BLOCK: Final = 2**17
_PIECE: Final = 2**15
# The last trials are drawn with care not to draw too many.
_LAST: Final = 2**12
# Regions with a smaller share of all words than this would not pay.
_LEAST: Final = VALUES // 64


class Region(NamedTuple):
    """Words from `start` to one before `stop`, each of which holds as many trials as digits."""

    start: int
    stop: int
    digits: int


@dataclass(frozen=True, eq=False)
class Packing:
    """An expression as a table of joint outcomes, all equally likely.

    Parameters
    ----------
    totals : ndarray of int64, shape (M,)
        Total of each joint outcome, ascending; of the open ones, after all others, what they have
        come to so far, ascending likewise.
    closed : int
        Number of joint outcomes that are not open.
    rest : Packing, optional
        What is added to the open ones.
    """

    totals: Integers
    closed: int
    rest: Packing | None = None

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Which words hold how many trials, most first; all others are rejected."""
        size = len(self.totals)
        regions = []
        start = 0
        for digits in range(16, 0, -1):
            stop = VALUES - (VALUES - start) % size**digits
            if stop - start >= _LEAST:
                regions.append(Region(start, stop, digits))
                start = stop
        return tuple(regions)

    def counts(self, rng: np.random.Generator, size: int) -> Tally:
        """Count the totals of `size` trials."""
        table = np.zeros(VALUES, dtype=np.int64)
        last = np.zeros(0, dtype=np.uint16)
        for words in self._words(rng, size):
            for start in range(0, len(words), _PIECE):
                # `bincount` looks for the greatest word first, and takes a third longer.
                np.add.at(table, words[start : start + _PIECE].astype(np.intp), 1)
            last = words
        slots = self._fold(table)
        surplus = int(slots.sum()) - size
        np.subtract.at(slots, self._read(last)[::-1][:surplus], 1)
        return self._look_up(rng, slots)

    def _look_up(self, rng: np.random.Generator, slots: Integers) -> Tally:
        """Turn counts of joint outcomes into counts of totals, with the rest of the open ones."""
        counts = np.add.reduceat(slots, self._starts)
        occurred = self._starts[counts > 0]
        totals, counts = self.totals[occurred], counts[counts > 0]
        whole = np.searchsorted(occurred, self.closed)
        tally = Tally(totals[:whole], counts[:whole])
        if self.rest is not None:
            opened = zip(totals[whole:].tolist(), counts[whole:].tolist(), strict=True)
            for so_far, number in opened:
                more = self.rest.counts(rng, number)
                tally += Tally(more.outcomes + so_far, more.counts)
        return tally

    def blocks(self, rng: np.random.Generator, size: int) -> Iterator[Integers]:
        """Yield the totals of `size` trials, the same that `counts` counts."""
        opened = Tally.of({})
        for words in self._words(rng, size):
            for start in range(0, len(words), _PIECE):
                slots = self._read(words[start : start + _PIECE])[:size]
                size -= len(slots)
                if self.rest is not None:
                    opened += bincount(self.totals[slots[slots >= self.closed]])
                    slots = slots[slots < self.closed]
                yield self.totals[slots]
        if self.rest is not None:
            for so_far, number in opened.counter().items():
                yield from (block + so_far for block in self.rest.blocks(rng, number))

    def draw(self, rng: np.random.Generator, size: int, dtype: BlockType) -> Block:
        """Draw the totals of `size` trials, one from each word, modulo the range of a type."""
        share = VALUES // len(self.totals)
        words = draw_below(rng, share * len(self.totals), size)
        block = _table(self, np.dtype(dtype)).take(words)
        if self.rest is not None:
            opened = np.flatnonzero(words >= share * self.closed)
            block[opened] += self.rest.draw(rng, len(opened), dtype)
        return block

    def _words(self, rng: np.random.Generator, size: int) -> Iterator[Words]:
        """Draw words until they hold enough trials; the last one is yielded by itself.

        Which words are drawn does not depend on what their trials are, only on how many they hold.
        """
        while size > _LAST:
            words = draw(rng, min(size // self.regions[0].digits, _BLOCK))
            size -= self._held(words)
            yield words
        while size > 0:
            words = draw(rng, size)
            held = np.cumsum(self._digits.take(words))
            end = int(np.searchsorted(held, size))
            yield words[:end]
            yield words[end : end + 1]
            size -= int(held[-1])

    def _held(self, words: Words) -> int:
        """Count the trials in words."""
        held = 0
        left = len(words)
        for _, stop, digits in self.regions:
            past = int(np.count_nonzero(words >= stop))
            held += (left - past) * digits
            left = past
        return held

    @cached_property
    def _digits(self) -> Places:
        """Trials in each word."""
        digits = np.zeros(VALUES, dtype=np.intp)
        for region in self.regions:
            digits[region.start : region.stop] = region.digits
        return digits

    def _fold(self, table: Integers) -> Integers:
        """Turn counts of words into counts of joint outcomes, one digit after the other."""
        size = len(self.totals)
        slots = np.zeros(size, dtype=np.int64)
        for start, stop, digits in self.regions:
            rest = table[start:stop].reshape(-1, size**digits).sum(axis=0)
            for _ in range(digits):
                rows = rest.reshape(size, -1)
                slots += rows.sum(axis=1)
                rest = rows.sum(axis=0)
        return slots

    def _read(self, words: Words) -> Places:
        """Joint outcomes of words, region by region; of each word, the lowest digit first."""
        parts = []
        for start, stop, digits in self.regions:
            rest = words[(words >= start) & (words < stop)].astype(np.intp) - start
            slots = np.empty((len(rest), digits), dtype=np.intp)
            for digit in range(digits):
                rest, slots[:, digit] = np.divmod(rest, len(self.totals))
            parts.append(slots.ravel())
        return np.concatenate(parts)

    @cached_property
    def _starts(self) -> Places:
        """Where joint outcomes with one total begin."""
        new = np.ones(len(self.totals), dtype=np.bool_)
        np.not_equal(self.totals[1:], self.totals[:-1], out=new[1:])
        new[self.closed : self.closed + 1] = True
        return np.flatnonzero(new)


@lru_cache(maxsize=64)
def _table(packing: Packing, dtype: np.dtype[np.signedinteger[Any]]) -> Block:
    """Total of each accepted word, where a word holds one trial."""
    return np.repeat(packing.totals.astype(dtype), VALUES // len(packing.totals))
