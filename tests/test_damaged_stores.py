"""A file that is foreign, damaged or out of room is refused, and left as it is."""

from __future__ import annotations

import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import dicesim
from dicesim import Progress, store
from dicesim.database import MARKS
from tests.conftest import SEED
from tests.storing import BATCH, run, saving_at_once, stop_at, unfinished, whole

__all__ = ["saving_at_once", "unfinished", "whole"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"2d6 7\n" * 40, "is no file of dicesim's"),
        (b"\x89PNG\r\n\x1a\n", "is no file of dicesim's"),
        (b"SQLite format 3\0" + bytes(4080), "is no file of dicesim's"),
    ],
)
def test_a_foreign_file_is_left_as_it_is(tmp_path: Path, content: bytes, reason: str) -> None:
    """Neither run nor resume nor runs touches what is not ours."""
    path = tmp_path / "precious"
    path.write_bytes(content)
    for attempt in (run, dicesim.resume, dicesim.stored_runs):
        with pytest.raises(dicesim.StoreError, match=reason):
            attempt(path)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """A sound database that is not ours gets no table of ours."""
    path = tmp_path / "addresses.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE addresses (name TEXT)")
    connection.close()
    content = path.read_bytes()
    with pytest.raises(dicesim.StoreError, match="no file of dicesim's"):
        run(path)
    assert path.read_bytes() == content


def attempt(path: Path, content: bytes, log: bytes, whole: Counter[int]) -> str:
    """Resume a file with this content and log: `same` counts, or the refusal; never touched."""
    for ending, part in (("", content), ("-wal", log)):
        path.with_name(path.name + ending).write_bytes(part)
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    try:
        result = dicesim.resume(path)
    except dicesim.StoreError as error:
        assert path.read_bytes() == content, f"touched though refused: {error}"
        return "refused"
    assert result.counts == whole
    return "same"


def attack(
    unfinished: Path, whole: Counter[int], spoilt: Callable[..., list[bytes]]
) -> Counter[str]:
    """Resume many spoilt copies of a store, of the file and of the log beside it."""
    copied: list[tuple[bytes, bytes]] = []  # as a kill would leave them

    def copy(progress: Progress) -> None:
        if progress.done >= 3 * BATCH and not copied:
            log = unfinished.with_name("runs.db-wal")
            copied.append((unfinished.read_bytes(), log.read_bytes()))

    closed = unfinished.read_bytes()
    dicesim.resume(unfinished, progress=copy)
    (living, log) = copied[0]
    path = unfinished.with_name("spoilt.db")
    answers = Counter(attempt(path, content, b"", whole) for content in spoilt(closed))
    answers += Counter(attempt(path, content, log, whole) for content in spoilt(living))
    return answers + Counter(attempt(path, living, part, whole) for part in spoilt(log))


def flipped(number: int) -> Callable[[bytes], list[bytes]]:
    """So many copies with a bit flipped, anywhere."""
    chance = random.Random(SEED)

    def spoilt(content: bytes) -> list[bytes]:
        copies = []
        for _ in range(number):
            at, bit = divmod(chance.randrange(8 * len(content)), 8)
            copies.append(content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :])
        return copies

    return spoilt


def cut_off(step: int) -> Callable[[bytes], list[bytes]]:
    """Copies that end too early."""
    return lambda content: [content[:end] for end in range(1, len(content), step)]


def test_flipped_bits_are_found(unfinished: Path, whole: Counter[int]) -> None:
    """A flipped bit is refused, or lies where nothing is; no count is ever wrong."""
    answers = attack(unfinished, whole, flipped(150))
    assert set(answers) == {"refused", "same"}


def test_truncated_files_are_found(unfinished: Path, whole: Counter[int]) -> None:
    """A file cut off anywhere is refused, and a log cut off anywhere costs time only."""
    assert attack(unfinished, whole, cut_off(211))["refused"] > 20


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_length_and_many_bits(unfinished: Path, whole: Counter[int]) -> None:
    """The same with every length, and twenty thousand bits of each file."""
    attack(unfinished, whole, flipped(20_000))
    shutil.rmtree(unfinished.parent)
    unfinished.parent.mkdir()
    run(unfinished, **stop_at(2 * BATCH))
    attack(unfinished, whole, cut_off(1))


