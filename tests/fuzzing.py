"""Random input of every kind: notation, recorded rolls, command lines."""

from __future__ import annotations

import functools
import random
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import hypothesis
from hypothesis import HealthCheck, Phase, settings

from tests.strategies import notations

Kind: TypeAlias = Literal["notation", "csv", "arguments"]
Case: TypeAlias = dict[str, Any]


@functools.cache
def notation_corpus(seed: int, size: int = 150) -> list[str]:
    """Sound notations."""
    found: list[str] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=size, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @hypothesis.given(notations)
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return [*dict.fromkeys(found)]


Options: TypeAlias = dict[str, Sequence[str] | None]

_PIECES: Final = (
    "2d6", "d%", "4dF", "d{1,1,2}", "d{1..5:3, 6:5}", "kh3", "kl1", "k", "dh1", "adv", "dis", "!",
    "!!", "!p", "max=5", "max=99999999999", "r1", "ro<=2", "mi2", "ma-4", ">=8", "f1", "{", "}",
    "(", ")", ",", ";", "=", "==", "+", "-", "*", "//", "/", "max(", "if(", "distinct(",
    "largest_set(", "pairs(", "straight(", "abs(", "sign(", "a", "a=", "x_1", "d", "D", "..", ":",
    "0", "1", "00007", "9223372036854775807", "9223372036854775808", "9" * 5000, "1e9", "1.5",
    "1_000", "d999999999", "999999999d999999999", "100000d6kh50000", "d6!max=1000000000",
    "(1d1000000)d6", "\t", "\n", "\r", "\x00", "\x1b[31m", "\u2028", "\ufeff", "\u200b", "\xa0",
    "\u202e", "d\u0660", "\uff12d\uff16", "\u00b2", "\u0131f(", "\u017ftraight(", "\u212a",
    "\u0130", "\u2212", "\u00d7", "\U0001f3b2", "\ud800", "\udc80", "é", "ß", "#", "\\", "'", '"',
    "`", "$", "&", "|", "%", "{1..1000000}", "d{1:9223372036854775807,2}",
    "d{-9223372036854775808}", "{0..9223372036854775807}",
)  # fmt: skip


_NUMBER: Final = re.compile("[0-9]+")
_SIGN: Final = re.compile("[-+*<>=]=?|//|kh|kl|dh|dl|!!?|!p|ro?")


def varied(rng: random.Random, text: str, corpus: list[str]) -> str:
    """Change a number or a sign, or put notations together: much of it is sound as well."""
    match rng.randrange(4):
        case 0:
            number = str(rng.choice((0, 1, 2, 5, 9, 17, 100, 1000, 10**5, 2**31, 2**63 - 1)))
            return _replaced(rng, _NUMBER, text, number)
        case 1:
            sign = rng.choice(
                ("+", "-", "*", "//", "==", "<", ">=", "kh", "dl", "!", "!!", "!p", "r")
            )
            return _replaced(rng, _SIGN, text, sign)
        case 2:
            return f"({text}){rng.choice('+-*')}({rng.choice(corpus)})"
    form = rng.choice(
        (
            "max({}, {})",
            "{{{}, {}}}kh1",
            "if(({})>=3, {}, 1)",
            "x_9 = {}; x_9*({})",
            "({})d6+({})",
            "-({})-({})",
        )
    )
    return form.format(text, rng.choice(corpus))


def _replaced(rng: random.Random, pattern: re.Pattern[str], text: str, new: str) -> str:
    found = list(pattern.finditer(text))
    if not found:
        return text
    one = rng.choice(found)
    return text[: one.start()] + new + text[one.end() :]


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
                text = (
                    text[:start]
                    + chr(rng.choice((rng.randrange(128), rng.randrange(0x3000))))
                    + text[end:]
                )
            case 8:
                opened, closed = rng.choice(
                    (
                        ("(", ")"),
                        ("-", ""),
                        ("{", ",1}"),
                        ("abs(", ")"),
                        ("max(1,", ")"),
                        ("(", ")d6"),
                    )
                )
                deep = rng.choice((1, 2, 99, 101, 2000))
                text = text[:start] + opened * deep + inner + closed * deep + text[end:]
    return text[:30_000]


