"""Ctrl-C at any instant leaves what was finished, exit code 130, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import dicesim
from tests.conftest import SEED
from tests.faulting import WAYS, Command, before_our_first_line, instants

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
    pytest.mark.timeout(120),
]

# What takes a second at most; the bound only catches hangs.
PROMPTLY = 40.0

ENDLESS = ("run", "9d6", "--n", "2e10", "--seed", "5", "--batch-size", "1e6")


def noise(errors: str) -> list[str]:
    """Lines on stderr that are no notes."""
    return [
        line for line in errors.splitlines() if not line.startswith(("note: ", "batch ", "seed "))
    ]


def interrupted(
    script: str, arguments: tuple[str, ...], instant: float, *, to_all: bool
) -> tuple[int, str]:
    """Interrupt a command at an instant, and check all but what it printed."""
    command = Command([script, *arguments])
    command.wait_at_most(instant)
    command.send(signal.SIGINT, to_all=to_all)
    try:
        code, out, err = command.end(PROMPTLY)
    except subprocess.TimeoutExpired as late:
        # At one point of its start Python tells of an interrupt, and goes on as if there was none.
        if b"Failed checking if argv[0]" in (late.stderr or b""):
            return -signal.SIGINT, ""
        raise
    if not before_our_first_line(code, err):
        assert noise(err) == [], (arguments, instant)
        assert code in (130, 0), (arguments, instant)
    return code, out


def storm(script: str, way: str, seed: int, number: int) -> None:
    """Interrupt a run at random instants, the whole group or the parent alone."""
    for i, instant in enumerate(instants(seed, number, 1.2)):
        arguments = (*ENDLESS, *WAYS[way], "--json")
        code, out = interrupted(script, arguments, instant, to_all=i % 4 < 2)
        assert code != 0
        if not out:
            continue
        assert code == 130
        result = json.loads(out)
        assert not result["complete"]
        assert result["n"] % 10**6 == 0
        assert sum(row["count"] for row in result["outcomes"]) == result["n"]


@pytest.mark.parametrize("way", WAYS)
def test_ctrl_c_at_random_instants(way: str, dicesim_script: str) -> None:
    """Whole JSON or nothing, no noise and no orphan, from the start-up on."""
    storm(dicesim_script, way, SEED + len(way), 2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("way", WAYS)
def test_storms_of_ctrl_c(way: str, dicesim_script: str) -> None:
    """The same, fifty times for each way."""
    storm(dicesim_script, way, SEED, 50)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("to_all", [True, False], ids=["group", "parent"])
def test_ctrl_c_while_rolling(way: str, to_all: bool, dicesim_script: str) -> None:
    """The partial result is the first batches, but for shared counters, and can be replayed."""
    command = Command([dicesim_script, *ENDLESS, *WAYS[way], "--json", "--trace"])
    assert command.process.stderr is not None
    command.process.stderr.readline()  # a batch was rolled
    command.send(signal.SIGINT, to_all=to_all)
    code, out, err = command.end(PROMPTLY)
    assert code == 130
    assert noise(err) == []
    result = json.loads(out)
    assert not result["complete"]
    assert result["n"] >= 10**6
    if result["aggregation"] != "shared" and result["n"] <= 10**8:
        again = dicesim.run("9d6", result["n"], rng=5, batch_size=10**6)
        assert {row["outcome"]: row["count"] for row in result["outcomes"]} == {
            outcome: again.counts[outcome] for outcome in again.support
        }


RUN = ("run", "d{1..9999}", "--n", "1e5", "--seed", "1")
ROLL = ("roll", "100d6", "--times", "1000", "--seed", "1")
LONG_ANSWERS = [
    *((*RUN, form) for form in ("--json", "--csv", "--quiet", "--all")),
    *(("exact", "600d20", form) for form in ("--json", "--csv", "--all")),
    *(("compare", "600d20", "601d20", form) for form in ("--json", "--csv", "--all")),
    *((*ROLL, *form) for form in ((), ("--json",))),
    *(("check", "rolls.csv", "--against", "d3000", form) for form in ("--json", "--all")),
]


def without_times(text: str) -> str:
    """Leave out the lines that tell how long it took."""
    return "".join(
        line for line in text.splitlines(True) if "second" not in line and " s, " not in line
    )


@pytest.mark.parametrize("arguments", LONG_ANSWERS, ids=" ".join)
def test_ctrl_c_while_printing(
    arguments: tuple[str, ...], dicesim_script: str, tmp_path: Path
) -> None:
    """What is being printed is printed to its end, by whatever command."""
    (tmp_path / "rolls.csv").write_text("".join(f"{i % 3000 + 1}\n" for i in range(30_000)))
    alone = Command([dicesim_script, *arguments], cwd=tmp_path).end()
    assert len(alone[1]) > 2**16  # more than a pipe holds: it is still being printed
    command = Command([dicesim_script, *arguments], cwd=tmp_path)
    assert command.process.stdout is not None
    first = os.read(command.process.stdout.fileno(), 1).decode()
    command.send(signal.SIGINT, to_all=True)
    code, out, err = command.end(PROMPTLY)
    assert noise(err) == []
    assert code == 130
    assert without_times(first + out) == without_times(alone[1])


def test_ctrl_c_ends_the_reader_too(dicesim_script: str) -> None:
    """In a pipe Ctrl-C ends the reader as well; the command is interrupted all the same."""
    script = f"{dicesim_script} {' '.join(ENDLESS)} --executor serial --trace | cat"
    command = Command(["bash", "-c", f"trap : INT; {script}; exit ${{PIPESTATUS[0]}}"])
    assert command.process.stderr is not None
    command.process.stderr.readline()
    command.send(signal.SIGINT, to_all=True)
    code, _, err = command.end(PROMPTLY)
    assert code == 130
    assert noise(err) == []


WOLF = str(Path(__file__).resolve().parents[1] / "dicesim" / "data" / "wolf.csv")
COMMANDS = [
    ("exact", "200d100"),
    ("exact", "30d100kh15"),
    ("roll", "100d6", "--times", "1000"),
    ("power", "2d6", "--bias", "0.01%"),
    ("bench",),
    ("check", WOLF, "--against", "1d6", "--column", "white", "--counts"),
    ("--help",),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_ctrl_c_ends_every_command(arguments: tuple[str, ...], dicesim_script: str) -> None:
    """Without a traceback, whether it was done already or not."""
    for i, instant in enumerate(instants(SEED + len(arguments[0]), 2, 0.6)):
        interrupted(dicesim_script, arguments, instant, to_all=i % 2 == 0)


def test_ctrl_c_in_a_script_of_the_library(tmp_path: Path) -> None:
    """In Python it is a KeyboardInterrupt as ever, and no worker stays."""
    script = tmp_path / "script.py"
    script.write_text(
        "import dicesim\n"
        "if __name__ == '__main__':\n"
        "    tell = lambda record: print(record.process, flush=True)\n"
        "    try:\n"
        "        dicesim.run('9d6', 2 * 10**10, workers=2, executor='process', trace=tell)\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted')\n"
    )
    for to_all in (True, False):
        command = Command([sys.executable, str(script)])
        assert command.process.stdout is not None
        command.process.stdout.readline()
        command.send(signal.SIGINT, to_all=to_all)
        code, out, err = command.end(PROMPTLY)
        assert (code, err) == (0, "")
        assert out.splitlines()[-1] == "interrupted"


def test_ctrl_c_waits_for_no_thread(dicesim_script: str) -> None:
    """Threads that roll a batch of some minutes do not keep the program, which has said all."""
    arguments = ("run", "200d100!kh50", "--n", "2e9", "--batch-size", "6e7", "--json")
    options = ("--executor", "threads", "--workers", "2", "--limit", "price=1e30")
    command = Command([dicesim_script, *arguments, *options])
    command.wait_at_most(1.5)
    command.send(signal.SIGINT, to_all=True)
    code, out, err = command.end(PROMPTLY)
    assert code == 130
    assert noise(err) == []
    assert not out or json.loads(out)["n"] == 0


ENDLESS_MODEL = """
import os
def stuck(dice):
    os.write(2, b"rolling\\n")
    while True:
        pass
