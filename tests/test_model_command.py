"""Models from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import dicesim
from dicesim import Model
from tests.conftest import CRAPS, CommandLine


def test_the_command_line(craps: Path, command_line: CommandLine) -> None:
    """A file and the name of a function, in place of an expression."""
    options = ("--model", f"{craps}:play", "--n", "2e5", "--seed", "3")
    document = json.loads(command_line("run", *options, "--json").stdout)
    assert document["model"]["reference"] == f"{craps}:play"
    counts = {row["outcome"]: row["count"] for row in document["outcomes"]}
    assert counts == dicesim.run(Model.load(f"{craps}:play"), 200_000, rng=3).counts
    done = command_line("run", *options, "--executor", "process", "--workers", "2")
    assert done.stdout.startswith("craps.py:play: Pay 1 if the pass line wins\n")
    assert (done.returncode, done.stderr) == (0, "")
    kept = command_line("run", *options, "--checkpoint", "runs.db", "--quiet").stdout
    assert command_line("resume", "runs.db", "--quiet").stdout == kept


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["2d6", "--model", "craps.py:play"], 2, "--model: it is rolled in place of an expression"),
        (["--model", "craps.py"], 2, "--model: cannot read 'craps.py'"),
        (["--model", "dice.py:play"], 2, "there is no file"),
        (["--model", "craps.py:pay"], 2, "craps.py has no function pay; write one of its"),
        (["--model", "craps.py:help"], 3, "dicesim: model help, craps.py line 22: TypeError:"),
        (["--model", "craps.py:bet"], 3, "line 26: ValueError: The truth value of an array"),
        (["--model", "craps.py:bet"], 3, "; write numpy.where in place of if, for many trials"),
    ],
)
def test_bad_models_end_in_one_line(
    craps: Path, command_line: CommandLine, arguments: list[str], code: int, reason: str
) -> None:
    """No traceback reaches the user (L5)."""
    craps.write_text(
        f"{CRAPS}\n\ndef help(dice):\n    return len(3)\n"
        '\n\ndef bet(dice):\n    return 1 if dice.roll("d6") > 3 else 0\n'
    )
    done = command_line("run", *arguments, "--n", "100")
    assert (done.returncode, done.stdout) == (code, "")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


CHATTY = """
print("imported")
def play(dice):
    print("rolling")
    return dice.roll("2d6")
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_what_a_model_prints_is_no_part_of_the_answer(
    start: str, tmp_path: Path, command_line: CommandLine
) -> None:
    """It goes to stderr, from workers too."""
    file = tmp_path / "chatty.py"
    file.write_text(CHATTY)
    options = ("--n", "1e5", "--executor", "process", "--start-method", start, "--json")
    done = command_line("run", "--model", f"{file}:play", *options)
    assert json.loads(done.stdout)["n"] == 10**5
    assert "imported" in done.stderr
    assert "rolling" in done.stderr  # perhaps in the middle of another worker's line


def test_a_model_in_place_of_an_expression_is_told(command_line: CommandLine) -> None:
    """The option is easily forgotten."""
    done = command_line("run", "examples/craps.py:pass_line")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is a rule in Python; write --model examples/craps.py:pass_line" in done.stderr
