"""Who may ask, and for how much."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import CommandLine

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")

from pydantic import ValidationError  # noqa: E402

from dicesim.service.jobs import JobTable  # noqa: E402
from dicesim.service.problems import ProblemError  # noqa: E402
from dicesim.service.rolls import recorded  # noqa: E402
from dicesim.service.schemas import CheckRequest  # noqa: E402
from dicesim.service.turns import Turns  # noqa: E402
from tests.serving import LONG, Server, served, wait_for  # noqa: E402


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with narrow bounds."""
    bounds = {"queue": 2, "jobs_per_client": 4, "streams": 4, "streams_per_client": 3, "n": 10**10,
              "body_bytes": 2000, "body_seconds": 60.0, "desk_seconds": 60.0, "keep": 20,
              "heartbeat": 0.1}  # fmt: skip
    with served(tmp_path_factory.mktemp("service") / "data", **bounds) as running:
        yield running


def stop_all(server: Server) -> None:
    """Cancel what is not finished."""
    for state in ("queued", "running"):
        told = server.client.get("/v1/simulations", params={"state": state}).json()
        for job in told["simulations"]:
            server.client.delete(job["links"]["self"])
    idle = 'dicesim_jobs{state="running"} 0.0'
    wait_for(lambda: idle in server.client.get("/metrics").text)


