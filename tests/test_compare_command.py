"""``dicesim compare``: what it prints, refuses and exits with."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

import dicesim
from tests.conftest import CommandLine
from tests.test_cli import on_a_terminal, posix, read_until

SIMULATED = ("4d6kh3", "3d6+2", "--n", "1e4", "--seed", "7", "--limit", "table_bytes=1")


def without_versions(document: dict[str, Any]) -> dict[str, Any]:
    """All but what differs from place to place."""
    return {key: value for key, value in document.items() if key != "versions"}


def test_it_says_what_the_library_says(command_line: CommandLine) -> None:
    """Table, JSON and CSV are those of `compare`; nothing goes to stderr."""
    limits = dicesim.Limits(table_bytes=1)
    for arguments, compared in (
        (("4d6kh3", "3d6+2"), dicesim.compare("4d6kh3", "3d6+2")),
        (SIMULATED, dicesim.compare("4d6kh3", "3d6+2", 10_000, rng=7, limits=limits)),
    ):
        shown = command_line("compare", *arguments)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert shown.stdout == dicesim.format_comparison(compared) + "\n"
        document = json.loads(command_line("compare", *arguments, "--json").stdout)
        assert without_versions(document) == without_versions(compared.to_dict())
        assert command_line("compare", *arguments, "--csv").stdout == compared.to_csv()


def test_the_printed_seed_replays(command_line: CommandLine) -> None:
    """What was rolled without a seed is rolled again with the one that was printed."""
    arguments = ("compare", "1d6", "1d8", "--n", "1000", "--limit", "table_bytes=1")
    first = command_line(*arguments)
    name, seed = first.stdout.splitlines()[-1].split()
    assert name == "seed"
    assert command_line(*arguments, "--seed", seed).stdout == first.stdout


def test_the_table_is_plain_where_it_must_be(command_line: CommandLine) -> None:
    """80 columns, ASCII alone under LC_ALL=C, bins unless --all."""
    for arguments in (("100d6", "30d20kh10"), SIMULATED):
        done = command_line("compare", *arguments, LC_ALL="C")
        assert done.stdout.isascii()
        assert "#" in done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 80
    assert "--all shows each" in command_line("compare", "100d6", "30d20kh10").stdout
    full = command_line("compare", "100d6", "30d20kh10", "--all").stdout
    assert len(full.splitlines()) > 591


def test_notes_name_the_side(command_line: CommandLine) -> None:
    """A limit of explosions that holds often is told on stderr, of the rule that has it."""
    done = command_line("compare", "2d6", "d6! max=1")
    assert done.returncode == 0
    assert done.stderr.startswith("note: B: ")
    assert done.stderr.count("\n") == 1


BAD = [
    (("2d6",), "1 rule cannot be compared; write two"),
    (("2d", "2d6"), "first expression: found the end"),
    (("2d6", "2d6)"), "second expression: character 4"),
    (("5+1d20>=15", "2d6"), "first expression: character 3"),
    (("2d6", "d6", "d8"), "(d8); compare takes two rules, with spaces in quotes"),
    ((), "no rules cannot be compared; write two"),
    (("2d6", "1d6", "--n", "0"), "--n: 0 is too small"),
    (("2d6", "1d6", "--n", "x"), "--n: 'x' is not a whole number"),
    (("2d6", "1d6", "--seed", "-1"), "--seed: -1 is no seed"),
    (("2d6", "999999999d6"), "second expression: one trial would roll"),
    (("2d6", "1d6", "--json", "--csv"), "exclude each other"),
    (("2d6", "1d6", "--limit", "dice=3"), "--limit: cannot read 'dice=3'"),
    ((*SIMULATED, "--limit", "work=1000"), "raise it with --limit work=N"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(row[0]) for row in BAD])
def test_bad_input_gets_one_clear_line(
    command_line: CommandLine, arguments: tuple[str, ...], message: str
) -> None:
    """Exit 2, nothing on stdout, one line on stderr, perhaps with the place underlined (L5)."""
    done = command_line("compare", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    first, *rest = done.stderr.splitlines()
    assert first.startswith("dicesim: ")
    assert message in first
    assert all(line.startswith("  ") for line in rest)


def test_the_place_is_underlined_in_the_right_rule(command_line: CommandLine) -> None:
    """The line below the message shows the rule that is wrong."""
    lines = command_line("compare", "3d6+2", "2d6)").stderr.splitlines()
    assert lines[1:] == ["  2d6)", "     ^"]


@posix
def test_an_interrupt_prints_what_there_is(dicesim_script: str) -> None:
    """Ctrl-C ends both runs; the comparison is of what was rolled, and the exit code is 130."""
    rules = ("60d6", "60d6kh50", "--limit", "table_bytes=1", "--limit", "work=1e15")
    with on_a_terminal(dicesim_script, "compare", *rules, "--n", "1e11", "--json") as (
        process,
        terminal,
    ):
        assert "trials/s" in read_until(terminal, b" left").decode()
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=60)
        assert process.returncode == 130
    document = json.loads(stdout)
    assert document["complete"] is False
    for side in (document["a"], document["b"]):
        assert 0 < side["n"] < side["requested_n"] == 10**11
