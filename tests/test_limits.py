"""Silly work is refused before the first roll, by a limit that has a name and a flag (L6)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import dicesim
from dicesim import LimitError, Limits
from tests.conftest import CommandLine
from tests.faulting import wait_for_group

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "limits.md"
# What is refused, and by which limit.
REFUSED = [
    (["run", "d999999999"], "outcomes"),
    (["run", "999999999d999999999"], "price"),
    (["run", "(d1000000)d6"], "price"),
    (["run", "d1000000r<=999999"], "price"),
    (["run", "--n", "1e13"], "work"),
    (["run", "100000d6kh50000", "--n", "1e9"], "work"),
    (["run", "--n", "1e8", "--batch-size", "1e12"], "batch_size"),
    (["run", "--n", "1e12", "--batch-size", "1"], "batches"),
    (["run", "--n", "1e15", "--batch-size", "1e3", "--method", "multinomial"], "batches"),
    (["run", "--workers", "1e9"], "workers"),
    (["exact", "1000d1000"], "table_bytes"),
    (["exact", "d{1..2000000}"], "outcomes"),
    (["exact", "d1000000*d1000000"], "outcomes"),
    (["roll", "2d6", "--times", "1e12"], "rolls"),
    (["roll", "100d6", "--times", "1e5"], "rolls"),
    (["bench", "--n", "1e15"], "work"),
    (["bench", "--workers", "1e9"], "workers"),
    (["power", "1000d1000", "--bias", "5%"], "table_bytes"),
    (["check", "-", "--against", "d999999999"], "outcomes"),
]


@pytest.mark.parametrize(
    ("arguments", "limit"), REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED]
)
def test_runaway_work_is_refused(
    command_line: CommandLine, arguments: list[str], limit: str
) -> None:
    """The one line names the limit, and the flag that raises it."""
    done = command_line(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert f"--limit {limit}=N or Limits({limit}=N)" in done.stderr


LABBY = str(ROOT / "dicesim" / "data" / "labby_2009.csv")
RAISED = [
    (["run", "200000d1", "--n", "2"], ["price=200000"]),
    (["run", "--n", "4", "--batch-size", "2"], ["batches=2"]),
    (["run", "--n", "4", "--batch-size", "2"], ["batch_size=2"]),
    (["run", "--n", "10"], ["work=20"]),
    (["run", "--n", "10", "--workers", "2"], ["workers=2"]),
    (["run", "d1100000", "--n", "2", "--quiet"], ["outcomes=1100000", "table_bytes=1"]),
    (["exact", "2d6"], ["table_bytes=1000", "outcomes=11", "price=2"]),
    (["roll", "2d6", "--times", "3"], ["rolls=6"]),
    (["check", LABBY, "--against", "1d6", "--alpha", "1e-9"], ["outcomes=6"]),
]


@pytest.mark.parametrize(("arguments", "limits"), RAISED, ids=str)
def test_the_flag_lets_it_pass(
    command_line: CommandLine, arguments: list[str], limits: list[str]
) -> None:
    """With a limit at what is needed all is done; with one less it is refused by its name."""
    flags = [word for limit in limits for word in ("--limit", limit)]
    assert command_line(*arguments, *flags).returncode == 0
    name, _, value = limits[0].partition("=")
    less = ["--limit", f"{name}={1 if name == 'table_bytes' else int(value) - 1}"]
    done = command_line(*arguments, *flags, *less)
    assert done.returncode == 2
    assert f"--limit {name}=N" in done.stderr


@pytest.mark.parametrize("text", ["d1000000+d1000000", "d{1..2000000}", "100d{1..100000}"])
def test_the_error_carries_the_limit(text: str) -> None:
    """A program can ask which limit it was."""
    with pytest.raises(LimitError) as caught:
        dicesim.run(text, 1)
    assert caught.value.limit == "outcomes"


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("(100d100)d6", "outcomes to mix"),
        ("20d20kh10ro1!", "bytes of arithmetic"),
        ("60d6!kh30", "steps"),
    ],
)
def test_a_law_that_would_take_long_is_priced(text: str, unit: str) -> None:
    """No exact distribution is begun that cannot be finished soon."""
    with pytest.raises(dicesim.ExactUnavailable, match=rf"would take [\d,]+ {unit}, beyond"):
        dicesim.exact(text)


def test_sums_of_very_many_terms_are_rolled() -> None:
    """However many terms are joined in one table, none lies deeper than another."""
    assert dicesim.roll("-" + "0-" * 4_900 + "1", rng=1) == -1
    assert dicesim.run("+".join(["d1"] * 2_000), 2, rng=1).mean == 2_000


@pytest.mark.parametrize(
    "text", ["{-3+9223372036854775807, -4}k1", "{1-d9223372036854775807, d9}kh1"]
)
def test_parts_too_far_apart_are_refused_where_they_stand(text: str) -> None:
    """A pool whose parts span more than 64 bits is bad notation."""
    with pytest.raises(dicesim.NotationError, match="totals that lie less than") as caught:
        dicesim.parse(text)
    assert caught.value.position == 0


def test_the_documented_defaults_are_those_of_the_code() -> None:
    """The table of docs/limits.md has each limit, with its default."""
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {name: int(value.replace(",", "")) for name, value in rows}
    assert documented == {field.name: field.default for field in fields(Limits)}


def test_help_names_every_limit(command_line: CommandLine) -> None:
    """What the flag takes is told by ``--help``."""
    shown = " ".join(command_line("run", "--help").stdout.split())
    assert all(field.name in shown for field in fields(Limits))


# Runs the command under a bound of the operating system, as its only process in a new session.
BOUNDED = """
import resource, sys
name, bound = sys.argv[1], int(sys.argv[2])
resource.setrlimit(getattr(resource, name), (bound, bound))
from dicesim_cli.__main__ import main
sys.argv = ["dicesim", *sys.argv[3:]]
main()
"""
WORK = [
    ["run", "d1000", "--n", "1e6", "--executor", "serial"],
    ["run", "--n", "4e5", "--workers", "2", "--executor", "threads"],
    ["run", "--n", "4e5", "--workers", "2", "--executor", "process"],
    ["run", "--n", "4e5", "--workers", "2", "--executor", "pool"],
    ["run", "--n", "4e5", "--workers", "2", "--executor", "process", "--aggregation", "shared"],
    ["exact", "d200000"],
    ["roll", "10000d6", "--times", "10"],
    ["check", str(ROOT / "dicesim" / "data" / "wolf.csv"), "--against", "1d6"],
    ["bench", "--n", "1000", "--workers", "2"],
]


def ends_in_a_clear_line(name: str, bound: int, arguments: list[str]) -> None:
    """Run under a bound, and look at how it ended and what it left behind."""
    command = [sys.executable, "-c", BOUNDED, name, str(bound), *arguments]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, env=environment, encoding="utf-8",
    ) as process:  # fmt: skip
        out, err = process.communicate(timeout=240)
    assert "Traceback" not in err, err
    assert process.returncode in (0, 1, 2, 3), err
    errors = [line for line in err.splitlines() if line.startswith("dicesim: ")]
    assert len(errors) == (process.returncode in (2, 3)), err
    assert out or errors
    # A worker that stayed would be of the same session.
    wait_for_group(process.pid)


# Less than the libraries themselves take, and they fail, or loop, while they are loaded.
@pytest.mark.skipif(sys.platform != "linux", reason="bounds are the operating system's")
@pytest.mark.parametrize("arguments", WORK, ids=" ".join)
@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [260, 320, 500])
def test_short_memory_ends_in_a_clear_line(megabytes: int, arguments: list[str]) -> None:
    """Whatever runs out, and wherever: no traceback, no hang, no worker left."""
    ends_in_a_clear_line("RLIMIT_AS", megabytes * 2**20, arguments)


@pytest.mark.skipif(sys.platform != "linux", reason="bounds are the operating system's")
@pytest.mark.parametrize("arguments", WORK[1:5], ids=" ".join)
@pytest.mark.parametrize("files", [pytest.param(7, marks=pytest.mark.slow), 10])
def test_too_few_files_end_in_a_clear_line(files: int, arguments: list[str]) -> None:
    """Workers need pipes; without them the run says so."""
    ends_in_a_clear_line("RLIMIT_NOFILE", files, arguments)
