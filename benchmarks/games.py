"""The games of `examples/` in numpy as a good user would write them by hand, each for itself.

They roll in chunks as large as the batches of a model; where games end one after another, only
those that still go on are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.handwritten import Counts, dice

Outcomes = NDArray[Any]

CHUNK: Final = 2**16
_END: Final = 100
_JUMPS: Final = {
    1: 38, 4: 14, 9: 31, 21: 42, 28: 84, 36: 44, 51: 67, 71: 91, 80: 100,
    16: 6, 47: 26, 49: 11, 56: 53, 62: 19, 64: 60, 87: 24, 93: 73, 95: 75, 98: 78,
}  # fmt: skip
_REST: Final = np.array([_JUMPS.get(square, square) for square in range(_END + 6)])


def counts(
    play: Callable[[np.random.Generator, int], Outcomes], rng: np.random.Generator, n: int
) -> Counts:
    """Count the outcomes of `n` games: entry k of the table is how often it was k."""
    table = np.zeros(1000, dtype=np.int64)
    for start in range(0, n, CHUNK):
        outcomes = play(rng, min(CHUNK, n - start))
        table += np.bincount(outcomes, minlength=len(table))
    return table


def craps(rng: np.random.Generator, n: int) -> Outcomes:
    """Play the pass line."""
    first = dice(rng, n, 2, 6).sum(axis=0, dtype=np.uint8)
    won = np.isin(first, [7, 11])
    going = np.flatnonzero(~np.isin(first, [2, 3, 7, 11, 12]))
    while len(going):
        a, b = dice(rng, len(going), 2, 6)
        roll, point = a + b, first[going]
        won[going] = roll == point
        going = going[(roll != point) & (roll != 7)]
    return won


def yahtzee(rng: np.random.Generator, n: int) -> Outcomes:
    """Look for five of a kind in three rolls."""
    faces = dice(rng, n, 5, 6)
    for _ in range(2):
        shown = [(faces == face).sum(axis=0, dtype=np.uint8) for face in range(1, 7)]
        common = np.argmax(shown, axis=0).astype(np.uint8) + 1
        faces = np.where(faces == common, faces, dice(rng, n, 5, 6))
    same: Outcomes = (faces == faces[0]).all(axis=0)
    return same


def risk(rng: np.random.Generator, n: int) -> Outcomes:
    """Attack with three dice against two."""
    attack = np.sort(dice(rng, n, 3, 6), axis=0)
    defence = np.sort(dice(rng, n, 2, 6), axis=0)
    lost: Outcomes = (attack[1:] > defence).sum(axis=0)
    return lost


def six(rng: np.random.Generator, n: int) -> Outcomes:
    """Look for a six in four rolls."""
    seen: Outcomes = (dice(rng, n, 4, 6) == 6).any(axis=0)
    return seen


def double_six(rng: np.random.Generator, n: int) -> Outcomes:
    """Look for a double six in 24 rolls."""
    seen: Outcomes = (dice(rng, n, 24, 6) + dice(rng, n, 24, 6) == 12).any(axis=0)
    return seen


def pig(rng: np.random.Generator, n: int) -> Outcomes:
    """Take a turn that holds at 20."""
    points = np.zeros(n, dtype=np.uint8)
    going = np.arange(n)
    while len(going):
        roll = dice(rng, len(going), 1, 6)[0]
        total = np.where(roll == 1, 0, points[going] + roll)
        points[going] = total
        going = going[(roll != 1) & (total < 20)]
    return points


def attack(rng: np.random.Generator, n: int) -> Outcomes:
    """Attack with advantage."""
    roll = dice(rng, n, 2, 20).max(axis=0)
    critical = roll == 20
    hit = critical | ((roll != 1) & (roll + 7 >= 16))
    a, b = dice(rng, n, 2, 8)
    damage: Outcomes = (a + b * critical + 4) * hit
    return damage


def snakes_and_ladders(rng: np.random.Generator, n: int) -> Outcomes:
    """Count the turns to the last square."""
    count = np.zeros(n, dtype=np.int64)
    going = np.arange(n)
    square = np.zeros(n, dtype=np.int64)
    while len(going):
        count[going] += 1
        landed = square + dice(rng, len(going), 1, 6)[0]
        square = np.where(landed > _END, square, _REST[landed])
        on = square < _END
        going, square = going[on], square[on]
    return count


GAMES: Final[Mapping[str, Callable[[np.random.Generator, int], Outcomes]]] = {
    "craps.py:pass_line": craps,
    "yahtzee.py:yahtzee": yahtzee,
    "risk.py:three_against_two": risk,
    "de_mere.py:six": six,
    "de_mere.py:double_six": double_six,
    "pig.py:turn": pig,
    "attack.py:advantage": attack,
    "snakes_and_ladders.py:turns": snakes_and_ladders,
}
