"""Evaluates many trials of an expression at once, with faces from wherever they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Final, TypeAlias

import numpy as np

from dicesim.arithmetic import Negate, Product, Quotient, Sum
from dicesim.condition import COMPARISONS
from dicesim.dice import Dice, Group
from dicesim.expression import Constant, Expression, unknown
from dicesim.packing import Block, BlockType, Packing
from dicesim.rolled import (
    Rolled,
    Source,
    chosen,
    count,
    dice_function,
    face_values,
    modify,
    there,
)
from dicesim.totals import Comparison, Conditional, DiceFunction, Function, Let, Name

Observer: TypeAlias = Callable[[Dice | Group, Rolled], None]

_TYPES: Final = (np.int8, np.int16, np.int32, np.int64)
# Draws from a table at once (measured; part of the stream).
_ROWS: Final = 2**18
_FOLDED: Final[dict[str, Callable[..., Block]]] = {
    "max": np.maximum,
    "min": np.minimum,
    "abs": np.absolute,
    "sign": np.sign,
}


@dataclass(frozen=True)
class Summands:
    """What a total is the sum of: draws from tables, and other expressions.

    Parameters
    ----------
    packings : dict
        Tables, and how often each is drawn from.
    others : tuple of Expression
    """

    packings: dict[Packing, int]
    others: tuple[Expression, ...]


@dataclass(frozen=True)
class AllButOne:
    """A pool without its lowest die, or without its highest, as draws of a few dice each.

    A draw says how far its dice lie above the least face (or below the greatest): the nearest one,
    shifted left by `bits`, and all of them together.

    Parameters
    ----------
    packings : dict
        Tables, and how often each is drawn from.
    bits : int
    least : int
        Total where all dice show the face that distances are taken from.
    sign : {1, -1}
        Which way they are taken.
    """

    packings: dict[Packing, int]
    bits: int
    least: int
    sign: int

    def draw(self, source: Source, dtype: BlockType) -> Block:
        """Draw totals, modulo the range of a type."""
        kind = _type_for(*(int(packing.totals[-1]) for packing in self.packings))
        drawn = [source.packed(packing, rows, kind) for packing, rows in self.packings.items()]
        nearest = reduce(np.minimum, ((rows >> self.bits).min(axis=0) for rows in drawn))
        distances = ((rows & ((1 << self.bits) - 1)).sum(axis=0, dtype=dtype) for rows in drawn)
        counted: Block = (sum(distances) - nearest.astype(dtype)) * self.sign + self.least
        return counted


@dataclass(frozen=True)
class Preparation:
    """How the parts of an expression are drawn, where not as they are written.

    Parts are known by `id`: to hash a whole tree would cost more than to evaluate a small block.

    Parameters
    ----------
    expression : Expression
        What was prepared; no equal one will do.
    rows : int
        Arrays as long as a block that are made for it, or dice in them.
    looks_at_named_dice : bool
        Whether there is a function of dice that have a name.
    sums : dict
        Totals that are sums of others.
    dice : dict
        Pools that are rolled as other ones.
    all_but_one : dict
        Pools of which one die does not count.
    """

    expression: Expression
    rows: int = 1
    looks_at_named_dice: bool = True
    sums: dict[int, Summands] = field(default_factory=dict)
    dice: dict[int, Dice] = field(default_factory=dict)
    all_but_one: dict[int, AllButOne] = field(default_factory=dict)


def evaluate(
    expression: Expression,
    source: Source,
    trials: int,
    *,
    observe: Observer | None = None,
    preparation: Preparation | None = None,
) -> Block:
    """Totals of a block of trials.

    Parameters
    ----------
    expression : Expression
    source : Source
        Gives the slots of each die, in the order of the notation.
    trials : int
        Length of the block.
    observe : callable, optional
        Called with each pool and its dice, once for each time that it is rolled.
    preparation : Preparation, optional
        Of this very expression.

    Returns
    -------
    ndarray of a signed integer type, shape (trials,)
    """
    return _Evaluator(source, trials, observe, preparation).total(expression)


def smallest_type(*expressions: Expression) -> BlockType:
    """Smallest type that holds every total of every one of the expressions.

    A partial sum may wrap around in it: arithmetic modulo a power of two ends right all the same.
    """
    return _type_for(*(bound for expression in expressions for bound in expression.bounds))


def _type_for(*values: int) -> BlockType:
    low, high = min(values), max(values)
    fits = (kind for kind in _TYPES if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return next(fits, np.int64)


class _Evaluator:
    """One block: its source, its length, and what its names stand for."""

    def __init__(
        self,
        source: Source,
        trials: int,
        observe: Observer | None,
        preparation: Preparation | None,
    ) -> None:
        self._source = source
        self._trials = trials
        self._observe = observe
        self._preparation = preparation or Preparation(Constant(0))
        self._totals: dict[str, Block] = {}
        self._pools: dict[str, Rolled] = {}

    def total(self, expression: Expression) -> Block:
        """Total of each trial."""
        summands = self._preparation.sums.get(id(expression))
        if summands is not None:
            return self._sum(summands, smallest_type(expression))
        match expression:
            case Constant(value):
                return np.full(self._trials, value, dtype=smallest_type(expression))
            case Dice() | Group():
                return self._pool_total(expression)
            case Name(name):
                return self._totals[name]
            case Let(definitions, body):
                for defined in definitions:
                    self._define(*defined)
                return self.total(body)
            case DiceFunction(name, pool):
                rolled = self._pools[pool.name] if isinstance(pool, Name) else self._rolled(pool)
                return dice_function(name, rolled)
        return self._combined(expression)

    def _combined(self, expression: Expression) -> Block:
        """Total made of the totals of the children, in a type that holds them all."""
        dtype = smallest_type(expression, *expression.children)
        parts = [self.total(child) for child in expression.children]
        match expression:
            case Negate():
                return np.negative(parts[0], dtype=dtype)
            case Sum():
                return reduce(partial(np.add, dtype=dtype), parts)
            case Product():
                return reduce(partial(np.multiply, dtype=dtype), parts)
            case Quotient():
                return np.floor_divide(parts[0], parts[1], dtype=dtype)
            case Comparison(_, operator, _):
                met: Block = COMPARISONS[operator](parts[0], parts[1]).astype(np.int8)
                return met
            case Function("max" | "min" as name, _):
                fold: Callable[[Block, Block], Block] = partial(_FOLDED[name], dtype=dtype)
                return reduce(fold, parts)
            case Function(name, _):
                return _FOLDED[name](parts[0], dtype=dtype)
            case Conditional():
                then, otherwise = (part.astype(dtype, copy=False) for part in parts[1:])
                return chosen(parts[0] != 0, then, otherwise)
        raise unknown(expression)

    def _sum(self, summands: Summands, dtype: BlockType) -> Block:
        total = np.zeros(self._trials, dtype)
        # As many rows at once as stay in cache; few are best, but not where blocks are small.
        most = max(1, _ROWS // self._trials)
        for packing, number in summands.packings.items():
            for start in range(0, number, most):
                rows = self._source.packed(packing, min(most, number - start), dtype)
                total += rows.sum(axis=0, dtype=dtype)
        for other in summands.others:
            np.add(total, self.total(other), out=total, casting="unsafe")
        return total

    def _define(self, name: str, value: Expression) -> None:
        looked_at = self._preparation.looks_at_named_dice
        if looked_at and isinstance(value, Dice) and not value.counting:
            self._pools[name] = self._rolled(value)
            self._totals[name] = self._pools[name].total(smallest_type(value))
        elif isinstance(value, Name) and value.name in self._pools:
            self._pools[name] = self._pools[value.name]
            self._totals[name] = self._totals[value.name]
        else:
            self._totals[name] = self.total(value)

    def _pool_total(self, pool: Dice | Group) -> Block:
        dtype = smallest_type(pool)
        pool = self._preparation.dice.get(id(pool), pool)
        all_but_one = self._preparation.all_but_one.get(id(pool))
        if all_but_one is not None:
            return all_but_one.draw(self._source, dtype)
        match pool:
            case Dice(int(number), die, ()) if len(die.runs) == 1 and self._observe is None:
                total: Block = self._source.slots(die.total, number).sum(axis=0, dtype=dtype)
                total += dtype(number * die.low)
                return total
        rolled = self._rolled(pool)
        if pool.counting is not None:
            return count(rolled, pool.counting, dtype)
        return rolled.total(dtype)

    def _rolled(self, pool: Dice | Group) -> Rolled:
        """Dice of a pool after all modifiers, but not counted."""
        pool = self._preparation.dice.get(id(pool), pool)
        reached = [bound for stage in pool.stages for bound in (stage.low, stage.high)]
        dtype = _type_for(0, *reached)
        if isinstance(pool, Group):
            rolled = Rolled(np.stack([self.total(part).astype(dtype) for part in pool.parts]))
        else:
            rolled = self._dice(pool, dtype)
        for modifier in pool.modifiers[: -1 if pool.counting else None]:
            rolled = modify(rolled, modifier, pool.stages[0].die, self._source)
        if self._observe is not None:
            self._observe(pool, rolled)
        return rolled

    def _dice(self, pool: Dice, dtype: BlockType) -> Rolled:
        """Natural faces, in as many rows as the trial with the most dice needs."""
        die = pool.die
        if isinstance(pool.count, int):
            return Rolled(face_values(die, self._source.slots(die.total, pool.count), dtype))
        number = self.total(pool.count)
        rows = int(number.max(initial=0))
        values = face_values(die, self._source.slots(die.total, rows), dtype)
        return Rolled(values, there(number, rows))
