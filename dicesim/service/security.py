"""What stands before every route: who may ask, how much may be sent, and what browsers may do."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Iterable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import MEDIA_TYPE, Problem, encoded, problem
from .settings import Settings

_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
# For what a browser shows as a page.
_PAGE_HEADERS: Final = (
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_NOT_KEPT: Final = (b"cache-control", b"no-store")
_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "TRACE"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FOREIGN: Final = frozenset({b"cross-site", b"same-site"})

Note = Callable[[str, str, int, float], None]


class Guard:
    """An application behind its guard.

    Parameters
    ----------
    app : ASGI application
    settings : Settings
    note : callable
        Told of each answer: method, route, status and seconds.
    """

    def __init__(self, app: ASGIApp, settings: Settings, note: Note) -> None:
        self._app = app
        self._settings = settings
        self._note = note
        self._token = settings.token.encode() if settings.token else None
        self._held = 0  # bytes of all bodies that are being read or answered
        self._reading: set[asyncio.Timeout] = set()
        self._closing = False
        self._hosts = _LOCAL_NAMES | {settings.host} if settings.local else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        method = scope["method"] if scope["method"] in _METHODS else "other"
        if method == "HEAD":  # the server leaves the body out
            scope, receive = {**scope, "method": "GET"}, _left

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, scope["path"])
                route = getattr(scope.get("route"), "path", "none")
                seconds = time.perf_counter() - start
                self._note(method, route, message["status"], seconds)
            await send(message)

        headers = dict(scope["headers"])
        told, more = self._refusal(scope["path"], headers)
        if told is None and method not in _SAFE and _is_foreign(headers):
            told = problem("origin", 403, "another page asks", hint="open this service's own page")
        if told is not None:
            await _send_problem(told, guarded, more)
        elif method in _WITH_BODY:
            await self._answer_posted(scope, headers, receive, guarded)
        else:
            await self._app(scope, receive, guarded)

    def begin_to_close(self) -> None:
        """Wait no longer for bodies that are not whole."""
        self._closing = True
        for patience in self._reading:
            patience.reschedule(asyncio.get_running_loop().time())

    def _refusal(
        self, path: str, headers: dict[bytes, bytes]
    ) -> tuple[Problem | None, Iterable[tuple[bytes, bytes]]]:
        """Return why a request is not heard, if that is so, and headers to say it with."""
        host = headers.get(b"host", b"").decode("latin-1").rpartition(":")
        name = (host[0] if host[2].isdigit() and host[0] else "".join(host)).lower()
        if self._hosts is not None and name not in self._hosts:
            detail = "this service answers on this machine alone"
            return problem("host", 421, detail, hint="call it localhost, or 127.0.0.1"), ()
        if self._token is not None and (path.startswith("/v1/") or path == "/metrics"):
            scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
                hint = "send Authorization: Bearer, and the token"
                told = problem("unauthorized", 401, "this service wants its token", hint=hint)
                return told, ((b"www-authenticate", b"Bearer"),)
        return None, ()

    async def _answer_posted(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        body = bytearray()
        try:
            told = await self._read(body, headers, receive)
            if told is None:
                await self._app(scope, _replayed(bytes(body), receive), send)
            else:
                later = ((b"retry-after", b"1"),) if told["status"] == 429 else ()
                await _send_problem(told, send, ((b"connection", b"close"), *later))
        finally:
            self._held -= len(body)

    async def _read(
        self, body: bytearray, headers: dict[bytes, bytes], receive: Receive
    ) -> Problem | None:
        """Read a body, or say why it is not taken: too large, too late, or too many of them."""
        most = self._settings.body_bytes
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > most:
            return _too_large(most)
        patience = asyncio.timeout(self._settings.body_seconds)
        self._reading.add(patience)
        try:
            async with patience:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return problem("too-late", 408, "the body broke off", hint="send it again")
                    piece = message.get("body", b"")
                    body += piece
                    self._held += len(piece)
                    if len(body) > most:
                        return _too_large(most)
                    if self._held > self._settings.bodies_bytes:
                        detail, hint = "others send too much now", "try again in a second"
                        return problem("busy", 429, detail, hint=hint)
                    if not message.get("more_body", False):
                        return None
        except TimeoutError:
            if self._closing:
                return problem("closing", 503, "the body was not whole yet", hint="send it again")
            return problem("too-late", 408, "the body did not come in time", hint="send it again")
        finally:
            self._reading.discard(patience)


def _is_foreign(headers: dict[bytes, bytes]) -> bool:
    """Whether a browser says that a page from elsewhere asks.

    Examples
    --------
    >>> _is_foreign({b"host": b"localhost:8000", b"origin": b"http://localhost:8000"})
    False
    >>> _is_foreign({b"host": b"localhost:8000", b"origin": b"null"})
    True
    """
    site = headers.get(b"sec-fetch-site")
    if site is not None:  # what it says holds behind a proxy that changes the host, too
        return site in _FOREIGN
    origin = headers.get(b"origin")
    return origin is not None and origin.partition(b"://")[2] != headers.get(b"host", b"")


async def _left() -> Message:
    return {"type": "http.disconnect"}


def _too_large(most: int) -> Problem:
    hint = "send counts in place of rolls"
    return problem("too-large", 413, f"a body may have {most:,} bytes", hint=hint)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read already."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


def _add_headers(message: Message, path: str) -> None:
    headers = list(message.get("headers", ()))
    if path.startswith("/v1/") and all(name != b"cache-control" for name, _ in headers):
        headers.append(_NOT_KEPT)
    more = _PAGE_HEADERS if path == "/" else ()
    message["headers"] = [*headers, *_HEADERS, *more]


async def _send_problem(told: Problem, send: Send, more: Iterable[tuple[bytes, bytes]]) -> None:
    body = encoded(told)
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *more,
    ]
    await send({"type": "http.response.start", "status": told["status"], "headers": headers})
    await send({"type": "http.response.body", "body": body})
