"""Pig: dicesim run --model examples/pig.py:turn."""

import numpy as np

HOLD = 20


def turn(dice):
    """Points of a turn at Pig that holds at 20: a 1 loses them all."""
    points = np.zeros(dice.size, int)
    going = np.ones(dice.size, bool)
    while going.any():
        roll = dice.roll("d6", where=going)
        points = np.where(roll == 1, 0, points + roll)
        going &= (roll != 1) & (points < HOLD)
    return points
