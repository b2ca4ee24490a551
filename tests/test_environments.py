"""Where dicesim finds itself: no terminal, no shared memory, one processor, other systems."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import dicesim
from tests.conftest import CommandLine
from tests.faulting import WAYS, Command

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="as on Linux"),
    pytest.mark.timeout(200),
]

ROLL = ("run", "9d6", "--n", "1e6", "--seed", "5", "--quiet")


@pytest.fixture(scope="module")
def undisturbed() -> str:
    """What every environment must print."""
    counts = dicesim.run("9d6", 10**6, rng=5).counts
    return "".join(f"{outcome} {count}\n" for outcome, count in counts.items())


@pytest.mark.parametrize("setting", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}], ids=str)
@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "2d6", "--n", "1e4"),
        ("run", "d{1..100}", "--n", "1e4", "--of", ">=5", "--until-se", "1"),
        ("exact", "4d6kh3"),
        ("compare", "2d6", "d12"),
        ("power", "1d20", "--bias", "5%"),
        ("bench", "--n", "1e3"),
        ("run", "2d6 × 3"),
        ("--help",),
    ],
    ids=" ".join,
)
def test_ascii_where_nothing_else_is_wanted(
    arguments: tuple[str, ...], setting: dict[str, str], command_line: CommandLine
) -> None:
    """Bars and signs of ASCII, and no crash on the way to a stream that takes nothing else."""
    done = command_line(*arguments, **setting)
    assert done.returncode == (2 if "×" in arguments[-1] else 0)
    assert done.stdout.isascii()
    assert "Traceback" not in done.stderr


def test_a_directory_that_may_not_be_written_to(
    dicesim_script: str, tmp_path: Path, undisturbed: str
) -> None:
    """Nothing is written to where the user stands, nor to a home."""
    (tmp_path / "empty").mkdir()
    script = f'mount -t tmpfs -o ro tmpfs {tmp_path} && cd {tmp_path} && exec "$@"'
    command = ["unshare", "-m", "bash", "-c", script, "bash", dicesim_script]
    if os.geteuid() != 0 or subprocess.run([*command, "--version"], check=False).returncode:
        pytest.skip("this system does not allow a mount")
    environment = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    for way in ("serial", "process-fork", "pool-spawn", "shared-process-forkserver"):
        done = subprocess.run(
            [*command, *ROLL, *WAYS[way]],
            capture_output=True, text=True, timeout=100, check=False, env=environment,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == (undisturbed, ""), way
    done = subprocess.run(
        [*command, *ROLL, "--checkpoint", "runs.db"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "name a file that may be written" in done.stderr


NO_SHARED_MEMORY = 'mount -t tmpfs -o ro,size=0 tmpfs /dev/shm && exec "$@"'


@pytest.mark.parametrize("way", WAYS)
def test_without_shared_memory(way: str, dicesim_script: str, undisturbed: str) -> None:
    """What needs it is refused in one line, and everything else works."""
    command = ["unshare", "-m", "bash", "-c", NO_SHARED_MEMORY, "bash", dicesim_script]
    if os.geteuid() != 0 or subprocess.run([*command, "--version"], check=False).returncode:
        pytest.skip("this system does not allow a mount")
    code, out, err = Command([*command, *ROLL, *WAYS[way]]).end()
    if "process" in way or "pool" in way:
        assert (code, out) == (2, "")
        assert "without shared memory for their locks" in err
        assert len(err.splitlines()) == 1
    else:
        assert (code, out, err) == (0, undisturbed, "")


IMPOSSIBLE = """
import multiprocessing.synchronize, sys
import dicesim

def refuse(*arguments):
    raise {error}

multiprocessing.synchronize._multiprocessing.SemLock = refuse
print(dicesim.run("9d6", 10**8, rng=5).executor)
try:
    dicesim.run("9d6", 10**6, executor="pool")
