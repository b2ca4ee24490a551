"""The part of the expression tree that reckons: operations, functions and names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from dicesim.caching import cached_property
from dicesim.condition import COMPARISONS
from dicesim.dice import Dice
from dicesim.errors import ParameterError
from dicesim.expression import Expression, require_expressions, walk

FunctionName: TypeAlias = Literal["max", "min", "abs", "sign"]
DiceFunctionName: TypeAlias = Literal["distinct", "largest_set", "pairs", "straight"]
FUNCTIONS: Final[tuple[FunctionName, ...]] = get_args(FunctionName)
DICE_FUNCTIONS: Final[tuple[DiceFunctionName, ...]] = get_args(DiceFunctionName)


@dataclass(frozen=True)
class Comparison(Expression):
    """1 where two totals compare as `operator` says, else 0.

    Parameters
    ----------
    left, right : Expression
        The totals.
    operator : {"==", "!=", "<", "<=", ">", ">="}

    Raises
    ------
    ParameterError
        There is no such operator, or a side is no expression.

    Examples
    --------
    >>> import dicesim
    >>> tree = dicesim.parse("1d20+5>=15")
    >>> tree.operator, dicesim.exact(tree)[1]
    ('>=', Fraction(11, 20))
    """

    left: Expression
    operator: str
    right: Expression

    def __post_init__(self) -> None:
        require_expressions("left and right", *self.children)
        if self.operator not in COMPARISONS:
            raise ParameterError(
                f"operator: {self.operator!r} is none of {' '.join(COMPARISONS)}",
                parameter="operator",
            )
        super().__post_init__()

    @property
    def children(self) -> tuple[Expression, ...]:
        """Left and right."""
        return self.left, self.right

    @property
    def bounds(self) -> tuple[int, int]:
        """0 and 1."""
        return 0, 1


@dataclass(frozen=True)
class Function(Expression):
    """A function of totals: ``max``, ``min``, ``abs`` or ``sign``.

    Parameters
    ----------
    name : {"max", "min", "abs", "sign"}
    arguments : tuple of Expression

    Raises
    ------
    ParameterError
        There is no such function, or it takes another number of arguments.

    Examples
    --------
    >>> import dicesim
    >>> dicesim.exact("max(1d6, 1d6)")[6]
    Fraction(11, 36)
    """

    name: FunctionName
    arguments: tuple[Expression, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "arguments", tuple(self.arguments))
        require_expressions("arguments", *self.arguments)
        several = self.name in ("max", "min")
        if self.name not in FUNCTIONS or (len(self.arguments) > 1) is not several:
            raise ParameterError(
                f"arguments: {self.name} cannot take {len(self.arguments)}; max and min take two "
                "or more, abs and sign one",
                parameter="arguments",
            )
        super().__post_init__()

    @property
    def children(self) -> tuple[Expression, ...]:
        """The arguments."""
        return self.arguments

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """What the function makes of the bounds of its arguments."""
        lows, highs = zip(*(argument.bounds for argument in self.arguments), strict=True)
        if self.name == "max":
            return max(lows), max(highs)
        if self.name == "min":
            return min(lows), min(highs)
        low, high = lows[0], highs[0]
        if self.name == "sign":
            return (low > 0) - (low < 0), (high > 0) - (high < 0)
        return max(0, low, -high), max(abs(low), abs(high))


@dataclass(frozen=True)
class Conditional(Expression):
    """One total where a condition is 1, another where it is 0.

    Parameters
    ----------
    condition : Expression
        A total that is 0 or 1.
    then, otherwise : Expression
        What is rolled for 1, and for 0.

    Raises
    ------
    ParameterError
        The condition can be other than 0 or 1, or a part is no expression.

    Examples
    --------
    >>> import dicesim
    >>> dicesim.unparse(dicesim.parse("if(1d20>=15, 2d8, 0)").then)
    '2d8'
    """

    condition: Expression
    then: Expression
    otherwise: Expression

    def __post_init__(self) -> None:
        require_expressions("condition and branches", *self.children)
        low, high = self.condition.bounds
        if low < 0 or high > 1:
            raise ParameterError(
                f"condition: it is neither 0 nor 1, but lies from {low} to {high}; compare it "
                "with a number",
                parameter="condition",
            )
        super().__post_init__()

    @property
    def children(self) -> tuple[Expression, ...]:
        """The condition and both branches."""
        return self.condition, self.then, self.otherwise

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """Those of both branches."""
        lows, highs = zip(self.then.bounds, self.otherwise.bounds, strict=True)
        return min(lows), max(highs)

    @cached_property
    def outcomes(self) -> int:
        """No more than whole numbers within the bounds, nor than both branches together."""
        low, high = self.bounds
        return min(high - low + 1, self.then.outcomes + self.otherwise.outcomes)


@dataclass(frozen=True)
class DiceFunction(Expression):
    """A function of the dice of a pool.

    ``distinct`` is the number of different faces, ``largest_set`` the most dice that show one face,
    ``pairs`` the number of faces shown by exactly two dice, ``straight`` the longest run of
    consecutive faces.

    Parameters
    ----------
    name : {"distinct", "largest_set", "pairs", "straight"}
    pool : Dice or Name
        The pool, or a name that stands for one.

    Raises
    ------
    ParameterError
        There is no such function, or the pool has no dice to look at.

    Examples
    --------
    >>> import dicesim
    >>> dicesim.exact(dicesim.parse("largest_set(5d6)"))[5]
    Fraction(1, 1296)
    """

    name: DiceFunctionName
    pool: Dice | Name

    def __post_init__(self) -> None:
        dice = dice_of(self.pool)
        if self.name not in DICE_FUNCTIONS or dice is None:
            raise ParameterError(
                f"pool: {self.name} looks at the dice of a pool that is not counted, as in "
                f"distinct(5d6); {self.pool!r} has none",
                parameter="pool",
            )
        super().__post_init__()

    @property
    def children(self) -> tuple[Expression, ...]:
        """The pool."""
        return (self.pool,)

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """From no die to all dice; at most half of them are pairs."""
        fewest, most = dice_of(self.pool) or (0, 0)
        return (0, most // 2) if self.name == "pairs" else (min(1, fewest), most)

    @property
    def outcomes(self) -> int:
        """Every whole number within the bounds."""
        low, high = self.bounds
        return high - low + 1


@dataclass(frozen=True)
class Name(Expression):
    """A total, or a pool, that is defined elsewhere.

    Parameters
    ----------
    name : str
        A letter or underscore, then letters, digits and underscores, all lower case.
    low, high : int
        Bounds of the total.
    dice : (int, int) or None, optional
        Bounds of the number of dice, where functions of dice may look at them.
    totals : int or None, optional
        Upper bound of the number of different totals; None is any within the bounds.

    Examples
    --------
    >>> import dicesim
    >>> Name.of("a", dicesim.parse("2d6")).bounds
    (2, 12)
    """

    name: str
    low: int
    high: int
    dice: tuple[int, int] | None = None
    totals: int | None = None

    @classmethod
    def of(cls, name: str, value: Expression) -> Name:
        """Return the name as it stands for a value.

        Parameters
        ----------
        name : str
        value : Expression

        Returns
        -------
        Name
        """
        return cls(name, *value.bounds, dice_of(value), value.outcomes)

    @property
    def bounds(self) -> tuple[int, int]:
        """Those of what it stands for."""
        return self.low, self.high

    @property
    def outcomes(self) -> int:
        """As many totals as what it stands for may take."""
        return self.high - self.low + 1 if self.totals is None else self.totals

    @property
    def free_names(self) -> frozenset[str]:
        """Itself."""
        return frozenset((self.name,))


def dice_of(expression: Expression) -> tuple[int, int] | None:
    """Bounds of the number of dice that functions of dice may look at, where there are any."""
    match expression:
        case Name():
            return expression.dice
        case Dice() if not expression.counting:
            return expression.stages[-1].fewest, expression.stages[-1].most
    return None


@dataclass(frozen=True)
class Let(Expression):
    """Definitions, each rolled once, and an expression that uses their names.

    Parameters
    ----------
    definitions : tuple of (str, Expression)
        Each may use the names before it.
    body : Expression

    Raises
    ------
    ParameterError
        A name is defined twice, or stands for something else in the body.

    Examples
    --------
    >>> import dicesim
    >>> dicesim.exact("a = 1d6; a*a")[36]
    Fraction(1, 6)
    """

    definitions: tuple[tuple[str, Expression], ...]
    body: Expression
    only_on_top = True

    def __post_init__(self) -> None:
        require_expressions("definitions and body", *self.children)
        known: dict[str, Name] = {}
        for name, value in self.definitions:
            self._check_names(known, value)
            if name in known:
                raise ParameterError(
                    f"definitions: {name} is defined twice; choose another name",
                    parameter="definitions",
                )
            known[name] = Name.of(name, value)
        self._check_names(known, self.body)
        super().__post_init__()

    @staticmethod
    def _check_names(known: dict[str, Name], value: Expression) -> None:
        for part in walk(value):
            if isinstance(part, Name) and known.get(part.name, part) != part:
                raise ParameterError(
                    f"definitions: {part} is not what {part.name} is defined as; use Name.of",
                    parameter="definitions",
                )

    @cached_property
    def rest(self) -> Expression:
        """What is left when the first name is known: the other definitions, and the body."""
        others = self.definitions[1:]
        return Let(others, self.body) if others else self.body

    @property
    def children(self) -> tuple[Expression, ...]:
        """All that is defined, and the body."""
        return *(value for _, value in self.definitions), self.body

    @property
    def bounds(self) -> tuple[int, int]:
        """The body's."""
        return self.body.bounds

    @property
    def outcomes(self) -> int:
        """The body's."""
        return self.body.outcomes

    @cached_property
    def free_names(self) -> frozenset[str]:
        """All that is used and not defined here."""
        return super().free_names - {name for name, _ in self.definitions}
