"""What can be done to the dice of a pool, and what each does to the facts about them.

Modifiers apply in the order in which they are written. Each knows how it changes the `Stage` of a
pool (how many dice lie there, what they can show, how many were rolled), and what it objects to.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from dicesim.condition import Condition
from dicesim.faces import Die

# Extra dice that a die may explode into, where nothing else is written.
EXPLOSION_LIMIT: Final = 20
# More modifiers than this on one pool are refused.
MAX_MODIFIERS: Final = 50


class Objection(NamedTuple):
    """What was expected of a modifier, and what to write instead."""

    expected: str
    hint: str


class Stage(NamedTuple):
    """A pool between two modifiers.

    Parameters
    ----------
    die : Die
        What is rolled.
    fewest, most : int
        Bounds of the number of dice.
    low, high : int
        Bounds of what a die shows.
    rolls : float
        Expected number of rolls for each die of the pool as it is written.
    draws : int
        Number of rolls that decide about each die, as the exact engine counts them.
    endless : bool
        Whether there is no bound to the number of rolls.
    cut : float
        Upper bound of the probability, for each die, that the limit of an explosion holds it.
    changed : bool
        Whether dice may show other than their natural faces.
    exploded : bool
        Whether the pool has exploded.
    """

    die: Die
    fewest: int
    most: int
    low: int
    high: int
    rolls: float = 1.0
    draws: int = 1
    endless: bool = False
    cut: float = 0.0
    changed: bool = False
    exploded: bool = False

    def can_meet(self, condition: Condition) -> bool:
        """Tell whether a face, or a die as it lies now, can meet the condition."""
        changed = self.changed and condition.within(self.low, self.high)
        return bool(changed or self.die.weight(condition))


class Modifier:
    """One step of what is done to the dice of a pool.

    Examples
    --------
    >>> import dicesim
    >>> keep = dicesim.parse("4d6kh3").modifiers[0]
    >>> stage = Stage(dicesim.Die.fair(6), fewest=4, most=4, low=1, high=6)
    >>> keep.after(stage).most, keep.objection(stage)
    (3, None)
    """

    @abstractmethod
    def after(self, stage: Stage) -> Stage:
        """Return the stage that this step leaves behind.

        Parameters
        ----------
        stage : Stage
            What can lie on the table before this step.

        Returns
        -------
        Stage
        """

    @abstractmethod
    def objection(self, stage: Stage) -> Objection | None:
        """Say why the step makes no sense at this stage, if so.

        Parameters
        ----------
        stage : Stage
            What can lie on the table before this step.

        Returns
        -------
        Objection or None
        """


End: TypeAlias = Literal["highest", "lowest"]


@dataclass(frozen=True, slots=True)
class _Selection(Modifier):
    """Some of the dice, from one end."""

    end: End
    number: int = 1

    def objection(self, stage: Stage) -> Objection | None:
        """Refuse to keep none, or more than there are."""
        verb = type(self).__name__.lower()
        if self.number < 1:
            return Objection(f"at least 1 die to {verb}", "leave it out to keep all dice")
        most = stage.most if isinstance(self, Keep) else stage.most - 1
        if self.number > most:
            dice = "1 die" if stage.most == 1 else f"{stage.most:,} dice"
            return Objection(
                f"at most {most:,} to {verb}" if most else f"more dice than 1 to {verb} from",
                f"the pool has {dice} at this point",
            )
        return None


@dataclass(frozen=True, slots=True)
class Keep(_Selection):
    """Keep so many of the highest or lowest dice; all, where there are fewer.

    Parameters
    ----------
    end : {"highest", "lowest"}
    number : int, optional

    Examples
    --------
    >>> Keep("highest", 3)
    Keep(end='highest', number=3)
    """

    def after(self, stage: Stage) -> Stage:
        """No more dice than are kept."""
        most = min(stage.most, self.number)
        return stage._replace(fewest=min(stage.fewest, self.number), most=most)


@dataclass(frozen=True, slots=True)
class Drop(_Selection):
    """Drop so many of the highest or lowest dice; all, where there are fewer.

    Parameters
    ----------
    end : {"highest", "lowest"}
    number : int, optional

    Examples
    --------
    >>> Drop("lowest")
    Drop(end='lowest', number=1)
    """

    def after(self, stage: Stage) -> Stage:
        """So many dice fewer."""
        fewest = max(0, stage.fewest - self.number)
        return stage._replace(fewest=fewest, most=max(0, stage.most - self.number))


ExplosionKind: TypeAlias = Literal["explode", "compound", "penetrate"]
# How each kind of explosion is written.
EXPLOSIONS: Final[Mapping[ExplosionKind, str]] = {
    "explode": "!",
    "compound": "!!",
    "penetrate": "!p",
}


@dataclass(frozen=True, slots=True)
class Explode(Modifier):
    """Roll an extra die for each that meets the condition, and so on with the extra dice.

    Parameters
    ----------
    condition : Condition
        Tested on the die as it lies; on the natural face of each extra die.
    kind : {"explode", "compound", "penetrate"}
        Extra dice are dice of their own, are added to the die that they came from, or are dice of
        their own that show one less than they rolled.
    limit : int
        Most extra dice for each die.

    Examples
    --------
    >>> import dicesim
    >>> dicesim.parse("3d6!max=5").modifiers[0].limit
    5
    """

    condition: Condition
    kind: ExplosionKind = "explode"
    limit: int = EXPLOSION_LIMIT

    def after(self, stage: Stage) -> Stage:
        """More dice, or higher ones."""
        met, total = stage.die.weight(self.condition), stage.die.total
        low, high = stage.die.low, stage.die.high
        if self.kind == "compound":
            low, high = min(0, low * self.limit), max(0, high * self.limit)
            low, high, most = stage.low + low, stage.high + high, stage.most
        else:
            less = 1 if self.kind == "penetrate" else 0
            low, high = min(stage.low, low - less), max(stage.high, high - less)
            most = stage.most * (self.limit + 1)
        return stage._replace(
            most=most,
            low=low,
            high=high,
            rolls=stage.rolls * _geometric(met, total, self.limit + 1),
            draws=stage.draws * (1 + self.limit),
            cut=(met / total) ** (self.limit if stage.changed else self.limit + 1),
            changed=True,
            exploded=True,
        )

    def objection(self, stage: Stage) -> Objection | None:
        """Refuse what cannot happen, cannot end, or happens twice."""
        if stage.exploded:
            return Objection("one explosion in each pool", "leave one of them out")
        if self.limit < 1:
            return Objection("a limit of at least 1 extra die", "write max=1 or more")
        if stage.die.weight(self.condition) == stage.die.total:
            return Objection(
                "a condition that some face does not meet", "it would explode without end"
            )
        return _impossible(stage, self.condition, "the dice would never explode")


@dataclass(frozen=True, slots=True)
class Reroll(Modifier):
    """Roll dice again while they meet the condition, or just once.

    Parameters
    ----------
    condition : Condition
    once : bool, optional
        The second roll stands, whatever it shows.

    Examples
    --------
    >>> import dicesim
    >>> dicesim.parse("2d6ro<=2").modifiers[0].once
    True
    """

    condition: Condition
    once: bool = False

    def after(self, stage: Stage) -> Stage:
        """Any face, or any that does not meet the condition."""
        met, total = stage.die.weight(self.condition), stage.die.total
        return stage._replace(
            low=min(stage.low, stage.die.low),
            high=max(stage.high, stage.die.high),
            rolls=stage.rolls * ((total + met) / total if self.once else total / (total - met)),
            draws=stage.draws * 2,
            endless=stage.endless or not self.once,
            changed=True,
        )

    def objection(self, stage: Stage) -> Objection | None:
        """Refuse what cannot happen, or cannot end."""
        if not self.once and stage.die.weight(self.condition) == stage.die.total:
            return Objection(
                "a condition that some face does not meet",
                "it would roll again without end; ro rolls again once",
            )
        return _impossible(stage, self.condition, "no die would be rolled again")


@dataclass(frozen=True, slots=True)
class Clamp(Modifier):
    """Let no die show less, or more, than a bound.

    Parameters
    ----------
    bound : {"least", "most"}
    value : int
        The bound itself is allowed.

    Examples
    --------
    >>> Clamp("least", 2).clamped(1)
    2
    """

    bound: Literal["least", "most"]
    value: int

    def after(self, stage: Stage) -> Stage:
        """Within the bound."""
        return stage._replace(
            low=self.clamped(stage.low), high=self.clamped(stage.high), changed=True
        )

    def objection(self, stage: Stage) -> Objection | None:  # noqa: ARG002
        """Accept any bound."""
        return None

    def clamped(self, value: int) -> int:
        """Return a value within the bound.

        Parameters
        ----------
        value : int
            What a die shows.

        Returns
        -------
        int
        """
        return max(value, self.value) if self.bound == "least" else min(value, self.value)


@dataclass(frozen=True, slots=True)
class Count(Modifier):
    """Count the dice that succeed, less those that fail, in place of adding the dice up.

    Parameters
    ----------
    success : Condition
        What a die has to show to count 1.
    failure : Condition, optional
        What makes it count -1.

    Examples
    --------
    >>> import dicesim
    >>> dicesim.parse("5d10>=6f1").modifiers[0].score(1)
    -1
    """

    success: Condition
    failure: Condition | None = None

    def after(self, stage: Stage) -> Stage:
        """Every die counts 1, 0 or -1."""
        return stage._replace(low=0 if self.failure is None else -1, high=1)

    def objection(self, stage: Stage) -> Objection | None:
        """Refuse what no die can meet."""
        objection = _impossible(stage, self.success, "the count would always be 0")
        if objection is None and self.failure is not None:
            objection = _impossible(stage, self.failure, "there would be no failures")
        return objection

    def score(self, value: int) -> int:
        """Return what a die counts for.

        Parameters
        ----------
        value : int
            What a die shows.

        Returns
        -------
        int

        Examples
        --------
        >>> Count(Condition(">=", 5), Condition("==", 1)).score(1)
        -1
        """
        failed = self.failure is not None and self.failure.holds(value)
        return int(self.success.holds(value)) - int(failed)


def _geometric(met: int, total: int, terms: int) -> float:
    """Sum the first powers of a share less than 1, however near to 1 it is."""
    share, rest = met / total, (total - met) / total
    # 1 less the next power, without cancellation.
    missing = 1 - share**terms if rest >= 0.5 else -math.expm1(terms * math.log1p(-rest))
    return missing / rest


def _impossible(stage: Stage, condition: Condition, consequence: str) -> Objection | None:
    if stage.can_meet(condition):
        return None
    shown = f"{stage.low} to {stage.high}" if stage.low < stage.high else f"{stage.low}"
    return Objection("a condition that some die can meet", f"dice show {shown}, so {consequence}")
