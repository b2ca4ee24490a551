"""What the API says of itself."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from . import schemas
from .problems import MEDIA_TYPE

Answers = dict[int | str, dict[str, Any]]


def _model(model: type, description: str) -> dict[str, Any]:
    return {"model": model, "description": description}


def _problems(**statuses: str) -> Answers:
    return {int(name[1:]): _model(schemas.Problem, said) for name, said in statuses.items()}


_READ: Final = _problems(
    s408="The body came too slowly.",
    s413="The body is too large.",
    s415="The body is no JSON.",
    s422="The request cannot be used; the problem says where and why.",
)
_BUSY: Final = _problems(s429="Too much at once; Retry-After says when to come back.")
NOT_FOUND: Final = _problems(
    s404="There is no such simulation.", s422="The request cannot be used."
)
TROUBLES: Final = _problems(
    s400="The request cannot be read.",
    s401="The service wants its token.",
    s403="A page from elsewhere asks.",
    s421="The service answers on its own machine alone.",
    s500="Something went wrong in the service.",
    s503="The service cannot do it now.",
)
_LOCATION: Final = {
    "Location": {"description": "Where its status is.", "schema": {"type": "string"}}
}
_TEXT: Final = {"schema": {"type": "string"}}

ANSWERS: Final[dict[str, Answers]] = {
    "post": {
        202: _model(schemas.Simulation, "It is taken in.") | {"headers": _LOCATION},
        **_READ,
        **_BUSY,
    },
    "page": {
        200: _model(schemas.SimulationPage, "Some of them."),
        **_problems(s422="A parameter cannot be used."),
    },
    "status": {200: _model(schemas.Simulation, "How it stands."), **NOT_FOUND},
    "cancel": {200: _model(schemas.Simulation, "It will stop, or has ended."), **NOT_FOUND},
    "result": {
        200: _model(schemas.Result, "What was rolled."),
        **NOT_FOUND,
        **_problems(s409="It is not finished, or was cancelled before anything was rolled."),
    },
    "events": {
        200: {"description": "Events.", "content": {"text/event-stream": _TEXT}},
        204: {"description": "There is nothing more to say."},
        **NOT_FOUND,
        **_BUSY,
    },
    "exact": {200: _model(schemas.ExactOdds, "The odds."), **_READ, **_BUSY},
    "check": {200: _model(schemas.RecordedCheck, "The verdict."), **_READ, **_BUSY},
    "compare": {200: _model(schemas.RuleComparison, "Both of them."), **_READ, **_BUSY},
    "health": {200: _model(schemas.Health, "It lives.")},
    "ready": {200: _model(schemas.Health, "It can be used.")},
    "figures": {200: {"description": "Figures.", "content": {"text/plain": _TEXT}}},
}


def described_api(api: FastAPI, *, secured: bool) -> None:
    """Have an application describe itself, with problems as what they are."""

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = _described(api, secured)
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _described(api: FastAPI, secured: bool) -> dict[str, Any]:
    document = get_openapi(
        title=api.title, version=api.version, description=api.description, routes=api.routes
    )
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {})
                if int(status) >= 400 and "application/json" in content:
                    answer["content"] = {MEDIA_TYPE: content["application/json"]}
    if secured:
        schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["token"] = {"type": "http", "scheme": "bearer"}
        document["security"] = [{"token": []}]
    return document
