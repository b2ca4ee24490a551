"""Answers to what cannot be done: problem details for HTTP, as in RFC 9457."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import dicesim

MEDIA_TYPE: Final = "application/problem+json"

# Advice for the command line and for Python, where limits can be raised.
_RAISE: Final = re.compile(r"(;| or|,)? ?(or )?raise it with --limit .*$", re.DOTALL)
_TITLES: Final = {
    "notation": "The expression cannot be read",
    "parameter": "A value cannot be used",
    "record": "The rolls cannot be read",
    "limit": "Beyond a limit",
    "exact-unavailable": "There is no exact distribution",
    "execution": "The run could not finish",
    "memory": "Memory ran out",
    "too-slow": "It took too long",
    "worker": "The worker died",
    "internal": "Something went wrong here",
    "busy": "Too much at once",
    "unauthorized": "A token is needed",
    "not-found": "There is no such thing",
    "unfinished": "Not finished yet",
    "cancelled": "Cancelled before the first roll",
    "key-reused": "The Idempotency-Key was used for something else",
    "too-large": "The body is too large",
    "too-late": "The body came too slowly",
    "media-type": "The body is no JSON",
    "host": "Another host is meant",
    "origin": "Another page asks",
    "closing": "The service is closing",
    "request": "The request cannot be read",
    "method": "No such method here",
}
_KINDS: Final = (
    (dicesim.NotationError, "notation", 422),
    (dicesim.ParameterError, "parameter", 422),
    (dicesim.RecordError, "record", 422),
    (dicesim.LimitError, "limit", 422),
    (dicesim.ExactUnavailable, "exact-unavailable", 422),
)

Problem = dict[str, Any]


class ProblemError(Exception):
    """A problem on its way to the client."""

    def __init__(self, problem: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(problem["detail"])
        self.problem = problem
        self.headers = headers or {}


def problem(kind: str, status: int, detail: str, **more: Any) -> Problem:
    """Return the members of a problem; those without a value are left out.

    Examples
    --------
    >>> problem("busy", 429, "64 jobs wait already", hint="try again in a second")["title"]
    'Too much at once'
    """
    told = {
        "type": f"/problems#{kind}",
        "title": _TITLES[kind],
        "status": status,
        "detail": detail,
    }
    return told | {name: value for name, value in more.items() if value not in (None, "")}


def problem_of(error: dicesim.DicesimError, field: str = "expression") -> Problem:
    """Return what a client may know of an error: no path, and only advice that it can follow.

    Parameters
    ----------
    error : DicesimError
    field : str, optional
        Member of the request that an error in the notation is about.
    """
    for kind, name, status in _KINDS:
        if isinstance(error, kind):
            return problem(name, status, *_detail_of(error), **_members(error, field))
    if isinstance(error, dicesim.ExecutionError) and not isinstance(error.__cause__, OSError):
        return problem("execution", 500, "the run could not finish; post it again")
    return problem("internal", 500, "the run could not be kept; post it again later")


def _detail_of(error: dicesim.DicesimError) -> tuple[str]:
    text = str(error)
    if isinstance(error, dicesim.ParameterError):
        text = re.sub(r"^rng:", "seed:", text)
    return (_RAISE.sub("", text),)


def _members(error: dicesim.DicesimError, field: str) -> Problem:
    match error:
        case dicesim.NotationError():
            return {
                "parameter": field,
                "position": error.position,
                "length": error.length,
                "found": error.found,
                "expected": error.expected,
                "hint": error.hint,
            }
        case dicesim.ParameterError():
            name = "seed" if error.parameter == "rng" else error.parameter
            return {"parameter": name, "hint": _hint(error)}
        case dicesim.RecordError():
            return {"parameter": "data", "line": error.line, "hint": _hint(error)}
        case dicesim.LimitError():
            name = "n" if error.limit == "work" else field
            return {"parameter": name, "limit": error.limit, "hint": "ask for less"}
    return {"parameter": field}


def _hint(error: Exception) -> str:
    """Return what follows the semicolon: what to write instead."""
    return str(error).partition("; ")[2]


def encoded(told: Problem) -> bytes:
    """Return a problem as JSON."""
    return json.dumps(told).encode()
