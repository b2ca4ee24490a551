"""The table of jobs: what was asked for, how it stands, and what came of it.

One SQLite database that this process alone may use: the lock goes with the process, however it
ends. What is asked for stands in the table before the client is told so; its seed is settled, so
that a job can be rolled again from its beginning and has the same counts.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, request TEXT, client TEXT,
    key TEXT UNIQUE, digest TEXT, state TEXT, cancel INTEGER, done INTEGER,
    created REAL, ended REAL, result BLOB, problem BLOB
)
"""
_INDEX: Final = "CREATE INDEX IF NOT EXISTS by_state ON jobs (state, number)"
_COLUMNS: Final = (
    "number, id, request, client, key, digest, state, cancel, done, created, ended, problem"
)
State = Literal["queued", "running", "done", "cancelled", "failed"]
UNFINISHED: Final[tuple[State, ...]] = ("queued", "running")
FINISHED: Final[tuple[State, ...]] = ("done", "cancelled", "failed")
_OPEN: Final = f"state IN {UNFINISHED}"
_PATIENCE_SECONDS: Final = 2.0


@dataclass(slots=True)
class Job:
    """A job as the table has it.

    Parameters
    ----------
    number : int
        Its place, in the order in which jobs came.
    id : str
        Its name in addresses.
    request : dict
        What is to be rolled.
    client : str
        Who asked for it.
    key, digest : str, optional
        Idempotency-Key, and what it was used for.
    state : State
    cancel : bool
        Whether it was asked to stop.
    done : int
        Trials so far.
    created, ended : float
        Seconds since 1970.
    problem : bytes, optional
        Why it failed, as JSON.
    """

    number: int
    id: str
    request: dict[str, Any]
    client: str
    key: str | None
    digest: str
    state: State
    cancel: bool
    done: int
    created: float
    ended: float | None
    problem: bytes | None

    @property
    def finished(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state not in UNFINISHED


class JobTable:
    """The jobs of one service.

    Parameters
    ----------
    path : Path
        Made if it does not exist.

    Raises
    ------
    sqlite3.Error
        Another process holds the file, it is foreign, or it may not be written to.

    Examples
    --------
    >>> table = JobTable(Path(":memory:"))
    >>> job = table.add("a1", {"expression": "2d6"}, "127.0.0.1", None, "")
    >>> job.state
    'queued'
    >>> job.state, job.done, job.ended = "done", 10, job.created + 1
    >>> table.finish(job, b"{}")
    >>> table.get("a1").done, table.result("a1")
    (10, b'{}')
    >>> table.prune(keep=5, most_bytes=1)
    >>> table.get("a1") is None
    True
    >>> table.close()
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE_SECONDS)
        try:
            for statement in (
                "PRAGMA locking_mode = EXCLUSIVE",
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = NORMAL",
                "BEGIN IMMEDIATE",
                _TABLE,
                _INDEX,
                "COMMIT",
            ):
                self._db.execute(statement)
        except sqlite3.Error:
            self._db.close()
            raise
        self._file = _identity(path)

    def stands(self) -> bool:
        """Whether the file is still in its place; without it, all would be lost at the end."""
        return _identity(self._path) == self._file

    def close(self) -> None:
        """Leave the file to others."""
        self._db.close()

    def add(
        self, name: str, request: dict[str, Any], client: str, key: str | None, digest: str
    ) -> Job:
        """Take a job in; once this returns, it survives the process."""
        created = time.time()
        cursor = self._db.execute(
            "INSERT INTO jobs (id, request, client, key, digest, state, cancel, done, created) "
            "VALUES (?, ?, ?, ?, ?, 'queued', 0, 0, ?)",
            (name, json.dumps(request), client, key, digest, created),
        )
        number = cursor.lastrowid or 0
        return Job(
            number, name, request, client, key, digest, "queued", False, 0, created, None, None
        )

    def get(self, name: str) -> Job | None:
        """Return the job with this name."""
        return self._one("id = ?", name)

    def by_key(self, key: str) -> Job | None:
        """Return the job that was made with this Idempotency-Key."""
        return self._one("key = ?", key)

    def result(self, name: str) -> bytes | None:
        """Return the result of a job, as JSON, if it has one."""
        row = self._db.execute("SELECT result FROM jobs WHERE id = ?", (name,)).fetchone()
        return row[0] if row else None

    def ask_to_stop(self, name: str) -> None:
        """Note that a job is to be cancelled."""
        self._db.execute("UPDATE jobs SET cancel = 1 WHERE id = ?", (name,))

    def finish(self, job: Job, result: bytes | None = None) -> None:
        """Note what came of a job."""
        self._db.execute(
            "UPDATE jobs SET state = ?, done = ?, ended = ?, result = ?, problem = ? WHERE id = ?",
            (job.state, job.done, job.ended, result, job.problem, job.id),
        )

    def unfinished(self) -> list[Job]:
        """Return the jobs that an earlier process left, oldest first."""
        return self._rows(f"{_OPEN} ORDER BY number")

    def page(self, limit: int, before: int | None, state: str | None) -> list[Job]:
        """Return jobs, newest first, from before a number on."""
        where = "number < ? AND (? IS NULL OR state = ?) ORDER BY number DESC LIMIT ?"
        return self._rows(where, before or 2**62, state, state, limit)

    def prune(self, keep: int, most_bytes: int) -> None:
        """Forget finished jobs but those that ended last, so many and with so large results."""
        self._db.execute(
            "DELETE FROM jobs WHERE number IN ("  # noqa: S608  (no user's text)
            "SELECT number FROM (SELECT number, row_number() OVER latest AS place, "
            "sum(coalesce(length(result), 0)) OVER latest AS bytes FROM jobs "
            f"WHERE NOT ({_OPEN}) "
            "WINDOW latest AS (ORDER BY ended DESC, number DESC)) WHERE place > ? OR bytes > ?)",
            (keep, most_bytes),
        )

    def _one(self, where: str, value: str) -> Job | None:
        rows = self._rows(where, value)
        return rows[0] if rows else None

    def _rows(self, where: str, *values: object) -> list[Job]:
        query = f"SELECT {_COLUMNS} FROM jobs WHERE {where}"  # noqa: S608  (no user's text)
        with closing(self._db.execute(query, values)) as rows:
            return [
                Job(number, name, json.loads(request), client, key, digest, state, bool(cancel),
                    done, created, ended, problem)
                for number, name, request, client, key, digest, state, cancel, done, created,
                ended, problem in rows
            ]  # fmt: skip


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
