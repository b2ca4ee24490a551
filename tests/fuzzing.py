"""Random input of every kind, and a process that is fed with it case by case.

The process is its own watchdog's prey: a case that hangs, or ends the interpreter, is the case that
was sent last, so it can be named. What comes back of each case is what is wrong with it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import resource
import shlex
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, TypeAlias

import hypothesis
from hypothesis import HealthCheck, Phase, settings

import dicesim
from tests.strategies import notation

Kind: TypeAlias = Literal["notation", "csv", "arguments"]
Case: TypeAlias = dict[str, Any]

# A case takes milliseconds; nobody waits so long for a refusal.
PATIENCE: Final = 60.0
# Nor has any case a use for so much.
_MEMORY: Final = 4 * 2**30
SMALL: Final = dicesim.Limits(
    price=2_000, work=10**5, outcomes=2**12, table_bytes=2**20, workers=3, rolls=50
)


# ---------------------------------------------------------------------------- what is fed


def notation_corpus(seed: int, size: int = 300) -> list[str]:
    """Notations out of the grammar."""
    found: list[str] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=size, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @hypothesis.given(notation())
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return [*dict.fromkeys(found)]


_PIECES: Final = (
    "2d6", "d%", "4dF", "d{1,1,2}", "d{1..5:3, 6:5}", "kh3", "kl1", "k", "dh1", "adv", "dis", "!", "!!",
    "!p", "max=5", "max=99999999999", "r1", "ro<=2", "mi2", "ma-4", ">=8", "f1", "{", "}", "(", ")",
    ",", ";", "=", "==", "+", "-", "*", "//", "/", "max(", "if(", "distinct(", "largest_set(",
    "pairs(", "straight(", "abs(", "sign(", "a", "a=", "x_1", "d", "D", "..", ":", "0", "1", "00007",
    "9223372036854775807", "9223372036854775808", "1" + "0" * 400, "9" * 5000, "1e9", "1.5", "1_000",
    "d999999999", "999999999d999999999", "100000d6kh50000", "d6!max=1000000000", "(1d1000000)d6",
    "\t", "\n", "\r", "\x00", "\x1b[31m", "\u2028", "\ufeff", "\u200b", "\xa0", "\u202e", "d\u0660",
    "\uff12d\uff16", "\u00b2", "\u0131f(", "\u017ftraight(", "\u212a", "\u0130", "\u2212", "\u00d7",
    "\U0001f3b2", "\ud800", "\udc80", "é", "ß", "#", "\\", "'", '"', "`", "$", "&", "|", "%", "{1..1000000}",
    "d{1:9223372036854775807,2}", "d{-9223372036854775808}", "{0..9223372036854775807}",
)  # fmt: skip


def mutated(rng: random.Random, text: str, pieces: tuple[str, ...], others: list[str]) -> str:
    """Delete, insert, swap, repeat, splice, nest, or blow up some of a text."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 6))):
        start = rng.randint(0, len(text))
        end = min(len(text), start + rng.choice((1, 1, 2, 4, 20)))
        inner = text[start:end]
        match rng.randrange(9):
            case 0:
                text = text[:start] + text[end:]
            case 1 | 2:
                text = text[:start] + rng.choice(pieces) + text[start:]
            case 3:
                text = text[:start] + inner[::-1] + text[end:]
            case 4:
                text = text[:start] + inner * rng.choice((2, 3, 50, 3000)) + text[end:]
            case 5:
                other = rng.choice(others)
                text = text[:start] + other[rng.randint(0, len(other)) :]
            case 6:
                text = text[:start] + rng.choice(pieces) + text[end:]
            case 7:
                text = text[:start] + chr(rng.choice((rng.randrange(128), rng.randrange(0x3000)))) + text[end:]
            case 8:
                opened, closed = rng.choice((("(", ")"), ("-", ""), ("{", ",1}"), ("abs(", ")"), ("max(1,", ")"), ("(", ")d6")))
                deep = rng.choice((1, 2, 99, 101, 2000))
                text = text[:start] + opened * deep + inner + closed * deep + text[end:]
    return text[:30_000]


