"""Memory does not grow with the number of trials (L4)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="peak memory is counted in other units"),
    pytest.mark.timeout(600),
]

SCRIPT = """
import resource, sys
import dicesim

if __name__ == "__main__":
    n, executor, aggregation = sys.argv[1:]
    result = dicesim.run("2d6", int(n), executor=executor, aggregation=aggregation, workers=2)
    assert result.complete and result.check
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        print(resource.getrusage(who).ru_maxrss)
"""

EVERYWHERE = [("serial", "bincount"), ("threads", "bincount"), ("process", "bincount"),
              ("pool", "bincount"), ("process", "shared"), ("pool", "shared")]  # fmt: skip


def peaks(path: Path, n: int, executor: str, aggregation: str) -> tuple[int, int]:
    """Peak memory in KiB of the parent, and of the largest worker."""
    script = path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(n), executor, aggregation]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=500)
    parent, worker = map(int, done.stdout.split())
    return parent, worker


def bounded(path: Path, many: int, executor: str, aggregation: str) -> None:
    """Parent and workers stay within 1.2 times what a million trials take."""
    small = peaks(path, 10**6, executor, aggregation)
    large = peaks(path, many, executor, aggregation)
    for before, after in zip(small, large, strict=True):
        assert after <= 1.2 * before


@pytest.mark.parametrize(("executor", "aggregation"), EVERYWHERE)
def test_a_hundred_million_trials(executor: str, aggregation: str, tmp_path: Path) -> None:
    """A hundred times as many trials take no more memory."""
    bounded(tmp_path, 10**8, executor, aggregation)


@pytest.mark.parametrize("aggregation", ["counter", "groupby"])
def test_the_aggregations_of_objects(aggregation: str, tmp_path: Path) -> None:
    """Those that make an object of every total hold only a block of them."""
    bounded(tmp_path, 10**7, "serial", aggregation)


@pytest.mark.slow
@pytest.mark.parametrize(("executor", "aggregation"), EVERYWHERE)
def test_a_billion_trials(executor: str, aggregation: str, tmp_path: Path) -> None:
    """A thousand times as many trials take no more memory."""
    bounded(tmp_path, 10**9, executor, aggregation)