def test_a_lost_log_costs_time_only(unfinished: Path, whole: Counter[int]) -> None:
    """What was asked for stands in the file itself from the beginning."""
    path, copy = unfinished.with_name("second.db"), unfinished.with_name("copy.db")
    run(path, progress=lambda _: shutil.copy(path, copy))
    assert dicesim.stored_runs(copy)[0].batches < 5
    assert dicesim.resume(copy).counts == whole


def test_damage_where_nothing_is_stored_is_refused_too(unfinished: Path) -> None:
    """A page whose own bookkeeping is wrong is not written to."""
    content = bytearray(unfinished.read_bytes())
    content[4096 + 7] ^= 1  # how many bytes of the page are fragments
    unfinished.write_bytes(content)
    with pytest.raises(dicesim.StoreError, match="is damaged"):
        dicesim.resume(unfinished)
    assert unfinished.read_bytes() == content


def test_a_kill_as_the_file_is_made(tmp_path: Path, whole: Counter[int]) -> None:
    """The first page of two, and the journal that takes it back."""
    path, journal = tmp_path / "runs.db", tmp_path / "runs.db-journal"
    with closing(sqlite3.connect(tmp_path / "made.db", isolation_level=None)) as made:
        for statement in (*MARKS, store._TABLE):
            made.execute(statement)
    with closing(sqlite3.connect(path, isolation_level=None)) as open_still:
        open_still.execute("PRAGMA cache_size = 1")  # so that the journal is really written
        open_still.execute("BEGIN")
        open_still.execute(store._TABLE)
        for _ in range(50):
            open_still.execute("INSERT INTO runs (begun) VALUES (?)", ("x" * 3000,))
        taken_back = journal.read_bytes()
    path.write_bytes((tmp_path / "made.db").read_bytes()[:4096])
    journal.write_bytes(taken_back)
    assert dicesim.stored_runs(path) == []
    with pytest.raises(dicesim.StoreError, match="holds no run yet"):
        dicesim.resume(path)
    assert run(path).counts == whole
    assert len(dicesim.stored_runs(path)) == 1


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from dicesim_cli.__main__ import main
sys.argv[1:] = sys.argv[2:]
main()
"""


def limited(limit: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line where no file may grow beyond so many bytes."""
    command = [sys.executable, "-c", LIMITED, str(limit), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limits of file sizes")
def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """No room for the first page: nothing is left. No room later: what was kept still holds."""
    path = tmp_path / "runs.db"
    arguments = ("d{1..4000}", "--n", "1e11", "--seed", "3", "--executor", "serial", "--quiet")
    done = limited(1000, "run", *arguments, "--checkpoint", str(path))
    assert (done.returncode, done.stdout) == (3, "")
    assert "no more could be written" in done.stderr
    assert not list(tmp_path.iterdir())

    done = limited(150_000, "run", *arguments, "--checkpoint", str(path))
    assert done.returncode == 3
    *_, advice, error = done.stderr.splitlines()
    assert f"dicesim resume {path}" in advice
    assert "no more could be written" in error
    (stored,) = dicesim.stored_runs(path)
    rolled = sum(int(line.split()[1]) for line in done.stdout.splitlines())
    assert 0 < stored.tally.total <= rolled < 10**11
    size = stored.plan.batch_size
    alone = dicesim.run("d{1..4000}", stored.batches * size, rng=3, batch_size=size)
    assert stored.tally == alone.tally


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk(tmp_path: Path, dicesim_script: str) -> None:
    """On a disk of 64 kilobytes the run ends with what was finished, and the file holds."""
    script = f"""
        mount -t tmpfs -o size=64k tmpfs {tmp_path} && cd {tmp_path} || exit 77
        {dicesim_script} run 'd{{1..4000}}' --n 1e11 --executor serial --quiet --checkpoint runs.db
        echo $? >&2
        {dicesim_script} runs runs.db >&2
    """
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", script],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("this system does not allow a mount")
    assert "no more could be written" in done.stderr
    assert "\n3\n" in done.stderr
    assert "1d4000" in done.stderr.splitlines()[-1]
    assert done.stdout
