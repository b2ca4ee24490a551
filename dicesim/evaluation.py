"""The vectorised evaluator: totals of many trials at once, from totals of their pools."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dicesim.expression import Constant, Dice, Expression, Negate, Product, Sum

Block: TypeAlias = NDArray[np.signedinteger[Any]]

_TYPES: Final = (np.int8, np.int16, np.int32, np.int64)


def evaluate(expression: Expression, roll: Callable[[Dice], Block], trials: int) -> Block:
    """Totals of a block of trials.

    Parameters
    ----------
    expression : Expression
    roll : callable
        Gives the totals of a pool, each time that one is met, in the order of the notation.
    trials : int
        Length of the block.

    Returns
    -------
    ndarray of a signed integer type, shape (trials,)
    """
    match expression:
        case Constant(value):
            return np.full(trials, value, dtype=smallest_type(expression))
        case Dice():
            return roll(expression)
        case Negate(operand):
            dtype = smallest_type(expression, operand)
            return np.negative(evaluate(operand, roll, trials), dtype=dtype)
        case Sum(terms) | Product(terms):
            combine = np.add if isinstance(expression, Sum) else np.multiply
            dtype = smallest_type(expression, *terms)
            parts = (evaluate(term, roll, trials) for term in terms)
            return reduce(partial(combine, dtype=dtype), parts)


def smallest_type(*expressions: Expression) -> type[np.signedinteger[Any]]:
    """Smallest type that holds every total of every one of the expressions.

    A partial sum may wrap around in it: arithmetic modulo a power of two ends right all the same.
    """
    low = min(expression.bounds[0] for expression in expressions)
    high = max(expression.bounds[1] for expression in expressions)
    fits = (kind for kind in _TYPES if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return next(fits, np.int64)
