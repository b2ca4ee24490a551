"""Craps: dicesim run --model examples/craps.py:pass_line."""

import numpy as np


def pass_line(dice):
    """The pass line at craps: 1 if it wins, 244 times in 495."""
    first = dice.roll("2d6")
    won = np.isin(first, [7, 11])
    going = np.flatnonzero(~np.isin(first, [2, 3, 7, 11, 12]))  # the trials with a point
    while going.size:
        point = first[going]
        roll = dice.roll("2d6", size=going.size)
        won[going] = roll == point
        going = going[(roll != point) & (roll != 7)]
    return won
