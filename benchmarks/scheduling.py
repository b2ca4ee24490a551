"""What a cluster would do: a simulation of the queue before its one scheduler.

``python -m benchmarks.scheduling`` prints the tables of `docs/clusters.md`.

Every task comes to the scheduler twice, to be handed out and to be handed back, and it does one
thing at a time. That, and how long a batch takes, decides what more workers are good for.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from dicesim.execution import TASKS_PER_WORKER
from dicesim.futures import task_seconds

# Measured: 2d6, batches of 2**22 trials by one worker, with all that a batch takes beside them;
# and a task of nothing, by a scheduler and workers of Dask on two processors.
BATCH_TRIALS: Final = 2**22
BATCH_SECONDS: Final = 0.0035
SCHEDULER_SECONDS: Final = 0.003


class Outlook(NamedTuple):
    """What came of it."""

    seconds: float
    tasks: int
    busy: float
    scheduler: float


def simulate(
    workers: int,
    batches: int,
    size: Callable[[int], int],
    batch_seconds: float = BATCH_SECONDS,
    scheduler_seconds: float = SCHEDULER_SECONDS,
) -> Outlook:
    """Run a whole plan on a cluster that exists on paper.

    Parameters
    ----------
    workers, batches : int
    size : callable
        Batches in the next task, where so many are left.
    batch_seconds : float
        What a batch takes its worker.
    scheduler_seconds : float
        What a task takes the scheduler, half of it when it comes back.

    Returns
    -------
    Outlook
        Seconds in all, number of tasks, and which share of the time workers and scheduler work.
    """
    free = 0.0  # when the scheduler has done what it knows of
    left = batches
    tasks = 0
    waiting: list[deque[float]] = [deque() for _ in range(workers)]
    ends: list[tuple[float, int]] = []

    def hand_out(worker: int, now: float) -> None:
        nonlocal free, left, tasks
        count = min(left, size(left))
        left -= count
        tasks += 1
        free = max(free, now) + scheduler_seconds / 2
        idle = not waiting[worker]
        waiting[worker].append(count * batch_seconds)
        if idle:
            heapq.heappush(ends, (free + waiting[worker][0], worker))

    for _ in range(TASKS_PER_WORKER):
        for worker in range(workers):
            if left:
                hand_out(worker, 0.0)
    while ends:
        now, worker = heapq.heappop(ends)
        waiting[worker].popleft()
        if waiting[worker]:
            heapq.heappush(ends, (now + waiting[worker][0], worker))
        free = max(free, now) + scheduler_seconds / 2
        if left:
            hand_out(worker, free)
    work = batches * batch_seconds
    return Outlook(free, tasks, work / (workers * free), tasks * scheduler_seconds / free)


def ours(workers: int, batch_seconds: float = BATCH_SECONDS) -> Callable[[int], int]:
    """Tasks as dicesim sizes them, once it knows what a batch takes."""
    return lambda left: math.ceil(task_seconds(workers, left * batch_seconds) / batch_seconds)


def _half_a_second(left: int) -> int:
    return min(left, math.ceil(0.5 / BATCH_SECONDS))


def main() -> None:
    """Print the tables."""
    print("| trials | workers | a batch each task | tasks of 0.5 s | tasks sized by dicesim |")
    print("|---|---|---|---|---|")
    for trials in (10**12, 10**15):
        for workers in (10, 100, 1000):
            batches = -(-trials // BATCH_TRIALS)
            # One batch a task: whoever is slower, the workers or the scheduler, decides.
            alone = max(batches * BATCH_SECONDS / workers, batches * SCHEDULER_SECONDS)
            half = simulate(workers, batches, _half_a_second)
            sized = simulate(workers, batches, ours(workers))
            print(
                f"| 10<sup>{len(str(trials)) - 1}</sup> | {workers:,} | {alone:,.0f} s "
                f"| {half.seconds:,.1f} s ({half.busy:.0%} busy) "
                f"| {sized.seconds:,.1f} s ({sized.busy:.0%} busy, {sized.tasks:,} tasks) |"
            )


if __name__ == "__main__":
    main()