def asked(server: Server, text: bytes, seconds: float = 10) -> bytes:
    """Send bytes as they are, and return all that comes back."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=seconds) as link:
        link.sendall(text)
        answer = b""
        while piece := link.recv(65536):
            answer += piece
        return answer


def test_floods_are_turned_away(server: Server) -> None:
    """Beyond the queue the answer is 429 with Retry-After; what was taken in is not lost."""
    answers = [server.client.post("/v1/simulations", json=LONG) for _ in range(8)]
    taken = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(taken) == 3
    assert len(taken) + len(refused) == 8
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert refused[0].json()["type"] == "/problems#busy"
    stop_all(server)
    for answer in taken:
        assert server.status(answer.json())["state"] == "cancelled"


def test_streams_are_counted(server: Server) -> None:
    """One too many is refused, and a closed one makes room."""
    job = server.post(**LONG)
    url = job["links"]["events"]
    open_ones = [server.client.send(server.client.build_request("GET", url), stream=True)
                 for _ in range(4)]  # fmt: skip
    assert [answer.status_code for answer in open_ones] == [200, 200, 200, 429]
    for answer in open_ones:
        answer.close()
    wait_for(lambda: "dicesim_streams 0.0" in server.client.get("/metrics").text)
    stop_all(server)


def test_a_stream_shows_that_it_lives(server: Server) -> None:
    """While nothing happens comments are sent."""
    first, waiting = server.post(**LONG), server.post(**LONG)
    with server.client.stream("GET", waiting["links"]["events"]) as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith(":")) == ": still here"
    assert first["id"] != waiting["id"]
    stop_all(server)


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        ({"expression": "999999999d999999999"}, "price"),
        ({"expression": "2d6", "n": 10**12}, "work"),
        ({"expression": "100d6!", "n": 10**10}, "work"),
        ({"expression": "1d99999"}, "outcomes"),
        ({"expression": "2d6", "n": 10**11, "method": "multinomial"}, None),
    ],
)
def test_runaway_work_is_refused(server: Server, body: dict[str, Any], limit: str | None) -> None:
    """L6: before the first roll, without the advice of the command line."""
    answer = server.client.post("/v1/simulations", json=body)
    told = answer.json()
    assert (answer.status_code, told["type"]) == (422, "/problems#limit")
    assert told.get("limit") == limit
    assert "--limit" not in told["detail"]


@pytest.mark.parametrize("data", ["1\n2\n", [1, 2], {"1": 2}])
def test_a_law_may_be_too_large(server: Server, data: object) -> None:
    """For rolls, too, in whatever form they come."""
    answer = server.client.post("/v1/check", json={"data": data, "against": "1d99999"})
    told = answer.json()
    assert (answer.status_code, told["type"]) == (422, "/problems#limit")
    assert told["limit"] == "outcomes"


def test_a_slow_question_is_stopped(tmp_path: Path) -> None:
    """Its worker is ended, and the next question has another one."""
    slow = {"expression": "a=31d20;b=30d20;if(a>b,a,b)"}
    with served(tmp_path / "data", desk_seconds=1.0) as server:
        answer = server.client.post("/v1/exact", json=slow)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems#too-slow")
        quick = {"expression": "2d6"}
        wait_for(lambda: server.client.post("/v1/exact", json=quick).status_code == 200)


def test_a_question_is_given_up_when_its_client_leaves(tmp_path: Path) -> None:
    """One that waits is not begun, and one that is being answered is ended."""
    body = json.dumps({"expression": "a=31d20;b=30d20;if(a>b,a,b)"}).encode()
    head = (b"POST /v1/exact HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body))  # fmt: skip
    with served(tmp_path / "data", desk_seconds=10_000.0, questions_per_client=30) as server:
        address = urlsplit(server.url)
        links = [socket.create_connection((address.hostname, address.port)) for _ in range(30)]
        for link in links:
            link.sendall(head + body)
        open_ones = "dicesim_questions {}.0".format
        wait_for(lambda: open_ones(30) in server.client.get("/metrics").text)
        ask = {"expression": "1d6"}
        assert server.client.post("/v1/exact", json=ask).status_code == 429
        for link in links:
            link.close()
        wait_for(lambda: open_ones(0) in server.client.get("/metrics").text)
        assert server.client.post("/v1/exact", json=ask).status_code == 200


def test_clients_take_turns() -> None:
    """One of whom much waits is not served before the others."""
    turns = Turns[str]()
    for name in ("a1", "a2", "a3", "b1", "c1", "b2"):
        turns.put(name[0], name)
    assert [turns.get() for _ in range(6)] == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_job_has_its_time(tmp_path: Path) -> None:
    """What was rolled by then is the result, and the status says why there is no more."""
    with served(tmp_path / "data", seconds=0.5) as server:
        job = server.post(**LONG)
        assert 0 < server.result(job)["n"] < LONG["n"]
        told = server.status(job)
        assert (told["state"], told["problem"]["type"]) == ("cancelled", "/problems#too-slow")


def test_large_bodies_are_refused(server: Server) -> None:
    """413 with and without a Content-Length."""
    large = json.dumps({"expression": "2d6" + " " * 3000})
    kind = {"Content-Type": "application/json"}
    post = server.client.post
    assert post("/v1/exact", content=large, headers=kind).status_code == 413
    pieces = (piece for piece in [large[:1500].encode(), large[1500:].encode()])
    assert post("/v1/exact", content=pieces, headers=kind).status_code == 413


def test_slow_bodies_are_refused(tmp_path: Path) -> None:
    """408 where nothing comes."""
    head = b"POST /v1/exact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30\r\n\r\n{"
    with served(tmp_path / "data", body_seconds=0.5) as server:
        answer = asked(server, head)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    ("path", "body", "parameter", "said"),
    [
        ("check", {"data": [1, 2, 3, "x"]}, "data", "data: entry 4, 'x', is no whole number"),
        ("check", {"data": [[1], [True]]}, "data", "data: entry 2, true, is no whole number"),
        ("check", {"data": [[[1]]]}, "data", "data: entry 1, a list, is no whole number"),
        ("check", {"data": {"1": 1.5}}, "data", "data: the count of '1', 1.5, is no whole"),
        ("check", {"data": None}, "data", "data: null is no record of rolls; send a list"),
        ("check", {"data": {"1": 5, "01": 6}}, "data", "data: face 1 has two counts; write"),
        ("check", {"data": [1], "alpha": "0.1"}, "alpha", "alpha: is no number; write one"),
        ("check", {"data": [1], "law": "1d6"}, "law", "law: is not known; leave it out: there are"),
        ("simulations", {"expresion": "2d6"}, "expresion", "is not known; write expression, per"),
        ("simulations", {"expression": "2d6", "n": -1}, "n", "n: is too small; write 1 or more"),
        ("simulations", {"expression": ""}, "expression", "expression: is empty; write"),
        ("exact", {"expression": "1" * 1001}, "expression", "expression: is too long; write at mo"),
        ("exact", {"x" * 1500: 1}, "x" * 50, "x: is not known; leave it out"),
        ("exact", [], None, "the body is no object; send one"),
    ],
)  # fmt: skip
def test_what_is_odd_is_named(
    server: Server, path: str, body: object, parameter: str | None, said: str
) -> None:
    """With what to write instead, and without repeating what is long."""
    answer = server.client.post(f"/v1/{path}", json=body)
    told = answer.json()
    assert (answer.status_code, told.get("parameter")) == (422, parameter)
    assert said in told["detail"]
    assert told["hint"] in told["detail"]
    assert len(answer.content) < 800


def test_odd_parameters_are_named(server: Server) -> None:
    """By their own names, wherever they stand."""
    get, key = server.client.get, {"Idempotency-Key": "k" * 201}
    post = server.client.post("/v1/simulations", json={"expression": "d6"}, headers=key)
    for answer, name in (
        (get("/v1/simulations?before=x"), "before"),
        (get("/v1/simulations?state=x"), "state"),
        (get("/v1/simulations/" + "a" * 41), "id"),
        (post, "Idempotency-Key"),
    ):
        assert (answer.status_code, answer.json()["parameter"]) == (422, name)


@pytest.mark.parametrize(
    ("body", "said", "position"),
    [
        (b'{"expression": }', "line 1, column 16: this is no JSON; write a value", 15),
        (b'{"expression": "\xff"}', "byte 17: this is no text; send JSON in UTF-8", None),
        (b'{"expression": "d6"', "column 20: this is no JSON; write a ',' delimiter", 19),
        (b"[" * 1000 + b"]" * 1000, "; ", None),
        (b'{"n": 1}', "expression: is missing; send it", None),
        (b'{"expression": "d6", "expression": "d8"}', "'expression' comes twice in one", None),
    ],
)
def test_broken_json_has_a_place(
    server: Server, body: bytes, said: str, position: int | None
) -> None:
    """And is 422, whatever is wrong with it."""
    kind = {"Content-Type": "application/json"}
    answer = server.client.post("/v1/simulations", content=body, headers=kind)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert answer.json().get("position") == position


@pytest.mark.parametrize(
    "body",
    [
        {"data": ["a"] * 250_000},
        {"data": [1.5] * 200_000},
        {"data": [[[]]] * 150_000},
        {"data": [1], **{f"k{number}": 1 for number in range(80_000)}},
    ],
    ids=["text", "fractions", "lists", "members"],
)
def test_a_large_odd_body_has_one_error(body: dict[str, Any]) -> None:
    """What is odd is found in one pass that ends there, however much there is."""
    told: list[Any] = []
    try:
        recorded(CheckRequest.model_validate(body).data)
    except ValidationError as error:
        told = error.errors()
    except ProblemError as error:
        told = [error.problem]
    assert len(told) == 1


def test_old_jobs_are_let_go(server: Server) -> None:
    """The table does not grow without end."""
    for _ in range(60):
        server.result(server.post(expression="d6", n=10))
    told = server.client.get("/v1/simulations", params={"limit": 100}).json()
    assert len(told["simulations"]) < 60


def test_what_ended_last_is_kept() -> None:
    """However early it was posted, and however many wait."""
    table = JobTable(Path(":memory:"))
    jobs = [table.add(f"{i}", {"expression": "d6"}, "", None, "") for i in range(8)]
    for ended, job in enumerate([jobs[1], jobs[2], jobs[0]]):
        job.state, job.ended = "done", float(ended)
        table.finish(job, b"{}")
    table.prune(keep=2, most_bytes=100)
    assert [name for name in "0123" if table.get(name)] == ["0", "2", "3"]
    table.close()


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/v1/simulations", 200), ("/nothing", 404), ("/v1/exact", 405)],
)
def test_every_answer_has_its_headers(server: Server, path: str, status: int) -> None:
    """No script but the page's own, no frame, no sniffing."""
    answer = server.client.get(path)
    assert answer.status_code == status
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "server" not in answer.headers


