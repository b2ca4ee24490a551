"""A cluster counts what one process counts, whatever happens to it (L1, L2)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import dicesim
from tests.clustering import PATIENCE, Cluster, cluster
from tests.faulting import Command

__all__ = ["cluster"]

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
    pytest.mark.timeout(120),
]

# So many batches that it takes some seconds, and each is a task or more.
RUN = ("run", "9d6", "--n", "6e7", "--seed", "5", "--batch-size", "1e6")
QUIET = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}


@pytest.fixture(scope="module")
def alone() -> Counter[int]:
    """What one process counts."""
    return dicesim.run("9d6", 6 * 10**7, rng=5, batch_size=10**6).counts


def counts_of(text: str) -> Counter[int]:
    """Counts in a JSON result."""
    return Counter({row["outcome"]: row["count"] for row in json.loads(text)["outcomes"]})


def begin(script: str, cluster: Cluster, *options: str) -> Command:
    """Begin a run on a cluster, and wait for its first batch."""
    command = Command(
        [script, *RUN, "--executor", "dask", "--scheduler", cluster.address, "--json", "--trace",
         *options],
    )  # fmt: skip
    assert command.process.stderr is not None
    assert command.process.stderr.readline().startswith("batch 0")
    return command


def test_a_cluster_counts_the_same(
    cluster: Cluster, alone: Counter[int], dicesim_script: str
) -> None:
    """Workers come and go, die in the middle, and the counts are those of one process."""
    cluster.add()
    cluster.add()
    command = begin(dicesim_script, cluster)
    cluster.workers[0].kill()
    cluster.add()
    code, out, err = command.end(PATIENCE)
    assert code == 0, err
    assert counts_of(out) == alone
    result = json.loads(out)
    assert (result["executor"], result["complete"]) == ("dask", True)
    assert result["workers"] in (1, 2)


def test_a_run_goes_on_in_a_cluster(
    cluster: Cluster, alone: Counter[int], dicesim_script: str, tmp_path: Path
) -> None:
    """Killed with its checkpoint, resumed by the same scheduler, the counts are the same."""
    cluster.add()
    path = str(tmp_path / "run.db")
    command = begin(dicesim_script, cluster, "--checkpoint", path)
    command.send(signal.SIGKILL, to_all=False)
    assert command.end(PATIENCE)[0] == -signal.SIGKILL
    code, out, err = Command([dicesim_script, "resume", path, "--json"]).end(PATIENCE)
    assert code == 0, err
    assert json.loads(out)["executor"] == "dask"
    assert counts_of(out) == alone


def test_a_scheduler_that_goes_away(cluster: Cluster, dicesim_script: str) -> None:
    """What is finished is printed, and one line says why no more came."""
    cluster.add()
    command = begin(dicesim_script, cluster, "--n", "1e11")
    cluster.scheduler.kill()
    code, out, err = command.end(PATIENCE)
    result = json.loads(out)
    assert code == 3
    assert not result["complete"]
    assert result["n"] == sum(counts_of(out).values()) > 0
    errors = [line for line in err.splitlines() if not line.startswith("batch ")]
    assert len(errors) == 1
    assert errors[0].startswith("dicesim: dask has cancelled batches")


def test_a_scheduler_without_workers(cluster: Cluster, dicesim_script: str) -> None:
    """The wait for them ends."""
    command = Command(
        [dicesim_script, *RUN, "--executor", "dask", "--scheduler", cluster.address,
         "--limit", "worker_wait=1"],
    )  # fmt: skip
    code, _, err = command.end(PATIENCE)
    assert code == 3
    assert f"the scheduler at {cluster.address} had no worker for 1 s" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("name", ["numpy", "dicesim"])
def test_workers_of_another_version_are_refused(
    cluster: Cluster, name: str, tmp_path: Path, dicesim_script: str
) -> None:
    """By name: half of the dice would be others."""
    other = tmp_path / "other.py"
    module = "numpy as other" if name == "numpy" else "dicesim.plan as other"
    other.write_text(f"import {module}\nother.__version__ = '9.9'\n")
    cluster.add("--preload", str(other))
    arguments = [dicesim_script, *RUN, "--executor", "dask", "--scheduler", cluster.address]
    code, _, err = Command(arguments).end(PATIENCE)
    version = dicesim.versions()[name]
    assert code == 3
    assert f"has {name} 9.9, and the run was begun with {version}" in err
    assert f"install {name}=={version} there" in err


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "somewhere", "far://away:1"])
def test_a_wrong_address(address: str, dicesim_script: str) -> None:
    """One line, and bad input."""
    arguments = [dicesim_script, "run", "--executor", "dask", "--scheduler", address]
    code, out, err = Command(arguments).end(PATIENCE)
    assert (code, out) == (2, "")
    assert err.startswith(f"dicesim: --scheduler: nobody answers at {address}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"executor": "pool", "scheduler": "x"}, "choose the executor dask with it"),
        ({"executor": "dask", "scheduler": "x", "workers": 2}, "workers: a scheduler has its own"),
        ({"executor": "dask", "aggregation": "shared"}, "cannot be sent"),
    ],
)
def test_what_does_not_go_together(options: dict[str, Any], reason: str) -> None:
    """Said before anything is started."""
    with pytest.raises(dicesim.ParameterError, match=reason):
        dicesim.run("2d6", **options)


def test_dask_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the extra."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(dicesim.ParameterError, match=r"pip install 'dicesim\[dask\]'"):
        dicesim.run("2d6", executor="dask")


def test_a_batch_that_ends_every_worker(dicesim_script: str, tmp_path: Path) -> None:
    """Dask gives up in the end, and what was finished is kept."""
    mark = dicesim.run("d6", 1, rng=5).plan.generator(40).integers(2**62)
    (tmp_path / "deadly.py").write_text(
        "import os, signal\n"
        "def play(dice):\n"
        f"    if dice.rng.integers(2**62) == {mark}:  # batch 40\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return dice.roll('9d6')\n"
    )
    command = Command(
        [dicesim_script, "run", "--model", "deadly.py:play", "--n", "1e7", "--seed", "5", "--json",
         "--executor", "dask", "--workers", "1"],
        cwd=tmp_path, env={**os.environ, **QUIET},
    )  # fmt: skip
    code, out, err = command.end(PATIENCE)
    assert code == 3
    assert "ended every worker that Dask gave them to" in err
    assert 0 < json.loads(out)["n"] <= 40 * 2**16


def test_a_local_cluster_starts_and_stops(
    dicesim_script: str, alone: Counter[int], tmp_path: Path
) -> None:
    """Ctrl-C in mid-run prints the first batches; then, and at the end, nothing is left of it."""
    arguments = [dicesim_script, *RUN, "--executor", "dask", "--workers", "2", "--json"]
    code, out, err = Command(arguments, cwd=tmp_path).end(PATIENCE)
    assert (code, err) == (0, "")
    assert counts_of(out) == alone
    command = Command([*arguments, "--trace"], cwd=tmp_path)
    assert command.process.stderr is not None
    assert command.process.stderr.readline().startswith("batch 0")
    command.send(signal.SIGINT, to_all=True)
    code, out, err = command.end(PATIENCE)
    assert code == 130
    assert [line for line in err.splitlines() if not line.startswith("batch ")] == []
    assert 0 < json.loads(out)["n"] < 6 * 10**7
    assert list(tmp_path.iterdir()) == []


def test_a_local_cluster_does_not_outlive_its_parent(dicesim_script: str) -> None:
    """Killed, it takes scheduler and workers along."""
    arguments = [dicesim_script, *RUN[:3], "1e12", "--executor", "dask", "--workers", "2"]
    command = Command([*arguments, "--trace"])
    assert command.process.stderr is not None
    assert command.process.stderr.readline().startswith("batch 0")
    command.send(signal.SIGKILL, to_all=False)
    assert command.end(PATIENCE)[0] == -signal.SIGKILL


SCRIPT = """
import json, os, signal, sys, threading
import dicesim

