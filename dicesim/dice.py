"""The part of the expression tree that rolls: pools of equal dice, and pools of unlike parts."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from dicesim.caching import cached_property
from dicesim.errors import ParameterError
from dicesim.expression import Expression, require_expressions, whole
from dicesim.faces import INT64_MAX, Die
from dicesim.modifiers import MAX_MODIFIERS, Count, Drop, Keep, Modifier, Stage

# Multisets are only counted where this many faces, or dice, are the fewer of the two.
_FEW: Final = 64


class _Pool(Expression):
    """Dice, and what is done to them."""

    modifiers: tuple[Modifier, ...]

    @property
    @abstractmethod
    def start(self) -> Stage:
        """The pool before its first modifier."""

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The pool before each modifier, and after the last.

        Raises
        ------
        ParameterError
            A modifier makes no sense where it stands.
        """
        if len(self.modifiers) > MAX_MODIFIERS:
            raise ParameterError(
                f"modifiers: a pool takes at most {MAX_MODIFIERS}", parameter="modifiers"
            )
        stages = [self.start]
        for modifier in self.modifiers:
            if any(isinstance(earlier, Count) for earlier in self.modifiers[: len(stages) - 1]):
                raise ParameterError("modifiers: Count comes last", parameter="modifiers")
            objection = modifier.objection(stages[-1])
            if objection is not None:
                raise ParameterError(
                    f"modifiers: {modifier} expects {objection.expected}; {objection.hint}",
                    parameter="modifiers",
                )
            stages.append(modifier.after(stages[-1]))
            if stages[-1].low < -INT64_MAX or stages[-1].high > INT64_MAX:
                raise ParameterError(
                    f"modifiers: a die can show more than {INT64_MAX} (2**63 - 1)",
                    parameter="modifiers",
                )
        return tuple(stages)

    @property
    def counting(self) -> Count | None:
        """How dice are counted, unless they are added up."""
        last = self.modifiers[-1] if self.modifiers else None
        return last if isinstance(last, Count) else None

    @property
    def counts_all(self) -> bool:
        """Whether every die counts, whatever it shows."""
        if self.counting is None or self.counting.failure is not None:
            return False
        low, high = self.stages[-2].low, self.stages[-2].high
        return self.counting.success.within(low, high) == high - low + 1

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """As few or as many dice as there may be, all at their lowest or highest."""
        last = self.stages[-1]
        return (
            min(last.fewest * last.low, last.most * last.low),
            max(last.fewest * last.high, last.most * last.high),
        )


def dice_stage(count: int | Expression, die: Die) -> Stage:
    """Return equal dice before any modifier: natural faces."""
    fewest, most = (count, count) if isinstance(count, int) else count.bounds
    return Stage(die, fewest, most, die.low, die.high)


def group_stage(parts: Sequence[Expression]) -> Stage:
    """Return parts before any modifier: anything between the least and the greatest total."""
    lows, highs = zip(*(part.bounds for part in parts), strict=True)
    span = Die([(min(lows), max(highs))])
    return Stage(span, len(parts), len(parts), span.low, span.high)


@dataclass(frozen=True)
class Dice(_Pool):
    """Equal dice, rolled, modified in order, and added up or counted.

    Parameters
    ----------
    count : int or Expression
        Number of dice, never negative; an expression rolls for it.
    die : Die or int
        A number stands for the fair die with so many sides.
    modifiers : tuple of Modifier, optional
        What is done to the dice, one after another.

    Raises
    ------
    ParameterError
        The count can be negative, or a modifier makes no sense where it stands.

    Examples
    --------
    >>> Dice(4, 6, (Keep("highest", 3),)).bounds
    (3, 18)
    """

    count: int | Expression
    die: Die
    modifiers: tuple[Modifier, ...] = ()

    def __init__(
        self, count: int | Expression, die: Die | int, modifiers: Iterable[Modifier] = ()
    ) -> None:
        count = count if isinstance(count, Expression) else whole("count", count)
        die = die if isinstance(die, Die) else Die.fair(whole("die", die))
        object.__setattr__(self, "count", count)
        object.__setattr__(self, "die", die)
        object.__setattr__(self, "modifiers", tuple(modifiers))
        if (count if isinstance(count, int) else count.bounds[0]) < 0:
            raise ParameterError(
                f"count: {count!r} can be negative; write max(0, ...) around it", parameter="count"
            )
        self.__post_init__()

    @property
    def children(self) -> tuple[Expression, ...]:
        """What is rolled for the number of dice."""
        return () if isinstance(self.count, int) else (self.count,)

    @property
    def start(self) -> Stage:
        """Natural faces."""
        return dice_stage(self.count, self.die)

    @cached_property
    def price(self) -> int:
        """The count, times what rerolls and explosions add on average."""
        rolled = sum(child.price for child in self.children)
        return rolled + math.ceil(self.stages[0].most * self.stages[-1].rolls)

    @cached_property
    def outcomes(self) -> int:
        """Whole numbers within the bounds, or multisets of faces where they are fewer."""
        low, high = self.bounds
        few = min(self.stages[0].most, self.die.size - 1)
        if self.children or self.stages[-1].draws > 1 or few > _FEW:
            return high - low + 1
        return min(high - low + 1, math.comb(self.stages[0].most + self.die.size - 1, few))

    @cached_property
    def joint_bits(self) -> float:
        """Each die has as many outcomes as the weights of its faces add up to."""
        rolled = sum(child.joint_bits for child in self.children)
        return rolled + self.stages[0].most * self.stages[-1].draws * math.log2(self.die.total)

    @cached_property
    def endless(self) -> bool:
        """Rerolls may go on for ever."""
        return self.stages[-1].endless or super().endless

    @cached_property
    def cut(self) -> float:
        """Explosions have a limit."""
        return self.stages[0].most * self.stages[-1].cut + super().cut


@dataclass(frozen=True)
class Group(_Pool):
    """A pool of unlike parts: the total of each counts as one die.

    Parameters
    ----------
    parts : tuple of Expression
        At least two.
    modifiers : tuple of Keep, Drop or Count, optional

    Raises
    ------
    ParameterError
        There are fewer than two parts, or a modifier makes no sense where it stands.

    Examples
    --------
    >>> import dicesim
    >>> group = dicesim.parse("{2d6, d8, d10}kh2")
    >>> len(group.parts), group.modifiers
    (3, (Keep(end='highest', number=2),))
    """

    parts: tuple[Expression, ...]
    modifiers: tuple[Modifier, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        object.__setattr__(self, "modifiers", tuple(self.modifiers))
        require_expressions("parts", *self.parts)
        if len(self.parts) < 2:
            raise ParameterError("parts: a pool in braces needs two or more", parameter="parts")
        if not all(isinstance(modifier, Keep | Drop | Count) for modifier in self.modifiers):
            raise ParameterError(
                "modifiers: parts can only be kept, dropped and counted", parameter="modifiers"
            )
        super().__post_init__()

    @property
    def children(self) -> tuple[Expression, ...]:
        """The parts."""
        return self.parts

    @property
    def start(self) -> Stage:
        """Anything between the least and the greatest total of a part."""
        return group_stage(self.parts)
