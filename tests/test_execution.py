"""The same question has the same counts, whoever rolls (L1), and nothing is lost (L2)."""

from __future__ import annotations

import concurrent.futures
import itertools
import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

import dicesim
from dicesim import BatchRecord, Expression, Progress, Result, Tally, sampling
from tests.faulting import no_worker_is_left

N, BATCH = 30_000, 2**11
PROCESSES: tuple[Literal["process", "pool"], ...] = ("process", "pool")
IN_PROCESS = ("serial", "threads", "auto")

COMBINATIONS = [
    *itertools.product(PROCESSES, dicesim.AGGREGATIONS, dicesim.START_METHODS),
    *itertools.product(IN_PROCESS, dicesim.AGGREGATIONS, [None]),
]


def run(expression: str = "3d6+1d8", **options: object) -> Result:
    """A run of fifteen batches with a fixed seed."""
    return dicesim.run(expression, N, rng=11, batch_size=BATCH, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def undisturbed() -> Tally:
    """What every combination must count."""
    return run(executor="serial").tally


@pytest.mark.parametrize(("executor", "aggregation", "start_method"), COMBINATIONS)
def test_every_combination_counts_the_same(
    executor: str, aggregation: str, start_method: str | None, undisturbed: Tally
) -> None:
    """Executor, aggregation and start method do not touch the counts."""
    result = run(executor=executor, aggregation=aggregation, start_method=start_method, workers=2)
    assert result.tally == undisturbed
    assert result.n == N
    assert result.complete
    assert result.aggregation == aggregation
    if executor != "auto":
        assert (result.executor, result.start_method) == (executor, start_method)
    assert no_worker_is_left()


@pytest.mark.parametrize("method", dicesim.METHODS)
@pytest.mark.parametrize("executor", [name for name in dicesim.EXECUTORS if name != "dask"])
def test_methods_count_the_same_everywhere(method: str, executor: str) -> None:
    """Both methods depend on the plan alone."""
    alone = run(method=method, executor="serial")
    assert run(method=method, executor=executor).tally == alone.tally
    assert run(method=method, executor=executor, aggregation="shared").tally == alone.tally


@pytest.mark.parametrize("workers", [1, 2, 3, 15, 40])
def test_any_number_of_workers_counts_the_same(workers: int, undisturbed: Tally) -> None:
    """More workers than batches are not started, and said so."""
    result = run(executor="process", workers=workers)
    assert result.tally == undisturbed
    assert result.workers == min(workers, 15)
    assert bool(result.notes) == (workers > 15)


@pytest.mark.parametrize(
    "expression", ["2d6", "d20-1", "d6*1000000", "d100000*9+d3", "5", "-2d6", "0d4"]
)
@pytest.mark.parametrize("aggregation", dicesim.AGGREGATIONS)
def test_every_shape_of_support_counts_the_same(expression: str, aggregation: str) -> None:
    """Negative, sparse, wide and single supports are counted alike by all aggregations."""
    if aggregation == "shared" and expression.startswith("d6*"):
        pytest.skip("the range of totals is too wide for shared counters")
    assert (
        run(expression, executor="threads", aggregation=aggregation).tally
        == run(expression, executor="serial").tally
    )


def test_futures_that_are_handed_in_stay_open(undisturbed: Tally) -> None:
    """A handed-in executor counts the same, and is left to its owner."""
    with ThreadPoolExecutor(2) as threads:
        result = run(executor=threads)
        assert result.tally == undisturbed
        assert (result.executor, result.workers) == ("ThreadPoolExecutor", None)
        assert threads.submit(int, "7").result() == 7
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as processes:
        assert run(executor=processes).tally == undisturbed
        assert run(executor=processes, aggregation="groupby").tally == undisturbed


def test_a_factory_makes_an_executor_that_is_closed(undisturbed: Tally) -> None:
    """What a function makes is ours to shut down."""
    made: list[ThreadPoolExecutor] = []

    def make() -> ThreadPoolExecutor:
        made.append(ThreadPoolExecutor(2))
        return made[-1]

    assert run(executor=make).tally == undisturbed
    with pytest.raises(RuntimeError, match="shutdown"):
        made[0].submit(int)


def test_a_factory_of_something_else_is_refused() -> None:
    """What is made has to be an executor."""
    with pytest.raises(dicesim.ParameterError, match="returned 7; return a"):
        run(executor=lambda: 7)


def test_shared_counters_are_not_sent_to_strangers() -> None:
    """A Lock cannot be pickled, so this is refused before any work."""
    with ThreadPoolExecutor(1) as pool, pytest.raises(dicesim.ParameterError, match="handed in"):
        run(executor=pool, aggregation="shared")


@pytest.mark.parametrize("executor", PROCESSES)
def test_batches_are_rolled_by_several_processes(executor: Literal["process", "pool"]) -> None:
    """The trace has a line for each of sixteen batches of a million, from processes of ours."""
    records: list[BatchRecord] = []
    dicesim.run(executor=executor, start_method="fork", trace=records.append, workers=2)
    assert [record.index for record in records] == list(range(16))
    assert sum(record.size for record in records) == 1_000_000
    assert {record.parent for record in records} == {os.getpid()}
    assert os.getpid() not in {record.process for record in records}
    assert {record.module for record in records} == {"dicesim.execution"}


def test_all_workers_take_part() -> None:
    """With many batches, no worker stays idle."""
    records: list[BatchRecord] = []
    dicesim.run(n=10**7, batch_size=2**16, executor="process", workers=3, trace=records.append)
    assert len({record.process for record in records}) == 3


def test_progress_has_the_counts_so_far() -> None:
    """They are those of the first batches, and known but for shared counters."""
    looks: list[dicesim.Progress] = []
    result = dicesim.run("2d6", 10**6, rng=3, executor="serial", progress=looks.append)
    for look in looks:
        assert look.tally is not None
        assert look.tally.total == look.done
    last = looks[-1].tally
    assert last is not None
    assert last.counter() == result.counts
    looks.clear()
    dicesim.run("2d6", 10**5, aggregation="shared", executor="serial", progress=looks.append)
    assert {look.tally for look in looks} == {None}


def test_progress_grows_to_the_end() -> None:
    """Progress is told in whole batches, and ends with all."""
    seen: list[Progress] = []
    run(executor="serial", progress=seen.append)
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    assert done[-1] == N
    assert {progress.requested for progress in seen} == {N}


@pytest.mark.parametrize("aggregation", ["bincount", "shared"])
@pytest.mark.parametrize("executor", ["serial", "threads", *PROCESSES])
def test_a_cancelled_run_keeps_whole_batches(executor: str, aggregation: str) -> None:
    """A run that is cancelled says so, and has whole batches; in order, unless they are shared."""
    stop = threading.Event()

    def cancel_after(progress: Progress) -> None:
        if progress.done >= 5 * BATCH:
            stop.set()

    result = dicesim.run(
        "3d6+1d8", BATCH * 10_000, rng=11, batch_size=BATCH, workers=2, cancel=stop,
        executor=executor, aggregation=aggregation, progress=cancel_after,  # type: ignore[arg-type]
    )  # fmt: skip
    assert not result.complete
    assert result.n % BATCH == 0
    assert 5 * BATCH <= result.n < BATCH * 10_000
    assert no_worker_is_left()
    if aggregation != "shared":
        again = dicesim.run("3d6+1d8", result.n, rng=11, batch_size=BATCH, executor="serial")
        assert again.tally == result.tally


def test_a_run_cancelled_at_once_is_empty() -> None:
    """Figures of nothing are None, and the forms still work."""
    stop = threading.Event()
    stop.set()
    result = dicesim.run(n=10**9, executor="process", workers=2, cancel=stop)
    assert result.n == 0 or result.n % result.plan.batch_size == 0
    assert not result.complete
    assert "INCOMPLETE" in dicesim.format_run(result)
    assert '"complete": false' in result.to_json()


def test_an_error_inside_a_batch_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in a batch ends the run with its number, and what was finished."""
    real = sampling.counts

    def fail(expression: Expression, rng: np.random.Generator, size: int) -> Tally:
        if next(calls) == 4:
            raise MemoryError("no room")
        return real(expression, rng, size)

    calls = itertools.count()
    monkeypatch.setattr("dicesim.sampling.counts", fail)
    with pytest.raises(dicesim.ExecutionError, match="batch 4 failed with MemoryError") as caught:
        run(executor="serial")
    assert caught.value.partial.n == 4 * BATCH
    for executor in PROCESSES:
        calls = itertools.count()
        with pytest.raises(dicesim.ExecutionError, match=r"batch \d+ failed with MemoryError"):
            run(executor=executor, start_method="fork")
        assert no_worker_is_left()


def test_inside_a_worker_auto_is_serial() -> None:
    """A daemonic worker may have no children: auto avoids them, the rest is refused."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        auto = pool.apply(dicesim.run, ("2d6", 10**8))
        assert (auto.executor, auto.n) == ("serial", 10**8)
        assert pool.apply(dicesim.run, ("2d6", N), {"executor": "threads"}).executor == "threads"
        with pytest.raises(dicesim.ParameterError, match="cannot start workers inside a worker"):
            pool.apply(dicesim.run, ("2d6", N), {"executor": "pool"})
        pool.close()
        pool.join()


def test_runs_from_many_threads_do_not_disturb_each_other(undisturbed: Tally) -> None:
    """Four threads run four executors at once."""
    names = ("process", "pool", "threads", "serial")
    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(run, executor=name, workers=2) for name in names]
        concurrent.futures.wait(runs)
    assert all(one.result().tally == undisturbed for one in runs)
    assert no_worker_is_left()