options = {"rng": 5, "batch_size": 10**5}

def tell(name, result):
    print(json.dumps([name, result.executor, result.complete, result.n, dict(result.counts)]))
"""
DASK = """
from distributed import Client

def main(address):
    with Client(address) as client:
        tell("client", dicesim.run("9d6", 10**7, executor=client, **options))
        executor = client.get_executor(pure=False)
        tell("executor", dicesim.run("9d6", 10**7, executor=executor, **options))
        stop = threading.Event()
        part = dicesim.run("9d6", 10**11, executor=client, cancel=stop, **options,
                           progress=lambda progress: progress.done and stop.set())
        assert not part.complete
        tell("part", part)
        assert client.submit(int, "7").result() == 7, "it was closed"

if __name__ == "__main__":
    main(sys.argv[1])
"""
LATE = """
from distributed import Client

def main(address):
    looks = []
    def look(progress):
        looks.append(progress)
        if len(looks) == 3:
            print("no worker yet", file=sys.stderr, flush=True)
    with Client(address) as client:
        result = dicesim.run("9d6", 10**6, executor=client, progress=look)
    print(result.complete, result.workers)

if __name__ == "__main__":
    main(sys.argv[1])
"""
LOKY = """
import loky

def make():
    return loky.get_reusable_executor(max_workers=2)