def garbage(rng: random.Random) -> str:
    """Anything at all."""
    if rng.random() < 0.5:
        return "".join(rng.choices(_PIECES, k=rng.randint(0, 8)))
    alphabet = rng.choice(("0123456789d+-*/(){}<>=!,;khlrof", "".join(map(chr, range(32, 127))), None))
    length = rng.choice((0, 1, 2, 5, 30, 300))
    if alphabet:
        return "".join(rng.choices(alphabet, k=length))
    return "".join(chr(rng.randrange(0x110000)) for _ in range(length))


def a_notation(rng: random.Random, corpus: list[str]) -> str:
    """A notation: sound, mutated or garbage."""
    kind = rng.random()
    if kind < 0.1:
        return rng.choice(corpus)
    if kind < 0.85:
        return mutated(rng, rng.choice(corpus), _PIECES, corpus)
    return garbage(rng)


_FIELDS: Final = (
    b"1", b"2", b"3", b"6", b"0", b"-1", b"7", b"+3", b"1.0", b"0.5", b"1e3", b"nan", b"inf", b"50%", b"",
    b" ", b'"', b'"3"', b'""', b"'4'", b"count", b"face", b"red", b"#", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf",
    b"\xed\xa0\x80", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"9" * 4999,
    b"0" * 5000, b"-" + b"0" * 40 + b"3", b"\xd9\xa3", b"\xef\xbc\x93", b"x" * 70_000, b"--1", b"1-1", b"-",
    b"1\x0b2", b"\x1b[2J", b"1_0", b"0x3", b"\xe2\x80\xa8", b"4611686018427387904", b"1" * 18,
)  # fmt: skip
_SEPARATORS: Final = (b",", b";", b"\t", b" ", b", ", b"  ", b",,", b"|")
_ENDS: Final = (b"\n", b"\r\n", b"\r", b"\n\n", b"\n\r", b"")


def a_record(rng: random.Random) -> bytes:
    """A file of rolls, nearly always with something wrong."""
    width, rows = rng.choice((1, 1, 2, 3, 70)), rng.choice((0, 1, 2, 6, 30, 200))
    separator, end = rng.choice(_SEPARATORS), rng.choice(_ENDS[:3])
    wild = rng.choice((0.0, 0.0, 0.01, 0.2, 1.0))

    def field() -> bytes:
        return rng.choice(_FIELDS) if rng.random() < wild else str(rng.randint(1, 6)).encode()

    lines = []
    if rng.random() < 0.4:
        names = (b"face", b"count", b"red", b"white", b"1", b"Count", b'"a,b"', b"")
        lines.append(separator.join(rng.choice(names) for _ in range(width)))
    for _ in range(rows):
        some = width + rng.choice((-1, 1)) if rng.random() < wild / 4 else width
        lines.append(separator.join(field() for _ in range(some)))
    text = b"".join(line + (rng.choice(_ENDS) if rng.random() < wild else end) for line in lines)
    for _ in range(rng.choice((0, 0, 1, 2, 5))):
        start = rng.randint(0, len(text))
        taken = rng.choice((0, 0, 1, 3, 50))
        text = text[:start] + rng.choice(_FIELDS) + text[start + taken :]
    return rng.choice((b"", b"", b"", b"\xef\xbb\xbf", b"\xff\xfe")) + text[:200_000]


_LAWS: Final = ("1d6", "2d6", "d%", "d{1,2}", "1d20", "4d6kh3", "d6!", "1d1", "d999999999", "0d6", "2x6", "d6-1")

