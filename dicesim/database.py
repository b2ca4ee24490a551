"""SQLite files that are opened with care: looked through before anything is written to them."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from dicesim.errors import ExecutionError, StoreError

# Written to the head of a file: "dice", and the form of its tables.
_APPLICATION: Final = 0x64696365
_VERSION: Final = 1
MARKS: Final = f"PRAGMA application_id = {_APPLICATION}", f"PRAGMA user_version = {_VERSION}"

_MAGIC: Final = b"SQLite format 3\0"
_HEAD_BYTES: Final = 100
_UNCHANGING: Final = "ro&immutable=1"
_ANOTHER_WRITER: Final = ("SQLITE_BUSY", "SQLITE_LOCKED")
_NO_ROOM: Final = ("SQLITE_FULL", "SQLITE_IOERR")
_UNSOUND: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_SHORT_READ")
_NOT_ALLOWED: Final = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")


def filled(path: Path) -> bool:
    """Tell whether there is a file with anything in it.

    Raises
    ------
    StoreError
        That cannot be known.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(found.st_mode):  # such as /dev/null, beside which SQLite would write
        raise StoreError(f"{path}: is no file; name one")
    return found.st_size > 0


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a database; `mode` is that of SQLite's URIs, such as ``ro`` or ``rwc``.

    Raises
    ------
    StoreError
        It cannot be opened.
    """
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    with explained(path):
        return sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)


@contextmanager
def looking(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Hand out a sound database to be read, or None where there is nothing in it yet.

    Nothing is written to it.

    Raises
    ------
    StoreError
        The file is foreign or damaged.
    """
    _check_head(path)
    mode = _readable(path)
    if mode is None:
        yield None
        return
    with closing(connect(path, mode)) as connection, explained(path):
        yield connection


def _check_head(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    application, version = (int.from_bytes(head[at : at + 4], "big") for at in (68, 60))
    if not head.startswith(_MAGIC) or application != _APPLICATION:
        raise StoreError(f"{path}: is no file of dicesim's, and is left as it is; name another one")
    if version != _VERSION:
        raise StoreError(
            f"{path}: has the form {version}, and this dicesim knows the form {_VERSION}; use the "
            "dicesim that wrote it, or name another file"
        )


def _readable(path: Path) -> str | None:
    """Tell in which mode a database can be read, if it is sound.

    Without a log beside it nobody writes to it, and it is read as what does not change: SQLite
    would lay two files beside it otherwise, which nobody takes away.
    """
    if _beside(path, "-journal").exists():
        return None  # killed as the file was made
    if not _beside(path, "-wal").exists():
        try:
            _check(path, _UNCHANGING)
            return _UNCHANGING
        except StoreError:
            if not _beside(path, "-wal").exists():
                raise  # else somebody began to write just now
    _check(path, "ro")
    return "ro"


def _check(path: Path, mode: str) -> None:
    with closing(connect(path, mode)) as connection, explained(path):
        try:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        except UnicodeDecodeError as error:  # in what SQLite says of a damaged table
            raise damaged(path) from error
        if verdict != "ok":
            raise damaged(path)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say in our own words what SQLite refuses.

    Raises
    ------
    StoreError
        The file is damaged, in another's hand, or may not be written to.
    ExecutionError
        There is no room for it.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _explanation(path, error) from error


def _explanation(path: Path, error: sqlite3.Error) -> StoreError | ExecutionError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(_ANOTHER_WRITER):
        return StoreError(f"{path}: another process is rolling for it; wait, or name another file")
    if name.startswith(_NO_ROOM) and name != "SQLITE_IOERR_SHORT_READ":
        return ExecutionError(
            f"{path}: no more could be written ({error}); what it held still holds, make room"
        )
    if name.startswith(_NOT_ALLOWED):
        return StoreError(f"{path}: {error}; name a file that may be written")
    if name.startswith(_UNSOUND) or not name:
        return damaged(path)
    return StoreError(f"{path}: SQLite refuses it: {error} ({name}); name another file")


def damaged(path: Path) -> StoreError:
    """Say that a file is damaged."""
    return StoreError(f"{path}: is damaged, and is left as it is; name another file")


def missing(path: Path) -> StoreError:
    """Say that there is nothing."""
    return StoreError(
        f"{path}: there is no such file, or nothing in it; dicesim run --checkpoint {path} makes it"
    )


def _unreadable(path: Path, error: Exception) -> StoreError:
    reason = getattr(error, "strerror", None) or str(error)
    return StoreError(f"{path}: cannot be read: {reason}; name another file")
