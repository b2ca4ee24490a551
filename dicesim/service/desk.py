"""What is answered at once, for as long as somebody waits for it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from .crew import Crew, Task
from .problems import ProblemError, problem
from .settings import Settings

Receive = Callable[[], Awaitable[Any]]


class Desk:
    """Questions that are open, and whose.

    Parameters
    ----------
    settings : Settings
    crew : Crew
        Who answers.
    """

    def __init__(self, settings: Settings, crew: Crew) -> None:
        self._settings = settings
        self._crew = crew
        self._loop = asyncio.get_running_loop()
        self._asked: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many questions are not answered yet."""
        return self._asked.total()

    async def ask(self, request: dict[str, Any], client: str, receive: Receive) -> bytes:
        """Have something answered; who asked is listened to, and may leave.

        Raises
        ------
        ProblemError
            It cannot be answered, or not now.
        """
        self._check_room(client)
        answer: asyncio.Future[tuple[str, bytes]] = self._loop.create_future()

        def tell(kind: str, value: Any) -> None:
            with suppress(RuntimeError):  # the loop may have ended
                self._loop.call_soon_threadsafe(_settle, answer, kind, value)

        asked = {**request, "limits": asdict(self._settings.desk_limits)}
        task = Task(asked, tell, self._settings.desk_seconds, client, gently=False)
        leaving = asyncio.create_task(_left(receive, task))
        self._asked[client] += 1
        self._crew.submit(task)
        # It counts until it is over, though nobody waits for it: it may keep a worker.
        answer.add_done_callback(lambda _: self._give_back(client))
        try:
            kind, value = await asyncio.shield(answer)
        finally:
            task.stop.set()
            leaving.cancel()
        if kind == "problem":
            told = json.loads(value)
            raise ProblemError(told, {"Retry-After": "1"} if told["status"] == 429 else None)
        return value

    def _check_room(self, client: str) -> None:
        mine, all_of_them = self._asked[client], self.open
        if mine >= self._settings.questions_per_client:
            detail = f"{mine} questions of yours are open"
        elif all_of_them >= self._settings.questions:
            detail = f"{all_of_them} questions are open"
        else:
            return
        told = problem("busy", 429, detail, hint="try again in a second")
        raise ProblemError(told, {"Retry-After": "1"})

    def _give_back(self, client: str) -> None:
        self._asked[client] -= 1
        if not self._asked[client]:
            del self._asked[client]


def _settle(answer: asyncio.Future[tuple[str, bytes]], kind: str, value: Any) -> None:
    if kind != "started" and not answer.done():
        answer.set_result((kind, value))


async def _left(receive: Receive, task: Task) -> None:
    """Stop a task once its client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
    task.stop.set()
