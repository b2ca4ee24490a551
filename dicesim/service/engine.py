"""Jobs from their coming to their end: the queue, the workers, and what is written down."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import dicesim

from .crew import Crew, Task
from .desk import Desk, Receive
from .feed import Feed
from .jobs import UNFINISHED, Job, JobTable, State
from .problems import ProblemError, encoded, problem
from .settings import Settings
from .worker import forget

# Dice from which on a job is kept while it is rolled: some tenths of a second's worth. A shorter
# one is rolled again from its beginning.
_KEPT_FROM: Final = 3 * 10**7
_PRUNE_EVERY: Final = 50
_RETRY_SECONDS: Final = 2.0
_CLOSE_SECONDS: Final = 1.2


class Active:
    """A job that is not written down as finished: its row, its task, and who watches it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.feed = Feed()
        self.task: Task | None = None
        self.result: bytes | None = None


class Engine:
    """The jobs of a service; all but the crews' threads runs on the event loop.

    Parameters
    ----------
    settings : Settings
    table : JobTable
    """

    def __init__(self, settings: Settings, table: JobTable) -> None:
        self.settings = settings
        self.table = table
        self.active: dict[str, Active] = {}
        # Finished, but the table could not be told so yet.
        self.unwritten: dict[str, Active] = {}
        self.clients: Counter[str] = Counter()
        self.finished: Counter[str] = Counter()
        self.trials = 0
        self.closing = False
        self._loop = asyncio.get_running_loop()
        self._runs = settings.data / "runs"
        self._runs.mkdir(exist_ok=True)
        self._sweep()
        self.rollers = Crew(settings.workers, nice=True)
        self.desks = Crew(settings.desks, nice=False)
        self.desk = Desk(settings, self.desks)
        for job in table.unfinished():
            self._take_up(job)

    def _sweep(self) -> None:
        """Take away checkpoints of jobs that are finished."""
        names = {job.id for job in self.table.unfinished()}
        for path in self._runs.glob("*.db*"):
            if path.name.partition(".")[0] not in names:
                path.unlink(missing_ok=True)

    # What comes in

    def post(self, request: dict[str, Any], client: str, key: str | None) -> Job:
        """Take a job in, or return the one that its key names.

        Raises
        ------
        ProblemError
            There is no room for it, or its key was used for something else.
        """
        digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        if key is not None and (known := self.table.by_key(key)):
            if known.digest != digest:
                raise ProblemError(
                    problem(
                        "key-reused",
                        422,
                        "this key came with another body before",
                        hint="send a new key with each new simulation",
                        parameter="Idempotency-Key",
                    )
                )
            return self.find(known.id)
        self._check_room(client)
        # What is settled here is what makes the job the same whenever it is rolled.
        seed = dicesim.fresh_seed() if request["seed"] is None else request["seed"]
        job = self.table.add(secrets.token_hex(8), {**request, "seed": seed}, client, key, digest)
        self._take_up(job)
        if job.number % _PRUNE_EVERY == 0:
            self._prune()
        return job

    def _prune(self) -> None:
        try:
            self.table.prune(self.settings.keep, self.settings.keep_bytes)
        except sqlite3.Error as error:  # no reason to refuse what was taken in
            _log("old jobs are not let go", error)

    def _check_open(self) -> None:
        if self.closing:
            raise ProblemError(problem("closing", 503, "try again soon"), {"Retry-After": "2"})

    def _check_room(self, client: str) -> None:
        self._check_open()
        waiting = len(self.active) - self.settings.workers
        if waiting >= self.settings.queue:
            detail = f"{waiting} jobs wait already"
        elif self.clients[client] >= self.settings.jobs_per_client:
            detail = f"you have {self.clients[client]} jobs that are not finished"
        else:
            return
        raise ProblemError(
            problem("busy", 429, detail, hint="try again in a second"), {"Retry-After": "1"}
        )

    def _take_up(self, job: Job) -> None:
        active = Active(job)
        self.active[job.id] = active
        self.clients[job.client] += 1
        if job.cancel:  # an earlier process was told so, and had no time
            self._finish(active, "cancelled", told=_cancelled())
            return
        asked, seconds = self._request(job), self.settings.seconds
        active.task = Task(asked, self._teller(active), seconds, job.client)
        active.feed.publish(0, "progress", json.dumps(_nothing_yet(job)).encode())
        self.rollers.submit(active.task)

    def _request(self, job: Job) -> dict[str, Any]:
        asked = job.request
        price = 0
        if asked["method"] == "roll":
            with suppress(dicesim.DicesimError):  # of an earlier version; the worker says why
                price = dicesim.parse(asked["expression"]).price
        kept = price * asked["n"] >= _KEPT_FROM
        return {
            **asked,
            "do": "run",
            "limits": asdict(self.settings.limits),
            "checkpoint": str(self._file(job)) if kept else None,
        }

    def _file(self, job: Job) -> Path:
        return self._runs / f"{job.id}.db"

    # What comes back

    def _teller(self, active: Active) -> Callable[[str, Any], None]:
        def tell(kind: str, value: Any) -> None:
            self._call(self._hear, active, kind, value)

        return tell

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function on the event loop, if there still is one."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def _hear(self, active: Active, kind: str, value: Any) -> None:
        job = active.job
        if self.closing:
            return
        if kind == "started" and not job.finished:
            job.state = "running"
        elif kind == "progress":
            done, data = value
            job.done = max(job.done, done)
            active.feed.publish(done, "progress", data)
        elif kind == "result":
            self._take_result(active, *value)
        elif job.cancel:
            self._finish(active, "cancelled", told=_cancelled())
        else:
            self._finish(active, "failed", told=value)
        if kind in ("result", "problem") and job.id not in self.unwritten:
            forget(self._file(job))  # the worker has left it

    def _take_result(self, active: Active, complete: bool, done: int, data: bytes) -> None:
        if complete:
            self._finish(active, "done", done, data)
        elif not done:
            self._finish(active, "cancelled", told=_cancelled())
        elif active.job.cancel:
            self._finish(active, "cancelled", done, data)
        else:
            seconds = self.settings.seconds
            told = problem("too-slow", 503, f"it rolled for {seconds:g} s, and was stopped")
            self._finish(active, "cancelled", done, data, encoded(told))

    def _finish(
        self,
        active: Active,
        state: State,
        done: int = 0,
        result: bytes | None = None,
        told: bytes | None = None,
    ) -> None:
        job = active.job
        if job.finished:  # it was cancelled as it was started
            return
        job.state, job.done, job.problem, job.ended = state, done, told, time.time()
        active.result = result
        del self.active[job.id]
        self.clients[job.client] -= 1
        if not self.clients[job.client]:
            del self.clients[job.client]
        self.finished[state] += 1
        self.trials += done
        self._write(active)
        active.feed.publish(*last_event(job, result), last=True)

    def _write(self, active: Active) -> None:
        try:
            self.table.finish(active.job, active.result)
        except sqlite3.Error as error:  # the disk is full, perhaps
            if not self.unwritten:
                _log("a job is not written down yet", error)
                self._loop.call_later(_RETRY_SECONDS, self._write_again)
            self.unwritten[active.job.id] = active

    def _write_again(self) -> None:
        """Write down what could not be before; what still cannot is kept for the next time."""
        waiting, self.unwritten = self.unwritten, {}
        for active in waiting.values():
            if self.unwritten or self.closing:
                self.unwritten[active.job.id] = active
                continue
            self._write(active)
            if not self.unwritten:
                forget(self._file(active.job))

    # What is asked

    def find(self, name: str) -> Job:
        """Return a job.

        Raises
        ------
        ProblemError
            There is none with this name.
        """
        active = self.active.get(name) or self.unwritten.get(name)
        job = active.job if active else self.table.get(name)
        if job is None:
            raise ProblemError(
                problem(
                    "not-found", 404, "there is no simulation with this id; old ones are let go"
                )
            )
        return job

    def result(self, job: Job) -> bytes | None:
        """Return the result of a job, as JSON, if it has one."""
        active = self.unwritten.get(job.id)
        return active.result if active else self.table.result(job.id)

    def page(self, limit: int, before: int | None, state: str | None) -> list[Job]:
        """Return jobs, newest first; the table does not know how all of them stand."""
        held = [active.job for active in (*self.active.values(), *self.unwritten.values())]
        found = {job.id: job for job in held if job.number < (before or job.number + 1)}
        if state not in UNFINISHED:
            for job in self.table.page(limit, before, state):
                found.setdefault(job.id, job)
        jobs = [job for job in found.values() if state in (None, job.state)]
        return sorted(jobs, key=lambda job: -job.number)[:limit]

    def cancel(self, name: str) -> Job:
        """Ask a job to stop; one that is finished stays as it is."""
        job = self.find(name)
        active = self.active.get(name)
        if active is None or active.task is None or job.cancel:
            return job
        job.cancel = True
        active.task.stop.set()
        try:
            self.table.ask_to_stop(name)
        except sqlite3.Error as error:  # it stops, and its end is written down later
            _log("the wish to cancel is not written down", error)
        if job.state == "queued":
            self._finish(active, "cancelled", told=_cancelled())
            if self.rollers.drop(active.task) and name not in self.unwritten:
                forget(self._file(job))  # of an earlier process, perhaps
        return job

    async def ask(self, request: dict[str, Any], client: str, receive: Receive) -> bytes:
        """Have something answered at once.

        Raises
        ------
        ProblemError
            It cannot be answered, or not now.
        """
        self._check_open()
        return await self.desk.ask(request, client, receive)

    # The end

    def begin_to_close(self) -> None:
        """Take nothing more in, let streams end, and have each job write down how far it is."""
        self.closing = True
        for active in self.active.values():
            if active.task:
                active.task.stop.set()
            active.feed.wake()

    def close(self) -> None:
        """End all workers; what is unfinished goes on when the service starts again."""
        self.rollers.close(_CLOSE_SECONDS)
        self.desks.close(0.2)
        self.table.close()


def _nothing_yet(job: Job) -> dict[str, Any]:
    return {
        "n": 0,
        "requested_n": job.request["n"],
        "elapsed_seconds": 0.0,
        "trials_per_second": 0.0,
        "outcomes": [],
        "counts": [],
        "chi_square": None,
    }


def _log(what: str, error: Exception) -> None:
    print(f"dicesim serve: {what}: {error}", file=sys.stderr)  # noqa: T201  (who runs it should know)


def _cancelled() -> bytes:
    return encoded(problem("cancelled", 409, "it was cancelled before anything was rolled"))


def last_event(job: Job, result: bytes | None) -> tuple[int, str, bytes]:
    """Return id, name and data of the last event of a job."""
    number = job.request["n"] + 1
    if result is None:
        return number, "problem", job.problem or b"{}"
    return number, "result", result
