"""Exact law of a pool: which method its modifiers call for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from math import prod
from typing import Final, NamedTuple

from dicesim.dice import Dice, Group
from dicesim.die_law import Chain, Law, changed, check_cost, contribution, natural
from dicesim.errors import ExactUnavailable
from dicesim.faces import Die
from dicesim.joint import StatisticName, joint, kinds
from dicesim.modifiers import Clamp, Drop, Explode, Keep, Modifier, Reroll
from dicesim.pmf import PMF
from dicesim.selection import Contributions, Selected, exploding, ranked, single

# Joint totals of the parts of a group that are gone through one by one.
_MAX_JOINT: Final = 2**18
# So few are gone through in any case.
_FEW_JOINT: Final = 2**10


class _Steps(NamedTuple):
    """Modifiers of a pool: before it selects dice, the selections, and after them."""

    before: tuple[Modifier, ...]
    selections: tuple[Keep | Drop, ...]
    after: tuple[Modifier, ...]


def _steps(modifiers: Sequence[Modifier]) -> _Steps:
    """Sort modifiers; a clamp keeps the order of dice, and so can go before a selection."""
    before: list[Modifier] = []
    selections: list[Keep | Drop] = []
    after: list[Modifier] = []
    for modifier in modifiers:
        if isinstance(modifier, Keep | Drop):
            if after:
                raise ExactUnavailable(
                    "dice are selected again after those that were kept changed by chance"
                )
            selections.append(modifier)
        elif not selections or (isinstance(modifier, Clamp) and not after):
            before.append(modifier)
        else:
            after.append(modifier)
    return _Steps(tuple(before), tuple(selections), tuple(after))


def pool_law(pool: Dice, number: int) -> PMF:
    """Law of the total of a pool with so many dice.

    Raises
    ------
    ExactUnavailable
        It would take too long, or selects dice in a way that no method covers.
    """
    if not number:
        return PMF({0: 1})
    faces = natural(pool.die)
    steps = _steps(pool.modifiers)
    if not steps.selections:
        die = PMF(contribution(faces, pool.modifiers, pool.die))
        check_cost(die.power_cost(number))
        return die.power(number)

    chain = _chain(pool, steps.before)
    if chain is not None:
        return PMF(_selected(chain, number, steps, pool.die))
    law = changed(faces, steps.before, pool.die)
    ranks = _ranks(steps.selections, number)
    if not ranks:
        return PMF({0: 1})
    return PMF(ranked(law, number, ranks, _contributions(list(law), steps.after, pool.die)))


def _selected(chain: Chain, number: int, steps: _Steps, die: Die) -> Law:
    """Law of what is kept of so many dice that exploded."""
    if len(steps.selections) > 1:
        raise ExactUnavailable("dice that exploded are selected twice")
    (selection,) = steps.selections
    values = sorted({value for law in chain.laws for value in law})
    if selection.end == "highest":
        values.reverse()
    slots = number * (chain.limit + 1)
    check_cost(slots * len(values))
    return Selected(
        clusters=[exploding(chain, number)],
        slots=slots,
        factors=2 * chain.limit,
        powers=2 * number.bit_length(),
        values=values,
        number=selection.number,
        keep=isinstance(selection, Keep),
        contributions=_contributions(values, steps.after, die),
    ).law()


def _contributions(values: Sequence[int], modifiers: Sequence[Modifier], die: Die) -> Contributions:
    """For each value of a kept die, the law of what it adds to the total."""
    dearest = max((_price(modifier, die) for modifier in modifiers), default=1)
    check_cost(len(values) * dearest)
    return {value: contribution({value: 1}, modifiers, die) for value in values}


def _price(modifier: Modifier, die: Die) -> int:
    """Count the steps that a modifier of a kept die takes."""
    if isinstance(modifier, Explode):
        return Chain.of({}, modifier, die).cost
    return die.size if isinstance(modifier, Reroll) else 1


def _chain(pool: Dice, modifiers: Sequence[Modifier]) -> Chain | None:
    """Chain that a die explodes into, with all modifiers, if it does."""
    for place, modifier in enumerate(modifiers):
        if isinstance(modifier, Explode) and modifier.kind != "compound":
            first = changed(natural(pool.die), modifiers[:place], pool.die)
            others = partial(changed, modifiers=modifiers[place + 1 :], die=pool.die)
            return Chain.of(first, modifier, pool.die).through(others)
    return None


def _ranks(selections: Sequence[Keep | Drop], number: int) -> range:
    """Ranks that selections leave of so many dice, 0 being the lowest."""
    ranks = range(number)
    for selection in selections:
        size = min(selection.number, len(ranks))
        size = size if isinstance(selection, Keep) else len(ranks) - size
        at_top = (selection.end == "highest") is isinstance(selection, Keep)
        ranks = ranks[len(ranks) - size :] if at_top else ranks[:size]
    return ranks


def pool_states(
    pool: Dice, number: int, names: Sequence[StatisticName]
) -> dict[tuple[int, ...], int]:
    """Joint law of functions of the dice of a pool, and perhaps of their total.

    Raises
    ------
    ExactUnavailable
        As for `pool_law`.
    """
    if not number:
        return {(0,) * len(names): 1}
    steps = _steps(pool.modifiers)
    if steps.after:
        raise ExactUnavailable(
            "dice that were kept change by chance, and then are looked at together"
        )
    chain = _chain(pool, steps.before)
    if chain is None:
        law = changed(natural(pool.die), steps.before, pool.die)
        ranks = _ranks(steps.selections, number)
        return joint([law], {(number,): 1}, names, ranks)
    if steps.selections:
        raise ExactUnavailable("dice that exploded are selected, and then looked at together")
    laws, sizes = kinds(chain, number)
    return joint(laws, sizes, names)


def group_law(group: Group, parts: Sequence[PMF]) -> Law:
    """Law of the total of a group, from those of its parts.

    Raises
    ------
    ExactUnavailable
        It would take too long.
    """
    laws = [dict(zip(part, part.weights, strict=True)) for part in parts]
    score: Callable[[int], int] = group.counting.score if group.counting else int
    ranks = _ranks(_steps(group.modifiers).selections, len(parts))
    top, bottom = len(parts) - ranks.start, ranks.stop
    inner = top < len(parts) and bottom < len(parts)
    if inner or prod(map(len, laws)) <= _FEW_JOINT:
        return _enumerated(laws, ranks, score)
    values = sorted({value for law in laws for value in law})
    contributions = {value: {score(value): 1} for value in values}
    if bottom == len(parts):
        values.reverse()
    size = min(top, bottom)
    clusters = list(map(single, laws))
    check_cost(2 * len(values) * sum(map(len, laws)))
    return Selected(
        clusters=clusters,
        slots=len(parts),
        factors=len(parts),
        powers=0,
        values=values,
        number=size,
        keep=True,
        contributions=contributions,
    ).law()


def _enumerated(laws: Sequence[Law], ranks: range, score: Callable[[int], int]) -> Law:
    """Go through all joint totals of the parts."""
    check_cost(prod(map(len, laws)), "joint outcomes", _MAX_JOINT)
    result: Law = {}
    for joint_outcome in product(*(law.items() for law in laws)):
        ordered = sorted(value for value, _ in joint_outcome)
        total = sum(map(score, ordered[ranks.start : ranks.stop]))
        result[total] = result.get(total, 0) + prod(weight for _, weight in joint_outcome)
    return result
