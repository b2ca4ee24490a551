"""The newest state of a job, for all who watch it.

A stream holds no queue: it waits for news, and sends the newest. So a client that reads slowly, or
never, costs no memory, and misses only what is no longer news.
"""

from __future__ import annotations

import asyncio
from typing import Final

# Of the longest id that any event can have.
_DIGITS: Final = 19


class Feed:
    r"""The newest event of a job.

    The id of an event is the number of trials that it counts, and that of the last event is one
    more than were asked for. So ids only grow, whatever dies meanwhile, and a stream that is taken
    up again knows what is news.

    Examples
    --------
    >>> feed = Feed()
    >>> feed.publish(10, "progress", b"{}")
    >>> feed.publish(5, "progress", b"{}")  # from a worker that begins anew
    >>> feed.newer_than(9)
    b'id: 10\nevent: progress\ndata: {}\n\n'
    >>> feed.newer_than(10) is None
    True
    """

    def __init__(self) -> None:
        self.id = -1
        self.ended = False
        self._block = b""
        self._watchers: set[asyncio.Event] = set()

    def publish(self, number: int, name: str, data: bytes, *, last: bool = False) -> None:
        """Put an event in place of the one before, unless it is older."""
        if number <= self.id:
            return
        self.id, self.ended = number, last
        self._block = block(number, name, data)
        self.wake()

    def wake(self) -> None:
        """Let all who watch look."""
        for watcher in self._watchers:
            watcher.set()

    def newer_than(self, number: int) -> bytes | None:
        """Return the newest event, as it is sent, if it is news."""
        return self._block if self.id > number else None

    def watch(self, watcher: asyncio.Event) -> None:
        """Set an event whenever there is news."""
        self._watchers.add(watcher)

    def leave(self, watcher: asyncio.Event) -> None:
        """Watch no more."""
        self._watchers.discard(watcher)


def block(number: int, name: str, data: bytes) -> bytes:
    """Write a server-sent event."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, name.encode(), data)


def event_id(text: str | None, most: int) -> int:
    """Read a Last-Event-ID; what is none, or beyond the last event, counts as nothing seen.

    Examples
    --------
    >>> event_id("12", 101), event_id("x", 101), event_id(None, 101), event_id("102", 101)
    (12, -1, -1, -1)
    """
    if text is not None and text.isascii() and text.isdigit() and len(text) <= _DIGITS:
        return int(text) if int(text) <= most else -1
    return -1
