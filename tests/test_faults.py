"""Deaths out of the ordinary: of the fork server, of a broken executor, before the first task (L2).

The deaths are real: SIGKILL to real processes. Deadlines only catch hangs.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

import dicesim
from dicesim import BatchRecord, Result

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
