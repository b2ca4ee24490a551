"""Whatever comes in, what comes out is an answer or one clear line."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

import pytest

import dicesim
from tests.conftest import SEED
from tests.feeding import PATIENCE, Driver, fault_of_answer
from tests.fuzzing import Kind, cases, pasted

KINDS: Final = get_args(Kind)
# Cases of each kind that run always, and that run on demand.
FEW: Final[dict[Kind, int]] = {"notation": 1_200, "csv": 500, "arguments": 300}
MANY: Final[dict[Kind, int]] = {"notation": 60_000, "csv": 30_000, "arguments": 12_000}
ENTRY_POINT: Final = 200


def storm(kind: Kind, seed: int, number: int) -> None:
    """Feed so many cases; a failure names the case, ready to paste."""
    with Driver(kind) as driver:
        for case in cases(kind, seed, number):
            fault = driver.fault(case)
            assert not fault, f"\n{pasted(kind, case)}\n{fault}"


@pytest.mark.parametrize("kind", KINDS)
def test_some_input(kind: Kind, seed: int) -> None:
    """L5: nothing but an answer or one clear line, whatever comes in."""
    storm(kind, seed, FEW[kind])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_much_input(kind: Kind, seed: int) -> None:
    """L5: the same, a hundred thousand times."""
    storm(kind, seed + 1, MANY[kind])


def through_the_entry_point(script: str, folder: Path, number: int) -> Iterator[tuple[str, str]]:
    """Run the installed command as a user does, and yield each case with its fault."""
    for case in cases("arguments", SEED + 2, number):
        file = folder / "rolls"
        file.write_bytes(case["content"].encode("latin-1"))
        arguments = [str(file) if word == "FILE" else word for word in case["arguments"]]
        try:
            sent = [word.encode("utf-8", "surrogateescape") for word in arguments]
        except UnicodeEncodeError:  # no argument can hold these
            continue
        with file.open("rb") as rolls:
            done = subprocess.run(
                [script.encode(), *sent],
                stdin=rolls, capture_output=True, timeout=PATIENCE, check=False, cwd=folder,
            )  # fmt: skip
        out, err = done.stdout.decode(), done.stderr.decode()
        fault = fault_of_answer(arguments, done.returncode, out, err)
        yield pasted("arguments", case), fault and f"{fault}: {out[-300:]}\n{err}"


@pytest.mark.parametrize(
    "number", [6, pytest.param(ENTRY_POINT, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_the_entry_point(number: int, dicesim_script: str, tmp_path: Path) -> None:
    """L5: no other rules hold for the installed command."""
    for shown, fault in through_the_entry_point(dicesim_script, tmp_path, number):
        assert not fault, f"\n{shown}\n{fault}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_replays_its_cases(kind: Kind) -> None:
    """A failure of one day can be had again on another."""
    first = list(cases(kind, 1, 50))
    assert list(cases(kind, 1, 50)) == first
    assert list(cases(kind, 2, 50)) != first


def test_most_of_the_input_is_near_to_notation() -> None:
    """What is fed gets through the parser now and then, or only the parser would be tested."""
    read = 0
    for case in cases("notation", SEED, 400):
        try:
            dicesim.parse(case["text"])
        except dicesim.NotationError:
            continue
        read += 1
    assert 40 < read < 360


@pytest.mark.parametrize("case", ["hang", "death"])
def test_the_watchdog_names_the_case(case: str) -> None:
    """A case that hangs, or ends the interpreter, is told from all others."""
    with Driver("notation") as driver:
        assert not driver.fault({"text": "2d6", "seed": 1})
        assert "the process ended" in driver.fault({"do": case}, 1 if case == "hang" else PATIENCE)


@pytest.mark.parametrize(
    ("code", "out", "err"),
    [
        (130, "", ""),
        (-9, "", ""),
        (2, "", ""),
        (2, "half an answer", "dicesim: no\n"),
        (0, "{}", "dicesim: no\n"),
        (2, "", "Traceback (most recent call last):\n"),
        (2, "", "dicesim: no\ndicesim: never\n"),
        (2, "", "dicesim: no\n2d6\n ^ here\n"),
        (0, "{}", "some/file.py:3: DeprecationWarning: do not\n"),
        (0, '{"schema"', ""),
        (0, "{}", "note: \x1b[31m\n"),
    ],
)
def test_the_judge_knows_faults(code: int, out: str, err: str) -> None:
    """What the storms would not let pass."""
    assert fault_of_answer(["run", "--json"], code, out, err)


def test_the_judge_lets_pass_what_is_well() -> None:
    """An answer, an answer with notes, and an error with its place."""
    assert not fault_of_answer(["run", "--json"], 0, "{}", "note: slow\n")
    assert not fault_of_answer(["run"], 1, "table", "")
    assert not fault_of_answer(["run", "--json"], 2, "", "dicesim: no\n  2x6\n   ^\n")
