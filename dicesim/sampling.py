"""The simulator: an expression and a generator in, totals or counts out.

How a stream is used depends on the expression and the number of trials alone, so that `totals`,
`blocks` and `counts` agree roll for roll. Expressions with few joint outcomes are packed; for the
others each die is drawn, in blocks that are die-major (dice × trials) and in the smallest type that
holds the faces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dicesim.dice import Dice, Group
from dicesim.evaluation import evaluate
from dicesim.expression import Expression
from dicesim.packing import Block, BlockType, Packing
from dicesim.pmf import PMF
from dicesim.rolled import Places, Rolled, Slots
from dicesim.tables import prepare, table
from dicesim.tally import Integers, Tally, bincount
from dicesim.wording import unparse
from dicesim.words import draw_numbers

# Trials in a block, and dice or parts in it: measured once, and part of the stream.
_BLOCK: Final = 2**16
_BLOCK_DICE: Final = 2**21
# Totals this far apart at most are counted in one table for the whole batch.
_TABLE: Final = 2**16
# So few outcomes of a byte each are counted faster by comparison (measured).
_FEW: Final = 20


def totals(expression: Expression, rng: np.random.Generator, size: int) -> Integers:
    """Roll an expression and return the totals that `counts` counts, in no order of trials.

    Parameters
    ----------
    expression : Expression
    rng : numpy.random.Generator
    size : int
        Number of trials.

    Returns
    -------
    ndarray of int64, shape (size,)

    Examples
    --------
    >>> rolled = totals(Dice(2, 6), np.random.default_rng(1), 1000)
    >>> rolled.shape, int(rolled.min()), int(rolled.max())
    ((1000,), 2, 12)
    """
    return _filled(blocks(expression, rng, size), size)


def rolls(
    expression: Expression,
    rng: np.random.Generator,
    size: int,
    dtype: DTypeLike = np.int64,
) -> NDArray[Any]:
    """Roll an expression and return the total of each trial, one trial after another.

    Parameters
    ----------
    expression : Expression
    rng : numpy.random.Generator
    size : int
        Number of trials.
    dtype : data-type, optional
        One that holds every total.

    Returns
    -------
    ndarray of `dtype`, shape (size,)
        Every element has the law of the expression by itself; the stream is another one than that
        of `totals` and `counts`.
    """
    return _filled(_direct(expression, rng, size), size, dtype)


def blocks(expression: Expression, rng: np.random.Generator, size: int) -> Iterator[Integers]:
    """Roll an expression and yield `totals` a piece at a time, for those who need not keep them.

    Parameters
    ----------
    expression : Expression
    rng : numpy.random.Generator
    size : int
        Number of trials.

    Yields
    ------
    ndarray of int64, one-dimensional
        Together as long as `size`.
    """
    packing = table(expression)
    if packing is not None:
        yield from packing.blocks(rng, size)
        return
    for block in _direct(expression, rng, size):
        yield block.astype(np.int64)


def counts(expression: Expression, rng: np.random.Generator, size: int) -> Tally:
    """Roll an expression and count the totals: `bincount` of `totals`, in less memory.

    Parameters
    ----------
    expression : Expression
    rng : numpy.random.Generator
    size : int
        Number of trials.

    Returns
    -------
    Tally
    """
    packing = table(expression)
    if packing is not None:
        return packing.counts(rng, size)
    low, high = expression.bounds
    width = high - low + 1
    if width > _TABLE:
        return bincount(totals(expression, rng, size))
    counted = np.zeros(width, dtype=np.int64)
    for block in _direct(expression, rng, size):
        if width <= _FEW and block.itemsize == 1:
            above = [np.count_nonzero(block > outcome) for outcome in range(low, high)]
            counted -= np.diff([len(block), *above, 0])
        else:
            np.add.at(counted, np.subtract(block, low, dtype=np.intp), 1)
    return Tally.from_table(low, counted)


def multinomial(pmf: PMF, rng: np.random.Generator, size: int) -> Tally:
    """Draw the counts of `size` trials from an exact distribution in one step.

    The law is that of `size` independent rolls, at a cost that does not depend on `size`. Outcomes
    are drawn one after another, the rarest first, as binomials of what remains; the conditional
    probabilities come from whole tail weights. So none is rounded to 1 while another outcome is
    left, nor loses digits as the tail shrinks (Devroye, "Non-Uniform Random Variate Generation",
    1986, section XI.1.4).

    Parameters
    ----------
    pmf : PMF
    rng : numpy.random.Generator
    size : int
        Number of trials, at most 10**15.

    Returns
    -------
    Tally

    Examples
    --------
    >>> multinomial(PMF({0: 1, 1: 1}), np.random.default_rng(1), 10**15).total
    1000000000000000
    """
    drawn = {}
    tail = pmf.total
    rarest_first = sorted(zip(pmf.weights, pmf.outcomes, strict=True))
    for weight, outcome in rarest_first:
        drawn[outcome] = int(rng.binomial(size, weight / tail))
        size -= drawn[outcome]
        tail -= weight
        if not size:
            break
    return Tally.of(drawn)


def _filled(parts: Iterable[Block], size: int, dtype: DTypeLike = np.int64) -> NDArray[Any]:
    """Write parts one behind another, into memory that is taken once."""
    rolled = np.empty(size, dtype=dtype)
    start = 0
    for part in parts:
        rolled[start : start + len(part)] = part
        start += len(part)
    return rolled


@dataclass(frozen=True, slots=True)
class RolledPool:
    """A pool in one trial.

    Parameters
    ----------
    pool : Dice or Group
    kept, dropped : tuple of int
        What the dice show that count, and those that do not; parts of a group count as dice.

    Examples
    --------
    >>> import dicesim
    >>> (roll,) = dicesim.roll_dice("4d6kh3", rng=7)
    >>> len(roll.pools[0].kept), len(roll.pools[0].dropped)
    (3, 1)
    """

    pool: Dice | Group
    kept: tuple[int, ...]
    dropped: tuple[int, ...] = ()

    @classmethod
    def of(cls, pool: Dice | Group, rolled: Rolled) -> RolledPool:
        """Take the dice of the first trial of a block; after a selection, the highest first.

        Parameters
        ----------
        pool : Dice or Group
        rolled : Rolled
            The dice of a block of trials.

        Returns
        -------
        RolledPool
        """
        kept = _first_trial(rolled)
        if not rolled.dropped:
            return cls(pool, kept)
        dropped = (sorted(_first_trial(part), reverse=True) for part in rolled.dropped)
        return cls(pool, tuple(sorted(kept, reverse=True)), tuple(chain.from_iterable(dropped)))


def _first_trial(rolled: Rolled) -> tuple[int, ...]:
    there = slice(None) if rolled.present is None else rolled.present[:, 0]
    return tuple(rolled.values[there, 0].tolist())


@dataclass(frozen=True, slots=True)
class Roll:
    """One trial with its dice.

    Parameters
    ----------
    expression : Expression
    total : int
    pools : tuple of RolledPool
        Each pool in the order in which it was rolled.

    Examples
    --------
    >>> import dicesim
    >>> (roll,) = dicesim.roll_dice("3d6", rng=7)
    >>> roll.total == sum(roll.pools[0].kept) == roll.to_dict()["total"]
    True
    """

    expression: Expression
    total: int
    pools: tuple[RolledPool, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values: ``total``, and ``pools`` with notation, faces and dropped faces.

        Returns
        -------
        dict
        """
        pools = [
            {"pool": unparse(one.pool), "faces": list(one.kept), "dropped": list(one.dropped)}
            for one in self.pools
        ]
        return {"total": self.total, "pools": pools}


