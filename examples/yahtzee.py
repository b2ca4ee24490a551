"""Yahtzee: dicesim run --model examples/yahtzee.py:yahtzee."""

import numpy as np


def yahtzee(dice):
    """Five of a kind in three rolls, keeping the most common face: 1 if it comes."""
    faces = dice.roll("d6", count=5, dtype=np.uint8)
    for _ in range(2):
        kept = faces == most_common(faces)
        again = dice.roll("d6", count=5, where=~kept, dtype=np.uint8)
        faces = np.where(kept, faces, again)
    return (faces == faces[0]).all(axis=0)


def most_common(faces):
    """The face that most dice show, in each trial."""
    shown = [(faces == face).sum(axis=0, dtype=np.uint8) for face in range(1, 7)]
    return np.argmax(shown, axis=0).astype(np.uint8) + 1
