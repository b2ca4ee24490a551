"""Runs beside runs, in threads and in the workers of somebody else, do not disturb each other."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

import dicesim
from dicesim.guard import importing_main
from tests.faulting import no_worker_is_left

N, BATCH = 400_000, 2**14
WAYS = [
    {"executor": executor, "aggregation": aggregation, "workers": 2}
    for executor in ("serial", "threads", "process", "pool")
    for aggregation in ("bincount", "shared")
]


def counts(**options: object) -> dict[int, int]:
    """Counts of a small run."""
    result = dicesim.run("9d6", N, rng=5, batch_size=BATCH, **options)  # type: ignore[arg-type]
    return dict(result.counts)


@pytest.mark.parametrize("start", ["forkserver", "spawn"])
def test_many_threads_at_once(start: str) -> None:
    """Sixteen runs in eight threads, with every executor and both ways to count."""
    expected = counts()
    with ThreadPoolExecutor(8) as threads:
        options = [
            way | ({"start_method": start} if way["executor"] in ("process", "pool") else {})
            for way in WAYS
        ]
        runs = [threads.submit(counts, **way) for way in options * 2]
        assert all(run.result() == expected for run in runs)
    assert no_worker_is_left()


FORKING = """
import threading
from concurrent.futures import ThreadPoolExecutor
import dicesim

def counts(way):
    executor, aggregation = way
    return dicesim.run("9d6", 400_000, rng=5, batch_size=2**14, workers=2, executor=executor,
                       aggregation=aggregation, start_method="fork").counts

alone = dicesim.run("9d6", 400_000, rng=5, batch_size=2**14).counts
ways = [(e, a) for e in ("process", "pool") for a in ("bincount", "shared")] * 4
with ThreadPoolExecutor(6) as threads:
    print(all(found == alone for found in threads.map(counts, ways)))
"""


@pytest.mark.filterwarnings("default")
def test_forks_beside_threads() -> None:
    """Whoever asks for fork in a process with threads gets it, and the counts are the same."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    assert done.stdout == "True\n"


HELD = """
import threading
import dicesim
from dicesim import workers
from dicesim.packing import Packing

begun, over = threading.Event(), threading.Event()
table = Packing.__dict__["_starts"]
compute = table.func

def slowly(packing):
    if threading.current_thread().name == "slow":
        begun.set()
        over.wait()
    return compute(packing)

def roll(**options):
    return dicesim.run("2d6", 400_000, rng=5, batch_size=2**14, **options).counts

table.func = slowly
slow = threading.Thread(target=roll, kwargs={"executor": "serial"}, name="slow")
slow.start()
begun.wait()
found = [roll(executor=e, start_method="fork", workers=2) for e in ("process", "pool")]
over.set()
slow.join()
print(found == [roll(executor="serial")] * 2)
"""

LOCKED = """
import multiprocessing
import dicesim
from dicesim import workers

def roll():
    dicesim.run("2d6", 400_000, executor="process", start_method="fork", workers=2)

context = multiprocessing.get_context("fork")
with workers.starting(context):  # as in another thread
    child = context.Process(target=roll)
    child.start()
child.join()
print(child.exitcode == 0)
"""


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("program", [HELD, LOCKED], ids=["property", "start"])
def test_a_fork_inherits_no_lock(program: str) -> None:
    """What another thread is in the middle of, at the instant of a fork, stops no worker."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "True\n"


def test_a_process_with_threads_does_not_fork_by_itself() -> None:
    """Left to itself, a run in a process with other threads starts its workers another way."""
    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(dicesim.run, "2d6", N, executor="process", workers=2).result()
    assert result.start_method == "forkserver"


WORKER = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import dicesim

def roll(executor):
    question = dict(expression="9d6", n=400_000, rng=5, batch_size=2**14)
    try:
        result = dicesim.run(**question, executor=executor, workers=2)
    except dicesim.ParameterError as error:
        return str(error)
    return result.executor, result.counts == dicesim.run(**question).counts

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        for executor in ("serial", "threads", "process", "pool", "auto"):
            print(*pool.submit(roll, executor).result())
    with context.Pool(1) as pool:
        for executor in ("threads", "process", "pool", "auto"):
            print(pool.apply(roll, (executor,)))
        pool.close()
        pool.join()
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_inside_the_worker_of_a_pool(start: str, tmp_path: Path) -> None:
    """Workers that may have children have them; daemons are told, and `auto` does without."""
    script = tmp_path / "script.py"
    script.write_text(WORKER)
    command = [sys.executable, str(script), start]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    refusal = (
        "executor: {} cannot start workers inside a worker process; choose serial, threads or auto"
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "serial True",
        "threads True",
        "process True",
        "pool True",
        "process True",
        "('threads', True)",
        refusal.format("process"),
        refusal.format("pool"),
        "('serial', True)",
    ]


def test_an_executor_shared_by_several_runs() -> None:
    """Two runs on one handed-in executor at the same time keep their outcomes apart."""
    expected = counts()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool, ThreadPoolExecutor(3) as threads:
        runs = [threads.submit(counts, executor=pool) for _ in range(3)]
        assert all(run.result() == expected for run in runs)


def test_a_module_that_another_thread_is_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs while another thread still loads multiprocessing is no worker."""
    monkeypatch.setitem(sys.modules, "multiprocessing.process", ModuleType("process"))
    assert not importing_main()
