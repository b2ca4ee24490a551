"""De Méré's bets: dicesim run --model examples/de_mere.py:double_six."""

import numpy as np


def six(dice):
    """De Méré's good bet: 1 if a six comes in four rolls."""
    return (dice.roll("d6", count=4, dtype=np.uint8) == 6).any(axis=0)


def double_six(dice):
    """De Méré's bad bet: 1 if a double six comes in 24 rolls of two dice."""
    return (dice.roll("2d6", count=24) == 12).any(axis=0)
