"""Runs kept in a file, so that what was rolled survives the process that rolled it.

A store is a SQLite database in WAL mode, with a row for each run: what was asked for, and the tally
of its first batches. Both change in one transaction, so a process may be killed at any instant, and
the file says truly how far the run had come. Whoever rolls holds the file's one write
transaction open: a second process is refused, readers are not, and the lock goes with its process.

SQLite has no checksums of its own, so each row carries a digest, and a file is looked through
before anything is written to it: what is foreign or damaged is left as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from dicesim.errors import ExecutionError, StoreError
from dicesim.executors import RunOptions
from dicesim.limits import Limits
from dicesim.notation import parse
from dicesim.plan import Plan
from dicesim.result import versions
from dicesim.tally import Tally
from dicesim.wording import unparse

# Written to the head of the file: "dice", and the version of the table.
_APPLICATION: Final = 0x64696365
_VERSION: Final = 1
_MAGIC: Final = b"SQLite format 3\0"
_HEAD_BYTES: Final = 100

_TABLE: Final = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, begun TEXT, question TEXT, batches INTEGER, elapsed REAL,
    outcomes BLOB, counts BLOB, digest BLOB
)
"""
_COLUMNS: Final = "begun, question, batches, elapsed, outcomes, counts"

# Seconds between two checkpoints at least, and how many times as long as the last one took.
_PAUSE: Final = 0.5
_SHARE: Final = 20
_NO_WRITER: Final = ("SQLITE_BUSY", "SQLITE_LOCKED")


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
        """Whether all trials were rolled."""
        return self.batches == self.plan.batches

    def to_dict(self) -> dict[str, Any]:
        """Return what `dicesim runs` tells of it."""
        return {
            "number": self.number,
            "begun": self.begun.isoformat(),
            "expression": unparse(self.plan.expression),
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
    if not _exists(file):
        raise _missing(file)
    return _look_through(file)


class Store:
    """A store that this process alone may write to, until it is closed.

    Parameters
    ----------
    path : path-like
    exists : bool, optional
        Refuse a file that does not exist; else it is made.

    Raises
    ------
    StoreError
        Another process holds the file, or it is foreign or damaged, or may not be written to.
    ExecutionError
        There is no room for it.
    """

    def __init__(self, path: str | os.PathLike[str], *, exists: bool = False) -> None:
        self.path = Path(path)
        fresh = not _exists(self.path)
        if not fresh:
            _look_through(self.path)
        elif exists:
            raise _missing(self.path)
        self._connection = _connect(self.path, "rwc")
        try:
            with _explained(self.path):
                self._prepare()
        except (StoreError, ExecutionError) as error:
            self._connection.close()
            if fresh and isinstance(error, ExecutionError):
                self.path.unlink(missing_ok=True)  # there was no room even for the first page
            raise

    def _prepare(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA synchronous = NORMAL")  # a commit survives a kill of the process without
        execute("BEGIN IMMEDIATE")
        (tables,) = execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables:
            # The mark at the head of the file comes with the table, or neither does.
            execute(f"PRAGMA application_id = {_APPLICATION}")
            execute(f"PRAGMA user_version = {_VERSION}")
            execute(_TABLE)
        execute("COMMIT")
        execute("PRAGMA journal_mode = WAL")
        execute("BEGIN IMMEDIATE")

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
        with _explained(self.path):
            return _rows(self._connection)

    def add(self, plan: Plan, options: RunOptions) -> StoredRun:
        """Begin a run.

        Raises
        ------
        ExecutionError
            There is no room for it.
        """
        question = json.dumps(
            {
                "plan": _plan_to_dict(plan),
                "options": _options_to_dict(options),
                "versions": {name: versions()[name] for name in ("dicesim", "numpy")},
            }
        )
        row = (_now().isoformat(), question, 0, 0.0, b"", b"")
        with self._writing():
            number = self._connection.execute(
                f"INSERT INTO runs ({_COLUMNS}, digest) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (*row, _digest(row)),
            ).lastrowid
        return _stored(number or 0, row)

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
                (*state, _digest((*fixed, *state)), number),
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """End the transaction that is held open, and hold the next one."""
        with _explained(self.path):
            yield
            self._connection.execute("COMMIT")
            self._connection.execute("BEGIN IMMEDIATE")


class Checkpoint:
    """The place of one run in a store, brought up to date while it is rolled."""

    def __init__(self, store: Store, stored: StoredRun) -> None:
        self.stored = stored
        self._store = store
        self._due = time.perf_counter() + _PAUSE
        self._state = (stored.batches, stored.tally, stored.elapsed_seconds)
        self._saved = stored.batches

    def reach(self, batches: int, tally: Tally, elapsed_seconds: float) -> None:
        """Note how far the run has come, and write it down if that was not done just now."""
        self._state = (batches, tally, elapsed_seconds)
        if time.perf_counter() >= self._due:
            self.save()

    def save(self) -> None:
        """Write down how far the run has come.

        Raises
        ------
        ExecutionError
            It cannot be written; what was written before still holds.
        """
        if self._state[0] == self._saved:
            return
        start = time.perf_counter()
        try:
            self._store.save(self.stored.number, *self._state)
        except StoreError as error:
            raise ExecutionError(f"the run stopped, for it cannot be kept: {error}") from error
        self._saved = self._state[0]
        end = time.perf_counter()
        self._due = end + max(_PAUSE, _SHARE * (end - start))


def last_run(store: Store) -> StoredRun:
    """Return the run that is unfinished, or else the last one.

    Raises
    ------
    StoreError
        There is none: the process was ended as it made the file.
    """
    runs = store.runs()
    if not runs:
        raise StoreError(f"{store.path}: holds no run yet; begin one with dicesim run --checkpoint")
    return next((run for run in runs if not run.complete), runs[-1])


def refuse_unfinished(store: Store) -> None:
    """Refuse to begin a run beside one that is unfinished.

    Raises
    ------
    StoreError
        It says how to go on with that one.
    """
    for run in store.runs():
        if not run.complete:
            raise StoreError(
                f"{store.path}: holds an unfinished run of {unparse(run.plan.expression)} "
                f"({run.tally.total:,} of {run.plan.n:,} trials); go on with it: dicesim resume "
                f"{store.path} (dicesim.resume), or name another file"
            )


def check_versions(path: Path, stored: StoredRun) -> None:
    """Refuse to go on with a run whose other half would be made of other random numbers.

    Raises
    ------
    StoreError
        It was begun with another dicesim or numpy.
    """
    here = versions()
    for name, version in stored.versions.items():
        if here[name] != version:
            raise StoreError(
                f"{path}: the run was begun with {name} {version}, and this is {name} "
                f"{here[name]}, whose random numbers may be others; install {name}=={version} to "
                "go on, or begin it anew"
            )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _exists(path: Path) -> bool:
    """Tell whether there is anything; a file of no bytes is a store that nothing was written to."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read: {_reason(error)}; name another file") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode={mode}",
            uri=True,
            timeout=0,
            isolation_level=None,
        )
    except sqlite3.Error as error:
        raise _explanation(path, error) from error


def _look_through(path: Path) -> list[StoredRun]:
    """Read everything there is, and change nothing.

    Raises
    ------
    StoreError
        The file is foreign or damaged.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {_reason(error)}; name another file") from error
    application, version = (int.from_bytes(head[at : at + 4], "big") for at in (68, 60))
    if not head.startswith(_MAGIC) or application != _APPLICATION:
        raise StoreError(f"{path}: is no file of dicesim's, and is left as it is; name another one")
    if version != _VERSION:
        raise StoreError(
            f"{path}: has the form {version}, and this dicesim knows the form {_VERSION}; use the "
            "dicesim that wrote it, or name another file"
        )
    with closing(_connect(path, "ro")) as connection, _explained(path):
        try:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.OperationalError as error:
            if "READONLY" in error.sqlite_errorname or "CANTOPEN" in error.sqlite_errorname:
                return []  # killed as it was made: nothing is in it yet
            raise
        if verdict != "ok":
            raise _damaged(path)
        return _rows(connection)


def _rows(connection: sqlite3.Connection) -> list[StoredRun]:
    """Read all rows, and hold each against its digest."""
    runs = []
    query = f"SELECT id, digest, {_COLUMNS} FROM runs ORDER BY id"  # noqa: S608
    for number, digest, *row in connection.execute(query):
        if digest != _digest(tuple(row)):
            raise sqlite3.DatabaseError("a digest does not fit")
        runs.append(_stored(number, tuple(row)))
    return runs


def _stored(number: int, row: tuple[Any, ...]) -> StoredRun:
    begun, question, batches, elapsed, outcomes, counts = row
    told = json.loads(question)
    options = told["options"]
    return StoredRun(
        number=number,
        begun=datetime.fromisoformat(begun),
        plan=_plan_from_dict(told["plan"]),
        options=RunOptions(**options | {"limits": Limits(**options["limits"])}),
        versions=told["versions"],
        batches=batches,
        elapsed_seconds=elapsed,
        tally=Tally(_from_bytes(outcomes), _from_bytes(counts)),
    )


def _options_to_dict(options: RunOptions) -> dict[str, Any]:
    if not isinstance(options.executor, str):  # what was handed in cannot be kept
        options = replace(options, executor="auto")
    return asdict(options)


def _plan_to_dict(plan: Plan) -> dict[str, Any]:
    return {
        "expression": unparse(plan.expression),
        "n": plan.n,
        "seed": plan.seed,
        "batch_size": plan.batch_size,
        "method": plan.method,
        "bit_generator": plan.bit_generator,
    }


def _plan_from_dict(values: dict[str, Any]) -> Plan:
    return Plan(**values | {"expression": parse(values["expression"])})


def _digest(row: tuple[Any, ...]) -> bytes:
    digest = hashlib.sha256()
    for value in row:
        content = value if isinstance(value, bytes) else repr(value).encode()
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return digest.digest()


def _to_bytes(values: np.ndarray[Any, np.dtype[np.int64]]) -> bytes:
    return values.astype("<i8").tobytes()


def _from_bytes(content: bytes) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.frombuffer(content, "<i8").astype(np.int64)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say in our own words what SQLite refused."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explanation(path, error) from error


def _missing(path: Path) -> StoreError:
    return StoreError(f"{path}: there is no such file; dicesim run --checkpoint {path} makes it")


def _damaged(path: Path) -> StoreError:
    return StoreError(f"{path}: is damaged, and is left as it is; name another file")


def _explanation(path: Path, error: sqlite3.Error) -> StoreError | ExecutionError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(_NO_WRITER):
        return StoreError(f"{path}: another process is rolling for it; wait, or name another file")
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return ExecutionError(
            f"{path}: cannot be written ({error}): is the disk full, or the file at its limit? "
            "what it held before still holds"
        )
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
        return StoreError(f"{path}: {error}; name a file that may be written")
    return _damaged(path)