def test_the_page_has_headers_of_its_own(server: Server) -> None:
    """What is meant for documents is not sent with every answer."""
    page, answer = server.client.get("/"), server.client.get("/healthz")
    for name in ("Referrer-Policy", "Cross-Origin-Opener-Policy", "Permissions-Policy"):
        assert name in page.headers
        assert name not in answer.headers


def test_the_page_has_no_inline_script_or_style(server: Server) -> None:
    """So that the policy holds; and it takes nothing from elsewhere."""
    page = server.client.get("/").text
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)", page)
    for name in ("/style.css", "/dicesim.js"):
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", server.client.get(name).text)


def test_another_host_is_not_answered(server: Server) -> None:
    """A page elsewhere cannot reach the service by giving its own name this address."""
    for host, status in (("evil.example", 421), ("localhost:1", 200), ("[::1]:80", 200)):
        assert server.client.get("/healthz", headers={"Host": host}).status_code == status


def test_a_form_of_another_page_is_not_heard(server: Server) -> None:
    """A body that is not called JSON is refused: a browser sends one without asking us first."""
    body = json.dumps({"expression": "2d6"})
    answer = server.client.post("/v1/exact", content=body, headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems#media-type")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://dice.example"}, 200),
        ({"Origin": "http://localhost:1", "Host": "localhost:1"}, 200),
    ],
)
def test_another_page_is_not_heard(server: Server, headers: dict[str, str], status: int) -> None:
    """Where a browser says whose page asks, it has to be the service's own."""
    answer = server.client.post("/v1/exact", json={"expression": "d6"}, headers=headers)
    assert answer.status_code == status
    gone = server.client.delete("/v1/simulations/none", headers=headers)
    assert gone.status_code == (403 if status == 403 else 404)
    assert server.client.get("/healthz", headers=headers).status_code == 200


