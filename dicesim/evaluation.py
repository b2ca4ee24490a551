"""Evaluates many trials of an expression at once, with faces from wherever they come."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any, Final, TypeAlias

import numpy as np

from dicesim.condition import COMPARISONS
from dicesim.dice import Dice, Group
from dicesim.expression import Constant, Expression, unknown
from dicesim.rolled import Block, Rolled, Source, count, dice_function, face_values, modify
from dicesim.totals import (
    Comparison,
    Conditional,
    DiceFunction,
    Function,
    Let,
    Name,
    Negate,
    Product,
    Quotient,
    Sum,
)

Observer: TypeAlias = Callable[[Dice | Group, Rolled], None]

_TYPES: Final = (np.int8, np.int16, np.int32, np.int64)
_FOLDED: Final[dict[str, Callable[..., Block]]] = {
    "max": np.maximum,
    "min": np.minimum,
    "abs": np.absolute,
    "sign": np.sign,
}


def evaluate(
    expression: Expression, source: Source, trials: int, observe: Observer | None = None
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

    Returns
    -------
    ndarray of a signed integer type, shape (trials,)
    """
    return _Evaluator(source, trials, observe).total(expression)


def smallest_type(*expressions: Expression) -> type[np.signedinteger[Any]]:
    """Smallest type that holds every total of every one of the expressions.

    A partial sum may wrap around in it: arithmetic modulo a power of two ends right all the same.
    """
    return _type_for(*(bound for expression in expressions for bound in expression.bounds))


def _type_for(*values: int) -> type[np.signedinteger[Any]]:
    low, high = min(values), max(values)
    fits = (kind for kind in _TYPES if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return next(fits, np.int64)


class _Evaluator:
    """One block: its source, its length, and what its names stand for."""

    def __init__(self, source: Source, trials: int, observe: Observer | None) -> None:
        self._source = source
        self._trials = trials
        self._observe = observe
        self._totals: dict[str, Block] = {}
        self._pools: dict[str, Rolled] = {}

    def total(self, expression: Expression) -> Block:
        """Total of each trial."""
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
                return np.where(parts[0] != 0, parts[1], parts[2])
        raise unknown(expression)

    def _define(self, name: str, value: Expression) -> None:
        if isinstance(value, Dice) and not value.counting:
            self._pools[name] = self._rolled(value)
            self._totals[name] = self._pools[name].total(smallest_type(value))
        elif isinstance(value, Name) and value.name in self._pools:
            self._pools[name] = self._pools[value.name]
            self._totals[name] = self._totals[value.name]
        else:
            self._totals[name] = self.total(value)

    def _pool_total(self, pool: Dice | Group) -> Block:
        dtype = smallest_type(pool)
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

    def _dice(self, pool: Dice, dtype: type[np.signedinteger[Any]]) -> Rolled:
        """Natural faces, in as many rows as the trial with the most dice needs."""
        die = pool.die
        if isinstance(pool.count, int):
            return Rolled(face_values(die, self._source.slots(die.total, pool.count), dtype))
        number = self.total(pool.count)
        rows = int(number.max(initial=0))
        present = np.arange(rows)[:, np.newaxis] < number
        values = np.zeros(present.shape, dtype)
        slots = self._source.slots_at(die.total, np.flatnonzero(present), rows)
        values[present] = face_values(die, slots, dtype)
        return Rolled(values, present)