except dicesim.ParameterError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "error", ["OSError(38, 'Function not implemented')", "ImportError('no SemLock here')"]
)
def test_a_system_without_locks(error: str) -> None:
    """`auto` is serial where processes cannot be had, however large the run is."""
    command = [sys.executable, "-c", IMPOSSIBLE.format(error=error)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    first, second = done.stdout.splitlines()
    assert first == "serial"
    assert second.startswith("executor: pool cannot start workers on a system without shared")


def test_one_processor(dicesim_script: str) -> None:
    """A process that may use one processor takes one worker, and `auto` takes none."""
    script = (
        f"exec taskset -c {min(os.sched_getaffinity(0))} {dicesim_script} run 9d6 --n 1e8 --json"
    )
    for executor, expected in (("auto", "serial"), ("process", "process"), ("pool", "pool")):
        code, out, err = Command(["bash", "-c", f"{script} --executor {executor}"]).end()
        assert (code, err) == (0, "")
        assert f'"executor": "{expected}"' in out
        assert '"workers": 1' in out


OTHER_SYSTEM = """
import multiprocessing, os, signal, sys
if {windows}:
    for module, name in ((os, "fork"), (os, "pidfd_open"), (signal, "pthread_sigmask"),
                         (signal, "pidfd_send_signal"), (os, "sched_getaffinity")):
        if hasattr(module, name):
            if name == "fork":
                continue  # multiprocessing's own spawn on Linux needs it; ours must not
            delattr(module, name)
multiprocessing.get_all_start_methods = lambda: ["spawn"]
import dicesim

def main():
    for executor in ("process", "pool"):
        for aggregation in ("bincount", "shared"):
            result = dicesim.run("9d6", 10**6, rng=5, executor=executor, aggregation=aggregation,
                                 workers=2)
            print(result.start_method, result.counts == dicesim.run("9d6", 10**6, rng=5).counts)
    try:
        dicesim.run("9d6", executor="pool", start_method="fork")
    except dicesim.ParameterError as error:
        print(error)

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("windows", [True, False])
def test_systems_that_only_spawn(windows: bool, tmp_path: Path) -> None:
    """As on Windows and macOS: without fork, without handles of processes, without masks."""
    script = tmp_path / "script.py"
    script.write_text(OTHER_SYSTEM.format(windows=windows))
    code, out, err = Command([sys.executable, str(script)]).end()
    assert (code, err) == (0, "")
    assert out.splitlines() == ["spawn True"] * 4 + [
        "start_method: this system has no fork; choose spawn"
    ]


PROGRAM = """
import dicesim
try:
    print(dicesim.run("2d6", n=200_000, executor="{executor}", start_method="{start}", workers=2).n)
except dicesim.DicesimError as error:
    print(error)
"""


@pytest.mark.parametrize("executor", ["process", "pool", "auto"])
@pytest.mark.parametrize("start", dicesim.START_METHODS)
def test_a_program_from_standard_input(executor: str, start: str) -> None:
    """Workers cannot import what has no file: that is said, and nothing else is printed."""
    done = subprocess.run(
        [sys.executable, "-"],
        input=PROGRAM.format(executor=executor, start=start),
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    if start == "fork" or executor == "auto":
        assert done.stdout == "200000\n"
    else:
        assert "a program from standard input or a pipe (save it in a file)" in done.stdout


@pytest.mark.parametrize("device", ["/dev/stdin < {}", "<(cat {})"])
@pytest.mark.parametrize("start", ["forkserver", "spawn"])
def test_a_program_from_a_device(device: str, start: str, tmp_path: Path) -> None:
    """A path that cannot be opened again is no file either, guarded or not."""
    script = tmp_path / "script.py"
    script.write_text(PROGRAM.format(executor="process", start=start))
    command = ["bash", "-c", f"{sys.executable} {device.format(script)}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert done.stderr == ""
    assert "a program from standard input or a pipe (save it in a file)" in done.stdout


POOL_PROGRAM = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
import dicesim

def make():
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))

try:
    dicesim.run("2d6", n=200_000, executor=make)
except dicesim.DicesimError as error:
    print(error)
"""


def test_an_executor_of_a_program_without_a_file() -> None:
    """A ProcessPoolExecutor of new interpreters cannot import it either, and that is said."""
    done = subprocess.run(
        [sys.executable, "-"],
        input=POOL_PROGRAM, capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert "it cannot start workers by spawn for a program " in done.stdout


def test_an_executor_of_a_program_without_main_guard(tmp_path: Path) -> None:
    """Processes that end as they import the program are not a batch's fault."""
    script = tmp_path / "script.py"
    script.write_text(POOL_PROGRAM)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=100, check=True
    )
    assert "if __name__ == '__main__'" in done.stdout


@pytest.mark.parametrize("start", dicesim.START_METHODS)
def test_a_program_on_the_command_line(start: str) -> None:
    """`python -c` has no script, and workers do without."""
    command = [sys.executable, "-c", PROGRAM.format(executor="process", start=start)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert (done.stdout, done.stderr) == ("200000\n", "")
