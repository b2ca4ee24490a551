"""What a service holds to when processes die."""

from __future__ import annotations

import random
import resource
import signal
import socket
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import dicesim

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("httpx")

from tests.serving import LONG, MIDDLE, Server, alive, children, kill, served, wait_for


def counts(result: dict[str, Any]) -> dict[int, int]:
    """What was counted."""
    return {row["outcome"]: row["count"] for row in result["outcomes"] if row["count"]}


@pytest.fixture(scope="module")
def middle() -> dict[int, int]:
    """What an undisturbed run of the middle question counts."""
    return expected(MIDDLE)


def expected(question: dict[str, Any]) -> dict[int, int]:
    """What an undisturbed run counts."""
    result = dicesim.run(question["expression"], question["n"], rng=question["seed"])
    return dict(result.counts)


def some_progress(server: Server, job: dict[str, Any], trials: int = 1) -> None:
    """Wait until something was rolled."""
    for _, number, _ in server.events(job):
        if number >= trials:
            return


def test_a_job_outlives_its_workers(tmp_path: Path, middle: dict[int, int]) -> None:
    """SIGKILL to every worker, again and again: the job ends with the same counts, and ids grow."""
    with served(tmp_path / "data") as server:
        job = server.post(**MIDDLE)
        for _ in range(2):
            some_progress(server, job, 1)
            for pid in server.workers():
                kill(pid)
        ids = [number for _, number, _ in server.events(job)]
        assert ids == sorted(set(ids))
        result = server.result(job)
        assert (result["n"], result["complete"]) == (MIDDLE["n"], True)
        assert counts(result) == middle
        assert "dicesim_worker_deaths_total 0" not in server.client.get("/metrics").text


def test_an_answer_outlives_its_worker(tmp_path: Path) -> None:
    """What is answered at once is asked again of another worker."""
    with served(tmp_path / "data", desk_seconds=60.0) as server:
        for pid in server.workers():
            kill(pid)
        answer = server.client.post("/v1/exact", json={"expression": "2d6"})
        assert answer.json()["mean"] == 7


