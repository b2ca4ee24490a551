"""A process that is fed with random input case by case.

A case that hangs, or ends the interpreter, is the one that was sent last, so it can be named. What
comes back of each case is what is wrong with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Final

import dicesim
from tests.fuzzing import Case, Kind

# A case takes milliseconds; nobody waits so long for a refusal.
PATIENCE: Final = 60.0
# Nor has any case a use for so much.
_MEMORY: Final = 4 * 2**30
SMALL: Final = dicesim.Limits(
    price=2_000, work=10**5, outcomes=2**12, table_bytes=2**20, workers=3, rolls=50
)


class Driver:
    """A process that runs cases, and a watchdog that names the one that it died of."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def __enter__(self) -> Driver:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.feeding", self._kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[1],
            encoding="ascii",
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        place: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def fault(self, case: Case, patience: float = PATIENCE) -> str:
        """What is wrong with a case; empty where all is well."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watchdog = threading.Timer(patience, self._process.kill)
        watchdog.start()
        try:
            self._process.stdin.write(json.dumps(case) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except OSError:
            answer = ""
        finally:
            watchdog.cancel()
        if not answer:
            return f"the process ended with {self._process.wait()}, or hung for {patience} s"
        fault: str = json.loads(answer)
        return fault


def fault_of_answer(arguments: list[str], code: int, out: str, err: str) -> str:
    """What is wrong with how a command ended."""
    lines = err.splitlines()
    errors = [place for place, line in enumerate(lines) if line.startswith("dicesim: ")]
    if code not in (0, 1, 2, 3):
        return f"exit code {code}"
    if code == 2 and out:
        return "an answer to bad input"
    if (code in (2, 3)) != (len(errors) == 1):
        return f"{len(errors)} error lines with exit code {code}"
    # Beside the error there are its place, two lines under it, and notes before it.
    rest = lines[: errors[0]] if errors else lines
    place = lines[errors[0] + 1 :] if errors else []
    if place and not (len(place) == 2 and place[1].strip(" ") == "^" * place[1].count("^")):
        return "more than a line about an error"
    if any(not line.startswith(("note: ", "seed ", "batch ")) for line in rest):
        return "an unexpected line on stderr"
    if any(not (c.isprintable() or c == "\n") for c in err):
        return "what a terminal would obey on stderr"
    if out and "--json" in arguments and not out.startswith("Usage: "):
        try:
            json.loads(out)
        except ValueError:
            return "no JSON on stdout"
    return ""


def _one_line(error: dicesim.DicesimError) -> str:
    text = str(error)
    if not text or any(not c.isprintable() for c in text):
        return f"the message is not one printable line: {text!r}"
    if isinstance(error, dicesim.NotationError) and not (
        0 <= error.position <= len(error.text) and error.length >= 1
    ):
        return f"the place {error.position}, {error.length} is not in the text"
    return ""


def _feed_notation(case: Case) -> str:
    try:
        tree = dicesim.parse(case["text"])
    except dicesim.NotationError as error:
        return _one_line(error)
    written = dicesim.unparse(tree)
    if dicesim.parse(written) != tree:
        return f"it is not what its own writing {written!r} is"
    dicesim.describe(tree)
    dicesim.caveats(tree)
    seed = case["seed"]
    pieces: list[Callable[[], object]] = [
        lambda: dicesim.exact(tree, limits=SMALL).to_dict(),
        lambda: dicesim.roll(tree, rng=seed, limits=SMALL),
        lambda: [one.to_dict() for one in dicesim.roll_dice(tree, 2, rng=seed, limits=SMALL)],
        lambda: _whole_run(tree, seed),
    ]
    return next(filter(None, map(_fault_of, pieces)), "")


def _whole_run(tree: dicesim.Expression, seed: int) -> None:
    result = dicesim.run(tree, 20, rng=seed, limits=SMALL)
    assert result.counts.total() == 20
    json.dumps(result.to_dict(), allow_nan=False)


def _fault_of(piece: Callable[[], object]) -> str:
    try:
        piece()
    except dicesim.DicesimError as error:
        return _one_line(error)
    return ""


def _feed_csv(case: Case, file: Path) -> str:
    file.write_bytes(case["content"].encode("latin-1"))
    options = {name: case[name] for name in ("column", "counts", "alpha")}
    try:
        result = dicesim.check_file(str(file), case["against"], **options)
    except dicesim.DicesimError as error:
        return _one_line(error)
    json.loads(result.to_json())
    dicesim.format_check(result)
    return ""


def _feed_arguments(case: Case, file: Path) -> str:
    invoke: Callable[[list[str]], int] = import_module("dicesim_cli.app").invoke
    for left in file.parent.iterdir():
        left.unlink()
    file.write_bytes(case["content"].encode("latin-1"))
    arguments = [str(file) if argument == "FILE" else argument for argument in case["arguments"]]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as err,
        file.open(encoding="utf-8") as sys.stdin,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = invoke(arguments)
        shown = []
        for stream in (out, err):
            stream.flush()
            stream.seek(0)
            shown.append(stream.read())
    fault = fault_of_answer(arguments, code, *shown)
    return fault and f"{fault}; exit code {code}, stdout {shown[0][-500:]!r}, stderr {shown[1]!r}"


def _tried(case: Case) -> str:
    """Misbehave as the test of the watchdog wants it."""
    match case:
        case {"do": "hang"}:
            time.sleep(1e6)
        case {"do": "death"}:
            os.abort()
    return ""


def _serve(kind: Kind) -> None:
    """Answer each line, a case, with a line: what is wrong with it."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    questions = os.fdopen(os.dup(0), encoding="ascii")
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    # A worker that is forked, or a stray word, must not disturb the conversation.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        file = Path(folder, "rolls")
        feed: Callable[[Case], str] = {
            "notation": _feed_notation,
            "csv": lambda case: _feed_csv(case, file),
            "arguments": lambda case: _feed_arguments(case, file),
        }[kind]
        for question in questions:
            try:
                fault = _tried(json.loads(question)) or feed(json.loads(question))
            except BaseException:  # noqa: BLE001 (whatever comes out is the fault)
                fault = traceback.format_exc()
            answers.write(json.dumps(fault) + "\n")
            answers.flush()


if __name__ == "__main__":
    _serve(sys.argv[1])  # type: ignore[arg-type]
