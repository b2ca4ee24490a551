"""Rolls that are still being made are looked at without waiting for their end."""

from __future__ import annotations

import io
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import dicesim

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX pipes and signals")


def after(times: int, act: Callable[[int], None] = lambda _: None) -> Callable[[], bool]:
    """Something that says stop after so many questions, and acts at each."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        act(asked)
        asked += 1
        return asked > times

    return stop


def test_a_file_that_grows(tmp_path: Path) -> None:
    """Each look has all whole lines so far; a line that is being written waits."""
    file = tmp_path / "rolls.txt"
    pieces = ["1\n2\n", "3", "\n4\n", "", "5\n6"]
    file.write_text("")

    def grow(asked: int) -> None:
        with file.open("a") as stream:
            stream.write(pieces[asked] if asked < len(pieces) else "")

    looks = list(dicesim.watch(file, "1d6", stop=after(8, grow), poll_seconds=0))
    assert [look.n for look in looks] == [2, 4, 5]
    assert not any(look.alarm for look in looks)
    for look in looks:
        rolls = dicesim.check(list(range(1, look.n + 1)), "1d6")
        assert look.log_e_value == pytest.approx(rolls.log_e_value)
        assert look.log_greatest >= max(look.log_e_value, 0)


def test_what_was_seen_once_stays() -> None:
    """The alarm rests on the greatest e-value, not on the last."""
    look = dicesim.Look(100, -2.0, math.log(100) + 1e-9, 0.01)
    assert look.alarm
    assert look.to_dict()["verdict"] == "deviates"
    assert not dicesim.Look(100, -2.0, math.log(99), 0.01).alarm


def test_a_stream_ends_by_itself() -> None:
    """The last line of what cannot grow needs no end; several columns are averaged."""
    looks = list(dicesim.watch(io.BytesIO(b"a,b\n1,2\n3,4"), "1d6"))
    assert looks[-1].n == 2


def test_what_cannot_be_watched(tmp_path: Path) -> None:
    """Counts have no order; a file may not shrink, nor be missing."""
    with pytest.raises(dicesim.RecordError, match="these are counts; write rolls in order"):
        list(dicesim.watch(io.BytesIO(b"face,count\n1,2\n"), "1d6"))
    with pytest.raises(dicesim.RecordError, match="cannot be read"):
        list(dicesim.watch(tmp_path / "none", "1d6"))
    file = tmp_path / "rolls.txt"
    file.write_text("1\n2\n")

    def shrink(asked: int) -> None:
        if asked == 1:
            file.write_text("")

    with pytest.raises(dicesim.RecordError, match="has become shorter; start again"):
        list(dicesim.watch(file, "1d6", stop=after(5, shrink), poll_seconds=0))


@posix
def test_the_command_watches_a_file_until_interrupted(dicesim_script: str, tmp_path: Path) -> None:
    """On a terminal it draws each look; Ctrl-C ends with a line, and exit 130."""
    file = tmp_path / "rolls.txt"
    file.write_text("1\n2\n3\n")
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [dicesim_script, "check", str(file), "--against", "1d6", "--watch"],
        stdout=subprocess.PIPE, stderr=theirs, text=True,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while b"3 rolls" not in shown:
        shown += os.read(ours, 4096)
    with file.open("a") as stream:
        stream.write("4\n5\n")
    while b"5 rolls" not in shown:
        shown += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 130
    assert stdout.startswith("inconclusive: 5 rolls, e-value ")
    assert len(stdout.splitlines()) == 1


@posix
@pytest.mark.parametrize(
    ("rolls", "code", "word"), [("6\n" * 40, 1, "deviates"), ("1\n2", 0, "in")]
)
def test_the_command_watches_a_pipe(dicesim_script: str, rolls: str, code: int, word: str) -> None:
    """It ends with 1 at once on an alarm, though the pipe is open; else at the end with 0."""
    command = [dicesim_script, "check", "-", "--against", "1d6", "--watch"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(rolls)
    process.stdin.flush()
    if code:
        assert process.wait(timeout=60) == code
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (code, "")
    assert stdout.startswith(word)
