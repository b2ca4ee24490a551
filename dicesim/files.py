"""Files that are written whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Hand out a new empty file in the same folder, which goes away unless it is renamed.

    Raises
    ------
    OSError
        There is no such folder, it may not be written to, or `path` is a folder itself.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory) / "dice.txt"
    ...     with beside(path) as draft:
    ...         _ = draft.write_text("6")
    ...         _ = draft.replace(path)
    ...     [file.name for file in Path(directory).iterdir()]
    ['dice.txt']
    """
    if path.is_dir():
        raise IsADirectoryError(21, "it is a folder")
    draft = path.with_name(f".dicesim-{secrets.token_hex(4)}")
    draft.open("xb").close()
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)
