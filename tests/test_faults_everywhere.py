"""The same faults under every start method: workers that die at the worst places (L2).

Each test is a script of its own. Workers of forkserver and spawn import it again, and with it what
it does to the library.
"""

from __future__ import annotations

import itertools
import random
import sys
from pathlib import Path

import pytest

import dicesim
from tests.conftest import SEED
from tests.faulting import Command, kill, workers_of

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="kills by POSIX signals"),
    pytest.mark.timeout(120),
]

BATCH, BATCHES = 2**14, 24

SCRIPT = """
import multiprocessing, os, pathlib, signal, struct, sys
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
    if here == "halfway":
        begin_a_message()
    os.kill(os.getpid(), signal.SIGKILL)

def begin_a_message():
    frame = sys._getframe()
    while "result_queue" not in frame.f_locals:
        frame = frame.f_back
    writer = frame.f_locals["result_queue"]._writer
    os.write(writer.fileno(), struct.pack("!i", 10**6) + b"and no more")

def tally(job, index):
    die(index, "once")
    die(index, "halfway")
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
    if kind in ("futures", "handed in"):
        options = {{"executor": make if kind == "futures" else make()}}
    else:
        options = {{"executor": kind, "start_method": start, "workers": 2,
                    "aggregation": aggregation}}
    try:
        n = {n} * (200 if place == "storm" else 1)
        result = dicesim.run("9d6", n, rng=5, batch_size={batch}, **options)
    except dicesim.ExecutionError as error:
        print(error)
        result = error.partial
    print(result.n)
    print(dict(result.counts))
    if kind != "handed in":
        for child in multiprocessing.active_children():
            child.join(10)  # killed, and not yet known to be dead
        assert not multiprocessing.active_children()

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


@pytest.mark.parametrize("start", STARTS)
def test_a_worker_that_dies_in_the_middle_of_a_message(
    start: str, tmp_path: Path, undisturbed: dict[int, int]
) -> None:
    """The executor waits for the rest of it; the run does not."""
    number, counted = run(tmp_path, "futures", "bincount", start, "halfway")
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


@pytest.mark.parametrize("start", STARTS)
def test_an_executor_of_others_that_breaks(start: str, tmp_path: Path) -> None:
    """It is not ours to make anew: the run ends with what was finished."""
    said, number, counted = run(tmp_path, "handed in", "bincount", start, "once")
    assert said.startswith("the executor that was handed in broke")
    assert "hand in a function that makes one" in said
    batches, rest = divmod(int(number), BATCH)
    assert rest == 0
    assert batches <= 7
    assert counted == str(counts(batches) if batches else {})


@pytest.fixture(scope="module")
def long_undisturbed() -> str:
    """What a run of two hundred times as many batches must count."""
    return str(counts(200 * BATCHES))


def storm(path: Path, kind: str, aggregation: str, start: str, seed: int) -> tuple[list[str], int]:
    """Kill one worker, or all at once, at random instants; what was printed, and how many.

    After a few kills the run is left alone, so that it comes to its end on a slow machine, too.
    """
    chance, killed = random.Random(seed), 0
    script = path / "script.py"
    script.write_text(SCRIPT.format(n=BATCH * BATCHES, batch=BATCH))
    command = Command([sys.executable, str(script), kind, aggregation, start, "storm"], cwd=path)
    while not workers_of(command.process.pid) and command.process.poll() is None:
        command.wait_at_most(0.01)  # on a slow machine it takes its time to start
    pause = 0.15 if start == "fork" else 0.6
    for _ in range(chance.randint(1, 4)):
        command.wait_at_most(chance.uniform(0, 2 * pause))
        workers = workers_of(command.process.pid)
        if workers:
            killed += kill(workers if chance.random() < 0.3 else [chance.choice(workers)])
    code, out, err = command.end()
    assert code == 0, err
    return out.splitlines(), killed


def survive(path: Path, ways: tuple[str, str, str], deaths: int, expected: str) -> None:
    """Go through storms until so many workers were killed; the counts must be what they were.

    A batch that was hit three times by chance ends its run with what was finished.
    """
    for seed in itertools.count(SEED):
        lines, killed = storm(path, *ways, seed)
        deaths -= killed
        if "gave up" not in lines[0]:
            assert lines == [str(200 * BATCH * BATCHES), expected]
            if deaths <= 0:
                return


@pytest.mark.parametrize(("kind", "aggregation"), KINDS)
@pytest.mark.parametrize("start", STARTS)
def test_a_storm(
    kind: str, aggregation: str, start: str, tmp_path: Path, long_undisturbed: str
) -> None:
    """Workers that are killed again and again, from outside, one or all at once."""
    survive(tmp_path, (kind, aggregation, start), 2, long_undisturbed)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("kind", "aggregation"), KINDS)
@pytest.mark.parametrize("start", STARTS)
def test_storms(
    kind: str, aggregation: str, start: str, tmp_path: Path, long_undisturbed: str
) -> None:
    """The same with a hundred deaths for each."""
    survive(tmp_path, (kind, aggregation, start), 100, long_undisturbed)


STANDING_STILL = """
import fcntl, multiprocessing, signal, sys
from concurrent.futures import ProcessPoolExecutor
import dicesim

def stand_still_but_for_one():
    global lock
    lock = open("lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        signal.pause()

def make():
    context = multiprocessing.get_context(sys.argv[1])
    return ProcessPoolExecutor(3, mp_context=context, initializer=stand_still_but_for_one)

if __name__ == "__main__":
    print(dicesim.run("9d6", 10**6, rng=5, executor=make).n)
    print(multiprocessing.active_children())
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_an_executor_whose_end_would_never_come(start: str, tmp_path: Path) -> None:
    """Processes that stand still before their first task do not hold up the end of a run."""
    script = tmp_path / "script.py"
    script.write_text(STANDING_STILL)
    code, out, err = Command([sys.executable, str(script), start], cwd=tmp_path).end()
    assert (code, out, err) == (0, "1000000\n[]\n", "")
