"""The exact engine: expression to probability mass function, in whole numbers throughout.

Sums of fair dice come from one recurrence, whatever their number. A pool of n dice with s sides has
the generating function ((1 - x**s) / (1 - x))**n; the logarithmic derivative of a product of
such pools turns into Newton's identities between its coefficients p and the power sums of its
roots::

    k p[k] = sum over pools of n (p[k-1] + ... + p[0]) - n s (p[k-s] + p[k-2s] + ...)

Both brackets are running sums, so a coefficient costs a few additions of whole numbers for each
pool, and symmetry gives the upper half. Other sums are convolved (see `PMF.convolve`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import reduce
from typing import Final

from dicesim.errors import ExactUnavailable
from dicesim.expression import (
    Constant,
    Dice,
    Expression,
    Negate,
    Product,
    Sum,
    check_limits,
    walk,
)
from dicesim.limits import Limits
from dicesim.notation import as_expression
from dicesim.pmf import MAX_PAIRS, PMF

# What a Python int takes beside its digits.
_INT_BYTES: Final = 32
_MAX_STEPS: Final = 2**22


def exact(expression: str | Expression, *, limits: Limits | None = None) -> PMF:
    """Exact distribution of the total of an expression.

    Parameters
    ----------
    expression : str or Expression
        Notation, or a parsed expression.
    limits : Limits, optional
        Ceilings of price, outcomes and memory.

    Returns
    -------
    PMF

    Raises
    ------
    NotationError
        The notation cannot be read.
    LimitError
        The expression itself is beyond a limit.
    ExactUnavailable
        The distribution cannot be had within the limits; the message says why.

    Examples
    --------
    >>> pmf = exact("2d6")
    >>> pmf[7], pmf.mean
    (Fraction(1, 6), 7.0)
    """
    tree = as_expression(expression)
    limits = limits or Limits()
    check_limits(tree, limits)
    _check_table(tree, limits)
    return _pmf(tree)


def _check_table(expression: Expression, limits: Limits) -> None:
    needed = max(
        int(part.outcomes * (part.joint_bits / 8 + _INT_BYTES)) for part in walk(expression)
    )
    if needed > limits.table_bytes:
        raise ExactUnavailable(
            f"the exact weights would take {needed / 1e6:,.0f} MB, beyond the limit of "
            f"{limits.table_bytes / 1e6:,.0f} MB; raise it with --limit table_bytes=N or "
            "Limits(table_bytes=N)"
        )


def _pmf(expression: Expression) -> PMF:
    match expression:
        case Constant(value):
            return PMF({value: 1})
        case Dice(count, sides):
            return _fair_dice({sides: count})
        case Negate(operand):
            return _pmf(operand).negate()
        case Sum(terms):
            return _sum(terms)
        case Product(factors):
            return reduce(_multiply, map(_pmf, factors))


def _sum(terms: tuple[Expression, ...]) -> PMF:
    """Put all pools into one recurrence: a negated pool is a pool, mirrored and shifted."""
    pools: Counter[int] = Counter()
    others: list[PMF] = []
    shift = 0
    for term in terms:
        match term:
            case Constant(value):
                shift += value
            case Dice(count, sides):
                pools[sides] += count
            case Negate(Dice(count, sides)):
                pools[sides] += count
                shift -= count * (sides + 1)
            case _:
                others.append(_pmf(term))
    return reduce(_convolve, others, _fair_dice(pools, shift))


def _fair_dice(pools: Mapping[int, int], shift: int = 0) -> PMF:
    """Law of the sum of `shift` and of all dice, given as count for each number of sides."""
    shift += sum(pools.values())
    pools = {sides: count for sides, count in pools.items() if sides > 1 and count}
    dice = sum(pools.values())
    span = sum(count * (sides - 1) for sides, count in pools.items())
    _check_cost(span // 2 * len(pools), _MAX_STEPS, "steps of the recurrence")
    weights = [1]
    below = 1
    # For each residue of the index modulo the sides, the sum of the weights so far.
    strides = {sides: [1] + [0] * (sides - 1) for sides in pools}
    for k in range(1, span // 2 + 1):
        product = dice * below
        for sides, stride in strides.items():
            product -= pools[sides] * sides * stride[k % sides]
        weight = product // k
        weights.append(weight)
        below += weight
        for sides, stride in strides.items():
            stride[k % sides] += weight
    weights += reversed(weights[: span + 1 - len(weights)])
    return PMF(dict(enumerate(weights, start=shift)))


def _convolve(left: PMF, right: PMF) -> PMF:
    _check_cost(*left.convolution_cost(right))
    return left.convolve(right)


def _multiply(left: PMF, right: PMF) -> PMF:
    _check_cost(len(left) * len(right), MAX_PAIRS, "pairs of outcomes")
    return left.multiply(right)


def _check_cost(cost: int, limit: int, unit: str) -> None:
    """Refuse what would take more than a second or two."""
    if cost > limit:
        raise ExactUnavailable(f"it would take {cost:,} {unit}, beyond {limit:,}")
