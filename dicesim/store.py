"""Runs kept in a file, so that what was rolled survives the process that rolled it.

A store is a SQLite database in WAL mode, with a row for each run: what was asked for, and the tally
of its first batches. Both change in one transaction, so a process may be killed at any instant, and
the file says truly how far the run had come. Whoever rolls holds the file's one write
transaction open: a second process is refused, readers are not, and the lock goes with its process.

SQLite has no checksums of its own, so each row carries a digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np

from dicesim.database import MARKS, connect, damaged, explained, filled, looking, missing
from dicesim.errors import ExecutionError, StoreError
from dicesim.executors import RunOptions
from dicesim.limits import Limits
from dicesim.plan import Plan, stream_versions
from dicesim.pmf_files import pmf_from_hexadecimal, pmf_to_hexadecimal
from dicesim.tally import Integers, Tally

_TABLE: Final = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, begun TEXT, question TEXT, batches INTEGER, elapsed REAL,
    outcomes BLOB, counts BLOB, digest BLOB
)
"""
# How long to wait for another process that is about to see that it came too late.
_PATIENCE_MS: Final = 1000
_COLUMNS: Final = "begun, question, batches, elapsed, outcomes, counts"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as a store holds it.

    Parameters
    ----------
    number : int
        Its place in the store, from 1.
    begun : datetime
        In UTC.
    plan : Plan
    options : RunOptions
    versions : dict of str
        Versions of dicesim and numpy, on which the counts depend.
    batches : int
        How many batches are finished: always the first ones.
    elapsed_seconds : float
        Of all sittings.
    tally : Tally
        What these batches counted.

    Examples
    --------
    >>> import dicesim, tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = f"{directory}/runs.db"
    ...     result = dicesim.run("2d6", n=1000, rng=42, checkpoint=path)
    ...     (stored,) = dicesim.stored_runs(path)
    >>> stored.number, stored.complete, stored.to_dict()["expression"]
    (1, True, '2d6')
    """

    number: int
    begun: datetime
    plan: Plan
    options: RunOptions
    versions: dict[str, str]
    batches: int
    elapsed_seconds: float
    tally: Tally

    @property
    def complete(self) -> bool:
        """Whether all trials were rolled, or as many as the precision asked for needed."""
        return self.plan.fulfilled(self.tally)

    def to_dict(self) -> dict[str, Any]:
        """Return what `dicesim runs` tells of it.

        Returns
        -------
        dict
        """
        return {
            "number": self.number,
            "begun": self.begun.isoformat(),
            "expression": None if self.plan.model else self.plan.label,
            "model": self.plan.model and self.plan.model.to_dict(),
            "n": self.tally.total,
            "requested_n": self.plan.n,
            "complete": self.complete,
            "seed": self.plan.seed,
            "elapsed_seconds": self.elapsed_seconds,
            "versions": self.versions,
        }


def stored_runs(path: str | os.PathLike[str]) -> list[StoredRun]:
    """Return the runs that a store holds, oldest first; another process may be rolling meanwhile.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    list[StoredRun]

    Raises
    ------
    StoreError
        There is no such file, or it is foreign or damaged.

    Examples
    --------
    >>> import dicesim, tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = f"{directory}/runs.db"
    ...     result = dicesim.run("2d6", n=1000, rng=42, checkpoint=path)
    ...     [(run.plan.seed, run.tally.total, run.complete) for run in dicesim.stored_runs(path)]
    [(42, 1000, True)]
    """
    file = Path(path)
    if not filled(file):
        raise missing(file)
    with looking(file) as connection:
        return _rows(file, connection) if connection else []


class Store:
    """A store that this process alone may write to, until it is closed.

    Parameters
    ----------
    path : path-like
        Made if it does not exist.

    Raises
    ------
    StoreError
        Another process holds the file, or it is foreign or damaged, or may not be written to.
    ExecutionError
        There is no room for it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        fresh = not filled(self.path)
        ours = not self.path.exists()
        if not fresh:
            stored_runs(self.path)  # nothing is written to a file that is not sound
        self._connection = connect(self.path, "rwc")
        try:
            with explained(self.path):
                # Of several that make it at once, one comes first; who comes later is refused.
                self._wait(_PATIENCE_MS if fresh else 0)
                self._prepare()
                self._wait(_PATIENCE_MS)
        except (StoreError, ExecutionError) as error:
            self._connection.close()
            if ours and isinstance(error, ExecutionError):
                self.path.unlink(missing_ok=True)  # there was no room even for the first page
            raise

    def _prepare(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA synchronous = NORMAL")  # a commit survives a kill of the process without
        execute("BEGIN IMMEDIATE")
        (tables,) = execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables:
            # The marks at the head of the file come with the table, or neither does.
            for statement in (*MARKS, _TABLE):
                execute(statement)
        execute("COMMIT")
        execute("PRAGMA journal_mode = WAL")
        execute("BEGIN IMMEDIATE")

    def _wait(self, milliseconds: int) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {milliseconds}")

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the file to others."""
        with suppress(sqlite3.Error):  # what was committed is in the file already
            self._connection.close()

    def runs(self) -> list[StoredRun]:
        """Return all runs, oldest first."""
        with explained(self.path):
            return _rows(self.path, self._connection)

    def run(self, number: int) -> StoredRun:
        """Return the run with this number.

        Raises
        ------
        StoreError
            It is gone.
        """
        for run in self.runs():
            if run.number == number:
                return run
        raise missing(self.path)

    def add(self, plan: Plan, options: RunOptions) -> StoredRun:
        """Begin a run.

        Raises
        ------
        ExecutionError
            There is no room for it.
        """
        question = json.dumps(
            {
                "plan": plan.to_dict(),
                "options": _options_to_dict(options),
                "versions": stream_versions(),
            }
        )
        row = (_now().isoformat(), question, 0, 0.0, b"", b"")
        execute = self._connection.execute
        with self._writing(settle=True):
            (number,) = execute("SELECT coalesce(max(id), 0) + 1 FROM runs").fetchone()
            execute(
                f"INSERT INTO runs (id, {_COLUMNS}, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (number, *row, _digest((number, *row))),
            )
        return _stored(number, row)

    def save(self, number: int, batches: int, tally: Tally, elapsed_seconds: float) -> None:
        """Write down that the first `batches` of a run are finished, and what they counted.

        Raises
        ------
        ExecutionError
            There is no room for it, or another process has taken the file.
        """
        execute = self._connection.execute
        with self._writing():
            fixed = execute("SELECT begun, question FROM runs WHERE id = ?", (number,)).fetchone()
            state = (batches, elapsed_seconds, _to_bytes(tally.outcomes), _to_bytes(tally.counts))
            execute(
                "UPDATE runs SET batches = ?, elapsed = ?, outcomes = ?, counts = ?, digest = ? "
                "WHERE id = ?",
                (*state, _digest((number, *fixed, *state)), number),
            )

    @contextmanager
    def _writing(self, *, settle: bool = False) -> Iterator[None]:
        """End the transaction that is held open, and hold the next one.

        What is settled stands in the file itself, so that even a lost log leaves the run.
        """
        with explained(self.path):
            if not self._connection.in_transaction:  # an interrupt came between the last two
                self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
            if settle:
                self._connection.execute("PRAGMA wal_checkpoint")
            self._connection.execute("BEGIN IMMEDIATE")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _rows(path: Path, connection: sqlite3.Connection) -> list[StoredRun]:
    """Read all rows, and hold each against its digest."""
    runs = []
    query = f"SELECT id, digest, {_COLUMNS} FROM runs ORDER BY id"  # noqa: S608
    for number, digest, *row in connection.execute(query):
        if digest != _digest((number, *row)):
            raise damaged(path)
        runs.append(_stored(number, tuple(row)))
    return runs


def _stored(number: int, row: tuple[Any, ...]) -> StoredRun:
    begun, question, batches, elapsed, outcomes, counts = row
    told = json.loads(question)
    return StoredRun(
        number=number,
        begun=datetime.fromisoformat(begun),
        plan=Plan.from_dict(told["plan"]),
        options=_options_from_dict(told["options"]),
        versions=told["versions"],
        batches=batches,
        elapsed_seconds=elapsed,
        tally=Tally(_from_bytes(outcomes), _from_bytes(counts)),
    )


def _options_to_dict(options: RunOptions) -> dict[str, Any]:
    if not isinstance(options.executor, str):  # what was handed in cannot be kept
        options = replace(options, executor="auto")
    weights = options.expect and pmf_to_hexadecimal(options.expect)
    return asdict(replace(options, expect=None)) | {"expect": weights}


def _options_from_dict(values: dict[str, Any]) -> RunOptions:
    expect = values["expect"] and pmf_from_hexadecimal(values["expect"])
    return RunOptions(**values | {"limits": Limits(**values["limits"]), "expect": expect})


def _digest(row: tuple[Any, ...]) -> bytes:
    digest = hashlib.sha256()
    for value in row:
        content = value if isinstance(value, bytes) else repr(value).encode()
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return digest.digest()


def _to_bytes(values: Integers) -> bytes:
    return values.astype("<i8").tobytes()


def _from_bytes(content: bytes) -> Integers:
    return np.frombuffer(content, "<i8").astype(np.int64)