"""


@pytest.mark.parametrize(
    "arguments",
    [
        *(("run", "--executor", executor) for executor in ("serial", "threads", "process", "pool")),
        ("compare", "2d6"),
        ("compare", "2d6", "--n", "10"),
    ],
)
def test_ctrl_c_ends_a_model_that_does_not(
    arguments: tuple[str, ...], tmp_path: Path, dicesim_script: str
) -> None:
    """A batch is broken off wherever it is rolled; it is not counted."""
    file = tmp_path / "model.py"
    file.write_text(ENDLESS_MODEL)
    command = Command([dicesim_script, *arguments, "--json", "--model", f"{file}:stuck"])
    assert command.process.stderr is not None
    assert command.process.stderr.readline() == "rolling\n"
    command.send(signal.SIGINT, to_all=True)
    code, out, err = command.end(PROMPTLY)
    assert code == 130
    rest = [line for line in noise(err) if line != "rolling"]
    if arguments[0] == "run":
        assert (json.loads(out)["n"], rest) == (0, [])
    else:
        assert (out, len(rest)) == ("", 1)
        assert "there is nothing to compare" in rest[0]


LONG_HANDLER = """
import signal, threading, time
import dicesim
from model import stuck

cancel, left = threading.Event(), 3

def handle(*_):
    global left
    time.sleep(4 * dicesim.execution.TICK)
    left -= 1
    if not left:
        cancel.set()

if __name__ == "__main__":
    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.3, 0.3)
    print(dicesim.run(stuck, 10, executor="{executor}", workers=1, cancel=cancel).n)
"""


@pytest.mark.parametrize("executor", ["process", "pool"])
def test_a_signal_that_takes_long(executor: str, tmp_path: Path) -> None:
    """A handler that runs for longer than the parent waits at a time leaves nobody waiting."""
    (tmp_path / "model.py").write_text(ENDLESS_MODEL)
    script = tmp_path / "script.py"
    script.write_text(LONG_HANDLER.format(executor=executor))
    code, out, err = Command([sys.executable, str(script)], cwd=tmp_path).end(PROMPTLY)
    assert (code, out, err) == (0, "0\n", "rolling\n")


@pytest.mark.parametrize("way", WAYS)
def test_a_second_ctrl_c_ends_it_at_once(way: str, dicesim_script: str) -> None:
    """Whoever presses it again wants no result, and hears of nothing that was left behind."""
    command = Command([dicesim_script, *ENDLESS, *WAYS[way], "--trace", "--json"])
    assert command.process.stderr is not None
    command.process.stderr.readline()
    command.send(signal.SIGINT, to_all=True)
    command.wait_at_most(0.01)
    command.send(signal.SIGINT, to_all=True)
    code, out, err = command.end(PROMPTLY)
    assert code == 130
    assert noise(err) == []
    assert not out or not json.loads(out)["complete"]