def roll_once(expression: Expression, rng: np.random.Generator) -> Roll:
    """Evaluate one trial and keep the dice.

    Parameters
    ----------
    expression : Expression
    rng : numpy.random.Generator

    Returns
    -------
    Roll
    """
    pools: list[RolledPool] = []

    def observe(pool: Dice | Group, rolled: Rolled) -> None:
        pools.append(RolledPool.of(pool, rolled))

    total = int(evaluate(expression, _Generated(rng, 1), 1, observe=observe)[0])
    return Roll(expression, total, tuple(pools))


def _direct(expression: Expression, rng: np.random.Generator, size: int) -> Iterator[Block]:
    """Blocks of totals, each die drawn by itself."""
    preparation = prepare(expression)
    block = max(1, min(_BLOCK, _BLOCK_DICE // preparation.rows))
    for start in range(0, size, block):
        trials = min(block, size - start)
        source = _Generated(rng, trials)
        yield evaluate(preparation.expression, source, trials, preparation=preparation)


@dataclass(frozen=True, slots=True)
class _Generated:
    """Source of rolls from a generator."""

    rng: np.random.Generator
    trials: int

    def packed(self, packing: Packing, rows: int, dtype: BlockType) -> Block:
        """Draw from a table for all trials, row by row."""
        return packing.draw(self.rng, rows * self.trials, dtype).reshape(rows, self.trials)

    def slots(self, total: int, rows: int) -> Slots:
        """Roll for all trials, row by row."""
        return draw_numbers(self.rng, total, rows * self.trials).reshape(rows, self.trials)

    def slots_at(self, total: int, places: Places, rows: int) -> Slots:  # noqa: ARG002
        """Roll for these places alone."""
        return draw_numbers(self.rng, total, len(places))
