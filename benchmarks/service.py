"""What the service does on this machine, beside a bare FastAPI endpoint, under one client.

Run it with ``python benchmarks/service.py``; the rounds of the three endpoints are interleaved.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.serving import LONG, Server, served, wait_for

BARE = """
import socket, sys, uvicorn
from fastapi import FastAPI

app = FastAPI()

@app.get("/healthz")
async def health():
    return {"status": "ok"}

uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
"""
ROUNDS = 7
SECONDS = 1.5
CONNECTIONS = 16


async def _client(address: tuple[str, int], path: str, end: float, times: list[float]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    while time.perf_counter() < end:
        start = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        times.append(time.perf_counter() - start)
    writer.close()


def load(address: tuple[str, int], path: str) -> tuple[float, float]:
    """Rate of answers, and the 99th percentile of the time that one takes."""
    times: list[float] = []

    async def all_of_them() -> None:
        end = time.perf_counter() + SECONDS
        await asyncio.gather(*(_client(address, path, end, times) for _ in range(CONNECTIONS)))

    asyncio.run(all_of_them())
    times.sort()
    return len(times) / SECONDS, times[int(0.99 * len(times))]


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answers(address: tuple[str, int]) -> bool:
    """Whether anybody listens there."""
    try:
        socket.create_connection(address).close()
    except OSError:
        return False
    return True


def middle(rounds: list[tuple[float, float]]) -> tuple[float, float]:
    """Medians of rate and 99th percentile."""
    rates, times = zip(*rounds, strict=True)
    return statistics.median(rates), statistics.median(times)


def endpoints(server: Server) -> None:
    """Compare health and status, while a job runs, with a bare endpoint."""
    there = ("127.0.0.1", free_port())
    bare = subprocess.Popen([sys.executable, "-c", BARE, str(there[1])])
    url = urlsplit(server.url)
    here = (str(url.hostname), int(url.port or 0))
    wait_for(lambda: answers(there))
    figures: dict[str, list[tuple[float, float]]] = {}
    for _ in range(ROUNDS):
        figures.setdefault("bare, nothing runs", []).append(load(there, "/healthz"))
        job = server.post(**LONG)
        figures.setdefault("bare, a job runs", []).append(load(there, "/healthz"))
        figures.setdefault("health, a job runs", []).append(load(here, "/healthz"))
        figures.setdefault("status, a job runs", []).append(load(here, job["links"]["self"]))
        server.client.delete(job["links"]["self"])
        server.result(job)
    bare.terminate()
    bare.wait()
    rate, p99 = (
        statistics.median(each) for each in zip(*figures["bare, nothing runs"], strict=True)
    )
    for name, rounds in figures.items():
        this_rate, this_p99 = middle(rounds)
        print(
            f"{name:20} {this_rate:7.0f} a second ({this_rate / rate:.2f})"
            f"   p99 {1000 * this_p99:6.2f} ms ({this_p99 / p99:.2f} x)"
        )


def end_to_end(server: Server) -> None:
    """Time a job of a million rolls, from its post to its result."""
    times = []
    for seed in range(50):
        start = time.perf_counter()
        server.result(server.post(expression="2d6", n=10**6, seed=seed))
        times.append(1000 * (time.perf_counter() - start))
    times.sort()
    print(
        f"10**6 rolls, posted and finished: median {times[25]:.1f} ms, slowest {times[-1]:.1f} ms"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "data") as running:
        end_to_end(running)
        endpoints(running)
