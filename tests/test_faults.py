"""Workers that die at any instant cost time, not rolls (L2).

The deaths are real: SIGKILL to real processes. Deadlines only catch hangs.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import dicesim
from dicesim import BatchRecord, Result, execution, shared
from dicesim.execution import Job

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="kills by POSIX signals"),
    pytest.mark.timeout(120),
]

KINDS = list(itertools.product(("process", "pool"), ("bincount", "shared")))
BATCH, BATCHES = 2**16, 60


def run(**options: Any) -> Result:
    """A run of sixty batches, each of a few milliseconds."""
    return dicesim.run("9d6", BATCH * BATCHES, rng=5, batch_size=BATCH, **options)


@pytest.fixture(scope="module")
def undisturbed() -> dicesim.Tally:
    """What every survivor must count."""
    return run(executor="serial").tally


@contextmanager
def killing(pause: float, seed: int) -> Iterator[list[int]]:
    """SIGKILL a random child of this process again and again, at random instants."""
    killed: list[int] = []
    over = threading.Event()
    chance = random.Random(seed)

    def storm() -> None:
        while not over.wait(chance.uniform(0, 2 * pause)):
            children = multiprocessing.active_children()
            if children:
                victim = chance.choice(children)
                victim.kill()
                killed.append(victim.pid or 0)

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def storm(executor: str, aggregation: str, start: str, seed: int) -> tuple[Result, int]:
    """Run while workers are killed; a batch that was hit three times by chance is tried again."""
    while True:
        with killing(0.08 if start == "fork" else 0.5, seed) as killed:
            try:
                result = run(
                    executor=executor, aggregation=aggregation, start_method=start, workers=3
                )
            except dicesim.ExecutionError as error:
                assert "gave up" in str(error)
                assert error.partial.n % BATCH == 0
                seed += 1000
                continue
        return result, len(killed)


@pytest.mark.parametrize(("executor", "aggregation"), KINDS)
def test_killed_workers_cost_no_rolls(
    executor: str, aggregation: str, undisturbed: dicesim.Tally
) -> None:
    """Whoever is killed, and whenever: the counts are those of an undisturbed run."""
    deaths = 0
    for seed in itertools.count():
        result, killed = storm(executor, aggregation, "fork", seed)
        deaths += killed
        assert result.tally == undisturbed
        assert result.complete
        if deaths >= 5:
            return


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("executor", "aggregation"), KINDS)
@pytest.mark.parametrize("start", dicesim.START_METHODS)
def test_storms(executor: str, aggregation: str, start: str, undisturbed: dicesim.Tally) -> None:
    """The same with fifty deaths for each start method."""
    deaths = 0
    for seed in itertools.count(100):
        result, killed = storm(executor, aggregation, start, seed)
        deaths += killed
        assert result.tally == undisturbed
        if deaths >= 50:
            return


@pytest.mark.parametrize("executor", ["process", "pool"])
@pytest.mark.parametrize("place", ["before", "inside", "after"])
def test_death_with_the_lock_held(
    executor: str, place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A worker that dies with the lock of the shared counters held loses and doubles nothing."""
    expected = run(executor="serial").tally
    write, mark = shared.SharedCounters._write, shared.SharedCounters._mark
    once, parent = tmp_path / "died", os.getpid()

    def die_once(batch: int, here: str) -> None:
        if batch == 7 and place == here and os.getpid() != parent and not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def dying_write(self: shared.SharedCounters, batch: int, tally: dicesim.Tally) -> None:
        die_once(batch, "before")
        write(self, batch, tally)
        die_once(batch, "after")

    def dying_mark(self: shared.SharedCounters, batch: int) -> int:
        die_once(batch, "inside")  # the counts are written by now, the mark is not
        return mark(self, batch)

    monkeypatch.setattr(shared.SharedCounters, "_write", dying_write)
    monkeypatch.setattr(shared.SharedCounters, "_mark", dying_mark)
    result = run(executor=executor, aggregation="shared", start_method="fork", workers=2)
    assert once.exists()
    assert result.tally == expected


