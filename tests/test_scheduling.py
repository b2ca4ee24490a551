"""How large tasks are, and what a cluster on paper makes of it."""

from __future__ import annotations

import itertools
import math
import pickle
import re
from pathlib import Path

import pytest

import dicesim
from benchmarks.scheduling import (
    BATCH_SECONDS,
    BATCH_TRIALS,
    SCHEDULER_SECONDS,
    ours,
    simulate,
)
from dicesim.execution import Job, Outcome, Schedule, Task, run_task
from dicesim.futures import task_seconds
from dicesim.plan import Plan

PAGE = Path(__file__).resolve().parents[1] / "docs" / "clusters.md"


def plan(batches: int) -> Plan:
    """A plan of so many batches of a hundred trials."""
    return dicesim.Plan(dicesim.parse("2d6"), 100 * batches, 1, 100, "roll", "SFC64")


def sizes(batches: int, batch_seconds: float, wanted: float) -> list[int]:
    """Sizes of tasks of a plan whose batches take so long, one task after the other."""
    schedule = Schedule(plan(batches), window=1, task_size=None)
    schedule.fit(1, lambda _: wanted)
    found = []
    while (task := schedule.take()) is not None:
        found.append(len(task.batches))
        schedule.done(Outcome(task, (), (), batch_seconds * len(task.batches)))
        list(schedule.ready())
    assert schedule.finished
    assert sum(found) == batches
    return found


def test_tasks_grow_to_what_is_wanted() -> None:
    """Step by step, and no further."""
    found = sizes(10_000, batch_seconds=0.01, wanted=1.0)
    assert found[0] <= 256
    assert all(size <= 4 * before for before, size in itertools.pairwise(found))
    assert set(found[5:-1]) == {100}


def test_slow_batches_are_tasks_by_themselves() -> None:
    """A batch is never cut."""
    assert set(sizes(300, batch_seconds=2.0, wanted=0.5)[1:]) == {1}


def test_a_precision_is_looked_for_after_each_batch() -> None:
    """Tasks that are fixed stay so."""
    schedule = Schedule(plan(10), window=2, task_size=1)
    schedule.fit(2, lambda _: 100.0)
    for _ in range(10):
        task = schedule.take()
        assert task is not None
        assert len(task.batches) == 1
        schedule.done(Outcome(task, (), (), 0.001))
        list(schedule.ready())


def test_one_worker_on_paper() -> None:
    """Nothing is in its way: it takes what its batches take, and the way there and back."""
    outlook = simulate(1, 100, lambda _: 10, batch_seconds=0.1)
    assert outlook.tasks == 10
    assert outlook.seconds == pytest.approx(10 + SCHEDULER_SECONDS)


def test_a_scheduler_on_paper_does_one_thing_at_a_time() -> None:
    """However many workers there are, tasks of nothing take it so long each."""
    outlook = simulate(1000, 5000, lambda _: 1, batch_seconds=1e-6)
    assert outlook.seconds == pytest.approx(5000 * SCHEDULER_SECONDS, rel=0.01)
    assert outlook.scheduler == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("workers", [10, 100, 1000])
def test_long_runs_keep_all_workers_busy(workers: int) -> None:
    """Tasks as dicesim sizes them do not wait for the scheduler."""
    batches = math.ceil(300 * workers / BATCH_SECONDS)
    outlook = simulate(workers, batches, ours(workers))
    assert outlook.busy > 0.95
    assert outlook.scheduler < 0.6


def test_no_other_size_is_much_better() -> None:
    """For a run that is short beside its workers, too."""
    batches = 10**12 // BATCH_TRIALS
    best = min(
        simulate(1000, batches, lambda _, size=size: size).seconds  # type: ignore[misc]
        for size in range(50, 2000, 50)
    )
    assert simulate(1000, batches, ours(1000)).seconds < 1.3 * best


def test_the_page_says_what_the_simulation_says() -> None:
    """Its table was printed by it."""
    rows = re.findall(
        r"^\| 10<sup>(\d+)</sup> \| ([\d,]+) \|.*\| ([\d,.]+) s \(\d+% busy, ([\d,]+) tasks\) \|$",
        PAGE.read_text(encoding="utf-8"), re.MULTILINE,
    )  # fmt: skip
    assert len(rows) == 6
    for power, shown_workers, seconds, tasks in rows:
        if power == "12":
            workers = int(shown_workers.replace(",", ""))
            outlook = simulate(workers, -(-(10**12) // BATCH_TRIALS), ours(workers))
            assert f"{outlook.seconds:,.1f}" == seconds
            assert f"{outlook.tasks:,}" == tasks


def test_what_travels_does_not_grow_with_the_task() -> None:
    """A tally is as large as its support, whatever was rolled."""
    job = Job(plan(1000), traced=False)
    small, large = (
        len(pickle.dumps(run_task(job, task))) for task in (Task(range(1)), Task(range(1000)))
    )
    assert large <= small + 16
    assert len(pickle.dumps((job, Task(range(1000))))) < 3000


def test_task_seconds_grow_with_workers_and_work() -> None:
    """Never less than half a second, and never more than keeps the scheduler half idle."""
    assert task_seconds(1, 1e9) == task_seconds(10_000, 1) == 0.5
    assert task_seconds(10_000, 1e12) == 2 * task_seconds(5_000, 1e12) > 10
