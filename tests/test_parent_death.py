"""When the parent is killed, nothing of it stays: no worker, no server, no shared memory."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

import dicesim
from tests.faulting import WAYS, Command, kill, shared_memory, workers_of

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes as on Linux"),
    pytest.mark.timeout(120),
]

SIGNALS = [signal.SIGKILL, signal.SIGTERM]

PARENT = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import dicesim

def make():
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(sys.argv[1]))

if __name__ == "__main__":
    tell = lambda record: print(record.process, flush=True)
    dicesim.run("2d6", 2 * 10**10, executor=make, trace=tell)
"""


def die(command: Command, lines: object, number: signal.Signals, before: set[str]) -> None:
    """Kill a parent once its workers roll, and wait until nothing of it is left."""
    next(iter(lines))  # type: ignore[call-overload]  # a batch was rolled
    assert len(workers_of(command.process.pid)) >= 2
    command.send(number, to_all=False)
    code, _, _ = command.end()  # waits for the whole group
    assert code == -number
    assert shared_memory() <= before


@pytest.mark.parametrize("way", [way for way in WAYS if "process" in way or "pool" in way])
@pytest.mark.parametrize("number", SIGNALS)
def test_nothing_outlives_the_command(
    way: str, number: signal.Signals, dicesim_script: str
) -> None:
    """The command line as the parent, with every executor and start method."""
    before = shared_memory()
    command = Command([dicesim_script, "run", "--n", "2e10", "--trace", *WAYS[way]])
    die(command, command.process.stderr, number, before)


@pytest.mark.parametrize("start", dicesim.START_METHODS)
@pytest.mark.parametrize("number", SIGNALS)
def test_nothing_outlives_a_script(start: str, number: signal.Signals, tmp_path: Path) -> None:
    """A script as the parent, with an executor that a function of it makes."""
    script = tmp_path / "script.py"
    script.write_text(PARENT)
    before = shared_memory()
    command = Command([sys.executable, str(script), start])
    die(command, command.process.stdout, number, before)


def test_a_parent_that_dies_as_it_starts(dicesim_script: str) -> None:
    """Before, while and after workers are started."""
    for pause in (0.15, 0.2, 0.25, 0.3, 0.4):
        command = Command([dicesim_script, "run", "--n", "2e10", *WAYS["process-spawn"]])
        command.wait_at_most(pause)
        kill([command.process.pid])
        assert command.end()[0] == -signal.SIGKILL
