"""What the page on the service shows is what happens."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("httpx")

from dicesim.service.settings import LONGEST_EXPRESSION, Settings
from tests.serving import served

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "service.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```console\n(\$ curl .*?)^```", re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_the_calls_are_real(tmp_path: Path) -> None:
    """Every call prints what is shown, where dots stand for anything."""
    commands = 0
    with served(tmp_path / "data") as server:
        job = ""
        for block in BLOCK.findall(TEXT):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, shown = part.partition("\n")
                command = command.replace(ADDRESS, server.url).replace("ID", job)
                said = subprocess.run(
                    ["/bin/sh", "-c", command],
                    capture_output=True, encoding="utf-8", timeout=60, check=True,
                ).stdout  # fmt: skip
                pattern = re.escape(shown.rstrip("\n")).replace(r"\.\.\.", ".*")
                assert re.fullmatch(pattern, said.rstrip("\n"), re.DOTALL), (command, said)
                found = re.search(r'"id": "(\w+)"', said)
                job = found[1] if found else job
                commands += 1
    assert commands == 7


def test_the_limits_are_those_of_the_code() -> None:
    """Each number of the table is a default, and each default that bounds is in the table."""
    table = TEXT.partition("## Limits")[2].partition("Beyond a limit")[0]
    shown = [int(number.replace(",", "")) for number in re.findall(r"\b\d[\d,]*\b(?=[, |])", table)]
    settings = Settings(data=Path())
    limits = settings.limits
    assert shown == [
        LONGEST_EXPRESSION, settings.n, limits.price, limits.work, limits.outcomes,
        settings.seconds, settings.desk_seconds, settings.queue, settings.jobs_per_client,
        settings.questions, settings.questions_per_client, settings.streams,
        settings.streams_per_client, settings.body_bytes, settings.body_seconds,
        settings.bodies_bytes, settings.connections, settings.connections_per_client,
        settings.head_seconds,
        settings.keep, settings.keep_bytes,
    ]  # fmt: skip
    told = {"host", "port", "data", "token", "workers", "desks", "heartbeat", "send_seconds"}
    bounds = {field.name for field in fields(Settings)} - told
    assert len(bounds) == 19