@pytest.mark.parametrize(("executor", "aggregation"), KINDS)
def test_a_batch_that_always_kills_is_named(
    executor: str, aggregation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three tries the run ends, and keeps what was finished."""
    real = execution._tally_batch

    def die(job: Job, index: int) -> dicesim.Tally:
        if index == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(job, index)

    monkeypatch.setattr(execution, "_tally_batch", die)
    with pytest.raises(dicesim.ExecutionError, match="batch 7 ended its worker 3 times") as caught:
        run(executor=executor, aggregation=aggregation, start_method="fork", workers=2)
    partial = caught.value.partial
    assert not partial.complete
    assert partial.n % BATCH == 0
    if aggregation == "bincount":
        assert partial.n <= 7 * BATCH
        assert partial.tally == dicesim.Tally.sum(
            real(Job(partial.plan), index) for index in range(partial.n // BATCH)
        )
    assert caught.value.exit_code == 3


FUTURES = """
import multiprocessing, os, pathlib, signal
from concurrent.futures import ProcessPoolExecutor
import dicesim
from dicesim import execution

real = execution._tally_batch
died = pathlib.Path("died")

def die_once(job, index):
    if index == 5 and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return real(job, index)

def make():
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork"))

if __name__ == "__main__":
    execution._tally_batch = die_once
    try:
        result = dicesim.run("9d6", {n}, rng=5, batch_size={batch}, executor={executor})
    except dicesim.ExecutionError as error:
        assert "handed in broke" in str(error)
        result = error.partial
    print(result.n, dict(result.counts) if result.complete else "", died.exists())
"""


def run_futures(executor: str, path: Path) -> str:
    """Run in a process of its own, since a fork beside other threads is a hazard by itself."""
    script = path / "script.py"
    script.write_text(FUTURES.format(n=BATCH * BATCHES, batch=BATCH, executor=executor))
    command = [sys.executable, str(script)]
    return subprocess.run(
        command, cwd=path, capture_output=True, text=True, timeout=60, check=True
    ).stdout.strip()


def test_futures_that_are_ours_are_made_anew(tmp_path: Path, undisturbed: dicesim.Tally) -> None:
    """An executor that a function makes is made again when a worker of it dies."""
    counted = run_futures("make", tmp_path)
    assert counted == f"{BATCH * BATCHES} {dict(undisturbed.counter())} True"


def test_futures_that_were_handed_in_are_not(tmp_path: Path) -> None:
    """A handed-in executor that breaks ends the run with what was finished."""
    n, died = run_futures("make()", tmp_path).split()
    assert int(n) % BATCH == 0
    assert int(n) < BATCH * BATCHES
    assert died == "True"


def test_every_process_of_the_trace_is_real(undisturbed: dicesim.Tally) -> None:
    """A worker that was replaced leaves records of two processes."""
    records: list[BatchRecord] = []

    def kill_first(record: BatchRecord) -> None:
        if not records:
            os.kill(record.process, signal.SIGKILL)
        records.append(record)

    result = run(executor="process", start_method="fork", workers=2, trace=kill_first)
    assert result.tally == undisturbed
    assert len({record.process for record in records}) >= 2
    assert sorted(record.index for record in records) == list(range(BATCHES))


@pytest.mark.parametrize(("executor", "aggregation"), KINDS)
def test_the_fork_server_may_die(
    executor: str, aggregation: str, undisturbed: dicesim.Tally
) -> None:
    """When the server that forks workers is killed, no living worker is taken for dead."""
    killed: list[int] = []

    def kill_server(record: BatchRecord) -> None:
        if not killed:
            killed.append(record.parent)
            os.kill(record.parent, signal.SIGKILL)

    result = run(
        executor=executor,
        aggregation=aggregation,
        start_method="forkserver",
        workers=2,
        trace=kill_server,
    )
    assert killed
    assert killed != [os.getpid()]
    assert result.tally == undisturbed


def test_an_executor_that_stays_broken_is_given_up() -> None:
    """A function that always returns the same broken pool does not make the run spin."""
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        with pytest.raises(BrokenProcessPool):
            pool.submit(os._exit, 1).result()
        with pytest.raises(dicesim.ExecutionError, match="broke 3 times and took no task"):
            run(executor=lambda: pool)


def test_an_executor_that_was_shut_down_is_refused() -> None:
    """The error is ours, not a bare RuntimeError."""
    with ThreadPoolExecutor(1) as pool:
        pass
    with pytest.raises(dicesim.ExecutionError, match="takes no tasks"):
        run(executor=pool)


BIG_UNGUARDED = """
import dicesim
dicesim.run("200d100", 10**6, method="multinomial", executor={executor!r}, start_method="spawn")
"""


@pytest.mark.parametrize("executor", ["process", "pool"])
def test_a_worker_that_dies_before_it_has_its_job_blocks_nobody(
    executor: str, tmp_path: Path
) -> None:
    """A job larger than the buffer of a pipe does not wait for a worker that is dead."""
    script = tmp_path / "script.py"
    script.write_text(BIG_UNGUARDED.format(executor=executor))
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=100, check=False
    )
    assert "if __name__ == '__main__'" in done.stderr.splitlines()[-1]
