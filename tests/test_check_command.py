"""``dicesim check``: what it prints, refuses and exits with."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import dicesim
from tests.conftest import CommandLine

DATA = Path(dicesim.__file__).parent / "data"


def test_it_says_what_the_library_says(command_line: CommandLine) -> None:
    """The JSON is that of `check_file`, the exit code that of the verdict."""
    for name, law, code in (("wolf", "1d6", 1), ("labby_2009", "1d6", 1), ("weldon", "12d6>=5", 1)):
        file = DATA / f"{name}.csv"
        done = command_line("check", str(file), "--against", law, "--json")
        assert (done.returncode, done.stderr) == (code, "")
        assert json.loads(done.stdout) == dicesim.check_file(file, law).to_dict()
        shown = command_line("check", str(file), "--against", law)
        assert shown.stdout == dicesim.format_check(dicesim.check_file(file, law)) + "\n"
        assert "deviates: " in shown.stdout


def test_options(command_line: CommandLine) -> None:
    """A column, counts without a header, the alarm level, plain lines."""
    file = DATA / "wolf.csv"
    red = command_line("check", str(file), "--against", "d6", "--column", "red", "--quiet")
    assert red.stdout.splitlines()[0] == "1 3407"
    assert (
        red.stdout
        == command_line("check", str(file), "--against", "d6", "--column", "1", "--quiet").stdout
    )
    loose = command_line(
        "check", str(DATA / "labby_2009.csv"), "--against", "d6", "--alpha", "1e-5"
    )
    assert loose.returncode == 0
    assert "consistent: " in loose.stdout


def test_one_die_in_lines(command_line: CommandLine, tmp_path: Path) -> None:
    """What may be ten dice or one is read as ten, with a note of how to say that it is one."""
    file = tmp_path / "rolls.txt"
    rolls = np.random.default_rng(1).integers(1, 7, (60, 10))
    np.savetxt(file, rolls, fmt="%d")
    ten = command_line("check", str(file), "--against", "d6", "--json")
    assert "read as 10 dice, a column each" in ten.stderr
    assert "--one-die" in ten.stderr
    one = command_line("check", str(file), "--against", "d6", "--json", "--one-die")
    assert one.stderr == ""
    assert json.loads(one.stdout) == dicesim.check(rolls.ravel(), "d6").to_dict()
    refused = command_line("check", str(file), "--against", "d6", "--one-die", "--counts")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--one-die and --counts exclude each other" in refused.stderr


def test_a_run_can_be_checked_by_a_pipe(dicesim_script: str) -> None:
    """Counts from --csv and from --quiet, read from standard input."""
    for form, options in (("--csv", ""), ("--quiet", "--counts")):
        command = (
            f"{dicesim_script} run --seed 1 {form} | "
            f"{dicesim_script} check - --against 2d6 {options} --json"
        )
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        document = json.loads(done.stdout)
        assert document["n"] == 1_000_000
        result, law = dicesim.run("2d6", 10**6, rng=1), dicesim.exact("2d6")
        assert document["check"] == dicesim.goodness_of_fit(result.tally, law, 0.01).to_dict()


BAD = [
    ((), "Missing argument"),
    (("rolls",), "write the law of each column, such as --against 1d6"),
    (("none", "--against", "1d6"), "'none' cannot be read: No such file"),
    ((".", "--against", "1d6"), "'.' cannot be read"),
    (("-", "--against", "1d6"), "nothing was rolled"),
    (("rolls", "--against", "1d"), "the number of sides"),
    (("rolls", "--against", "1d2"), "line 2: 5 cannot come up with 1d2"),
    (("rolls", "--against", "5"), "only one outcome"),
    (("rolls", "--against", "1d6", "--alpha", "1"), "alpha: 1.0 is no number"),
    (("rolls", "--against", "1d6", "--column", "x"), "--column: no 'x' among the 1 column"),
    (("rolls", "--against", "1d6", "--counts"), "no face beside the count"),
    (("rolls", "--against", "1d6", "--json", "--quiet"), "exclude each other"),
    (("rolls", "--against", "1d6", "--watch", "--counts"), "exclude each other"),
    (("-", "--against", "1d6", "--watch"), "nothing was rolled"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(row[0]) for row in BAD])
def test_bad_input_gets_one_clear_line(
    command_line: CommandLine, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Exit 2, nothing on stdout, one line on stderr, perhaps with the place underlined (L5)."""
    (tmp_path / "rolls").write_text("1\n5\n6\n")
    done = command_line("check", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    first, *rest = done.stderr.splitlines()
    assert first.startswith("dicesim: ")
    assert message in first
    assert all(line.startswith("  ") for line in rest)
