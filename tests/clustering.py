"""A cluster on this machine, for the tests."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE = 60.0


class Cluster:
    """A scheduler and its workers, as processes on this machine."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("dask_scheduler", "--port", "0", "--host", "127.0.0.1")
        deadline = time.monotonic() + PATIENCE
        while not self.file.exists() or not self.file.read_text():
            assert time.monotonic() < deadline, "no scheduler"
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]

    def add(self, *options: str) -> None:
        """Start a worker; it appears when it is ready."""
        self.workers.append(self._start("dask_worker", "--nthreads", "1", "--no-nanny", *options))

    def close(self) -> None:
        """End all."""
        for process in (self.scheduler, *self.workers):
            process.kill()
            process.wait()

    def _start(self, module: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--no-dashboard"]
        return subprocess.Popen(
            [*command, "--scheduler-file", str(self.file), *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler without workers."""
    cluster = Cluster(tmp_path)
    try:
        yield cluster
    finally:
        cluster.close()
