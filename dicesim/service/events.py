"""Server-sent events: the newest state of a job, until there is no newer one."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Final

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from .engine import Engine
from .feed import Feed
from .problems import ProblemError, problem

_HEAD: Final = b"retry: 1000\n\n"
_HEARTBEAT: Final = b": still here\n\n"


class Streams:
    """How many streams are open, and whose."""

    def __init__(self, most: int, most_per_client: int) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._open: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many."""
        return self._open.total()

    def take(self, client: str) -> None:
        """Count one more.

        Raises
        ------
        ProblemError
            That would be too many.
        """
        if self.open >= self._most or self._open[client] >= self._most_per_client:
            detail = f"{self._open[client]} streams of yours are open, {self.open} in all"
            raise ProblemError(
                problem("busy", 429, detail, hint="close one, or ask for the status instead"),
                {"Retry-After": "5"},
            )
        self._open[client] += 1

    def give_back(self, client: str) -> None:
        """Count one less."""
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]


class EventStream(Response):
    """An answer that goes on until the job ends, the client leaves, or the service closes.

    A client that reads nothing for a while is left, for what is being sent to it is held.
    """

    media_type = "text/event-stream"

    def __init__(
        self, engine: Engine, feed: Feed, last_id: int, streams: Streams, client: str
    ) -> None:
        super().__init__(media_type=self.media_type)
        streams.take(client)
        self._engine = engine
        self._feed = feed
        self._last_id = last_id
        self._streams = streams
        self._client = client
        self._wake = asyncio.Event()
        self._left = False

    async def __call__(
        self,
        scope: Scope,  # noqa: ARG002
        receive: Receive,
        send: Send,
    ) -> None:
        """Send events."""
        self._feed.watch(self._wake)
        leaving = asyncio.create_task(self._notice_leaving(receive))
        try:
            with suppress(TimeoutError):
                await self._send_all(send)
        finally:
            leaving.cancel()
            self._feed.leave(self._wake)
            self._streams.give_back(self._client)

    async def _notice_leaving(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._wake.set()

    async def _send_all(self, send: Send) -> None:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await self._send(send, {"type": "http.response.start", "status": 200, "headers": headers})
        await self._send_text(send, _HEAD)
        while not (self._left or self._engine.closing):
            self._wake.clear()
            news = self._feed.newer_than(self._last_id)
            if news is not None:
                self._last_id = self._feed.id
                await self._send_text(send, news)
            if self._feed.ended:
                break
            if news is None and not await self._waited():
                await self._send_text(send, _HEARTBEAT)
        await self._send(send, {"type": "http.response.body", "body": b"", "more_body": False})

    async def _waited(self) -> bool:
        """Wait for news; tell whether there are any."""
        try:
            async with asyncio.timeout(self._engine.settings.heartbeat):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _send_text(self, send: Send, text: bytes) -> None:
        await self._send(send, {"type": "http.response.body", "body": text, "more_body": True})

    async def _send(self, send: Send, message: Message) -> None:
        async with asyncio.timeout(self._engine.settings.send_seconds):
            await send(message)
