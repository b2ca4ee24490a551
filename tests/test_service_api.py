"""The API, asked of a real service process."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import dicesim
from tests.conftest import CommandLine

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
jsonschema = pytest.importorskip("jsonschema")
httpx = pytest.importorskip("httpx")

from dicesim.service.worker import Snapshots  # noqa: E402
from tests.serving import LONG, Server, served, wait_for  # noqa: E402


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service."""
    with served(tmp_path_factory.mktemp("service") / "data") as running:
        yield running


def counts(result: dict[str, Any]) -> dict[int, int]:
    """What was counted."""
    return {row["outcome"]: row["count"] for row in result["outcomes"] if row["count"]}


def test_a_simulation_is_that_of_the_library(server: Server) -> None:
    """L1: the same question has the same counts, over HTTP too, and the same form."""
    job = server.post(expression="2d6", n=300_000, seed=42, of=">=9")
    result = server.result(job)
    expected = dicesim.run("2d6", 300_000, rng=42, of=">= 9", executor="serial").to_dict()
    timing = {"elapsed_seconds", "trials_per_second"}
    assert {k: v for k, v in result.items() if k not in timing} == {
        k: v for k, v in expected.items() if k not in timing
    }
    told = server.status(job)
    assert (told["state"], told["n"], told["problem"]) == ("done", 300_000, None)
    assert told["description"] == "two d6, sum"
    assert server.client.get(told["links"]["result"]).json() == result


def test_a_seed_may_be_text_and_is_settled(server: Server) -> None:
    """Digits beyond 2**53 are kept; a seed that is left out is drawn, and replays the run."""
    big = str(2**200 + 1)
    assert server.result(server.post(expression="d6", n=10, seed=big))["seed"] == 2**200 + 1
    job = server.post(expression="d6", n=1000, seed=None)
    drawn = server.result(job)
    assert job["seed"] == drawn["seed"]
    assert counts(drawn) == dicesim.run("d6", 1000, rng=drawn["seed"]).counts


def test_events_lead_to_the_result(server: Server) -> None:
    """Snapshots grow, each is the beginning of one run, and the last event has the result."""
    question: dict[str, Any] = {"expression": "20d6kh3", "n": 50_000_000, "seed": 3}
    *snapshots, (name, last, result) = server.events(server.post(**question))
    assert {name for name, _, _ in snapshots} == {"progress"}
    ids = [number for _, number, _ in snapshots]
    assert ids == sorted(set(ids))
    assert len(ids) > 1
    for _, number, told in snapshots:
        assert number == told["n"] == sum(told["counts"])
        if number:
            assert told["trials_per_second"] > 0
    assert snapshots[-1][2]["chi_square"]["dof"] > 0
    assert (name, last, result["n"]) == ("result", 50_000_001, 50_000_000)


def test_a_stream_is_taken_up_again(server: Server) -> None:
    """Last-Event-ID brings only what is news, and 204 where nothing is."""
    job = server.post(expression="2d6", n=100_000, seed=1)
    (*_, (_, last, result)) = server.events(job)
    again = list(server.events(job, last - 1))
    assert again == [("result", last, result)]
    headers = {"Last-Event-ID": str(last)}
    assert server.client.get(job["links"]["events"], headers=headers).status_code == 204
    assert list(server.events(job, last + 1)) == again  # no id of this simulation


def test_a_key_names_one_simulation(server: Server) -> None:
    """An Idempotency-Key with the same body is the same job; with another one it is refused."""
    body: dict[str, Any] = {"expression": "2d6", "n": 1000}
    headers = {"Idempotency-Key": "a key"}
    first = server.post(**body, headers=headers)
    server.result(first)
    again = server.post(**body, headers=headers)
    assert (again["id"], again["seed"]) == (first["id"], first["seed"])
    other = server.client.post("/v1/simulations", json={"expression": "3d6"}, headers=headers)
    assert other.status_code == 422
    assert other.json()["parameter"] == "Idempotency-Key"


def test_cancelling_keeps_what_was_rolled(server: Server) -> None:
    """DELETE stops a job at the end of a batch; its result is incomplete and says so."""
    job = server.post(**LONG)
    waiting = server.post(**LONG)
    assert server.client.get(job["links"]["result"]).status_code == 409
    stream = server.events(job)
    while next(stream)[1] == 0:
        pass
    assert server.client.delete(job["links"]["self"]).json()["cancel_requested"]
    *_, (name, _, result) = stream
    assert (name, result["complete"]) == ("result", False)
    assert sum(counts(result).values()) == result["n"] < LONG["n"]
    told = server.status(job)
    assert (told["state"], told["n"]) == ("cancelled", result["n"])
    ended = server.client.delete(waiting["links"]["self"]).json()
    wait_for(lambda: server.status(waiting)["state"] == "cancelled")
    assert ended["id"] == waiting["id"]