def test_jobs_outlive_the_service(tmp_path: Path, middle: dict[int, int]) -> None:
    """SIGKILL to the service: long, short and waiting jobs go on, with the same counts."""
    short: dict[str, Any] = {"expression": "3d6", "n": 200_000, "seed": 11}
    with served(tmp_path / "data") as server:
        jobs = [server.post(**MIDDLE), server.post(**short), server.post(**short, of=">= 12")]
        some_progress(server, jobs[0])
        # A second is enough for a checkpoint.
        wait_for(lambda: server.status(jobs[0])["n"] > MIDDLE["n"] // 3)
        workers = server.workers()
        server.end(signal.SIGKILL)
        wait_for(lambda: not any(map(alive, workers)))
        server.start()
        results = [server.result(job) for job in jobs]
        assert counts(results[0]) == middle
        assert counts(results[1]) == counts(results[2]) == expected(short)
        assert results[0]["seed"] == MIDDLE["seed"]


def test_a_long_job_goes_on_from_its_last_batch(tmp_path: Path) -> None:
    """After SIGKILL and a new start it does not begin anew."""
    with served(tmp_path / "data") as server:
        job = server.post(**LONG)
        some_progress(server, job, 10**7)
        kept = tmp_path / "data" / "runs" / f"{job['id']}.db"
        wait_for(lambda: kept.exists() and dicesim.stored_runs(kept)[0].tally.total > 0)
        server.end(signal.SIGKILL)
        batches = dicesim.stored_runs(kept)[0].tally.total
        server.start()
        first = next(number for _, number, _ in server.events(job) if number)
        assert first >= batches > 0
        server.client.delete(job["links"]["self"])
        assert server.result(job)["n"] > batches
        wait_for(lambda: not kept.exists())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_three_seconds(
    tmp_path: Path, number: signal.Signals, middle: dict[int, int]
) -> None:
    """Streams end in good order, jobs are written down, no process is left, nothing is said."""
    with served(tmp_path / "data", workers=2) as server:
        jobs = [server.post(**LONG), server.post(**LONG), server.post(**MIDDLE)]
        streams = [server.events(job) for job in jobs]
        for stream in streams:
            next(stream)
        some_progress(server, jobs[0], 3 * 10**6)
        left = children(server.process.pid)
        begun = time.monotonic()
        server.process.send_signal(number)
        assert all(name == "progress" for stream in streams for name, _, _ in stream)
        said = server.ended()
        assert time.monotonic() - begun < 30  # ten times what is promised
        assert (server.process.returncode, said) == (0 if number == signal.SIGTERM else 130, "")
        wait_for(lambda: not any(map(alive, left)))
        kept = tmp_path / "data" / "runs" / f"{jobs[0]['id']}.db"
        assert dicesim.stored_runs(kept)[0].tally.total > 0
        server.start()
        for job in jobs[:2]:
            server.client.delete(job["links"]["self"])
        assert counts(server.result(jobs[2])) == middle


def test_a_signal_while_a_body_comes(tmp_path: Path) -> None:
    """Who sends it is told that the service is closing; it says nothing else."""
    with served(tmp_path / "data") as server:
        address = urlsplit(server.url)
        with socket.create_connection((address.hostname, address.port)) as link:
            link.sendall(b"POST /v1/exact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n")
            link.sendall(b"Expect: 100-continue\r\n\r\n")
            assert b"100 Continue" in link.recv(1000)  # it waits for the body now
            link.sendall(b"{")
            server.process.send_signal(signal.SIGTERM)
            answer = b"".join(iter(lambda: link.recv(1000), b""))
        assert b"503 Service Unavailable" in answer
        assert b"the body was not whole yet" in answer
        assert (server.ended(), server.process.returncode) == ("", 0)


def test_a_signal_while_workers_start(tmp_path: Path) -> None:
    """The service does not wait for those that are not there yet."""
    with served(tmp_path / "data", workers=2) as server:
        server.end()
        server.start(ready=False)
        left = children(server.process.pid)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.ended() == ""
        assert time.monotonic() - begun < 30  # ten times what is promised
        assert server.process.returncode == 0
        wait_for(lambda: not any(map(alive, left)))


def test_a_wish_to_cancel_outlives_the_service(tmp_path: Path) -> None:
    """A job that was to be cancelled does not come back."""
    with served(tmp_path / "data") as server:
        first, second = server.post(**LONG), server.post(**LONG)
        some_progress(server, first)
        server.client.delete(first["links"]["self"])
        server.client.delete(second["links"]["self"])
        server.end(signal.SIGKILL)
        server.start()
        wait_for(lambda: server.status(first)["state"] == "cancelled")
        assert server.status(second)["state"] == "cancelled"


def test_a_rule_that_can_be_read_no_more(tmp_path: Path) -> None:
    """An unfinished job of an earlier version fails by itself; the service starts all the same."""
    with served(tmp_path / "data") as server:
        job = server.post(**LONG)
        server.end(signal.SIGKILL)
        with closing(sqlite3.connect(tmp_path / "data" / "jobs.db")) as table, table:
            table.execute("UPDATE jobs SET request = replace(request, 'd6', 'd6?')")
        server.start()
        wait_for(lambda: server.status(job)["state"] == "failed")
        assert server.status(job)["problem"]["type"] == "/problems#notation"


def test_a_damaged_checkpoint_is_begun_anew(tmp_path: Path, middle: dict[int, int]) -> None:
    """The seed is settled in the table, so that the counts are the same."""
    with served(tmp_path / "data") as server:
        job = server.post(**MIDDLE)
        some_progress(server, job)
        server.end(signal.SIGKILL)
        kept = tmp_path / "data" / "runs" / f"{job['id']}.db"
        kept.write_bytes(b"SQLite format 3\0 and then something else")
        server.start()
        assert counts(server.result(job)) == middle


@pytest.mark.skipif(sys.platform != "linux", reason="a file's limit is set as Linux does")
def test_a_full_disk(tmp_path: Path, middle: dict[int, int]) -> None:
    """Nothing is taken in that could not be kept; what ends is told, and written once it can be."""
    with served(tmp_path / "data") as server:
        job, long = server.post(**MIDDLE), server.post(**LONG)
        fill_disk(server)
        answers = [server.client.post("/v1/simulations", json=MIDDLE) for _ in range(3)]
        assert {answer.status_code for answer in answers} == {503}
        assert answers[0].json()["hint"] == "try again later"
        assert server.client.get("/healthz").status_code == 200
        assert counts(server.result(job)) == middle
        told = server.status(job)
        assert (told["state"], told["n"]) == ("done", MIDDLE["n"])
        assert counts(server.client.get(job["links"]["result"]).json()) == middle
        done = server.client.get("/v1/simulations", params={"state": "done"}).json()
        assert [each["id"] for each in done["simulations"]] == [job["id"]]
        some_progress(server, long)
        assert server.client.delete(long["links"]["self"]).json()["cancel_requested"]
        assert server.result(long)["complete"] is False
        make_room(server)
        wait_for(lambda: written(tmp_path / "data", server) == 2)
        server.end(signal.SIGKILL)
        server.start()
        assert [server.status(each)["state"] for each in (job, long)] == ["done", "cancelled"]


@pytest.mark.skipif(sys.platform != "linux", reason="a file's limit is set as Linux does")
def test_what_was_not_written_goes_on(tmp_path: Path, middle: dict[int, int]) -> None:
    """Its checkpoint stays until it is written down, so that a new start has not to roll it."""
    with served(tmp_path / "data") as server:
        job = server.post(**MIDDLE)
        wait_for(lambda: server.status(job)["n"] > 0)
        fill_disk(server)
        assert counts(server.result(job)) == middle
        kept = tmp_path / "data" / "runs" / f"{job['id']}.db"
        assert kept.exists()
        server.end(signal.SIGKILL)
        server.start()
        assert counts(server.result(job)) == middle
        wait_for(lambda: not kept.exists())


def fill_disk(server: Server) -> None:
    """Let no file of the service grow beyond the size of the table's log."""
    used = (server.data / "jobs.db-wal").stat().st_size
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (used, resource.RLIM_INFINITY))


def make_room(server: Server) -> None:
    """Let files grow again."""
    room = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, room)


def written(data: Path, server: Server) -> int:
    """How many checkpoints were taken away, of two."""
    assert server.process.poll() is None
    return 2 - len(list((data / "runs").glob("*.db")))


@pytest.mark.slow
def test_storms(tmp_path: Path) -> None:
    """Random kills of workers and of the service, again and again."""
    chance = random.Random(5)
    with served(tmp_path / "data", workers=2) as server:
        jobs = [server.post(**{**MIDDLE, "seed": seed}) for seed in range(8)]
        for _ in range(12):
            time.sleep(chance.uniform(0.1, 1.5))
            if chance.random() < 0.4:
                server.end(signal.SIGKILL)
                server.start()
            else:
                for pid in server.workers():
                    kill(pid)
        for seed, job in enumerate(jobs):
            assert counts(server.result(job)) == expected({**MIDDLE, "seed": seed})