def garbage(rng: random.Random) -> str:
    """Anything at all."""
    if rng.random() < 0.5:
        return "".join(rng.choices(_PIECES, k=rng.randint(0, 8)))
    alphabet = rng.choice(
        ("0123456789d+-*/(){}<>=!,;khlrof", "".join(map(chr, range(32, 127))), None)
    )
    length = rng.choice((0, 1, 2, 5, 30, 300))
    if alphabet:
        return "".join(rng.choices(alphabet, k=length))
    return "".join(chr(rng.randrange(0x110000)) for _ in range(length))


def a_notation(rng: random.Random, corpus: list[str]) -> str:
    """A notation: sound, mutated or garbage."""
    kind = rng.random()
    if kind < 0.1:
        return rng.choice(corpus)
    if kind < 0.4:
        return varied(rng, rng.choice(corpus), corpus)
    if kind < 0.9:
        return mutated(rng, rng.choice(corpus), _PIECES, corpus)
    return garbage(rng)


_FIELDS: Final = (
    b"1", b"2", b"3", b"6", b"0", b"-1", b"7", b"+3", b"1.0", b"0.5", b"1e3", b"nan", b"inf",
    b"50%", b"", b" ", b'"', b'"3"', b'""', b"'4'", b"count", b"face", b"red", b"#", b"\x00",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"9223372036854775807", b"9223372036854775808",
    b"-9223372036854775808", b"9" * 4999, b"0" * 5000, b"-" + b"0" * 40 + b"3", b"\xd9\xa3",
    b"\xef\xbc\x93", b"x" * 70_000, b"--1", b"1-1", b"-", b"1\x0b2", b"\x1b[2J", b"1_0", b"0x3",
    b"\xe2\x80\xa8", b"4611686018427387904", b"1" * 18,
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


_LAWS: Final = (
    "1d6", "2d6", "d%", "d{1,2}", "1d20", "4d6kh3", "d6!", "1d1", "d999999999", "0d6", "2x6",
    "d6-1",
)  # fmt: skip

# What options may be given.
_NUMBERS: Final = (
    "", " 5", "9" * 5000, "1", "20", "100", "1e2", "1_0", "0", "-1", "1.5", "x", "1e30", "1e999",
    "9223372036854775808", "nan", "inf", "0x10", "١", "1e", "--", "1e-3", "+7", "1__0",
)  # fmt: skip
_SMALL_NUMBERS: Final = ["1", "20", "100", "1e2", "77"]
_ALPHAS: Final = (
    "0.01", "1e-6", "0", "1", "0.5", "nan", "inf", "-1", "x", "5e-324", "0.49999999999999994",
)  # fmt: skip
_LIMITS: Final = (
    "", "price=5", "price=0", "price=", "price", "=", "work=1e3", "outcomes=1", "table_bytes=1",
    "workers=1", "workers=x", "batch_size=7", "rolls=1", "nothing=3", "price=1e999", "work=-3",
    "outcomes=1e15",
)  # fmt: skip
_SHARES: Final = (
    "5%", "0.05", "-5%", "5", "0", "%", "nan", "1e-3", "0.000000001", "99%", "100%", "80%", "1.99",
    "200%",
)  # fmt: skip
_COLUMNS: Final = ("", "1", "2", "0", "red", "count")
# Options of each command, with what they may be given; None takes nothing.
_COMMON: Final[Options] = {"--json": None, "--help": None, "-h": None}
_SHOWN: Final[Options] = {"--csv": None, "--quiet": None, "--all": None}
_ROLLED: Final[Options] = {
    "--executor": ["serial", "serial", "serial", "threads", "auto", "process", "pool", "dask", ""],
    "--workers": ["1", "2", "0", "-1", "x", "1e9", "1e30"],
    "--start-method": ("", "fork", "fork", "thread"),
    "--trace": None,
    "--strict": None,
}
_PLANNED: Final[Options] = {"--n": _NUMBERS, "--seed": _NUMBERS, "--limit": _LIMITS}
_OPTIONS: Final[Mapping[str, Options]] = {
    "run": _COMMON | _SHOWN | _ROLLED | _PLANNED | {
        "--method": ("roll", "multinomial", "x"),
        "--aggregation": ["bincount", "counter", "groupby", "shared", "x"],
        "--batch-size": _NUMBERS,
        "--bit-generator": ["SFC64", "PCG64DXSM", "Philox", "MT19937", "sfc64", "x"],
        "--alpha": _ALPHAS,
        "--checkpoint": ("", "FILE", "/dev/null", "/nowhere/x", "."),
    },
    "exact": _COMMON | {"--csv": None, "--all": None, "--limit": _LIMITS},
    "roll": _COMMON | _PLANNED | {"--times": _NUMBERS},
    "power": _COMMON | _PLANNED | {"--bias": _SHARES, "--alpha": _ALPHAS, "--power": _SHARES},
    "check": _COMMON | {
        "--quiet": None, "--all": None, "--counts": None,
        "--against": _LAWS, "--column": _COLUMNS, "--alpha": _ALPHAS,
    },
    "bench": _COMMON | _PLANNED | {"--workers": ("1", "0", "1e9")},
    "resume": _COMMON | _SHOWN | _ROLLED,
    "runs": _COMMON,
}  # fmt: skip
_COMMANDS: Final = tuple(_OPTIONS)
_OFTEN: Final = (10, 6, 5, 5, 8, 0.2, 2, 2)
_FILES: Final = ("FILE", "FILE", "FILE", "-", "/dev/null", "/", "nowhere", "")
_STRAY: Final = ("--", "-", "-x", "--nothing", "--js", "é", "\udc80", "-1d6")


def some_arguments(rng: random.Random, corpus: list[str]) -> list[str]:
    """A command line, sound or mutated; FILE stands for a file that the driver fills."""
    command = rng.choices(_COMMANDS, _OFTEN)[0]
    options = _OPTIONS[command]
    arguments = [command]
    if command in ("check", "resume", "runs"):
        arguments.append(rng.choice(_FILES))
    elif rng.random() < 0.95:
        arguments.append(rng.choice(("2d6", "1d20", a_notation(rng, corpus)[:2000])))
    for name in rng.choices(list(options), k=rng.choice((0, 1, 2, 3, 5))):
        values = options[name]
        arguments += [name] if values is None else [name, rng.choice(values)]
    arguments += _needed(rng, command, arguments)
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        arguments = _disturbed(rng, arguments, corpus)
    return [argument.replace("\0", "?") for argument in arguments]


def _needed(rng: random.Random, command: str, arguments: list[str]) -> list[str]:
    """What a command cannot do without, or would take too long without."""
    match command:
        case "check":
            return ["--against", rng.choice(_LAWS)] if rng.random() < 0.8 else []
        case "run" | "bench" if "--n" not in arguments:
            return ["--n", rng.choice(_SMALL_NUMBERS)]
        case "power" if rng.random() < 0.7:
            return rng.choice((["--n", "1000"], ["--bias", rng.choice(_SHARES)]))
        case "roll" if rng.random() < 0.3:
            return ["--times", rng.choice(_SMALL_NUMBERS)]
    return []


def _disturbed(rng: random.Random, arguments: list[str], corpus: list[str]) -> list[str]:
    place = rng.randrange(len(arguments))
    before, one, after = arguments[:place], arguments[place], arguments[place + 1 :]
    match rng.randrange(5):
        case 0:
            return [*before, *after] or ["run"]
        case 1:
            return [*before, rng.choice(_STRAY), one, *after]
        case 2:
            return [*before, mutated(rng, one, _PIECES, corpus)[:2000], *after]
        case 3:
            return [*arguments, one]
    return rng.sample(arguments, len(arguments))


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
            called = f"dicesim.check_file('f', {case['against']!r}, **{options})"
            return f"Path('f').write_bytes({content!r}); {called}"
    line = shlex.join(["dicesim", *case["arguments"]])
    return f"{line}  # FILE and stdin: {case['content'].encode('latin-1')[:300]!r}"
