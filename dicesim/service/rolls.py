"""Recorded rolls as JSON has them: judged in one pass that ends at the first that is none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain
from typing import Any, Final

from .problems import ProblemError, problem

_FACE: Final = re.compile(r"-?[0-9]{1,19}")
_SHOWN: Final = 20
_FORMS: Final = "send a list of rolls, a list of rows, an object of counts by face, or a text"


def recorded(data: object) -> Any:
    """Return rolls in which every number is whole.

    Raises
    ------
    ProblemError
        They are no rolls; it says which of them.

    Examples
    --------
    >>> recorded([1, 2.0, 6])
    [1, 2, 6]
    >>> recorded({"1": 5, "2": 7})
    {'1': 5, '2': 7}
    """
    if isinstance(data, str):
        return data
    if isinstance(data, dict):
        if _kinds(data.values()) <= {int}:
            return data
        return {key: _whole(count, f"the count of {_shown(key)}") for key, count in data.items()}
    if not isinstance(data, list):
        raise _refused(f"{_shown(data)} is no record of rolls", _FORMS)
    kinds = _kinds(data)
    if kinds <= {int}:
        return data
    if kinds == {list}:
        return _rows(data)
    return [_whole(roll, f"entry {place}", place) for place, roll in enumerate(data, 1)]


def _rows(data: list[list[object]]) -> list[list[Any]]:
    if _kinds(chain.from_iterable(data)) <= {int}:
        return data
    return [
        [_whole(face, f"entry {place}", place) for face in row] for place, row in enumerate(data, 1)
    ]


def counts_by_face(data: dict[str, int]) -> dict[int | str, int]:
    """Read faces, which are text in JSON; what is none is left to be refused.

    Raises
    ------
    ProblemError
        A face has two counts.

    Examples
    --------
    >>> counts_by_face({"1": 5, "-2": 6})
    {1: 5, -2: 6}
    """
    counts: dict[int | str, int] = {}
    for key, count in data.items():
        face = int(key) if _FACE.fullmatch(key) else key
        if face in counts:
            raise _refused(f"face {face} has two counts", "write each face once")
        counts[face] = count
    return counts


def _kinds(values: Iterable[object]) -> set[type]:
    return set(map(type, values))


def _whole(value: object, name: str, line: int | None = None) -> int:
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise _refused(f"{name}, {_shown(value)}, is no whole number", "write it as in 6", line)


def _shown(value: object) -> str:
    """Show a value of JSON as it is written there, if it is short."""
    match value:
        case None | True | False:
            return {None: "null", True: "true", False: "false"}[value]
        case list() | dict():
            return "a list" if isinstance(value, list) else "an object"
        case str() if len(value) > _SHOWN:
            return repr(value[:_SHOWN] + "…")
    return repr(value)


def _refused(detail: str, hint: str, line: int | None = None) -> ProblemError:
    told = problem("record", 422, f"data: {detail}; {hint}", parameter="data", line=line, hint=hint)
    return ProblemError(told)
