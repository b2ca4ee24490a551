"""A run that is kept in a file may be killed at any instant, any number of times (L1, L2)."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import dicesim
from tests.conftest import SEED
from tests.faulting import Command, before_our_first_line

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="kills by POSIX signals"),
    pytest.mark.timeout(300),
]

N = 2 * 10**8
ROLL = ("run", "9d6", "--n", str(N), "--seed", "5", "--batch-size", "1e6")
WAYS = {
    "serial": ("--executor", "serial"),
    "process": ("--executor", "process", "--workers", "2"),
    "pool": ("--executor", "pool", "--workers", "2"),
    "spawn": ("--executor", "process", "--workers", "2", "--start-method", "spawn"),
}


@pytest.fixture(scope="module")
def undisturbed() -> dicesim.Tally:
    """What every survivor must count."""
    return dicesim.run("9d6", N, rng=5, batch_size=10**6).tally


def storm(
    script: str, path: Path, way: tuple[str, ...], chance: random.Random, number: signal.Signals
) -> int:
    """Begin and resume a run, each time with a signal at a random instant; return how many."""
    hits, longest = 0, 1.6
    while True:
        begun = path.exists() and path.stat().st_size and dicesim.stored_runs(path)
        arguments = ("resume", str(path)) if begun else (*ROLL, *way, "--checkpoint", str(path))
        command = Command([script, *arguments, "--quiet"])
        command.wait_at_most(chance.uniform(0, longest))
        longest *= 1.1  # a slow machine needs more to come any further
        if command.process.poll() is None:
            command.send(number, to_all=False)
            hits += 1
        code, _, err = command.end()
        assert code in (0, 130, -number) or before_our_first_line(code, err), err
        if code == 0:
            return hits


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_run_is_resumed(
    number: signal.Signals, dicesim_script: str, tmp_path: Path, undisturbed: dicesim.Tally
) -> None:
    """Whenever it is killed, interrupted or ended, the rest gives the same result."""
    chance = random.Random(SEED + number)
    path = tmp_path / "runs.db"
    storm(dicesim_script, path, WAYS["process"], chance, number)
    assert dicesim.resume(path).tally == undisturbed


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("way", WAYS)
def test_storms(way: str, dicesim_script: str, tmp_path: Path, undisturbed: dicesim.Tally) -> None:
    """The same with a hundred kills for each executor."""
    chance, hits, runs = random.Random(SEED), 0, 0
    while hits < 100:
        path = tmp_path / f"{runs}.db"
        hits += storm(dicesim_script, path, WAYS[way], chance, signal.SIGKILL)
        assert dicesim.resume(path).tally == undisturbed
        runs += 1


DYING = """
import os, signal, sqlite3, sys
import dicesim
from dicesim import checkpoints, database

left = int(sys.argv[2])

class Dying(sqlite3.Connection):
    def execute(self, *arguments):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(*arguments)

connect = sqlite3.connect
database.sqlite3.connect = lambda *args, **kwargs: connect(*args, factory=Dying, **kwargs)
checkpoints._PAUSE = checkpoints._SHARE = 0
dicesim.run("2d6", 5000, rng=1, batch_size=1000, checkpoint=sys.argv[1])
print("lived")
"""


def test_a_kill_between_any_two_statements(tmp_path: Path) -> None:
    """From the first byte of the file to the last: it holds a prefix, or nothing, and is used."""
    alone = dicesim.run("2d6", 5000, rng=1, batch_size=1000)
    seen: set[int | str] = set()
    for number in range(1, 100):
        path = tmp_path / f"{number}.db"
        command = [sys.executable, "-c", DYING, str(path), str(number)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        try:
            result = dicesim.resume(path)
        except dicesim.StoreError as error:
            assert "nothing in it" in str(error) or "holds no run yet" in str(error)
            result = dicesim.run("2d6", 5000, rng=1, batch_size=1000, checkpoint=path)
            seen.add("nothing")
        assert result.tally == alone.tally
        seen.add(done.returncode)
        if done.stdout == "lived\n":
            break
    assert seen == {"nothing", -signal.SIGKILL, 0}


def test_an_interrupted_run_says_how_to_go_on(dicesim_script: str, tmp_path: Path) -> None:
    """Ctrl-C prints what was finished, exits with 130, and names the command that goes on."""
    path = tmp_path / "my runs.db"
    command = [
        dicesim_script,
        "run",
        "--n",
        "1e12",
        "--checkpoint",
        str(path),
        "--quiet",
        "--trace",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()  # a batch was rolled
        process.send_signal(signal.SIGINT)
        counts, notes = process.communicate(timeout=60)
    assert process.returncode == 130
    printed = sum(int(line.split()[1]) for line in counts.splitlines())
    assert dicesim.stored_runs(path)[0].tally.total == printed > 0
    assert notes.splitlines()[-1] == f"note: to go on with it: dicesim resume '{path}'"
