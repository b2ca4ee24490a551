"""The expression tree: what one trial evaluates, and what can be known of it without rolling.

Every node knows its bounds, its price, and how many outcomes it has at most. Nodes are frozen and
compare by value; the engines walk them, they hold no engine. What is rolled is in `dice`, what is
made of totals in `totals`.
"""

from __future__ import annotations

import math
import operator
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from dicesim.caching import cached_property
from dicesim.errors import ParameterError
from dicesim.faces import INT64_MAX
from dicesim.limits import Limits


# Not an ABC, whose isinstance, and so every match, is slow, and slowest in a fresh process.
class Expression:
    """A node of the tree; its facts are by default those of all its children together.

    Raises
    ------
    ParameterError
        A total can lie beyond 64 bits, or names are defined below the top.

    Examples
    --------
    >>> import dicesim
    >>> tree = dicesim.parse("2d6+1")
    >>> isinstance(tree, Expression), tree.bounds
    (True, (3, 13))
    """

    # Whether the node can only stand at the top of a tree.
    only_on_top: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if any(child.only_on_top for child in self.children):
            raise ParameterError(
                "expression: names are defined at the top of a tree; put one Let around it all",
                parameter="expression",
            )
        low, high = self.bounds
        if low < -INT64_MAX or high > INT64_MAX:
            raise ParameterError(
                f"expression: a total can lie beyond {INT64_MAX} (2**63 - 1); write smaller ones",
                parameter="expression",
            )

    @property
    def children(self) -> tuple[Expression, ...]:
        """The expressions that this one is made of, in the order in which they are rolled."""
        return ()

    @property
    @abstractmethod
    def bounds(self) -> tuple[int, int]:
        """Least and greatest total, or numbers beyond them."""

    @cached_property
    def price(self) -> int:
        """Dice rolled in one trial, on average."""
        return sum(child.price for child in self.children)

    @cached_property
    def outcomes(self) -> int:
        """Upper bound of the number of different totals."""
        low, high = self.bounds
        return min(high - low + 1, math.prod(child.outcomes for child in self.children))

    @cached_property
    def joint_bits(self) -> float:
        """Base-2 logarithm of the number of joint outcomes of all dice, or of a bound of it."""
        return sum(child.joint_bits for child in self.children)

    @cached_property
    def endless(self) -> bool:
        """Whether there is no bound to the number of dice that one trial may roll."""
        return any(child.endless for child in self.children)

    @cached_property
    def cut(self) -> float:
        """Upper bound of the probability that the limit of an explosion holds in a trial."""
        return sum(child.cut for child in self.children)

    @cached_property
    def free_names(self) -> frozenset[str]:
        """Names that are used, but not defined, within."""
        return frozenset[str]().union(*(child.free_names for child in self.children))


def whole(name: str, value: Any) -> int:
    """Return the value of a field as a plain int, or refuse it."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise ParameterError(f"{name}: {value!r} is not a whole number; write one", parameter=name)
    return number


def require_expressions(parameter: str, *values: object) -> None:
    """Refuse what is no expression."""
    for value in values:
        if not isinstance(value, Expression):
            raise ParameterError(
                f"{parameter}: {value!r} is no expression; write Constant({value!r}) or parse one",
                parameter=parameter,
            )


@dataclass(frozen=True)
class Constant(Expression):
    """A whole number.

    Parameters
    ----------
    value : int

    Raises
    ------
    ParameterError
        The value is no whole number of 64 bits.

    Examples
    --------
    >>> import dicesim
    >>> dicesim.exact(Constant(5))
    PMF({5: 1})
    """

    value: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", whole("value", self.value))
        super().__post_init__()

    @property
    def bounds(self) -> tuple[int, int]:
        """The value, twice."""
        return self.value, self.value


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield an expression and everything below it."""
    yield expression
    for child in expression.children:
        yield from walk(child)


def check_limits(expression: Expression, limits: Limits) -> None:
    """Refuse an expression whose trials would be too dear, or its totals too many.

    Every part is looked at: a product with 0 has one outcome, yet its factors may have any number.

    Raises
    ------
    LimitError
        The price or the number of outcomes is beyond its limit.
    """
    limits.check("price", expression.price, "one trial would roll {} dice")
    for part in walk(expression):
        limits.check("outcomes", part.outcomes, "a total may take {} different values")


def unknown(part: object) -> TypeError:
    """Return the error to raise for a node, or modifier, that an engine has not heard of."""
    return TypeError(f"{type(part).__name__} is no kind of expression that is known here")
