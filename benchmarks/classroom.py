"""Ways that are taught: made to be read, and not to be fast.

Nothing here needs numpy to be imported, so that a process which rolls once need not wait for it.
"""

from __future__ import annotations

import random
from collections import Counter
from multiprocessing import Process, Queue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def randint(rng: random.Random, n: int) -> Counter[int]:
    """2d6 in plain Python."""
    return Counter([rng.randint(1, 6) + rng.randint(1, 6) for _ in range(n)])


def one_process_per_roll(n: int) -> Counter[int]:
    """2d6, a `Process` for each roll and a `Queue` for all: create, start, get, join."""
    queue: Queue[int] = Queue()
    processes = [Process(target=_roll, args=(queue,)) for _ in range(n)]
    for process in processes:
        process.start()
    rolled = Counter(queue.get() for _ in processes)
    for process in processes:
        process.join()
    return rolled


def _roll(queue: Queue[int]) -> None:
    queue.put(random.randint(1, 6) + random.randint(1, 6))


def textbook(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """2d6 in the numpy of textbooks: a row for each trial."""
    import numpy as np

    return np.bincount(rng.integers(1, 7, (n, 2)).sum(1))


def sorting(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """4d6kh3 in the numpy of textbooks: sort each trial, and leave the least out."""
    import numpy as np

    return np.bincount(np.sort(rng.integers(1, 7, (n, 4)), axis=1)[:, 1:].sum(1))
