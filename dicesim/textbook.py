"""How dice are rolled in class: a loop over `random.randint`, and one `Process` for each roll.

`benchmark` runs this module as a program by itself. A process is forked the faster the less its
parent has imported, and a program from class has imported next to nothing.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from multiprocessing.context import BaseContext
from multiprocessing.queues import Queue
from typing import Final

# Rolls of the program: some, and where those are done in so many seconds, a hundred in all.
_FEW: Final = 10
_MANY: Final = 100
_SOON: Final = 0.2


def roll(number: int, sides: int) -> int:
    """Roll dice and add them up."""
    return sum([random.randint(1, sides) for _ in range(number)])  # noqa: S311  (dice, no secrets)


def loop(n: int, number: int, sides: int) -> Counter[int]:
    """Count `n` rolls, one after another.

    Examples
    --------
    >>> loop(3, 2, 1)
    Counter({2: 3})
    """
    return Counter([roll(number, sides) for _ in range(n)])


def one_process_per_roll(n: int, roll_one: Callable[[], int], context: BaseContext) -> Counter[int]:
    """Count `n` rolls, each by a `Process` of its own: create, start, get, join."""
    totals: Queue[int] = context.Queue()
    processes = [
        context.Process(target=_roll_into, args=(totals, roll_one))  # type: ignore[attr-defined]
        for _ in range(n)
    ]
    for process in processes:
        process.start()
    counts = Counter(totals.get() for _ in processes)
    for process in processes:
        process.join()
    return counts


def _roll_into(totals: Queue[int], roll_one: Callable[[], int]) -> None:
    totals.put(roll_one())


def _roll_rule(notation: str) -> int:
    """Roll any other rule, which takes the library and numpy along."""
    from numpy.random import default_rng

    from dicesim.notation import parse
    from dicesim.sampling import roll_once

    return roll_once(parse(notation), default_rng()).total


def main(start_method: str, *rule: str) -> None:
    """Print how many rolls were made, and how many seconds they took.

    Parameters
    ----------
    start_method : {"fork", "forkserver", "spawn"}
    *rule : str
        A number of dice and their sides; or the notation of any other rule.
    """
    context = multiprocessing.get_context(start_method)
    roll_one = partial(roll, *map(int, rule)) if len(rule) == 2 else partial(_roll_rule, *rule)
    roll_one()  # so that a forked process finds imported what it needs
    start = time.perf_counter()
    n = one_process_per_roll(_FEW, roll_one, context).total()
    if time.perf_counter() - start < _SOON:
        n += one_process_per_roll(_MANY - _FEW, roll_one, context).total()
    sys.stdout.write(json.dumps([n, time.perf_counter() - start]))


if __name__ == "__main__":
    main(*sys.argv[1:])