def test_a_job_that_waits_is_cancelled_at_once(server: Server) -> None:
    """Nothing of it is rolled, and its result is a problem."""
    first, second = server.post(**LONG), server.post(**LONG)
    wait_for(lambda: server.status(first)["state"] == "running")
    assert server.client.delete(second["links"]["self"]).json()["state"] == "cancelled"
    answer = server.client.get(second["links"]["result"])
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems#cancelled")
    server.client.delete(first["links"]["self"])


def test_the_list_has_pages(server: Server) -> None:
    """Newest first, each job once."""
    posted = [server.post(expression="d4", n=10)["id"] for _ in range(5)]
    found: list[str] = []
    page = "/v1/simulations?limit=2"
    while page and len(found) < 5:
        told = server.client.get(page).json()
        found += [job["id"] for job in told["simulations"]]
        page = told["next"]
    wait_for(lambda: server.client.get(f"/v1/simulations/{posted[-1]}").json()["ended"])
    assert found[:5] == posted[::-1]
    done = server.client.get("/v1/simulations", params={"state": "done", "limit": 100}).json()
    assert {job["state"] for job in done["simulations"]} == {"done"}


def test_exact_odds(server: Server) -> None:
    """They are those of the library, with the rule in words."""
    told = server.client.post("/v1/exact", json={"expression": "4d6 kh3"}).json()
    assert told["expression"] == "4d6kh3"
    assert told["description"] == "four d6, keep the highest 3, sum"
    assert told["outcomes"] == dicesim.exact("4d6kh3").to_dict()["outcomes"]
    assert {"q": 0.5, "outcome": 12} in told["quantiles"]


@pytest.mark.parametrize(
    ("data", "more"),
    [
        ({"1": 3246, "2": 3449, "3": 2897, "4": 2841, "5": 3635, "6": 3932}, {}),
        ("face,count\n1,3246\n2,3449\n3,2897\n4,2841\n5,3635\n6,3932\n", {}),
        ("1,3246\n2,3449\n3,2897\n4,2841\n5,3635\n6,3932\n", {"counts": True}),
    ],
)
def test_a_check_of_rolls(server: Server, data: Any, more: dict[str, Any]) -> None:
    """Counts as an object or as a text come to the same verdict."""
    told = server.client.post("/v1/check", json={"data": data, **more}).json()
    assert (told["verdict"], told["n"], told["against"]) == ("deviates", 20_000, "1d6")


def test_rolls_in_order(server: Server) -> None:
    """A list is rolls in order, and so are the lines of a text."""
    rolls = [1, 2, 3, 4, 5, 6] * 20
    for data in (rolls, "\n".join(map(str, rolls))):
        told = server.client.post("/v1/check", json={"data": data}).json()
        assert (told["ordered"], told["n"]) == (True, 120)
        assert told["explanation"] == dicesim.check(rolls, "1d6").explanation


def test_answers_name_their_form(server: Server) -> None:
    """With more in them than the library's documents, whose schemas are closed, another form."""
    exact = server.client.post("/v1/exact", json={"expression": "2d6"}).json()
    assert next(iter(exact.items())) == ("schema", "dicesim.service.exact/1")
    check = server.client.post("/v1/check", json={"data": [1, 2]}).json()
    assert next(iter(check.items())) == ("schema", "dicesim.service.check/1")
    for told, more, less, name in (
        (exact, {"description", "notes", "quantiles"}, {"probability": None}, "exact"),
        (check, {"description"}, {}, "check"),
    ):
        text = (files("dicesim") / "data" / f"{name}.schema.json").read_text("utf-8")
        rest = {key: value for key, value in told.items() if key not in more}
        jsonschema.validate(rest | less | {"schema": f"dicesim.{name}/1"}, json.loads(text))


