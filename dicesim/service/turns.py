"""A queue in which clients take turns, so that nobody waits for all that another one asked for."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """What waits, in order for each client, and in turns between them.

    Examples
    --------
    >>> turns = Turns[int]()
    >>> for client, item in (("a", 1), ("a", 2), ("a", 3), ("b", 4)):
    ...     turns.put(client, item)
    >>> turns.drop("a", 2)
    True
    >>> [turns.get() for _ in range(3)]
    [1, 4, 3]
    >>> turns.close()
    >>> turns.get() is None
    True
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, deque[T]] = {}
        self._closed = False

    def put(self, client: str, item: T) -> None:
        """Queue something."""
        with self._changed:
            self._waiting.setdefault(client, deque()).append(item)
            self._changed.notify()

    def drop(self, client: str, item: T) -> bool:
        """Leave out what waits, and say whether it still did."""
        with self._changed:
            items = self._waiting.get(client, deque())
            if item not in items:
                return False
            items.remove(item)
            if not items:
                del self._waiting[client]
            return True

    def get(self) -> T | None:
        """Wait for what is next; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            client = next(iter(self._waiting))
            items = self._waiting.pop(client)
            item = items.popleft()
            if items:  # the client goes to the end
                self._waiting[client] = items
            return item

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