def test_a_body_without_a_type_is_not_heard(server: Server) -> None:
    """Whatever FastAPI would make of it."""
    text = b"POST /v1/exact HTTP/1.1\r\nHost: localhost\r\nContent-Type:\r\nConnection: close\r\n"
    answer = asked(server, text + b'Content-Length: 19\r\n\r\n{"expression":"d6"}')
    assert answer.startswith(b"HTTP/1.1 415 ")


def test_odd_methods_are_counted_together(server: Server) -> None:
    """So that the figures do not grow with what is sent."""
    for number in range(3):
        assert server.client.request(f"X{number}", "/healthz").status_code == 405
    text = server.client.get("/metrics").text
    assert 'method="other"' in text
    assert 'method="X' not in text


def test_head_is_get_without_a_body(server: Server) -> None:
    """Wherever there is GET; of a stream it is the head alone."""
    job = server.post(expression="d6", n=10)
    server.result(job)
    links = job["links"]
    for path in ("/", "/healthz", links["self"], links["result"], links["events"]):
        answer = server.client.head(path)
        assert (answer.status_code, answer.content) == (200, b""), path
    assert server.client.head("/v1/exact").status_code == 405


def test_silent_connections_are_left(tmp_path: Path) -> None:
    """With nothing, with half a head, and with half a second one."""
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with served(tmp_path / "data", head_seconds=0.3) as server:
        for text in (b"", whole[:20], whole + whole[:20]):
            answer = b""
            try:
                answer = asked(server, text)
            except ConnectionResetError:
                continue
            assert answer.startswith(b"HTTP/1.1 200") or not answer


def test_connections_are_counted(tmp_path: Path) -> None:
    """One too many is told so, and a closed one makes room."""
    with served(tmp_path / "data", connections_per_client=10, head_seconds=60.0) as server:
        address = urlsplit(server.url)
        links = [socket.create_connection((address.hostname, address.port)) for _ in range(9)]

        def one_too_many() -> bool:
            try:
                return asked(server, b"").startswith(b"HTTP/1.1 503 ")
            except OSError:  # it was the tenth
                return False

        wait_for(one_too_many)
        assert server.client.get("/healthz").status_code == 200
        for link in links:
            link.close()
        wait_for(lambda: httpx.get(f"{server.url}/healthz", timeout=60).status_code == 200)


