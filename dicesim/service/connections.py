"""Connections: not more than can be served, and none that says nothing."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import Any, Final

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from .settings import Settings

if sys.platform != "win32":
    import resource

# Files that are not connections: the table, checkpoints, pipes to workers, libraries.
_OWN_FILES: Final = 64
_WINDOWS_FILES: Final = 2**12
_BACKLOG: Final = 256
_FEWEST: Final = 8
_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
    b"Content-Length: 0\r\n\r\n"
)


class Connections:
    """How many connections are open, and whose.

    Parameters
    ----------
    settings : Settings
    files : int, optional
        How many files the process may have open; what the system says without it.

    Examples
    --------
    >>> connections = Connections(Settings(), files=200)
    >>> connections.backlog, connections.most, connections.most_per_client
    (50, 86, 64)
    """

    def __init__(self, settings: Settings, files: int | None = None) -> None:
        if files is None:
            files = _most_files()
        # So many are accepted at a stroke, before any of them can be refused.
        self.backlog = min(_BACKLOG, files // 4)
        self.most = max(_FEWEST, min(settings.connections, files - self.backlog - _OWN_FILES))
        self.most_per_client = max(
            _FEWEST, min(settings.connections_per_client, self.most * 3 // 4)
        )
        self.head_seconds = settings.head_seconds
        self._open: Counter[str] = Counter()

    def take(self, client: str) -> bool:
        """Count one more, if there is room for it."""
        if self._open.total() >= self.most or self._open[client] >= self.most_per_client:
            return False
        self._open[client] += 1
        return True

    def give_back(self, client: str) -> None:
        """Count one less."""
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]


def _most_files() -> int:
    if sys.platform == "win32":
        return _WINDOWS_FILES
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 2**16


class _Bounded(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # a choice at run time
    """uvicorn's protocol, with bounds."""

    open_ones: Connections
    _late: asyncio.TimerHandle | None = None
    _of: str | None = None

    def connection_made(self, transport: Any) -> None:
        client = str((transport.get_extra_info("peername") or ("",))[0])
        if not self.open_ones.take(client):
            transport.write(_BUSY)
            transport.close()
            return
        self._of = client
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._of is None:
            return
        self.open_ones.give_back(self._of)
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._of is None:
            return
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait_for_head()
        else:
            self._wait_no_more()

    def _wait_for_head(self) -> None:
        if self._late is None:
            seconds = self.open_ones.head_seconds
            self._late = self.loop.call_later(seconds, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def bounded(connections: Connections) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol, with bounds."""
    return type("Bounded", (_Bounded,), {"open_ones": connections})
