"""Craps: dicesim run --model examples/craps.py:pass_line."""

import numpy as np


def pass_line(dice):
    """The pass line at craps: 1 if it wins, 244 times in 495."""
    first = dice.roll("2d6")
    won = np.isin(first, [7, 11])
    going = ~np.isin(first, [2, 3, 7, 11, 12])  # the first roll is the point
    while going.any():
        roll = dice.roll("2d6", where=going)
        won |= going & (roll == first)
        going &= (roll != first) & (roll != 7)
    return won
