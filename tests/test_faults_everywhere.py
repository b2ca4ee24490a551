"""The same faults under every start method: workers that die at the worst places (L2).

Each test is a script of its own. Workers of forkserver and spawn import it again, and with it what
it does to the library.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

import dicesim
from tests.faulting import Command

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="kills by POSIX signals"),
    pytest.mark.timeout(120),
]

BATCH, BATCHES = 2**14, 24

SCRIPT = """
import multiprocessing, os, pathlib, signal, sys
from concurrent.futures import ProcessPoolExecutor
import dicesim
from dicesim import execution, shared

kind, aggregation, start, place = sys.argv[1:]
real_tally, real_write = execution._tally_batch, shared.SharedCounters._write
real_mark = shared.SharedCounters._mark

def die(batch, here, *, once=True):
    if batch != 7 or place != here or multiprocessing.parent_process() is None:
        return
    died = pathlib.Path("died")
    if once and died.exists():
        return
    died.touch()
    os.kill(os.getpid(), signal.SIGKILL)

def tally(job, index):
    die(index, "once")
    die(index, "always", once=False)
    return real_tally(job, index)

def write(self, batch, counted):
    die(batch, "before")
    real_write(self, batch, counted)
    die(batch, "after")

def mark(self, batch):
    die(batch, "inside")  # the counts are written by now, the mark is not
    return real_mark(self, batch)

execution._tally_batch = tally
shared.SharedCounters._write, shared.SharedCounters._mark = write, mark

def make():
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(start))

def main():
    options = {{"executor": make}} if kind == "futures" else {{
        "executor": kind, "start_method": start, "workers": 2, "aggregation": aggregation}}
    try:
        result = dicesim.run("9d6", {n}, rng=5, batch_size={batch}, **options)
    except dicesim.ExecutionError as error:
        print(error)
        result = error.partial
    print(result.n)
    print(dict(result.counts))
    assert not multiprocessing.active_children() or kind == "futures"

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def undisturbed() -> dict[int, int]:
    """What every survivor must count."""
    return dict(counts(BATCHES))


def counts(batches: int) -> dict[int, int]:
    """Count the first batches, undisturbed."""
    return dict(dicesim.run("9d6", BATCH * batches, rng=5, batch_size=BATCH).counts)


def run(path: Path, *arguments: str) -> list[str]:
    """Run the script with a worker that dies; what it prints."""
    script = path / "script.py"
    script.write_text(SCRIPT.format(n=BATCH * BATCHES, batch=BATCH))
    code, out, err = Command([sys.executable, str(script), *arguments], cwd=path).end()
    assert (code, err) == (0, "")
    assert (path / "died").exists()
    return out.splitlines()


KINDS = [*itertools.product(("process", "pool"), ("bincount", "shared")), ("futures", "bincount")]
STARTS = dicesim.START_METHODS


@pytest.mark.parametrize(("kind", "aggregation"), KINDS)
@pytest.mark.parametrize("start", STARTS)
def test_a_worker_that_dies_in_a_batch(
    kind: str, aggregation: str, start: str, tmp_path: Path, undisturbed: dict[int, int]
) -> None:
    """It is replaced, its batch is rolled again, and the counts are what they were."""
    number, counted = run(tmp_path, kind, aggregation, start, "once")
    assert number == str(BATCH * BATCHES)
    assert counted == str(undisturbed)


@pytest.mark.parametrize("kind", ["process", "pool"])
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("place", ["before", "inside", "after"])
def test_a_worker_that_dies_with_the_lock(
    kind: str, start: str, place: str, tmp_path: Path, undisturbed: dict[int, int]
) -> None:
    """Before, in the middle of and after its update: nothing lost, doubled or locked for ever."""
    number, counted = run(tmp_path, kind, "shared", start, place)
    assert number == str(BATCH * BATCHES)
    assert counted == str(undisturbed)


@pytest.mark.parametrize(("kind", "aggregation"), KINDS)
@pytest.mark.parametrize("start", STARTS)
def test_a_batch_that_always_kills_its_worker(
    kind: str, aggregation: str, start: str, tmp_path: Path
) -> None:
    """It is named after three tries, and what was finished is there."""
    said, number, counted = run(tmp_path, kind, aggregation, start, "always")
    assert said == "batch 7 ended its worker 3 times; gave up"
    batches, rest = divmod(int(number), BATCH)
    assert rest == 0
    assert batches < BATCHES
    if aggregation != "shared":
        assert batches <= 7
        assert counted == str(counts(batches) if batches else {})
