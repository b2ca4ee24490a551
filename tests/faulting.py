"""Real processes and real signals, for the tests of faults."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

# Deadlines only catch hangs: they are many times what is promised.
PATIENCE = 60.0

# Every way to start workers, as options of the command line.
WAYS: dict[str, tuple[str, ...]] = {
    "serial": ("--executor", "serial"),
    "threads": ("--executor", "threads", "--workers", "2"),
} | {
    f"{executor}-{start}": ("--executor", executor, "--workers", "2", "--start-method", start)
    for executor in ("process", "pool")
    for start in ("fork", "forkserver", "spawn")
}
WAYS |= {f"shared-{name}": (*options, "--aggregation", "shared") for name, options in WAYS.items()}


def state(process: int) -> str:
    """State of a process as the kernel tells it; empty where there is none."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def alive(process: int) -> bool:
    """Whether a process runs; one that was not reaped yet does not."""
    return state(process) not in ("", "Z", "X")


def of_group(group: int) -> list[int]:
    """Processes of a process group that are alive."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.getpgid(int(entry.name)) == group:
                found.append(int(entry.name))
        except ProcessLookupError:
            continue
    return [process for process in found if alive(process)]


def workers_of(group: int) -> list[int]:
    """Find the workers of a process group's leader: neither the fork server nor the tracker."""
    parents = {process: parent(process) for process in of_group(group)}
    workers = []
    for process, above in parents.items():
        try:
            command = Path(f"/proc/{process}/cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        server = above == group and "forkserver" in command
        if process != group and not server and "resource_tracker" not in command:
            workers.append(process)
    return workers


def parent(process: int) -> int:
    """Parent of a process; 0 where it has ended."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def no_worker_is_left() -> bool:
    """Whether all processes of ours have ended; one that was just killed is waited for.

    Two threads that wait for the same process may both miss its end, but see it the next time.
    """
    deadline = time.monotonic() + PATIENCE
    while left := multiprocessing.active_children():
        assert time.monotonic() < deadline, f"left: {left}"
        left[0].join(0.1)
    return True


def kill(processes: Iterable[int]) -> int:
    """Kill processes, and count them."""
    killed = 0
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            killed += 1
    return killed


def wait_until_gone(processes: Iterable[int]) -> None:
    """Wait until processes that are no children of ours have ended."""
    deadline = time.monotonic() + PATIENCE
    left = list(processes)
    while left := [process for process in left if alive(process)]:
        assert time.monotonic() < deadline, f"still alive: {left}"
        time.sleep(0.01)


def wait_for_group(group: int) -> None:
    """Wait until no process of a group is alive."""
    deadline = time.monotonic() + PATIENCE
    while left := of_group(group):
        assert time.monotonic() < deadline, f"still alive: {left}"
        time.sleep(0.01)


def shared_memory() -> set[str]:
    """What lies in the shared memory of this machine, made by Python."""
    folder = Path("/dev/shm")
    return {entry.name for entry in folder.iterdir() if "psm_" in entry.name or "pym" in entry.name}


class Command:
    """A command in a process group of its own, as a terminal starts it."""

    def __init__(self, arguments: list[str], **options: object) -> None:
        self.process = subprocess.Popen(  # type: ignore[call-overload]
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )

    def send(self, number: int, *, to_all: bool) -> None:
        """Send a signal, to the whole group as a terminal does, or to the first process alone."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if to_all else os.kill)(self.process.pid, number)

    def wait_at_most(self, seconds: float) -> None:
        """Let it run for a while."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def end(self, patience: float = PATIENCE) -> tuple[int, str, str]:
        """Wait for its end and that of its workers; exit code, stdout and stderr."""
        try:
            out, err = self.process.communicate(timeout=patience)
            wait_for_group(self.process.pid)
        except subprocess.TimeoutExpired:
            kill(of_group(self.process.pid))
            self.process.communicate()
            raise
        finally:
            kill(of_group(self.process.pid))
        return self.process.returncode, out, err


def before_our_first_line(code: int, errors: str) -> bool:
    """Whether a command was interrupted while Python itself still started: Python's matter."""
    ours = re.search(r'__main__\.py", line \d+, in main', errors)
    return code in (1, -signal.SIGINT) and not ours


def instants(seed: int, number: int, longest: float) -> list[float]:
    """Random instants, half of them early, when things start."""
    chance = random.Random(seed)
    return [chance.uniform(0, longest / (1 + 3 * (i % 2))) for i in range(number)]
