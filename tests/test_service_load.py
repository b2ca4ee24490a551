"""Many clients at once, and some that behave badly."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import dicesim

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")

from tests.serving import LONG, Server, served, wait_for  # noqa: E402

CLIENTS = 120
SMALL: dict[str, Any] = {"expression": "2d6", "n": 1000}


def counts(result: dict[str, Any]) -> dict[int, int]:
    """What was counted."""
    return {row["outcome"]: row["count"] for row in result["outcomes"] if row["count"]}


def at_once(server: Server, clients: int, do: Any) -> list[Any]:
    """Let many clients, each with a connection of its own, do something at once."""

    async def one(number: int) -> Any:
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(
            base_url=server.url, limits=limits, timeout=100, verify=False
        ) as client:
            return await do(client, number)

    async def all_of_them() -> list[Any]:
        return list(await asyncio.gather(*map(one, range(clients))))

    return asyncio.run(all_of_them())


async def posted(client: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Post a simulation until there is room for it."""
    while True:
        answer = await client.post("/v1/simulations", json=request)
        if answer.status_code == 202:
            told: dict[str, Any] = answer.json()
            return told
        assert answer.status_code == 429
        await asyncio.sleep(int(answer.headers["Retry-After"]) / 10)


async def finished(client: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Ask for a result until it is there."""
    while True:
        answer = await client.get(job["links"]["result"])
        if answer.status_code == 200:
            result: dict[str, Any] = answer.json()
            return result
        assert answer.status_code == 409, answer.text
        await asyncio.sleep(0.05)


def test_hundreds_of_clients(tmp_path: Path) -> None:
    """Each has the result of its own question, though the queue is too short for all."""

    async def ask(client: Any, number: int) -> dict[str, Any]:
        job = await posted(client, {**SMALL, "seed": number})
        assert (await client.get("/healthz")).status_code == 200
        return await finished(client, job)

    with served(tmp_path / "data", workers=2, queue=40) as server:
        results = at_once(server, CLIENTS, ask)
    for number, result in enumerate(results):
        assert result["seed"] == number
        assert counts(result) == dicesim.run("2d6", 1000, rng=number, executor="serial").counts


def test_one_key_from_many_clients_at_once(tmp_path: Path) -> None:
    """They all get the same job."""

    async def ask(client: Any, _number: int) -> str:
        answer = await client.post(
            "/v1/simulations", json=SMALL, headers={"Idempotency-Key": "only one"}
        )
        return str(answer.json()["id"])

    with served(tmp_path / "data") as server:
        assert len(set(at_once(server, 50, ask))) == 1


async def look(client: Any, url: str) -> str:
    """Cut a stream after the first counts, and return the id of what was seen."""
    async with client.stream("GET", url) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("id: ") and line != "id: 0":
                return str(line.removeprefix("id: "))
    raise AssertionError("the stream ended by itself")


async def watch(client: Any, url: str, last: str = "-") -> list[tuple[int, str]]:
    """Follow a stream to its end, and return the events."""
    ids, names = [], []
    headers = {} if last == "-" else {"Last-Event-ID": last}
    async with client.stream("GET", url, headers=headers) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                ids.append(int(line.removeprefix("id: ")))
            if line.startswith("event: "):
                names.append(line.removeprefix("event: "))
    return list(zip(ids, names, strict=True))


def test_many_streams(tmp_path: Path) -> None:
    """Two hundred watch one job, half of them are cut in the middle, and all see its end."""
    with served(tmp_path / "data") as server:
        job = server.post(**LONG)
        url = job["links"]["events"]

        all_looked, looked = asyncio.Event(), count(1)

        async def ask(client: Any, number: int) -> None:
            if number % 2 == 0:
                events = await watch(client, url)
            else:
                last = await look(client, url)
                if next(looked) == 100:
                    await client.delete(job["links"]["self"])
                    all_looked.set()
                await all_looked.wait()
                events = await watch(client, url, last)
                assert events[0][0] > int(last)
            assert events[-1] == (LONG["n"] + 1, "result")
            assert [name for _, name in events[:-1]] == ["progress"] * (len(events) - 1)

        at_once(server, 200, ask)
        wait_for(lambda: "dicesim_streams 0.0" in server.client.get("/metrics").text)


def test_answers_while_rolling(tmp_path: Path) -> None:
    """Status, odds and checks do not wait for a job, however long it is."""
    with served(tmp_path / "data") as server:
        job = server.post(**LONG)
        wait_for(lambda: server.status(job)["n"] > 0)
        for _ in range(20):
            assert server.client.post("/v1/exact", json={"expression": "4d6kh3"}).is_success
            assert server.client.post("/v1/check", json={"data": [1, 2, 3]}).is_success
        assert server.status(job)["state"] == "running"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_is_flat(tmp_path: Path) -> None:
    """Ten thousand jobs leave the service no larger than a thousand did."""

    async def ask(client: Any, number: int) -> None:
        for turn in range(100):
            await finished(client, await posted(client, {**SMALL, "seed": 1000 * number + turn}))

    with served(tmp_path / "data", keep=100) as server:
        at_once(server, 10, ask)
        before = memory(server)
        for _ in range(9):
            at_once(server, 10, ask)
        assert memory(server) < before + 8 * 2**20
        assert (
            'dicesim_jobs_ended_total{state="done"} 10000.0' in server.client.get("/metrics").text
        )


def memory(server: Server) -> int:
    """Resident bytes of the service and its workers, as Linux tells."""
    total = 0
    for pid in (server.process.pid, *server.workers()):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        total += 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))
    return total
