"""Ways that are taught: made to be read, and not to be fast.

Nothing here needs numpy to be imported, so that a process which rolls once need not wait for it.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

from dicesim import textbook as exercise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def randint(rng: random.Random, n: int) -> Counter[int]:
    """2d6 in plain Python."""
    return Counter([rng.randint(1, 6) + rng.randint(1, 6) for _ in range(n)])


def one_process_per_roll(n: int) -> Counter[int]:
    """2d6, a `Process` for each roll and a `Queue` for all: create, start, get, join."""
    return exercise.one_process_per_roll(n, partial(exercise.roll, 2, 6), get_context())


def textbook(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """2d6 in the numpy of textbooks: a row for each trial."""
    import numpy as np

    return np.bincount(rng.integers(1, 7, (n, 2)).sum(1))


def sorting(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """4d6kh3 in the numpy of textbooks: sort each trial, and leave the least out."""
    import numpy as np

    return np.bincount(np.sort(rng.integers(1, 7, (n, 4)), axis=1)[:, 1:].sum(1))