def kill():
    os.kill(next(iter(make()._processes)), signal.SIGKILL)

def main():
    tell("loky", dicesim.run("9d6", 10**7, executor=make(), **options))
    tell("made", dicesim.run("9d6", 10**7, executor=make, **options))
    done = []
    def look(progress):
        if progress.done and not done:
            done.append(kill())
    tell("killed", dicesim.run("9d6", 10**8, executor=make, progress=look, **options))

if __name__ == "__main__":
    main()
"""
MPI = """
from mpi4py.futures import MPIPoolExecutor

if __name__ == "__main__":
    with MPIPoolExecutor() as executor:
        tell("mpi", dicesim.run("9d6", 10**7, executor=executor, **options))
"""


def told(script: Path, *command: str) -> dict[str, list[Any]]:
    """Run a script, and return what it told."""
    code, out, err = Command([*(command or (sys.executable,)), *map(str, [script])]).end(PATIENCE)
    assert code == 0, err
    return {name: rest for name, *rest in map(json.loads, out.splitlines())}


def same(counts: dict[str, int], n: int) -> bool:
    """Whether these are the counts of one process."""
    whole = dicesim.run("9d6", n, rng=5, batch_size=10**5, executor="serial").counts
    return Counter({int(outcome): count for outcome, count in counts.items()}) == whole


def test_clients_and_their_executors(cluster: Cluster, tmp_path: Path) -> None:
    """A client that was handed in hands out its executor, and stays open; it can be cancelled."""
    cluster.add()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT + DASK.replace("sys.argv[1]", repr(cluster.address)))
    results = told(script)
    for name, executor in (("client", "dask"), ("executor", "ClientExecutor")):
        assert results[name][:3] == [executor, True, 10**7]
        assert same(results[name][3], 10**7)
    assert 0 < results["part"][2] < 10**11
    assert sum(results["part"][3].values()) == results["part"][2]


def test_workers_that_come_late(cluster: Cluster, tmp_path: Path) -> None:
    """A run that was begun without any tells of them, however short it is."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT + LATE)
    command = Command([sys.executable, str(script), cluster.address])
    assert command.process.stderr is not None
    assert command.process.stderr.readline() == "no worker yet\n"
    cluster.add()
    code, out, err = command.end(PATIENCE)
    assert (code, out, err) == (0, "True 1\n", "")


def test_loky(tmp_path: Path) -> None:
    """Handed in, made anew, and with a worker that is killed."""
    pytest.importorskip("loky")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT + LOKY)
    results = told(script)
    assert same(results["loky"][3], 10**7)
    assert same(results["made"][3], 10**7)
    assert same(results["killed"][3], 10**8)


def test_mpi(tmp_path: Path) -> None:
    """Processes that mpiexec starts."""
    pytest.importorskip("mpi4py")
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which(
        "mpiexec"
    )
    if mpiexec is None:
        pytest.skip("mpiexec is not installed")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT + MPI)
    results = told(script, mpiexec, "-n", "3", sys.executable, "-m", "mpi4py.futures")
    assert results["mpi"][:3] == ["MPIPoolExecutor", True, 10**7]
    assert same(results["mpi"][3], 10**7)


class Owner:
    """Anything that hands out an executor."""

    def __init__(self, executor: Any) -> None:
        self.executor = executor

    def get_executor(self) -> Any:
        """Hand it out."""
        return self.executor


def test_whatever_hands_out_an_executor() -> None:
    """No name of a library is asked for."""
    with ThreadPoolExecutor(2) as threads:
        result = dicesim.run("9d6", 10**6, rng=5, batch_size=10**5, executor=Owner(threads))
        assert threads.submit(threading.active_count).result() > 1
    assert result.executor == "Owner"
    assert same({str(key): count for key, count in result.counts.items()}, 10**6)


def test_the_recipe_for_ray(tmp_path: Path) -> None:
    """The page's executor is all that it takes."""
    pytest.importorskip("ray")
    page = Path(__file__).resolve().parents[1] / "docs" / "clusters.md"
    blocks = page.read_text(encoding="utf-8").split("```python\n")
    recipe = next(block for block in blocks if "class RayExecutor" in block).split("\n\n\nresult")[
        0
    ]
    script = tmp_path / "script.py"
    script.write_text(
        f"{recipe}\n{SCRIPT}\n"
        "ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)\n"
        "tell('ray', dicesim.run('9d6', 10**7, executor=RayExecutor(), workers=2, **options))\n"
        "ray.shutdown()\n"
    )
    results = told(script)
    assert results["ray"][:3] == ["RayExecutor", True, 10**7]
    assert same(results["ray"][3], 10**7)