_NUMBERS: Final = (
    "1", "20", "100", "1e2", "1_0", "0", "-1", "1.5", "", "x", "1e30", "1e999", "9223372036854775808", "9" * 5000,
    "nan", "inf", "0x10", "\u0661", "1e", "--", "1e-3", " 5", "+7", "1__0",
)  # fmt: skip
_SMALL_NUMBERS: Final = ("1", "20", "100", "1e2", "77")
_ALPHAS: Final = ("0.01", "1e-6", "0", "1", "0.5", "nan", "inf", "-1", "x", "5e-324", "0.49999999999999994")
_LIMITS: Final = (
    "price=5", "price=0", "price=", "price", "=", "work=1e3", "outcomes=1", "table_bytes=1", "workers=1", "workers=x",
    "batch_size=7", "rolls=1", "nothing=3", "price=1e999", "work=-3", "outcomes=1e15", "",
)  # fmt: skip
_SHARES: Final = ("5%", "0.05", "-5%", "5", "0", "%", "nan", "1e-3", "0.000000001", "99%", "100%", "80%", "", "1.99", "200%")
# Options of each command, with what they may be given; None takes nothing.
_COMMON: Final[dict[str, tuple[str, ...] | None]] = {"--json": None, "--help": None, "-h": None}
_SHOWN: Final[dict[str, tuple[str, ...] | None]] = {"--csv": None, "--quiet": None, "--all": None}
_ROLLED: Final[dict[str, tuple[str, ...] | None]] = {
    "--executor": ("serial", "serial", "serial", "threads", "auto", "process", "pool", "dask", ""),
    "--workers": ("1", "2", "0", "-1", "x", "1e9", "1e30"),
    "--start-method": ("fork", "fork", "thread", ""),
    "--trace": None,
    "--strict": None,
}
OPTIONS: Final[dict[str, dict[str, tuple[str, ...] | None]]] = {
    "run": {
        **_COMMON, **_SHOWN, **_ROLLED,
        "--n": _NUMBERS, "--seed": _NUMBERS, "--method": ("roll", "multinomial", "x"),
        "--aggregation": ("bincount", "counter", "groupby", "shared", "x"), "--batch-size": _NUMBERS,
        "--bit-generator": ("SFC64", "PCG64DXSM", "Philox", "MT19937", "sfc64", "x"),
        "--alpha": _ALPHAS, "--limit": _LIMITS, "--checkpoint": ("FILE", "/dev/null", "/nowhere/x", "", "."),
    },
    "exact": {**_COMMON, "--csv": None, "--all": None, "--limit": _LIMITS},
    "roll": {**_COMMON, "--times": _NUMBERS, "--seed": _NUMBERS, "--limit": _LIMITS},
    "power": {**_COMMON, "--bias": _SHARES, "--n": _NUMBERS, "--alpha": _ALPHAS, "--power": _SHARES, "--limit": _LIMITS},
    "check": {**_COMMON, "--quiet": None, "--all": None, "--against": _LAWS, "--column": ("1", "2", "0", "red", "count", ""), "--counts": None, "--alpha": _ALPHAS},
    "bench": {**_COMMON, "--n": _NUMBERS, "--seed": _NUMBERS, "--workers": ("1", "0", "1e9"), "--limit": _LIMITS},
    "resume": {**_COMMON, **_SHOWN, **_ROLLED},
    "runs": {**_COMMON},
}  # fmt: skip
_SWEEP: Final = tuple(OPTIONS)
_WEIGHTS: Final = (10, 6, 5, 5, 8, 0.2, 2, 2)


def some_arguments(rng: random.Random, corpus: list[str]) -> list[str]:
    """A command line, sound or mutated; FILE stands for a file that the driver fills."""
    command = rng.choices(_SWEEP, _WEIGHTS)[0]
    options = OPTIONS[command]
    arguments: list[str] = []
    if command in ("check", "resume", "runs"):
        arguments.append(rng.choice(("FILE", "FILE", "FILE", "-", "/dev/null", "/", "nowhere", "")))
    elif rng.random() < 0.95:
        arguments.append(rng.choice(("2d6", "1d20", a_notation(rng, corpus)[:2000])))
    for name in rng.choices(list(options), k=rng.choice((0, 1, 2, 3, 5))):
        values = options[name]
        arguments += [name] if values is None else [name, rng.choice(values)]
    if command == "check" and rng.random() < 0.8:
        arguments += ["--against", rng.choice(_LAWS)]
    if command in ("run", "bench") and "--n" not in arguments:
        arguments += ["--n", rng.choice(_SMALL_NUMBERS)]
    if command == "power" and rng.random() < 0.7:
        arguments += rng.choice((["--bias", "5%"], ["--n", "1000"], ["--bias", rng.choice(_SHARES)]))
    if command == "roll" and rng.random() < 0.3:
        arguments += ["--times", rng.choice(_SMALL_NUMBERS)]
    arguments.insert(0, command)
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        place = rng.randint(0, len(arguments) - 1)
        match rng.randrange(5):
            case 0:
                del arguments[place]
            case 1:
                arguments.insert(place, rng.choice(("--", "-", "-x", "--nothing", "--js", "é", "\udc80", "-1d6")))
            case 2:
                arguments[place] = mutated(rng, arguments[place], _PIECES, corpus)[:2000]
            case 3:
                arguments.append(arguments[place])
            case 4:
                rng.shuffle(arguments)
        arguments = arguments or ["run"]
    return [argument.replace("\0", "?") for argument in arguments]


