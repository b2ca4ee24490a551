"""What a service may be told: where it listens, what it keeps, and what one client may ask for."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import dicesim

LONGEST_EXPRESSION: Final = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the service listens, where it keeps its jobs, and its bounds.

    Parameters
    ----------
    host, port : str, int
        Where to listen; port 0 takes any that is free.
    data : Path
        Directory of the job table and of checkpoints.
    token : str, optional
        Asked of whoever calls the API.
    workers : int
        Processes that roll.
    desks : int
        Processes that answer what is answered at once.
    queue, jobs_per_client : int
        Jobs that may wait, and jobs of one client that are not finished.
    questions, questions_per_client : int
        Questions that are answered at once and not answered yet.
    streams, streams_per_client : int
        Event streams that are open at once.
    n : int
        Trials of a job.
    seconds, desk_seconds : float
        How long a job may roll, and how long an answer may take.
    body_bytes, body_seconds : int, float
        Size of what is posted, and how long it may take to arrive.
    bodies_bytes : int
        Size of all that is posted at once.
    connections, connections_per_client : int
        Connections that are open at once, if the system allows for so many.
    head_seconds : float
        How long the head of a request may take to arrive.
    keep, keep_bytes : int
        Finished jobs that are kept, the newest, and bytes of their results.
    heartbeat, send_seconds : float
        Seconds between signs of life in a stream, and until a client that reads nothing is left.
    limits, desk_limits : Limits
        Of the expressions and the work of jobs, and of answers at once.

    Examples
    --------
    >>> Settings(port=0).host
    '127.0.0.1'
    """

    host: str = "127.0.0.1"
    port: int = 8000
    data: Path = field(default_factory=lambda: default_data())
    token: str | None = None
    workers: int = field(default_factory=lambda: processors())
    desks: int = 2
    queue: int = 256
    jobs_per_client: int = 64
    questions: int = 64
    questions_per_client: int = 32
    streams: int = 512
    streams_per_client: int = 256
    n: int = 10**10
    seconds: float = 600.0
    desk_seconds: float = 5.0
    body_bytes: int = 2**20
    body_seconds: float = 10.0
    bodies_bytes: int = 2**26
    connections: int = 2048
    connections_per_client: int = 1024
    head_seconds: float = 10.0
    keep: int = 1000
    keep_bytes: int = 2**28
    heartbeat: float = 15.0
    send_seconds: float = 30.0
    limits: dicesim.Limits = field(
        default_factory=lambda: dicesim.Limits(
            price=10_000, work=10**11, outcomes=2**15, table_bytes=2**26, batch_size=2**22
        )
    )
    desk_limits: dicesim.Limits = field(
        default_factory=lambda: dicesim.Limits(
            price=10_000, work=2 * 10**8, outcomes=2**15, table_bytes=2**26, batch_size=2**22
        )
    )

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the service."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def default_data() -> Path:
    """Return the directory for what programs of this user keep (XDG_STATE_HOME)."""
    home = os.environ.get("XDG_STATE_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".local/state") / "dicesim"


def processors() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
