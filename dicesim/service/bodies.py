"""Reading what is posted: JSON, and nothing else, with the place of what cannot be read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from .problems import ProblemError, problem

_JSON: Final = "application/json"
_NAME: Final = 50


class BodyRoute(APIRoute):
    """A route whose body is JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request, and reads its body here."""
        answer = super().get_route_handler()

        async def read_and_answer(request: Request) -> Response:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != _JSON:
                detail = "send Content-Type: application/json, and JSON"
                raise ProblemError(problem("media-type", 415, detail))
            try:
                return await answer(_Posted(request.scope, request.receive))
            except HTTPException as error:  # FastAPI's words for whatever went wrong in reading
                if isinstance(error.__cause__, ProblemError):
                    raise error.__cause__ from None
                raise

        return read_and_answer


class _Posted(Request):
    async def json(self) -> Any:
        return parsed(await self.body())


def parsed(body: bytes) -> Any:
    """Read JSON.

    Raises
    ------
    ProblemError
        It is none; it says where.

    Examples
    --------
    >>> parsed(b'{"n": 10}')
    {'n': 10}
    >>> parsed(b'{"n": }')
    Traceback (most recent call last):
    ...
    dicesim.service.problems.ProblemError: line 1, column 7: this is no JSON; write a value
    """
    try:
        return json.loads(body, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        told = error.msg.removeprefix("Expecting ").partition(" starting at")[0]
        expected = error.msg.startswith("Expecting ")
        hint = f"write a {told}" if expected else f"mend this: {told}"
        raise _unreadable(f"{where}: this is no JSON", hint, position=error.pos) from error
    except UnicodeDecodeError as error:
        where = f"byte {error.start + 1}: this is no text"
        raise _unreadable(where, "send JSON in UTF-8") from error
    except RecursionError as error:
        raise _unreadable("the body is nested too deeply", "send a flat object") from error
    except ValueError as error:  # Python reads no number with thousands of digits
        raise _unreadable("a number has too many digits", "send a smaller one") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = Counter(name for name, _ in pairs)
        twice = names.most_common(1)[0][0]
        raise _unreadable(f"{twice[:_NAME]!r} comes twice in one object", "write it once")
    return found


def _unreadable(detail: str, hint: str, **more: Any) -> ProblemError:
    return ProblemError(problem("request", 422, f"{detail}; {hint}", hint=hint, **more))
