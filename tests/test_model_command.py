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
    ],
)
def test_bad_models_end_in_one_line(
    craps: Path, command_line: CommandLine, arguments: list[str], code: int, reason: str
) -> None:
    """No traceback reaches the user (L5)."""
    craps.write_text(f"{CRAPS}\n\ndef help(dice):\n    return len(3)\n")
    done = command_line("run", *arguments, "--n", "100")
    assert done.returncode == code
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