def test_news_do_not_wait_for_the_odds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot is sent while the law is looked for, and has it once it is there."""
    found, sent = threading.Event(), queue.SimpleQueue[Any]()

    def slow(*_: Any, **__: Any) -> dicesim.PMF:
        assert found.wait(60)
        return dicesim.PMF({1: 1, 2: 1})

    monkeypatch.setattr(dicesim, "exact", slow)
    snapshots = Snapshots("1d2", dicesim.Limits(), sent.put)

    def told() -> Any:
        def once(progress: dicesim.Progress) -> None:
            snapshots.look(progress)

        while sent.empty():
            dicesim.run("1d2", 100, rng=1, executor="serial", progress=once)
        return json.loads(sent.get()[1][1])["chi_square"]

    assert told() is None
    found.set()
    wait_for(lambda: told() is not None)


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be taken away")
def test_it_is_not_ready_without_its_table(tmp_path: Path) -> None:
    """What it takes in would be lost at its end."""
    with served(tmp_path / "data") as server:
        (tmp_path / "data" / "jobs.db").unlink()
        assert server.client.get("/readyz").status_code == 503


def test_two_rules(server: Server) -> None:
    """The comparison is that of the library."""
    told = server.client.post("/v1/compare", json={"a": "2d6", "b": "1d12"}).json()
    assert told == dicesim.compare("2d6", "1d12").to_dict()


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("exact", {"expression": "2d6+"}, {"position": 4, "parameter": "expression"}),
        ("simulations", {"expression": "5 + 1d20>=15"}, {"position": 4, "length": 8}),
        ("compare", {"a": "2d6", "b": "2x6"}, {"position": 1, "parameter": "b"}),
        ("check", {"data": [1, 2], "against": "d"}, {"parameter": "against"}),
        ("check", {"data": [1, 7]}, {"line": 2, "parameter": "data"}),
        ("check", {"data": "1\nsix\n"}, {"line": 2}),
        ("simulations", {"expression": "2d6", "of": "9 or so"}, {"parameter": "of"}),
        ("simulations", {"expression": "2d6", "n": 0}, {"parameter": "n"}),
        ("simulations", {"expression": "2d6", "n": True}, {"parameter": "n"}),
        ("simulations", {"expression": "2d6", "seed": -1}, {"parameter": "seed"}),
        ("simulations", {"expression": "2d6", "seed": "1e3"}, {"parameter": "seed"}),
        ("simulations", {"expression": "2d6", "seed": 2**256}, {"parameter": "seed"}),
        ("simulations", {"expression": "2d6", "model": "a.py:b"}, {"parameter": "model"}),
        ("simulations", {"n": 10}, {"parameter": "expression"}),
        ("exact", {"expression": "60d100kh30"}, {"type": "/problems#exact-unavailable"}),
    ],
)
def test_problems_say_where(
    server: Server, path: str, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    """L5: what cannot be used is one clear line, with its place."""
    answer = server.client.post(f"/v1/{path}", json=body)
    told = answer.json()
    assert answer.status_code == told["status"] == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {name: told.get(name) for name in expected} == expected
    assert "\n" not in told["detail"]
    assert told["title"]


def test_metrics_are_those_of_prometheus(server: Server) -> None:
    """Requests by route, jobs by state."""
    server.result(server.post(expression="d6", n=10))
    text = server.client.get("/metrics").text
    pattern = r'dicesim_http_requests_total\{method="POST",route="/v1/simulations",status="202"\}'
    assert re.search(pattern + r" \d", text)
    assert re.search(r'dicesim_jobs_ended_total\{state="done"\} [1-9]', text)
    assert "dicesim_streams 0" in text


def test_a_busy_port_and_a_used_directory_are_one_line(
    server: Server, command_line: CommandLine, tmp_path: Path
) -> None:
    """Exit code 2, and what to do instead."""
    port = server.url.rpartition(":")[2]
    done = command_line("serve", "--port", port, "--data", str(tmp_path / "data"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "name another one, or 0" in done.stderr
    used = str(Path(str(server.data)))
    done = command_line("serve", "--port", "0", "--data", used)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "another dicesim serve uses it" in done.stderr


def test_the_command_serves(dicesim_script: str, tmp_path: Path) -> None:
    """It says where, keeps what it is given in a private place, and ends in good order."""
    process = subprocess.Popen(
        [dicesim_script, "serve", "--port", "0", "--workers", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path), "DICESIM_TOKEN": "secret"},
    )  # fmt: skip
    assert process.stdout
    said = process.stdout.readline()
    found = re.fullmatch(
        r"dicesim serve: (http://127\.0\.0\.1:\d+/) \(1 workers, data in (.*)\); Ctrl-C ends it\n",
        said,
    )
    assert found, said
    assert Path(found[2]) == tmp_path / "dicesim"
    assert (tmp_path / "dicesim" / "jobs.db").exists()
    assert httpx.get(f"{found[1]}healthz", timeout=60).json() == {"status": "ok"}
    assert httpx.get(f"{found[1]}v1/simulations", timeout=60).status_code == 401
    process.terminate()
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0


def test_without_the_extra_the_command_says_what_to_install() -> None:
    """And imports nothing of it before."""
    code = (
        "import sys; sys.modules['uvicorn'] = None; sys.argv = ['dicesim', 'serve'];"
        "from dicesim_cli.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr == (
        "dicesim: serve: uvicorn is not installed; pip install 'dicesim[service]'\n"
    )


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/simulations", "GET, HEAD, POST"),
        ("POST", "/v1/simulations/x", "DELETE, GET, HEAD"),
        ("GET", "/v1/exact", "POST"),
    ],
)
def test_methods_that_a_path_has(server: Server, method: str, path: str, allowed: str) -> None:
    """All of them are named, whichever route is the first with this path (RFC 9110, 15.5.6)."""
    answer = server.client.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert answer.json()["type"] == "/problems#method"
