"""JSON files of our own: written whole, sealed with a digest, and known again by their form."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from dicesim.errors import ExecutionError, StoreError
from dicesim.files import beside


def write_document(path: str | os.PathLike[str], form: str, content: dict[str, Any]) -> None:
    """Write a file, or leave what was there.

    Parameters
    ----------
    path : str or path-like
    form : str
        Name and version of what the content means, such as ``"dicesim.result/1"``.
    content : dict
        Plain values.

    Raises
    ------
    StoreError
        The file cannot be made there.
    ExecutionError
        There is no room for it.
    """
    text = json.dumps({"form": form, "digest": _digest(content), "content": content}, indent=1)
    try:
        file = Path(path).resolve()
        with beside(file) as draft:
            try:
                draft.write_text(text, encoding="utf-8")
                draft.replace(file)
            except OSError as error:
                raise ExecutionError(
                    f"{path}: could not be written: {error.strerror}; make room, or name another "
                    "file"
                ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"{path}: cannot be written: {reason}; name another file") from error


def read_document(path: str | os.PathLike[str], form: str) -> dict[str, Any]:
    """Read what `write_document` wrote.

    Raises
    ------
    StoreError
        There is no such file, or it is foreign, damaged, or of another version.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _foreign(path) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"{path}: cannot be read: {reason}; name another file") from error
    name, _, version = form.rpartition("/")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise (damaged(path) if f'"{name}/' in text[:80] else _foreign(path)) from error
    found = document.get("form") if isinstance(document, dict) else None
    if not isinstance(found, str) or not found.startswith(f"{name}/"):
        raise _foreign(path)
    if found != form:
        raise StoreError(
            f"{path}: has the form {found.rpartition('/')[2]}, and this dicesim knows the form "
            f"{version}; use the dicesim that wrote it"
        )
    content = document.get("content")
    if not isinstance(content, dict) or document.get("digest") != _digest(content):
        raise damaged(path)
    return content


def damaged(path: str | os.PathLike[str]) -> StoreError:
    """Say that a file is not what was written."""
    return StoreError(f"{path}: is damaged or was changed by hand; save the result again")


def _foreign(path: str | os.PathLike[str]) -> StoreError:
    return StoreError(f"{path}: holds no saved result; name a file that Result.save wrote")


def _digest(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
