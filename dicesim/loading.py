"""Results that come back from a file."""

from __future__ import annotations

import os
from typing import Any

from dicesim.condition import Condition
from dicesim.documents import damaged, read_document
from dicesim.plan import Plan
from dicesim.pmf_files import pmf_from_hexadecimal
from dicesim.result import SAVED, Result
from dicesim.tally import Tally


def load(path: str | os.PathLike[str]) -> Result:
    """Read a result that `Result.save` wrote; it equals the one that was saved.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Result
        A model that no file holds, such as a lambda, comes back without its function.

    Raises
    ------
    StoreError
        There is no such file, or it is foreign, damaged, or from a newer dicesim.

    Examples
    --------
    >>> import dicesim, tempfile
    >>> result = dicesim.run("4d6kh3", n=1000, rng=42)
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     result.save(f"{directory}/abilities.json")
    ...     dicesim.load(f"{directory}/abilities.json") == result
    True
    """
    content = read_document(path, SAVED)
    try:
        return _result(content)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path) from error


def _result(content: dict[str, Any]) -> Result:
    plan, counts, pmf, of, notes = (
        content.pop(name) for name in ("plan", "counts", "pmf", "of", "notes")
    )
    return Result(
        plan=Plan.from_dict(plan),
        tally=Tally.of(dict(counts)),
        pmf=pmf and pmf_from_hexadecimal(pmf),
        of=None if of is None else Condition.parse(of),
        notes=tuple(notes),
        **content,
    )
