"""The exact engine: expression to probability mass function, in whole numbers throughout.

Sums of fair dice come from one recurrence, whatever their number. A pool of n dice with s sides has
the generating function ((1 - x**s) / (1 - x))**n; the logarithmic derivative of a product of
such pools turns into Newton's identities between its coefficients p and the power sums of its
roots::

    k p[k] = sum over pools of n (p[k-1] + ... + p[0]) - n s (p[k-s] + p[k-2s] + ...)

Both brackets are running sums, so a coefficient costs a few additions of whole numbers for each
pool, and symmetry gives the upper half. Other pools are powers of the law of a die (`PMF.power`),
or go to `pool_law`; unlike totals are convolved (`PMF.convolve`). Names are conditioned on: the law
of what uses them is the mixture over all that they may stand for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from math import lcm
from operator import floordiv, mul, neg
from typing import Final, TypeAlias, cast

from dicesim.arithmetic import Negate, Product, Quotient, Sum
from dicesim.condition import Condition
from dicesim.dice import Dice, Group
from dicesim.die_law import check_cost
from dicesim.errors import ExactUnavailable
from dicesim.expression import Constant, Expression, check_limits, unknown, walk
from dicesim.faces import Die
from dicesim.joint import StatisticName
from dicesim.law import MAX_PAIRS
from dicesim.limits import Limits
from dicesim.notation import as_expression
from dicesim.pmf import PMF
from dicesim.pool_law import group_law, pool_law, pool_states
from dicesim.totals import Comparison, Conditional, DiceFunction, Function, Let, Name

_DEFAULT_LIMITS: Final = Limits()
# What a Python int takes beside its digits.
_INT_BYTES: Final = 32
# Laws that are computed for different values of names, or numbers of dice, and their outcomes.
_MAX_CASES: Final = 2**15
_MAX_MIXED: Final = 2**18
_MIXED: Final = "outcomes to mix"
# Terms that are added up for them: each takes some time, however narrow its law.
_MAX_TERMS: Final = 2**15


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
    limits = limits or _DEFAULT_LIMITS
    check_limits(tree, limits)
    _check_table(tree, limits)
    return _Engine().law(tree, {})


def _check_table(expression: Expression, limits: Limits) -> None:
    needed = max(
        int(part.outcomes * (part.joint_bits / 8 + _INT_BYTES)) for part in walk(expression)
    )
    if needed > limits.table_bytes:
        raise ExactUnavailable(
            f"the exact weights would take {needed:,} bytes, beyond the limit of "
            f"{limits.table_bytes:,}; raise it with --limit table_bytes=N or "
            "Limits(table_bytes=N)"
        )


# What a name stands for: its total, and the functions of its dice, as far as they are used; or,
# where it is used just once, its definition.
_State: TypeAlias = tuple[tuple[StatisticName, int], ...]
_Known: TypeAlias = Mapping[str, _State | Expression]


class _Engine:
    """Laws of expressions, each computed once for each combination of what its names stand for."""

    def __init__(self) -> None:
        self._laws: dict[tuple[Expression, frozenset[tuple[str, _State | Expression]]], PMF] = {}
        self._cases = 0
        self._mixed = 0
        self._steps = 0
        self._terms = 0

    def law(self, expression: Expression, known: _Known) -> PMF:
        """Law of a total, given what its names stand for."""
        match expression:
            case Constant(value):
                return PMF({value: 1})
            case Name(name) if not isinstance(state := known[name], Expression):
                return PMF({dict(state)["total"]: 1})
        if not known:  # nothing is computed twice
            return self._computed(expression, known)
        key = (expression, frozenset(_depends(expression, known)))
        if key not in self._laws:
            self._laws[key] = self._computed(expression, known)
        return self._laws[key]

    def _charged(self, expression: Expression, known: _Known) -> PMF:
        """Law of a part, as long as all parts together are not too wide."""
        law = self.law(expression, known)
        self._steps += len(law)
        check_cost(self._steps)
        return law

    def _computed(self, expression: Expression, known: _Known) -> PMF:
        match expression:
            case Dice():
                return self._pool(expression, known)
            case Group():
                parts = [self.law(part, known) for part in expression.parts]
                return PMF(group_law(expression, parts))
            case Sum(terms):
                return self._sum(terms, known)
            case Conditional(condition, then, otherwise):
                met = self.law(condition, known)
                branches = [(met.weight(1), then), (met.weight(0), otherwise)]
                return self._mixture((w, self.law(branch, known)) for w, branch in branches if w)
            case Name(name):
                return self.law(cast(Expression, known[name]), known)
            case DiceFunction(name, Name() as pool):
                return PMF({dict(cast(_State, known[pool.name]))[name]: 1})
            case DiceFunction(name, pool):
                states = self._states(pool, (name,), known)
                return PMF({value: weight for ((_, value),), weight in states.items()})
            case Let():
                return self._let(expression, known)
        return _combined(expression, [self._charged(child, known) for child in expression.children])

    def _sum(self, terms: Sequence[Expression], known: _Known) -> PMF:
        """Put all pools into one recurrence: a negated pool is a pool, mirrored and shifted."""
        pools: Counter[int] = Counter()
        others: list[PMF] = []
        shift = 0
        for term in terms:
            match term:
                case Constant(value):
                    shift += value
                case Name(name) if not isinstance(known[name], Expression):
                    shift += dict(cast(_State, known[name]))["total"]
                case Dice(int(count), Die(runs=((low, high, _),)), ()):
                    pools[high - low + 1] += count
                    shift += count * (low - 1)
                case Negate(Dice(int(count), Die(runs=((low, high, _),)), ())):
                    pools[high - low + 1] += count
                    shift -= count * (high + 1)
                case _:
                    others.append(self.law(term, known))
        self._terms += len(others)
        check_cost(self._terms, "terms to add up", _MAX_TERMS)
        return reduce(_convolve, others, _fair_dice(pools, shift))

    def _pool(self, pool: Dice, known: _Known) -> PMF:
        if isinstance(pool.count, int):
            return _pool_of(pool, pool.count)
        numbers = self._numbers(pool, known)
        if not pool.modifiers and len(pool.die.runs) == 1:
            widths = sum(number * (pool.die.size - 1) + 1 for number, _ in numbers)
            check_cost(self._mixed + widths, _MIXED, _MAX_MIXED)
        return self._mixture((weight, _pool_of(pool, number)) for number, weight in numbers)

    def _let(self, expression: Let, known: _Known) -> PMF:
        """Mixture over all that the first name may stand for, and so on with the others."""
        name, value = expression.definitions[0]
        rest = expression.rest
        uses, mentions = _uses(name, rest)
        if uses == ("total",) and mentions < 2:
            return self.law(rest, {**known, name: value})
        states = self._states(value, uses, known)
        self._spend(len(states))
        return self._mixture(
            (weight, self.law(rest, {**known, name: state})) for state, weight in states.items()
        )

    def _mixture(self, parts: Iterable[tuple[int, PMF]]) -> PMF:
        """Mix laws, as long as they are not too many and wide in all."""
        mixed = []
        for weight, law in parts:
            mixed.append((weight, law))
            self._mixed += len(law)
            check_cost(self._mixed, _MIXED, _MAX_MIXED)
        return PMF.mixture(mixed)

    def _states(
        self, value: Expression, names: tuple[StatisticName, ...], known: _Known
    ) -> dict[_State, int]:
        """Weights of all that a value may come to, in total and by functions of its dice."""
        if isinstance(value, Name) and not isinstance(state := known[value.name], Expression):
            return {state: 1}
        if names == ("total",) or not isinstance(value, Dice):
            law = self.law(value, known)
            return {(("total", x),): weight for x, weight in zip(law, law.weights, strict=True)}
        parts = []
        for number, weight in self._numbers(value, known):
            states = pool_states(value, number, names)
            parts.append((Fraction(weight, sum(states.values())), states))
        common = lcm(*(scale.denominator for scale, _ in parts))
        weights: dict[_State, int] = {}
        for scale, states in parts:
            for results, share in states.items():
                state = tuple(zip(names, results, strict=True))
                weights[state] = weights.get(state, 0) + int(scale * common) * share
        return weights

    def _numbers(self, pool: Dice, known: _Known) -> list[tuple[int, int]]:
        """How many dice a pool may have, and with what weight."""
        if isinstance(pool.count, int):
            return [(pool.count, 1)]
        law = self.law(pool.count, known)
        self._spend(len(law))
        # The most dice come first, so that what is too dear is refused at once.
        return list(zip(law, law.weights, strict=True))[::-1]

    def _spend(self, cases: int) -> None:
        self._cases += cases
        check_cost(self._cases, "cases to tell apart", _MAX_CASES)


def _depends(expression: Expression, known: _Known) -> Iterator[tuple[str, _State | Expression]]:
    """Yield what the names in an expression stand for, and the names in those."""
    for name in expression.free_names:
        state = known[name]
        yield name, state
        if isinstance(state, Expression):
            yield from _depends(state, known)


def _uses(name: str, rest: Expression) -> tuple[tuple[StatisticName, ...], int]:
    """Tell what is used of a name, by other names for it as well, and how often."""
    names = {name}
    if isinstance(rest, Let):
        for other, value in rest.definitions:
            if isinstance(value, Name) and value.name in names:
                names.add(other)
    parts = list(walk(rest))
    functions = [
        part.name
        for part in parts
        if isinstance(part, DiceFunction)
        and isinstance(part.pool, Name)
        and part.pool.name in names
    ]
    mentions = sum(isinstance(part, Name) and part.name in names for part in parts)
    used: set[StatisticName] = set() if 0 < mentions == len(functions) else {"total"}
    return tuple(sorted({*used, *functions})), mentions


def _pool_of(pool: Dice, number: int) -> PMF:
    """Law of a pool with so many dice."""
    if pool.modifiers or len(pool.die.runs) > 1:
        return pool_law(pool, number)
    return _fair_dice({pool.die.size: number}, number * (pool.die.low - 1))


def _combined(expression: Expression, laws: Sequence[PMF]) -> PMF:
    """Law of an operation on independent totals."""
    match expression:
        case Negate():
            return laws[0].map(neg)
        case Product():
            return reduce(_multiply, laws)
        case Quotient():
            return _pairwise(laws[0], laws[1], floordiv)
        case Comparison(_, operator, _):
            return _comparison(laws[0], laws[1], operator)
        case Function("max"):
            return reduce(_greatest, laws)
        case Function("min"):
            return reduce(_greatest, (law.map(neg) for law in laws)).map(neg)
        case Function("abs"):
            return laws[0].map(abs)
        case Function("sign"):
            return laws[0].map(lambda total: (total > 0) - (total < 0))
    raise unknown(expression)


def _fair_dice(pools: Mapping[int, int], shift: int = 0) -> PMF:
    """Law of the sum of `shift` and of all dice, given as count for each number of sides."""
    shift += sum(pools.values())
    pools = {sides: count for sides, count in pools.items() if sides > 1 and count}
    dice = sum(pools.values())
    span = sum(count * (sides - 1) for sides, count in pools.items())
    check_cost(span // 2 * len(pools), "steps of the recurrence")
    weights = [1]
    below = 1
    # For each residue of the index modulo the sides, the sum of the weights so far.
    strides = [(sides, n * sides, [1] + [0] * (sides - 1)) for sides, n in pools.items()]
    for k in range(1, span // 2 + 1):
        product = dice * below
        for sides, factor, stride in strides:
            product -= factor * stride[k % sides]
        weight = product // k
        weights.append(weight)
        below += weight
        for sides, _, stride in strides:
            stride[k % sides] += weight
    weights += reversed(weights[: span + 1 - len(weights)])
    return PMF(dict(enumerate(weights, start=shift)))


def _convolve(left: PMF, right: PMF) -> PMF:
    cost, limit, unit = left.convolution_cost(right)
    check_cost(cost, unit, limit)
    return left.convolve(right)


def _multiply(left: PMF, right: PMF) -> PMF:
    return _pairwise(left, right, mul)


def _pairwise(left: PMF, right: PMF, operation: Callable[[int, int], int]) -> PMF:
    check_cost(len(left) * len(right), "pairs of outcomes", MAX_PAIRS)
    return left.combine(right, operation)


def _greatest(left: PMF, right: PMF) -> PMF:
    """Law of the greater of two totals: the products of what lies at or below each outcome."""
    reached = [
        (outcome, left.weight_at_most(outcome) * right.weight_at_most(outcome))
        for outcome in sorted({*left, *right})
    ]
    below = [0, *(weight for _, weight in reached)]
    return PMF({x: weight - less for (x, weight), less in zip(reached, below, strict=False)})


def _comparison(left: PMF, right: PMF, operator: str) -> PMF:
    """Law of a comparison, from what is less and what is equal."""
    less = equal = 0
    for outcome, weight in zip(left, left.weights, strict=True):
        same = right.weight(outcome)
        equal += weight * same
        less += weight * (right.total - right.weight_at_most(outcome))
    every = left.total * right.total
    met = Condition(operator, 0)
    weights = ((-1, less), (0, equal), (1, every - less - equal))
    true = sum(weight for sign, weight in weights if met.holds(sign))
    return PMF({0: every - true, 1: true})
