"""Simulations as clients see them: reading what is asked, and telling how it stands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import dicesim

from .jobs import Job
from .problems import ProblemError, problem, problem_of
from .schemas import SimulationRequest
from .settings import Settings


def read(asked: SimulationRequest, settings: Settings) -> dict[str, Any]:
    """Return what is to be rolled, in canonical form, once all of it is known to be possible.

    Raises
    ------
    ProblemError
        It cannot be read, or is beyond a limit.
    """
    try:
        tree = dicesim.parse(asked.expression)
        limits = settings.limits
        limits.check("price", tree.price, "one trial would roll {} dice")
        limits.check("outcomes", tree.outcomes, "the total may take {} different values")
        if asked.method == "roll":
            price = max(tree.price, 1)
            limits.check("work", price * asked.n, "the simulation would roll {} dice")
        of = None if asked.of is None else str(dicesim.Condition.parse(asked.of, "of"))
    except dicesim.DicesimError as error:
        raise ProblemError(problem_of(error)) from error
    if asked.n > settings.n:
        detail = f"n: {asked.n:,} trials are beyond the limit of {settings.n:,}"
        told = problem("limit", 422, detail, parameter="n", hint="ask for fewer")
        raise ProblemError(told)
    return {
        "expression": dicesim.unparse(tree),
        "description": dicesim.describe(tree),
        "n": asked.n,
        "seed": asked.seed,
        "method": asked.method,
        "of": of,
    }


def described(job: Job) -> dict[str, Any]:
    """Return how a simulation stands."""
    request = job.request
    here = f"/v1/simulations/{job.id}"
    return {
        "id": job.id,
        "state": job.state,
        "expression": request["expression"],
        "description": request["description"],
        "n": job.done,
        "requested_n": request["n"],
        "seed": request["seed"],
        "method": request["method"],
        "of": request["of"],
        "cancel_requested": job.cancel,
        "created": _time(job.created),
        "ended": None if job.ended is None else _time(job.ended),
        "problem": json.loads(job.problem) if job.problem else None,
        "links": {"self": here, "result": f"{here}/result", "events": f"{here}/events"},
    }


def no_result(job: Job) -> ProblemError:
    """Say why a simulation has no result."""
    if job.problem:
        return ProblemError(json.loads(job.problem))
    told = problem(
        "unfinished",
        409,
        f"{job.done:,} of {job.request['n']:,} trials are rolled",
        hint="follow its events, or ask again",
    )
    return ProblemError(told, {"Retry-After": "1"})


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