def test_bodies_are_bounded_together(tmp_path: Path) -> None:
    """Those that are not whole count, and those that broke off no more."""
    with served(tmp_path / "data", bodies_bytes=1000, head_seconds=60.0) as server:
        address = urlsplit(server.url)
        head = b"POST /v1/exact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n"
        ask = {"expression": "d6"}

        def refused_beside_another() -> bool:
            with socket.create_connection((address.hostname, address.port)) as link:
                link.sendall(head + b" " * 995)
                return server.client.post("/v1/exact", json=ask).status_code == 429

        # Whichever of the two is read first, the other is refused; it may be the silent one.
        wait_for(refused_beside_another)
        wait_for(lambda: server.client.post("/v1/exact", json=ask).status_code == 200)


def test_a_token_keeps_strangers_out(tmp_path: Path) -> None:
    """The API and the figures want it; health and the page do not."""
    with served(tmp_path / "data", token="secret") as server:
        stranger = httpx.Client(base_url=server.url, timeout=60)
        for path in ("/v1/simulations", "/metrics"):
            refused = stranger.get(path)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"] == "Bearer"
            wrong = stranger.get(path, headers={"Authorization": "Bearer secret2"})
            assert wrong.status_code == 401
            assert server.client.get(path).status_code == 200
        for path in ("/", "/healthz", "/readyz", "/openapi.json"):
            assert stranger.get(path).status_code == 200
        stranger.close()


def test_no_path_and_no_traceback_is_told(server: Server) -> None:
    """Whatever is sent, the answer speaks of what was sent."""
    answers = [
        server.client.post("/v1/check", json={"data": "/etc/passwd"}),
        server.client.post("/v1/check", json={"data": "-"}),
        server.client.post("/v1/check", json={"data": {"x": 1}}),
        server.client.post("/v1/check", json={"data": {"1": 10**30}}),
        server.client.post("/v1/check", json={"data": [10**30]}),
        server.client.post("/v1/check", json={"data": []}),
        server.client.post("/v1/exact", json={"expression": "\0"}),
        server.client.post("/v1/exact", content=b"[" * 1900),
        server.client.post("/v1/exact", content=b"9" * 1900),
        server.client.get("/v1/simulations/..%2f..%2fetc%2fpasswd"),
        server.client.get("/..%2f..%2fpyproject.toml"),
    ]
    for answer in answers:
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        for secret in ("Traceback", ".py", "site-packages", str(server.data)):
            assert secret not in answer.text


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_the_directory_is_private(server: Server) -> None:
    """Others on the machine do not read what was asked."""
    assert stat.S_IMODE(Path(server.data).stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "99999"], "--port: 99999 is no port"),
        (["--port", "http"], "--port"),
        (["--host", "nowhere.invalid", "--port", "0"], "is no address of this machine"),
        (["--token-file", "missing"], "--token-file: missing"),
        (["--workers", "0"], "--workers"),
        (["--data", "/dev/null/x", "--port", "0"], "--data: /dev/null/x"),
    ],
)
def test_options_that_cannot_be(command_line: CommandLine, arguments: list[str], said: str) -> None:
    """One line, exit code 2."""
    done = command_line("serve", *arguments)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
    assert said in done.stderr


def test_an_empty_token_is_refused(command_line: CommandLine) -> None:
    """It would let everybody in, who thinks the service is locked."""
    done = command_line("serve", "--port", "0", DICESIM_TOKEN="")
    assert done.returncode == 2
    assert "that is no token" in done.stderr


def test_a_client_that_never_reads_is_left(tmp_path: Path) -> None:
    """Its stream ends, while others go on."""
    with served(tmp_path / "data", send_seconds=0.3) as server:
        # One event of it is more than the buffers hold.
        wide: dict[str, Any] = {"expression": "1d20000", "n": 10**9, "seed": 1}
        job = server.post(**wide)
        address = urlsplit(server.url)
        request = f"GET {job['links']['events']} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with socket.socket() as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.connect((address.hostname, address.port))
            link.sendall(request.encode())
            assert link.recv(1, socket.MSG_PEEK)
            # Sooner than the system itself would give it up.
            left = "dicesim_streams 0.0"
            wait_for(lambda: left in server.client.get("/metrics").text, seconds=25)
            assert server.status(job)["state"] == "running"
        begun = time.monotonic()
        server.end()
        assert time.monotonic() - begun < 30  # ten times what is promised
