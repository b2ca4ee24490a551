"""The installed command: what it prints where, what it refuses, what it exits with."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import dicesim
from tests.conftest import CommandLine

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX terminals and signals")


def outcomes(command_line: CommandLine, *arguments: str) -> Any:
    """The outcomes of a million trials with seed 7."""
    done = command_line("run", "--n", "1000000", "--seed", "7", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["outcomes"]


def test_the_main_job(command_line: CommandLine) -> None:
    """A million trials print table, figures and verdict, within 80 columns, and nothing else."""
    done = command_line("run", "--n", "1000000")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "2d6: two d6, sum"
    assert lines[1].startswith("1,000,000 trials in 16 batches, ")
    assert lines[3].split() == ["outcome", "count", "observed", "expected", "z"]
    assert [line.split()[0] for line in lines[4:15]] == [str(x) for x in range(2, 13)]
    assert sum(int(line.split()[1].replace(",", "")) for line in lines[4:15]) == 1_000_000
    text = "\n".join(lines[15:])
    for part in ("mean 7.0", "sd 2.4", "11 unique", "chi-square", "10 dof", "p =", "seed"):
        assert part in text.replace("mean 6.99", "mean 7.0")
    assert "consistent: a bias of 7 above" in text
    assert max(map(len, lines)) <= 80


def test_json_is_nothing_but_json(command_line: CommandLine) -> None:
    """--json parses, its counts sum to n, and its seed replays the run."""
    done = command_line("run", "3d6+1d8", "--n", "1e5", "--json")
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert sum(row["count"] for row in document["outcomes"]) == document["n"] == 100_000
    again = command_line("run", "3d6+1d8", "--n", "1e5", "--json", "--seed", str(document["seed"]))
    assert json.loads(again.stdout)["outcomes"] == document["outcomes"]
    assert document == {**dicesim.run("3d6+1d8", 10**5, rng=document["seed"]).to_dict(), **{
        key: document[key] for key in ("elapsed_seconds", "trials_per_second")}}  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        ("--executor", "threads"),
        ("--executor", "process", "--start-method", "fork", "--workers", "3"),
        ("--executor", "process", "--start-method", "spawn", "--aggregation", "counter"),
        ("--executor", "pool", "--start-method", "forkserver", "--aggregation", "groupby"),
        ("--executor", "pool", "--aggregation", "shared", "--workers", "2"),
        ("--aggregation", "counter"),
        ("--workers", "2", "--start-method", "fork"),
    ],
)
def test_how_it_is_rolled_does_not_show(
    command_line: CommandLine, arguments: tuple[str, ...]
) -> None:
    """The same outcomes with every executor, aggregation and start method (L1)."""
    assert outcomes(command_line, *arguments) == outcomes(command_line, "--executor", "serial")


@pytest.mark.parametrize("n", ["1000", "1_000", "1,000", "1e3", "1.0e3"])
def test_numbers_are_read_as_people_write_them(command_line: CommandLine, n: str) -> None:
    """Underscores and exponents are fine."""
    done = command_line("run", "--n", n, "--quiet")
    assert sum(int(line.split()[1]) for line in done.stdout.splitlines()) == 1000


def test_csv(command_line: CommandLine) -> None:
    """--csv prints the rows of the JSON form."""
    done = command_line("run", "d6", "--n", "600", "--csv", "--seed", "1")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["outcome"] for row in rows] == list("123456")
    assert sum(int(row["count"]) for row in rows) == 600


def test_trace_shows_several_processes(command_line: CommandLine) -> None:
    """--trace prints on stderr, a line for each of sixteen batches, where it was rolled."""
    done = command_line("run", "--executor", "pool", "--workers", "2", "--trace", "--json")
    lines = done.stderr.splitlines()
    assert len(lines) == 16
    assert [line.split(":")[0] for line in lines] == [f"batch {index}" for index in range(16)]
    for word in ("65,536 trials", "module dicesim.execution", "parent ", ", process "):
        assert word in lines[0]
    assert json.loads(done.stdout)["n"] == 1_000_000


BAD = [
    (["run", "--n", "0"], "n: 0 is too small"),
    (["run", "--n", "-5"], "n: -5 is too small"),
    (["run", "--n", "0.5"], "--n: '0.5' is not a whole number"),
    (["run", "--n", "many"], "--n: 'many' is not a whole number"),
    (["run", "--n", ""], "--n: '' is not a whole number"),
    (["run", "--n", "1e999"], "n: the number is too large"),
    (["run", "--n", "9" * 5000], "is not a whole number"),
    (["run", "--seed", "9" * 79], "is no seed"),
    (["2d6 + 1"], "write dicesim run '2d6 + 1' to roll it, dicesim exact '2d6 + 1' for its"),
    (["help"], "No such command 'help'; dicesim --help tells of every command"),
    (["exact", "2d6", "--of", "many"], "--of: cannot read 'many'; write a comparison"),
    (["exact", "2d6", "--of", "9", "--csv"], "--of and --csv exclude each other"),
    (["run", "--n", "9223372036854775808"], "is too large"),
    (["run", "--n", "1e15"], "--method multinomial"),
    (["run", "--n", "1e16", "--method", "multinomial"], "smaller n"),
    (["run", "2d6+foo"], "character 5: found 'foo', expected dice"),
    (["run", "999999999d999999999"], "would roll 999,999,999 dice, beyond the limit of 100,000"),
    (["run", "d99999999"], "99,999,999 different values"),
    (["run", "--executor", "proces"], "'proces' is not one of"),
    (["run", "--workers", "0"], "workers: 0 is too small"),
    (["run", "--workers", "1e6"], "1,000,000 workers"),
    (["run", "--seed", "-1"], "--seed: -1 is no seed"),
    (["run", "--seed", "x"], "--seed: 'x' is not a whole number"),
    (["run", "--alpha", "2"], "alpha: 2.0 is no number between"),
    (["run", "--alpha", "5e-324"], "alpha: 5e-324 is no number between 1e-300 and 0.5"),
    (["run", "--alpha", "x"], "--alpha"),
    (["run", "--batch-size", "0"], "--batch-size: 0 is too small"),
    (["run", "--limit", "foo=1"], "--limit: cannot read 'foo=1'"),
    (["run", "--limit", "work=x"], "--limit work: 'x' is not a whole number"),
    (["run", "--method", "multinomial", "--aggregation", "groupby"], "no totals for groupby"),
    (["run", "--json", "--quiet"], "--json and --quiet exclude each other"),
    (["run", "--speed"], "--speed"),
    (["run", "2d6", "3d6"], "in quotes"),
    (["run", "-2d6"], "write -- and then an expression"),
    (["rnu"], "rnu"),
    (["exact"], "EXPRESSION"),
    (["exact", "4d"], "the number of sides"),
    (["exact", "1000d1000"], "268,435,456"),
    (["bench", "2d6+foo"], "character 5: found 'foo', expected dice"),
    (["bench", "--n", "0"], "n: 0 is too small"),
    (["bench", "--n", "1e15"], "each run would roll 2,000,000,000,000,000 dice, beyond the limit"),
    (["bench", "--workers", "0"], "workers: 0 is too small"),
    (["bench", "--start-method", "clone"], "'clone' is not one of"),
    (["roll", "2d6", "--times", "0"], "times: 0 is too small"),
    (["roll", "2d6", "--times", "1e9"], "1,000,000,000 trials"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(row[0])[:60] for row in BAD])
def test_bad_input_gets_one_clear_line(
    command_line: CommandLine, arguments: list[str], message: str
) -> None:
    """Exit 2, nothing on stdout, one line on stderr, and perhaps the place underlined (L5)."""
    done = command_line(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    first, *rest = done.stderr.splitlines()
    assert first.startswith("dicesim: ")
    assert message in first
    assert "Traceback" not in done.stderr
    assert all(line.startswith("  ") for line in rest)
    assert len(rest) in (0, 2)


def test_the_place_is_underlined(command_line: CommandLine) -> None:
    """The wrong word stands above its mark."""
    _, shown, marks = command_line("run", "2d6 + foo + 1").stderr.splitlines()
    assert shown == "  2d6 + foo + 1"
    assert marks == "        ^^^"


def test_exact(command_line: CommandLine) -> None:
    """Exact odds as a table, as JSON and as CSV."""
    done = command_line("exact", "2d6")
    assert done.stdout.startswith("2d6: two d6, sum\n")
    assert "1/36  100.0000%    2.7778%" in done.stdout
    assert "mean 7, sd 2.415229, 11 outcomes" in done.stdout
    assert "quantiles: 5% 3, 25% 5, 50% 7, 75% 9, 95% 11" in done.stdout
    document = json.loads(command_line("exact", "d20-1", "--json").stdout)
    assert (document["expression"], document["mean"]) == ("1d20-1", 9.5)
    assert document["schema"] == "dicesim.exact/1"
    assert document["outcomes"][0] == {
        "outcome": 0, "probability": 0.05, "exact": "1/20", "at_least": 1.0, "at_most": 0.05
    }  # fmt: skip
    assert command_line("exact", "d2", "--csv").stdout == (
        "outcome,probability,exact,at_least,at_most\n1,0.5,1/2,1.0,0.5\n2,0.5,1/2,0.5,1.0\n"
    )


def test_exact_odds_of_a_condition(command_line: CommandLine) -> None:
    """Beside the table, whose rows may hold more outcomes than one."""
    done = command_line("exact", "3d6!", "--of", ">= 10")
    assert done.stdout.splitlines()[-1] == "P(>= 10) = 0.6643519 = 287/432"
    document = json.loads(command_line("exact", "2d6", "--of", "13", "--json").stdout)
    assert document["probability"] == {"of": "== 13", "value": 0.0, "exact": "0/1"}


def test_roll_shows_the_dice(command_line: CommandLine) -> None:
    """Faces and total of every roll, and the same again for the same seed."""
    done = command_line("roll", "2d6+1", "--times", "3", "--seed", "5")
    assert done.stdout == command_line("roll", "2d6+1", "--times", "3", "--seed", "5").stdout
    for line in done.stdout.splitlines():
        faces, total = line.removeprefix("2d6+1: 2d6 (").split(") = ")
        assert sum(map(int, faces.split())) + 1 == int(total)
    fresh = command_line("roll", "2d6", "--json")
    document = json.loads(fresh.stdout)
    assert fresh.stderr == f"seed {document['seed']}\n"
    (one,) = document["rolls"]
    assert one["total"] == sum(one["pools"][0]["faces"])


def test_many_outcomes_are_binned_unless_all_are_wanted(command_line: CommandLine) -> None:
    """At most forty lines of a table, or one for each outcome; nothing is left out of either."""
    binned = command_line("run", "100d6", "--n", "10000").stdout.splitlines()
    whole = command_line("run", "100d6", "--n", "10000", "--all").stdout.splitlines()
    for lines, rows in ((binned, range(10, 41)), (whole, range(501, 502))):
        table = lines[4 : lines.index("", 4)]
        assert len(table) in rows
        assert sum(int(line.split()[1].replace(",", "")) for line in table) == 10_000


def test_strict_exits_with_one(command_line: CommandLine) -> None:
    """With a loose alarm level a sound run deviates; --strict alone makes that an exit code."""
    p_value = 0.9
    seed = 0
    while p_value > 0.4:
        seed += 1
        check = dicesim.run(n=10_000, rng=seed).check
        assert check is not None
        p_value = check.p_value or 0.0
    arguments = ("run", "--n", "1e4", "--seed", str(seed))
    loose = command_line(*arguments, "--alpha", "0.49")
    assert (loose.returncode, "deviates: " in loose.stdout) == (0, True)
    assert command_line(*arguments, "--alpha", "0.49", "--strict").returncode == 1
    assert command_line(*arguments, "--strict").returncode == 0
    nothing = command_line("run", "5", "--n", "10", "--strict")
    assert (nothing.returncode, "nothing to hold" in nothing.stderr) == (0, True)


def test_without_unicode_bars_are_ascii(command_line: CommandLine) -> None:
    """LC_ALL=C, and a stdout that takes only ASCII, get only ASCII."""
    for environment in ({"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}):
        for arguments in (("run", "--n", "1000"), ("exact", "2d6")):
            done = command_line(*arguments, **environment)
            assert done.returncode == 0
            assert done.stdout.isascii()
            assert "###" in done.stdout


def test_multinomial_names_itself(command_line: CommandLine) -> None:
    """Counts that were drawn say what the check tests."""
    done = command_line("run", "--n", "1e15", "--method", "multinomial")
    assert done.returncode == 0
    assert "1,000,000,000,000,000 trials" in done.stdout
    assert "the check tests the generator only" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_help_and_version(command_line: CommandLine) -> None:
    """No arguments show the help, which fits 80 columns and names every command and option."""
    shown = command_line()
    assert shown.returncode == 0
    assert shown.stdout == command_line("--help").stdout
    for command in ("run", "exact", "roll", "bench", "power", "check", "compare"):
        text = command_line(command, "--help").stdout
        assert command in shown.stdout
        assert max(map(len, text.splitlines())) <= 80
    assert command_line("--version").stdout == f"dicesim {dicesim.__version__}\n"
    module = [sys.executable, "-m", "dicesim_cli", "--version"]
    done = subprocess.run(module, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"dicesim {dicesim.__version__}\n"


@posix
def test_a_reader_that_leaves_is_no_error(dicesim_script: str) -> None:
    """``dicesim exact 100d6 --all | head -1`` is quiet."""
    for option in ("--all", "--json"):
        command = f"{dicesim_script} exact 1000d6 {option} | head -1"
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)


@posix
@pytest.mark.parametrize(
    ("redirect", "code", "word"),
    [
        ("> /dev/full", 3, "could not be written"),
        (">&-", 0, ""),
        ("2>&-", 0, "chi-square"),
        ("--trace 2> /dev/full", 0, "chi-square"),
    ],
)
def test_streams_that_are_closed_or_full(
    dicesim_script: str, redirect: str, code: int, word: str
) -> None:
    """What cannot be written ends in a line and exit 3; what cannot be told loses no answer."""
    done = subprocess.run(
        f"{dicesim_script} run --n 1000 {redirect}",
        shell=True, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code
    assert word in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@contextmanager
def on_a_terminal(*command: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a command whose stderr is a terminal; yield it and our end."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.communicate()
        os.close(ours)


def read_until(terminal: int, word: bytes) -> bytes:
    """Read what is shown until a word is."""
    shown = b""
    while word not in shown:
        shown += os.read(terminal, 4096)
    return shown


@posix
@pytest.mark.parametrize("executor", ["serial", "process", "pool", "threads"])
def test_progress_and_interrupt_on_a_terminal(dicesim_script: str, executor: str) -> None:
    """Progress shows rate and time left; Ctrl-C ends with what was rolled, and exit 130."""
    command = (dicesim_script, "run", "--n", "1e12", "--executor", executor, "--json")
    with on_a_terminal(*command) as (process, terminal):
        shown = read_until(terminal, b" left").decode()
        assert "trials/s" in shown
        assert "%" in shown
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=60)
        assert process.returncode == 130
    document = json.loads(stdout)
    assert document["complete"] is False
    assert document["requested_n"] == 10**12
    assert 0 < sum(row["count"] for row in document["outcomes"]) == document["n"]
    assert document["n"] % document["batch_size"] == 0


@posix
def test_an_interrupt_of_the_whole_group_leaves_quietly(dicesim_script: str) -> None:
    """Ctrl-C reaches workers too; whether few or many batches are done, no traceback shows."""
    for delay in range(1, 8):
        process = subprocess.Popen(
            [dicesim_script, "run", "--n", "1e12", "--executor", "pool", "--trace"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert process.stderr is not None
        for _ in range(delay):
            process.stderr.readline()
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "Traceback" not in stderr
        assert "INCOMPLETE: " in stdout
