"""The simulator: an expression and a generator in, totals or counts out.

How a stream is used depends on the expression and the number of trials alone, so that `totals`,
`blocks` and `counts` agree roll for roll. Expressions with few joint outcomes are packed; for the
others each die is drawn, in blocks that are die-major (dice × trials) and in the smallest type that
holds the faces.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from dicesim.evaluation import Block, evaluate, smallest_type
from dicesim.expression import Dice, Expression
from dicesim.packing import pack
from dicesim.pmf import PMF
from dicesim.tally import Integers, Tally, bincount

# Trials in a block, and rows of dice drawn at once: measured once, and part of the stream.
_BLOCK: Final = 2**15
_ROWS: Final = 64
# Totals this far apart at most are counted in one table for the whole batch.
_TABLE: Final = 2**16

_FACES: Final = (np.uint8, np.uint16, np.uint32, np.uint64)


def totals(expression: Expression, rng: np.random.Generator, size: int) -> Integers:
    """Roll an expression and return the total of each trial.

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
    rolled = np.empty(size, dtype=np.int64)
    start = 0
    for block in blocks(expression, rng, size):
        rolled[start : start + len(block)] = block
        start += len(block)
    return rolled


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
    packing = pack(expression)
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
    packing = pack(expression)
    if packing is not None:
        return packing.counts(rng, size)
    low, high = expression.bounds
    width = high - low + 1
    if width > _TABLE:
        return bincount(totals(expression, rng, size))
    table = np.zeros(width, dtype=np.int64)
    for block in _direct(expression, rng, size):
        table += np.bincount(np.subtract(block, low, dtype=np.intp), minlength=width)
    return Tally.from_table(low, table)


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


@dataclass(frozen=True, slots=True)
class Roll:
    """One trial with its faces.

    Parameters
    ----------
    expression : Expression
    total : int
    pools : tuple of (Dice, tuple of int)
        Each pool with its faces, in the order in which they are written.
    """

    expression: Expression
    total: int
    pools: tuple[tuple[Dice, tuple[int, ...]], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values: ``total``, and ``pools`` with sides and faces."""
        pools = [{"sides": dice.sides, "faces": list(faces)} for dice, faces in self.pools]
        return {"total": self.total, "pools": pools}


def roll_once(expression: Expression, rng: np.random.Generator) -> Roll:
    """Evaluate one trial and keep the faces.

    Parameters
    ----------
    expression : Expression
    rng : numpy.random.Generator

    Returns
    -------
    Roll
    """
    pools = []

    def roll(dice: Dice) -> Block:
        faces = rng.integers(1, dice.sides, size=(dice.count, 1), endpoint=True)
        pools.append((dice, tuple(faces.ravel().tolist())))
        total: Block = faces.sum(axis=0, dtype=np.int64)
        return total

    return Roll(expression, int(evaluate(expression, roll, 1)[0]), tuple(pools))


def _direct(expression: Expression, rng: np.random.Generator, size: int) -> Iterator[Block]:
    """Blocks of totals, each die drawn by itself."""
    for start in range(0, size, _BLOCK):
        trials = min(_BLOCK, size - start)
        yield evaluate(expression, partial(_roll, rng=rng, trials=trials), trials)


def _roll(dice: Dice, rng: np.random.Generator, trials: int) -> Block:
    """Totals of a pool, drawn a few rows of dice at a time, faces counted from 0."""
    dtype = smallest_type(dice)
    total = np.full(trials, dice.count, dtype=dtype)
    faces = next(kind for kind in _FACES if dice.sides - 1 <= np.iinfo(kind).max)
    for start in range(0, dice.count, _ROWS):
        rows = min(_ROWS, dice.count - start)
        drawn = rng.integers(0, dice.sides, size=(rows, trials), dtype=faces)
        total += drawn.sum(axis=0, dtype=dtype)
    return total
