"""The process: its socket, its signals, and its end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

import uvicorn

import dicesim

from .app import Service
from .connections import Connections, bounded
from .jobs import JobTable
from .settings import Settings

_INTERRUPTED: Final = 130
# What is left for answers that are on their way, once streams have been told to end.
_GRACE_SECONDS: Final = 1
_SEND_BYTES: Final = 2**16
_UNREAD_MS: Final = 30_000


def serve(settings: Settings, started: Callable[[str], None]) -> int:
    """Serve until a signal says otherwise, and return what to exit with.

    Parameters
    ----------
    settings : Settings
    started : callable
        Told the address, once there are answers.

    Raises
    ------
    ParameterError
        The port is in use, or the directory is, or cannot be.
    """
    listener = _listen(settings)
    _prepare(settings)
    service = Service(settings)
    connections = Connections(settings)
    config = uvicorn.Config(
        service.app,
        http=bounded(connections),
        backlog=connections.backlog,
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ws="none",
    )
    server = _Server(config, service, lambda: started(_address(settings, listener)))
    with listener:
        asyncio.run(server.serve(sockets=[listener]))
    return _INTERRUPTED if server.signal == signal.SIGINT else 0


class _Server(uvicorn.Server):
    """uvicorn, which tells streams to end before it waits for them."""

    def __init__(self, config: uvicorn.Config, service: Service, begun: Callable[[], None]) -> None:
        super().__init__(config)
        self._service = service
        self._begun = begun
        self.signal = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._begun()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.begin_to_close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals as the wish to end, and no more: uvicorn would raise them once again."""
        before = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.should_exit and number == signal.SIGINT:  # a second Ctrl-C
            os._exit(_INTERRUPTED)
        self.signal = number
        self.should_exit = True


def _listen(settings: Settings) -> socket.socket:
    """Take the port.

    Raises
    ------
    ParameterError
        It cannot be had.
    """
    try:
        kind, _, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # asyncio sends small answers without delay only where the protocol is named.
        listener = socket.socket(kind, socket.SOCK_STREAM, protocol)
    except (OSError, UnicodeError) as error:
        raise dicesim.ParameterError(
            f"--host: {settings.host!r} is no address of this machine; write 127.0.0.1",
            parameter="--host",
        ) from error
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bound(listener)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise dicesim.ParameterError(
            f"--port: cannot listen on {settings.host}, port {settings.port}: {error.strerror}; "
            "name another one, or 0 for any that is free",
            parameter="--port",
        ) from error
    return listener


def _bound(listener: socket.socket) -> None:
    """Bound what the system holds for clients that do not read, and how long."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)


def _prepare(settings: Settings) -> None:
    """Make the directory, and see that its table can be used.

    Raises
    ------
    ParameterError
        It cannot.
    """
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        JobTable(settings.data / "jobs.db").close()
    except OSError as error:
        raise _unusable(settings, error.strerror or "cannot be made") from error
    except sqlite3.Error as error:
        locked = getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
        reason = "another dicesim serve uses it" if locked else str(error)
        raise _unusable(settings, reason) from error


def _unusable(settings: Settings, reason: str) -> dicesim.ParameterError:
    return dicesim.ParameterError(
        f"--data: {settings.data}: {reason}; name another directory", parameter="--data"
    )


def _address(settings: Settings, listener: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    with suppress(OSError):
        return f"http://{host}:{listener.getsockname()[1]}/"
    return f"http://{host}:{settings.port}/"