def cases(kind: Kind, seed: int, number: int) -> Iterator[Case]:
    """Cases of a kind, the same for the same seed."""
    rng = random.Random(f"{kind} {seed}")
    corpus = notation_corpus(seed)
    for _ in range(number):
        match kind:
            case "notation":
                yield {"text": a_notation(rng, corpus), "seed": rng.randrange(2**32)}
            case "csv":
                yield {
                    "content": a_record(rng).decode("latin-1"),
                    "against": rng.choice(_LAWS),
                    "column": rng.choice((None, None, None, "1", "2", "red", "count", "")),
                    "counts": rng.random() < 0.3,
                    "alpha": rng.choice((0.01, 0.01, 1e-6, 0.3)),
                }
            case "arguments":
                yield {
                    "arguments": some_arguments(rng, corpus),
                    "content": a_record(rng).decode("latin-1"),
                }


def pasted(kind: Kind, case: Case) -> str:
    """The case as one can paste it into a shell or an interpreter."""
    match kind:
        case "notation":
            return f"dicesim.parse({case['text']!r})  # rng={case['seed']}"
        case "csv":
            options = {name: case[name] for name in ("column", "counts", "alpha")}
            content = case["content"].encode("latin-1")
            return f"Path('f').write_bytes({content!r}); dicesim.check_file('f', {case['against']!r}, **{options})"
    line = shlex.join(["dicesim", *case["arguments"]])
    return f"{line}  # FILE and stdin: {case['content'].encode('latin-1')[:300]!r}"


# ---------------------------------------------------------------------------- who feeds


class Driver:
    """A process that runs cases, and a watchdog that names the one that it died of."""

    def __init__(self, kind: Kind, patience: float = PATIENCE) -> None:
        self._kind = kind
        self._patience = patience

    def __enter__(self) -> Driver:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzzing", self._kind],
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

    def fault(self, case: Case) -> str:
        """What is wrong with a case; empty where all is well."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watchdog = threading.Timer(self._patience, self._process.kill)
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
            return f"the process ended with {self._process.wait()}, or hung for {self._patience} s"
        fault: str = json.loads(answer)
        return fault


# ---------------------------------------------------------------------------- who is fed


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
    if out and "--json" in arguments and not {"--help", "-h", "--version"} & {*arguments}:
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
    text, seed = case["text"], case["seed"]
    try:
        tree = dicesim.parse(text)
    except dicesim.NotationError as error:
        return _one_line(error)
    written = dicesim.unparse(tree)
    if dicesim.parse(written) != tree:
        return f"it is not what its own writing {written!r} is"
    dicesim.describe(tree)
    dicesim.caveats(tree)
    pieces: list[Callable[[], object]] = [
        lambda: dicesim.exact(tree, limits=SMALL).to_dict(),
        lambda: dicesim.roll(tree, rng=seed, limits=SMALL),
        lambda: [one.to_dict() for one in dicesim.roll_dice(tree, 2, rng=seed, limits=SMALL)],
        lambda: dicesim.run(tree, 20, rng=seed, limits=SMALL),
    ]
    for piece in pieces:
        try:
            result = piece()
        except dicesim.DicesimError as error:
            if fault := _one_line(error):
                return fault
        else:
            if isinstance(result, dicesim.Result):
                if result.counts.total() != 20:
                    return "the counts do not sum to n"
                json.dumps(result.to_dict(), allow_nan=False)
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
    from dicesim_cli.app import invoke

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
        feed = {
            "notation": _feed_notation,
            "csv": lambda case: _feed_csv(case, file),
            "arguments": lambda case: _feed_arguments(case, file),
        }[kind]
        for question in questions:
            try:
                fault = feed(json.loads(question))
            except BaseException:
                fault = traceback.format_exc()
            answers.write(json.dumps(fault) + "\n")
            answers.flush()


if __name__ == "__main__":
    _serve(sys.argv[1])  # type: ignore[arg-type]