def test_auto_starts_workers_where_they_pay() -> None:
    """Small runs are serial; whoever asks for workers or a start method gets them."""
    assert dicesim.run(n=1000).executor == "serial"
    assert dicesim.run(n=10**6).executor == "serial"
    assert run(workers=2).executor == "process"
    assert run(start_method="spawn", workers=2).executor == "process"
    assert run(workers=1).executor == "serial"
    assert run(method="multinomial").executor == "serial"


def test_what_has_no_effect_is_noted() -> None:
    """An option that changes nothing is said to."""
    (note,) = run(executor="serial", start_method="spawn").notes
    assert "spawn is not used" in note
    (note,) = run(executor="serial", workers=2).notes
    assert "2 workers were asked for, 1 used" in note


UNGUARDED = """
import dicesim
result = dicesim.run(n=200_000, executor={executor!r}, start_method={start!r}, workers=2)
print(result.n)
"""


@pytest.mark.parametrize("start", ["forkserver", "spawn"])
@pytest.mark.parametrize("executor", PROCESSES)
def test_a_script_without_main_guard_gets_a_clear_error(
    executor: str, start: str, tmp_path: Path
) -> None:
    """Not an endless spawn, and no traceback from each worker."""
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED.format(executor=executor, start=start))
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "if __name__ == '__main__'" in done.stderr.splitlines()[-1]
    assert done.stderr.count("Traceback") <= 2
