"""What runs in a worker process: it answers one request after another through a pipe.

A thread reads the pipe all the time. It hears of requests and of the wish to stop, and when the
service is gone, however that ended, the pipe ends, and the process with it.
"""

from __future__ import annotations

import io
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import dicesim

from .problems import ProblemError, encoded, problem, problem_of
from .rolls import counts_by_face

STOP: Final = "stop"
# A worker gives way to the event loop, which has little to do, and soon.
_NICE: Final = 10
_SNAPSHOT_SECONDS: Final = 0.1
# A snapshot may take this share of a worker's time.
_SHARE: Final = 20
_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)

Request = dict[str, Any]
Message = tuple[str, Any]


def work(connection: Connection, nice: bool) -> None:
    """Answer requests until the pipe ends."""
    for name in ("SIGINT", "SIGTERM"):  # of a whole group; the service says when to stop
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    if nice and hasattr(os, "nice"):
        os.nice(_NICE)
    requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
    stop = threading.Event()
    listener = threading.Thread(target=_listen, args=(connection, requests, stop), daemon=True)
    listener.start()
    _warm_up()
    connection.send(("ready", None))
    while True:
        request = requests.get()
        with suppress(BrokenPipeError):
            connection.send(_answer(request, connection, stop))


def _listen(
    connection: Connection, requests: queue.SimpleQueue[Request], stop: threading.Event
) -> None:
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            os._exit(0)
        if message == STOP:
            stop.set()
        else:
            stop.clear()
            requests.put(message)


def _warm_up() -> None:
    """Load what every request needs, so that the first one does not wait for it."""
    dicesim.run("2d6", 1000, rng=0, executor="serial").to_json()
    dicesim.compare("2d6", "1d12").to_dict()
    dicesim.check([1, 2, 3, 4, 5, 6], "1d6").to_dict()


def _answer(request: Request, connection: Connection, stop: threading.Event) -> Message:
    """Do what is asked; whatever goes wrong becomes a problem."""
    try:
        if request["do"] == "run":
            return _run(request, connection, stop)
        return "result", _ANSWERS[request["do"]](request)
    except ProblemError as error:
        return "problem", encoded(error.problem)
    except dicesim.DicesimError as error:
        _log(error)
        return "problem", encoded(problem_of(error, _field(request, error)))
    except MemoryError:
        return "problem", encoded(problem("memory", 503, "ask for less, or try again later"))
    except Exception as error:  # noqa: BLE001  (one request must not end the worker)
        _log(error)
        return "problem", encoded(problem("internal", 500, "the service has written down why"))


def _log(error: Exception) -> None:
    """Tell who runs the service what a client is not told."""
    if isinstance(error, (dicesim.ExecutionError, dicesim.StoreError)):
        print(f"dicesim serve: {error}", file=sys.stderr)  # noqa: T201
    elif not isinstance(error, dicesim.DicesimError):
        traceback.print_exception(error)


def _field(request: Request, error: dicesim.DicesimError) -> str:
    """Name the member of the request whose notation an error is about."""
    if request["do"] == "compare":
        return "b" if str(error).startswith("second") else "a"
    return "against" if request["do"] == "check" else "expression"


def _run(request: Request, connection: Connection, stop: threading.Event) -> Message:
    limits = dicesim.Limits(**request["limits"])
    snapshots = Snapshots(request["expression"], limits, connection.send)
    path = request["checkpoint"]

    def begin() -> dicesim.Result:
        return dicesim.run(
            request["expression"],
            request["n"],
            rng=request["seed"],
            method=request["method"],
            executor="serial",
            of=request["of"],
            progress=snapshots.look,
            cancel=stop,
            checkpoint=path,
            limits=limits,
        )

    result = begin() if path is None else _kept(Path(path), begin, snapshots.look, stop)
    return "result", (result.complete, result.n, _json(result.to_dict()))


def _kept(
    path: Path,
    begin: Callable[[], dicesim.Result],
    progress: Callable[[dicesim.Progress], None],
    stop: threading.Event,
) -> dicesim.Result:
    """Go on from the last batch that was kept; what cannot be gone on with is begun anew."""
    try:
        if path.exists() and dicesim.stored_runs(path):
            return dicesim.resume(path, progress=progress, cancel=stop)
    except dicesim.StoreError as error:
        _log(error)
        forget(path)
    return begin()


