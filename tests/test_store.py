"""A store says truly how far its runs have come, or refuses, and is then left as it is."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dicesim
from dicesim import Progress, checkpoints, store
from dicesim.plan import stream_versions
from dicesim.store import Store
from tests.conftest import CommandLine
from tests.storing import BATCH, N, run, saving_at_once, stop_at, unfinished, whole

__all__ = ["saving_at_once", "unfinished", "whole"]


def test_a_run_goes_on_where_it_stopped(tmp_path: Path, whole: Counter[int]) -> None:
    """Batch by batch, with another executor each time, the counts are those of one sitting."""
    path = tmp_path / "runs.db"
    assert run(path, **stop_at(BATCH)).n == BATCH
    for done, executor in ((2, "threads"), (3, "process"), (4, "pool")):
        part = dicesim.resume(path, executor=executor, workers=1, **stop_at(done * BATCH))  # type: ignore[arg-type]
        assert not part.complete
        assert part.n >= done * BATCH
        assert part.tally == dicesim.run("2d6", part.n, rng=1, batch_size=BATCH).tally
    seen: list[int] = []
    last = dicesim.resume(path, progress=lambda progress: seen.append(progress.done))
    assert last.complete
    assert last.counts == whole
    assert seen[0] == part.n
    again = dicesim.resume(path)
    assert again.counts == whole
    assert again.elapsed_seconds == dicesim.stored_runs(path)[0].elapsed_seconds


def test_what_was_asked_for_is_kept(tmp_path: Path) -> None:
    """Everything that the counts and the judgement depend on comes back, raised limits too."""
    path = tmp_path / "runs.db"
    asked = dict[str, Any](
        rng=2**200, method="multinomial", batch_size=70_000, bit_generator="Philox", alpha=0.01
    )
    limits = dicesim.Limits(work=10**14, batches=10**9)
    part = dicesim.run(
        "4d6r1kh3 + {2d6, d8}kl1", 10**13, checkpoint=path, limits=limits, **asked, **stop_at(1)
    )
    (stored,) = dicesim.stored_runs(path)
    assert stored.plan == part.plan
    assert stored.tally == part.tally
    assert stored.batches * 70_000 == part.n
    assert (stored.options.alpha, stored.options.limits) == (0.01, limits)
    again = dicesim.resume(path, **stop_at(1))
    assert (again.plan, again.alpha) == (part.plan, 0.01)
    assert again.n > part.n


def test_a_store_holds_many_runs(unfinished: Path, command_line: CommandLine) -> None:
    """Runs are added once the last one is finished, and listed; what is finished stays."""
    with pytest.raises(dicesim.StoreError, match=r"unfinished run of 2d6 \(2,000 of 5,000 trials"):
        run(unfinished)
    dicesim.resume(unfinished)
    second = dicesim.run("4d6kh3", 1000, rng=7, checkpoint=unfinished)
    assert [run.number for run in dicesim.stored_runs(unfinished)] == [1, 2]
    assert dicesim.resume(unfinished).counts == second.counts
    listed = json.loads(command_line("runs", str(unfinished), "--json").stdout)
    assert listed["schema"] == "dicesim.runs/1"
    assert [run["expression"] for run in listed["runs"]] == ["2d6", "4d6kh3"]
    table = command_line("runs", str(unfinished)).stdout.splitlines()
    assert table[0].split() == ["run", "begun", "(UTC)", "trials", "done", "seed", "expression"]
    assert table[2].split()[3:] == ["1,000", "100%", "7", "4d6kh3"]


def test_the_table_tells_what_a_precise_run_needed(tmp_path: Path) -> None:
    """Not the thousand million that it might have come to."""
    path = tmp_path / "runs.db"
    result = dicesim.run("2d6", until_ci=0.01, rng=3, checkpoint=path)
    row = dicesim.format_runs(dicesim.stored_runs(path)).splitlines()[1].split()
    assert row[3:5] == [f"{result.n:,}", "100%"]


def test_the_table_of_runs_fits_its_width(tmp_path: Path) -> None:
    """What is too long of an expression is left out, and only what is complete has 100 %."""
    path = tmp_path / "runs.db"
    dicesim.run("+".join(["2d6"] * 30), N, checkpoint=path)
    (stored,) = dicesim.stored_runs(path)
    table = dicesim.format_runs([stored, replace(stored, tally=dicesim.Tally.of({60: N - 1}))])
    assert "  100%  " in table
    assert "   99%  " in table
    assert max(map(len, table.splitlines())) <= 80
    assert table.endswith("...")


def test_the_command_line_goes_on(unfinished: Path, command_line: CommandLine) -> None:
    """`dicesim resume` prints what the undisturbed run prints."""
    alone = command_line("run", "--n", str(N), "--seed", "1", "--batch-size", str(BATCH), "--quiet")
    for _ in range(2):
        done = command_line("resume", str(unfinished), "--quiet")
        assert (done.returncode, done.stdout, done.stderr) == (0, alone.stdout, "")


def test_two_processes_on_one_file_are_refused(
    tmp_path: Path, command_line: CommandLine, whole: Counter[int]
) -> None:
    """While a run is rolled, nobody else may begin or go on; the list can be read."""
    path = tmp_path / "runs.db"
    answers: list[subprocess.CompletedProcess[str]] = []

    def others(progress: Progress) -> None:
        if not answers and progress.done >= BATCH:
            answers.append(command_line("run", "--n", "1e4", "--checkpoint", str(path)))
            answers.append(command_line("resume", str(path)))
            answers.append(command_line("runs", str(path)))

    assert run(path, progress=others).counts == whole
    begin, resume, runs = answers
    for refused in (begin, resume):
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "another process is rolling for it" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    assert runs.returncode == 0
    assert "2d6" in runs.stdout


def test_threads_do_not_share_a_store(tmp_path: Path) -> None:
    """Of several threads that begin at once on one file, one rolls."""
    path, barrier = tmp_path / "runs.db", threading.Barrier(4)

    def begin(seed: int) -> int | str:
        barrier.wait()
        try:
            return dicesim.run("9d6", 10**6, rng=seed, checkpoint=path).n
        except dicesim.StoreError as error:
            return str(error)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(begin, range(4)))
    done = [answer for answer in answers if answer == 10**6]
    assert done
    assert len(dicesim.stored_runs(path)) == len(done)
    assert all("another process" in a or "unfinished" in a for a in answers if isinstance(a, str))


def test_another_version_is_refused(unfinished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the trials of one numpy and half of another would be no run of either."""
    content = unfinished.read_bytes()
    monkeypatch.setattr(
        checkpoints, "stream_versions", lambda: stream_versions() | {"numpy": "9.9"}
    )
    with pytest.raises(dicesim.StoreError, match=r"this is numpy 9\.9, .* install numpy=="):
        dicesim.resume(unfinished)
    assert unfinished.read_bytes() == content


