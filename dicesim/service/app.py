"""The routes."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Annotated, Any, Final

from fastapi import FastAPI, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

import dicesim

from . import schemas
from .bodies import BodyRoute
from .engine import Engine, last_event
from .events import EventStream, Streams
from .feed import Feed, event_id
from .jobs import JobTable, State
from .metrics import Metrics
from .openapi import ANSWERS, TROUBLES, described_api
from .problems import MEDIA_TYPE, ProblemError, encoded, problem
from .refusals import refused
from .rolls import recorded
from .security import Guard
from .settings import Settings
from .simulations import described, no_result, read

_PAGE: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/dicesim.js": ("dicesim.js", "text/javascript; charset=utf-8"),
}
_OK: Final = b'{"status":"ok"}'
_Id = Annotated[str, Path(max_length=40, description="As its status says.")]
_JSON: Final = "application/json"


class Service:
    """A service: its routes, and behind them its engine once it is started.

    Parameters
    ----------
    settings : Settings
    """

    engine: Engine
    metrics: Metrics
    streams: Streams

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        api = FastAPI(
            title="dicesim",
            version=dicesim.__version__,
            description="Monte Carlo dice, held against the exact odds.",
            docs_url=None,  # these pages load scripts from elsewhere
            redoc_url=None,
            lifespan=self._life,
        )
        self._add_routes(api)
        for route, (name, media_type) in _PAGE.items():
            api.add_api_route(route, _file(name, media_type), include_in_schema=False)
        for kind, handler in (
            (ProblemError, _tell_problem),
            (RequestValidationError, _tell_invalid),
            (HTTPException, _tell_http),
            (sqlite3.Error, _tell_unkept),
            (Exception, _tell_internal),
        ):
            api.add_exception_handler(kind, handler)
        described_api(api, secured=settings.token is not None)
        self.app = Guard(api, settings, self._note)

    def _add_routes(self, api: FastAPI) -> None:
        one = "/v1/simulations/{id}"
        # They are tried in this order; what is asked most often comes first.
        for method, path, endpoint, status in (
            ("GET", "/healthz", self.health, 200),
            ("GET", one, self.status, 200),
            ("POST", "/v1/simulations", self.post, 202),
            ("GET", "/v1/simulations", self.page, 200),
            ("DELETE", one, self.cancel, 200),
            ("GET", f"{one}/result", self.result, 200),
            ("GET", f"{one}/events", self.events, 200),
            ("POST", "/v1/exact", self.exact, 200),
            ("POST", "/v1/check", self.check, 200),
            ("POST", "/v1/compare", self.compare, 200),
            ("GET", "/readyz", self.ready, 200),
            ("GET", "/metrics", self.figures, 200),
        ):
            api.router.add_api_route(
                path,
                endpoint,
                methods=[method],
                route_class_override=BodyRoute if method == "POST" else None,
                status_code=status,
                responses=ANSWERS[endpoint.__name__] | TROUBLES,
                response_class=Response,
                operation_id=endpoint.__name__,
            )

    @asynccontextmanager
    async def _life(self, _api: FastAPI) -> AsyncIterator[None]:
        self.engine = Engine(self.settings, JobTable(self.settings.data / "jobs.db"))
        self.streams = Streams(self.settings.streams, self.settings.streams_per_client)
        self.metrics = Metrics(self.engine, self.streams)
        yield
        self.engine.close()

    def _note(self, method: str, route: str, status: int, seconds: float) -> None:
        self.metrics.note(method, route, status, seconds)

    async def post(
        self,
        request: Request,
        body: schemas.SimulationRequest,
        idempotency_key: Annotated[
            str | None,
            Header(
                min_length=1,
                max_length=200,
                description="The same key with the same body names the same simulation, so that a "
                "post may be repeated.",
            ),
        ] = None,
    ) -> Response:
        """Have an expression rolled."""
        job = self.engine.post(read(body, self.settings), _client(request), idempotency_key)
        told = described(job)
        return _json(told, 202, {"Location": told["links"]["self"]})

    async def page(
        self,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        before: Annotated[
            int | None, Query(ge=1, lt=2**62, description="As `next` has it.")
        ] = None,
        state: Annotated[State | None, Query()] = None,
    ) -> Response:
        """List simulations, newest first."""
        jobs = self.engine.page(limit, before, state)
        older = f"/v1/simulations?limit={limit}" + (f"&state={state}" if state else "")
        further = f"{older}&before={jobs[-1].number}" if len(jobs) == limit else None
        return _json({"simulations": [described(job) for job in jobs], "next": further})

    async def status(self, id: _Id) -> Response:  # noqa: A002  (its name in the address)
        """Tell how a simulation stands."""
        return _json(described(self.engine.find(id)))

    async def cancel(self, id: _Id) -> Response:  # noqa: A002
        """Stop a simulation; what was rolled is its result."""
        return _json(described(self.engine.cancel(id)))

    async def result(self, id: _Id) -> Response:  # noqa: A002
        """Return the result of a simulation."""
        job = self.engine.find(id)
        result = self.engine.result(job) if job.finished else None
        if result is None:
            raise no_result(job)
        return Response(result, media_type=_JSON)

    async def events(
        self,
        request: Request,
        id: _Id,  # noqa: A002
        last_event_id: Annotated[
            str | None, Header(max_length=40, description="What was seen already.")
        ] = None,
    ) -> Response:
        """Follow a simulation: events ``progress`` with the counts so far, then ``result``.

        The id of an event is the number of trials that it counts. A stream that broke off is taken
        up with the header Last-Event-ID; where there is nothing more to say, the answer is 204.
        """
        job = self.engine.find(id)
        seen = event_id(last_event_id, most=job.request["n"] + 1)
        active = self.engine.active.get(id)
        feed = active.feed if active else Feed()
        if active is None:
            feed.publish(*last_event(job, self.engine.result(job)), last=True)
            if feed.newer_than(seen) is None:
                return Response(status_code=204)
        return EventStream(self.engine, feed, seen, self.streams, _client(request))

    async def exact(self, request: Request, body: schemas.ExactRequest) -> Response:
        """Return the exact odds of an expression."""
        return await self._answer(request, "exact", dict(body))

    async def check(self, request: Request, body: schemas.CheckRequest) -> Response:
        """Hold recorded rolls against a law."""
        asked = {**dict(body), "data": recorded(body.data)}
        return await self._answer(request, "check", asked)

    async def compare(self, request: Request, body: schemas.CompareRequest) -> Response:
        """Set two rules side by side."""
        return await self._answer(request, "compare", dict(body))

    async def _answer(self, request: Request, do: str, asked: dict[str, Any]) -> Response:
        asked = {**asked, "do": do}
        answer = await self.engine.ask(asked, _client(request), request.receive)
        return Response(answer, media_type=_JSON)

    def begin_to_close(self) -> None:
        """Take nothing more in, and let what goes on come to its end."""
        self.app.begin_to_close()
        self.engine.begin_to_close()

    async def health(self) -> Response:
        """Tell that the service lives."""
        return Response(_OK, media_type=_JSON)

    async def ready(self) -> Response:
        """Tell whether the service can be used: its workers are there, and it is not closing."""
        engine = self.engine
        if engine.closing:
            raise ProblemError(problem("closing", 503, "the service is closing"))
        if not engine.rollers.ready or not engine.desks.ready:
            raise ProblemError(problem("busy", 503, "no worker is ready"), {"Retry-After": "1"})
        if not engine.table.stands():
            raise ProblemError(problem("internal", 503, "the table of jobs is gone"))
        return Response(_OK, media_type=_JSON)

    async def figures(self) -> Response:
        """Return figures for Prometheus."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _file(name: str, media_type: str) -> Callable[[], Awaitable[Response]]:
    content = (files(__package__) / "page" / name).read_bytes()

    async def page() -> Response:
        return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})

    return page