def forget(path: Path) -> None:
    """Take a checkpoint away, and what SQLite lays beside it."""
    for ending in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


class Snapshots:
    """Counts on their way: one at once, then some each second, and never half of a worker's time.

    Parameters
    ----------
    expression : str
    limits : Limits
    send : callable
        Takes the messages.
    """

    def __init__(
        self, expression: str, limits: dicesim.Limits, send: Callable[[Message], None]
    ) -> None:
        self._expression = expression
        self._limits = limits
        self._send = send
        self._due = 0.0
        self._pmf: dicesim.PMF | None = None
        self._finding: threading.Thread | None = None

    def look(self, progress: dicesim.Progress) -> None:
        """Send a snapshot, if it is time for one."""
        start = time.perf_counter()
        if start < self._due or not progress.done or progress.tally is None:
            return
        self._send(("progress", (progress.done, self._shown(progress, progress.tally))))
        end = time.perf_counter()
        self._due = end + max(_SNAPSHOT_SECONDS, _SHARE * (end - start))

    def _shown(self, progress: dicesim.Progress, tally: dicesim.Tally) -> bytes:
        counts = sorted(tally.counter().items())
        return _json(
            {
                "n": progress.done,
                "requested_n": progress.requested,
                "elapsed_seconds": progress.elapsed_seconds,
                "trials_per_second": progress.done / max(progress.elapsed_seconds, 1e-9),
                "outcomes": [outcome for outcome, _ in counts],
                "counts": [count for _, count in counts],
                "chi_square": self._chi_square(tally),
            }
        )

    def _chi_square(self, tally: dicesim.Tally) -> dict[str, Any] | None:
        if self._finding is None:  # it may take seconds, for which neither news nor a stop waits
            self._finding = threading.Thread(target=self._find_law, daemon=True)
            self._finding.start()
        if self._pmf is None or len(self._pmf) < 2:
            return None
        check = dicesim.goodness_of_fit(tally, self._pmf)
        return {"statistic": check.statistic, "dof": check.dof, "p_value": check.p_value}

    def _find_law(self) -> None:
        with suppress(dicesim.DicesimError, MemoryError):
            self._pmf = dicesim.exact(self._expression, limits=self._limits)


def _exact(request: Request) -> bytes:
    tree = dicesim.parse(request["expression"])
    about = {
        "schema": "dicesim.service.exact/1",
        "expression": dicesim.unparse(tree),
        "description": dicesim.describe(tree),
        "notes": list(dicesim.caveats(tree)),
    }
    try:
        dicesim.Limits(**request["limits"]).check("price", tree.price, "one trial rolls {} dice")
        pmf = dicesim.exact(tree, limits=dicesim.Limits(**request["limits"]))
    except dicesim.ExactUnavailable as error:
        told = problem_of(error) | {name: about[name] for name in ("expression", "description")}
        raise ProblemError(told) from error
    quantiles = [{"q": q, "outcome": pmf.quantile(q)} for q in _QUANTILES]
    return _json({**about, "quantiles": quantiles, **(pmf.to_dict() | about)})


def _check(request: Request) -> bytes:
    data, against, alpha = request["data"], request["against"], request["alpha"]
    limits = dicesim.Limits(**request["limits"])
    if isinstance(data, str):
        file = io.BytesIO(data.encode(errors="replace"))
        result = dicesim.check_file(
            file,
            against,
            column=request["column"],
            counts=request["counts"],
            alpha=alpha,
            limits=limits,
        )
    else:
        if isinstance(data, dict):  # whose keys are text in JSON
            data = counts_by_face(data)
        result = dicesim.check(data, against, alpha=alpha, limits=limits)
    about = {
        "schema": "dicesim.service.check/1",
        "description": dicesim.describe(dicesim.parse(against)),
    }
    return _json(about | result.to_dict() | about)


def _compare(request: Request) -> bytes:
    comparison = dicesim.compare(
        request["a"],
        request["b"],
        request["n"],
        rng=request["seed"],
        limits=dicesim.Limits(**request["limits"]),
    )
    return _json(comparison.to_dict())


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False).encode()


_ANSWERS: Final = {"exact": _exact, "check": _check, "compare": _compare}
