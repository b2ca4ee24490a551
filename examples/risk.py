"""Risk: dicesim run --model examples/risk.py:three_against_two."""

import numpy as np


def three_against_two(dice):
    """Armies that the defender loses at Risk, of two: highest against highest, ties defend."""
    attack = np.sort(dice.roll("d6", count=3, dtype=np.uint8), axis=0)
    defence = np.sort(dice.roll("d6", count=2, dtype=np.uint8), axis=0)
    return (attack[1:] > defence).sum(axis=0)