def _json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(value), status, headers, _JSON)


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


async def _tell_problem(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ProblemError):
        raise error
    told = error.problem
    return Response(encoded(told), told["status"], error.headers, MEDIA_TYPE)


async def _tell_invalid(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    told = refused(error.errors()[0])
    return Response(encoded(told), told["status"], media_type=MEDIA_TYPE)


async def _tell_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    kind = {404: "not-found", 405: "method"}.get(error.status_code, "request")
    told = problem(kind, error.status_code, str(error.detail))
    headers = {"Allow": _allowed(request)} if kind == "method" else error.headers
    return Response(encoded(told), error.status_code, headers, MEDIA_TYPE)


def _allowed(request: Request) -> str:
    """Methods of a path; Starlette names those of the first route that it comes upon."""
    methods = {
        method
        for route in request.app.routes
        if route.matches(request.scope)[0] != Match.NONE
        for method in getattr(route, "methods", None) or ()
    }
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


async def _tell_unkept(_request: Request, error: Exception) -> Response:
    print(f"dicesim serve: {error}", file=sys.stderr)  # noqa: T201  (who runs it should know)
    told = problem("internal", 503, "nothing can be written down now", hint="try again later")
    return Response(encoded(told), 503, media_type=MEDIA_TYPE)


async def _tell_internal(_request: Request, _error: Exception) -> Response:
    told = problem("internal", 500, "the service has written down why")
    return Response(encoded(told), 500, media_type=MEDIA_TYPE)
