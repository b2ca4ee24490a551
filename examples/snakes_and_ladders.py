"""Snakes and ladders: dicesim run --model examples/snakes_and_ladders.py:turns."""

import numpy as np

LADDERS = {1: 38, 4: 14, 9: 31, 21: 42, 28: 84, 36: 44, 51: 67, 71: 91, 80: 100}
SNAKES = {16: 6, 47: 26, 49: 11, 56: 53, 62: 19, 64: 60, 87: 24, 93: 73, 95: 75, 98: 78}
END = 100

# Where a piece comes to rest, for each square that it lands on; beyond the end it does not land.
rest = np.arange(END + 6)
for foot, top in {**LADDERS, **SNAKES}.items():
    rest[foot] = top


def turns(dice):
    """Turns that a piece needs to land on square 100; a roll that goes beyond is lost."""
    count = np.zeros(dice.size, int)
    going = np.arange(dice.size)  # the trials that go on, and where their pieces are
    square = np.zeros(dice.size, int)
    while going.size:
        count[going] += 1
        landed = square + dice.roll("d6", size=going.size)
        square = np.where(landed > END, square, rest[landed])
        going, square = going[square < END], square[square < END]
    return count
