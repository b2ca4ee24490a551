"""Small runs that are kept in a file and stopped, for the tests of stores."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import dicesim
from dicesim import Progress, checkpoints

N, BATCH = 5_000, 1_000


@pytest.fixture(autouse=True)
def saving_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch is written down, however fast they come."""
    monkeypatch.setattr(checkpoints, "_PAUSE", 0)
    monkeypatch.setattr(checkpoints, "_SHARE", 0)


def run(path: Path | None, **options: Any) -> dicesim.Result:
    """A run of five batches."""
    return dicesim.run("2d6", N, rng=1, batch_size=BATCH, checkpoint=path, **options)


@pytest.fixture(scope="module")
def whole() -> Counter[int]:
    """What every run ends with, however often it was stopped."""
    return run(None).counts


def stop_at(trials: int) -> dict[str, Any]:
    """Options that stop a run once so many trials are done."""
    stop = threading.Event()

    def look(progress: Progress) -> None:
        if progress.done >= trials:
            stop.set()

    return {"cancel": stop, "progress": look}


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    """A store with two batches of five."""
    assert run(tmp_path / "runs.db", **stop_at(2 * BATCH)).n == 2 * BATCH
    return tmp_path / "runs.db"