def test_what_cannot_be_kept_is_refused_before_any_roll(tmp_path: Path) -> None:
    """Counters in any order, a directory, no directory, a name that is none."""
    with pytest.raises(dicesim.ParameterError, match="choose the aggregation bincount"):
        run(tmp_path / "runs.db", aggregation="shared")
    names = ("", "nowhere/runs.db", "a\0b", "x" * 300)
    for path in (*(tmp_path / name for name in names), Path("/dev/null"), Path("/dev/full")):
        with pytest.raises(dicesim.StoreError, match="name "):
            run(path)
    assert Path("/dev/null").is_char_device()
    with pytest.raises(dicesim.NotationError):
        dicesim.run("2d", checkpoint=tmp_path / "runs.db")
    assert not list(tmp_path.iterdir())
    for look in (dicesim.resume, dicesim.stored_runs):
        with pytest.raises(dicesim.StoreError, match="no such file"):
            look(tmp_path / "runs.db")


def test_what_was_handed_in_is_not_kept(tmp_path: Path, whole: Counter[int]) -> None:
    """A run on an executor that was handed in goes on with `auto`."""
    path = tmp_path / "runs.db"
    with ThreadPoolExecutor(1) as threads:
        run(path, executor=threads, **stop_at(BATCH))
    assert dicesim.stored_runs(path)[0].options.executor == "auto"
    assert dicesim.resume(path).counts == whole


def test_a_run_goes_on_with_higher_limits(tmp_path: Path, whole: Counter[int]) -> None:
    """What was refused as it was begun may be allowed later, and stays allowed."""
    path = tmp_path / "runs.db"
    run(path, limits=dicesim.Limits(workers=1), **stop_at(BATCH))
    with pytest.raises(dicesim.LimitError, match="workers=N"):
        dicesim.resume(path, executor="threads", workers=2)
    limits = dicesim.Limits(workers=2)
    assert dicesim.resume(path, executor="threads", workers=2, limits=limits).counts == whole


def test_an_error_in_a_batch_leaves_what_was_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Counter[int]
) -> None:
    """A run that could not finish can be gone on with."""
    real, left = dicesim.sampling.counts, iter(range(3))

    def fail(*arguments: Any) -> dicesim.Tally:
        if next(left, None) is None:
            raise MemoryError("no room")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("dicesim.sampling.counts", fail)
        with pytest.raises(dicesim.ExecutionError, match="batch 3 failed") as caught:
            run(tmp_path / "runs.db")
    assert caught.value.partial.n == 3 * BATCH
    assert dicesim.stored_runs(tmp_path / "runs.db")[0].batches == 3
    assert dicesim.resume(tmp_path / "runs.db").counts == whole


def test_checkpoints_are_seldom_where_they_are_slow(
    unfinished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the pauses nothing is written but the end."""
    monkeypatch.setattr(checkpoints, "_PAUSE", 3600)
    saved: list[int] = []
    save = store.Store.save

    def count(self: store.Store, number: int, batches: int, *rest: Any) -> None:
        saved.append(batches)
        save(self, number, batches, *rest)

    monkeypatch.setattr(store.Store, "save", count)
    dicesim.resume(unfinished)
    assert saved == [5]


def test_an_interrupt_between_two_transactions_is_no_damage(tmp_path: Path) -> None:
    """The next write begins a transaction of its own."""
    path = tmp_path / "runs.db"
    dicesim.run("2d6", 1000, rng=1, checkpoint=path)
    (finished,) = dicesim.stored_runs(path)
    with Store(path) as store:
        stored = store.add(finished.plan, finished.options)
        store._connection.execute("COMMIT")
        store.save(stored.number, 1, finished.tally, 0.1)
        assert store.run(stored.number).tally == finished.tally


def test_numbers_of_numpy_are_kept(tmp_path: Path) -> None:
    """Workers may be counted by them, as trials are."""
    two: Any = np.int64(2)
    result = dicesim.run("2d6", 1000, rng=1, workers=two, checkpoint=tmp_path / "r.db")
    assert result.complete


def test_a_finished_run_is_returned_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its executor could not be had."""
    path = tmp_path / "r.db"
    whole = dicesim.run("2d6", 1000, rng=1, executor="process", workers=1, checkpoint=path)
    monkeypatch.setattr("dicesim.workers.obstacle", lambda _: "here")
    assert dicesim.resume(path).tally == whole.tally
