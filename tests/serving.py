"""A real service process for tests, and what they ask of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

# A job that goes on for as long as any test, and is kept in a file.
LONG: dict[str, Any] = {"expression": "20d6kh3", "n": 5 * 10**9, "seed": 7}
# One of some seconds, which is kept too.
MIDDLE: dict[str, Any] = {"expression": "20d6kh3", "n": 4 * 10**7, "seed": 7}

# Settings that the command line has no options for are set here.
PROGRAM = """
import dataclasses, json, sys
from pathlib import Path
from dicesim.service import server, settings

if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    told["data"] = Path(told["data"])
    said = lambda address: print(address, flush=True)
    sys.exit(server.serve(settings.Settings(**told), said))
"""


class Server:
    """A service on a port of its own.

    Parameters
    ----------
    data : Path
        Its directory.
    settings
        As of `dicesim.service.settings.Settings`.
    """

    def __init__(self, data: Path, **settings: Any) -> None:
        self.data = data
        self._told = {"port": 0, "workers": 1, "desks": 1, "data": str(data), **settings}
        self._program = data.parent / "program.py"
        self._program.write_text(PROGRAM)
        self.start()

    def start(self, *, ready: bool = True) -> None:
        """Start it, or start it again, and wait until it can be used, or at least answers."""
        self.process = subprocess.Popen(
            [sys.executable, str(self._program), json.dumps(self._told)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip().rstrip("/")
        assert self.url, self.process.communicate()[1]
        token = self._told.get("token")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=60, verify=False)
        if ready:
            wait_for(lambda: self.client.get("/readyz").status_code == 200)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)

    def end(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Send a signal, wait for the end, and return what was said on stderr."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> str:
        """Wait for the end, and return what was said on stderr."""
        self.client.close()
        return self.process.communicate(timeout=30)[1]

    def post(self, headers: dict[str, str] | None = None, **request: Any) -> dict[str, Any]:
        """Post a simulation."""
        answer = self.client.post("/v1/simulations", json=request, headers=headers)
        assert answer.status_code == 202, answer.text
        told: dict[str, Any] = answer.json()
        assert answer.headers["Location"] == told["links"]["self"]
        return told

    def status(self, job: dict[str, Any]) -> dict[str, Any]:
        """Ask how a simulation stands."""
        told: dict[str, Any] = self.client.get(job["links"]["self"]).json()
        return told

    def result(self, job: dict[str, Any]) -> dict[str, Any]:
        """Wait for a simulation, and return its result."""
        for event, _, data in self.events(job):
            if event != "progress":
                assert event == "result", data
                return data
        raise AssertionError("the stream ended without a result")

    def events(
        self, job: dict[str, Any], last_id: int | None = None
    ) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """Follow a simulation: name, id and data of each event."""
        headers = {} if last_id is None else {"Last-Event-ID": str(last_id)}
        with self.client.stream("GET", job["links"]["events"], headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            yield from parsed(answer.iter_lines())

    def workers(self) -> list[int]:
        """Processes that the service started, but for multiprocessing's own."""
        return [pid for pid in children(self.process.pid) if "spawn_main" in command_line_of(pid)]


def parsed(lines: Iterator[str]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Read server-sent events."""
    event: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value
        elif not line and "data" in event:
            yield event["event"], int(event["id"]), json.loads(event["data"])
            event = {}


def children(pid: int) -> list[int]:
    """Processes whose parent this is, as Linux tells."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it ended meanwhile
            continue
        if parent == pid:
            found.append(int(path.parent.name))
    return found


def command_line_of(pid: int) -> str:
    """The command line of a process, or nothing if it ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(pid: int) -> None:
    """End a process, if it has not ended by itself."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def wait_for(condition: Any, seconds: float = 60) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@contextmanager
def served(data: Path, **settings: Any) -> Iterator[Server]:
    """Run a service for a while."""
    with Server(data, **settings) as server:
        yield server
