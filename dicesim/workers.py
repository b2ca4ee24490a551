"""The life of a worker process: how it starts, what it must not catch, and when it must end."""

from __future__ import annotations

import errno
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import connection, resource_tracker
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, Final

from dicesim.choices import START_METHODS, StartMethod, require_choice
from dicesim.errors import ExecutionError, ParameterError
from dicesim.execution import TICK, Job, Outcome, Schedule, Task
from dicesim.guard import GUARD_HINT, UNGUARDED

# Deaths in a row without a task done in between, after which a run gives up.
_DEATHS: Final = 20

_WATCHER: Final = "dicesim parent watcher"

# What starting a process raises when that process, or the fork server, is killed meanwhile.
KILLED_AT_START: Final = (ConnectionError, EOFError)

# What multiprocessing says of every worker when the fork server has died.
_UNKNOWN_END: Final = 255

# What the system says where it has no room for another process, thread or file.
_NO_ROOM: Final = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)

# A process forked by another thread in the middle of this would inherit the wrong ends of pipes.
_STARTING = threading.Lock()


def _renew_lock() -> None:
    """Take a new lock in a process that somebody forked while another thread held this one."""
    global _STARTING
    _STARTING = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def settle_start_method(start_method: StartMethod | None) -> StartMethod:
    """Check a start method, or choose one.

    The choice is fork where that is safe and quiet: on Linux, before Python 3.12, in a process
    without other threads. Elsewhere it is forkserver, or spawn where there is no forkserver.

    Raises
    ------
    ParameterError
        There is no such start method here.
    """
    available = multiprocessing.get_all_start_methods()
    if start_method is None:
        quiet = sys.platform == "linux" and sys.version_info < (3, 12)
        if quiet and "fork" in available and threading.active_count() == 1:
            return "fork"
        return "forkserver" if "forkserver" in available else "spawn"
    require_choice("start_method", start_method, START_METHODS)
    if start_method not in available:
        raise ParameterError(
            f"start_method: this system has no {start_method}; choose {' or '.join(available)}",
            parameter="start_method",
        )
    return start_method


def obstacle(start_method: StartMethod) -> str:
    """Tell why worker processes cannot be started here; empty where they can.

    Returns
    -------
    str
        To be put after "cannot start workers".
    """
    if multiprocessing.current_process().daemon:
        return "inside a worker process"
    if start_method != "fork" and _without_file():
        return f"by {start_method} for a program from standard input or a pipe (save it in a file)"
    if "fork" in multiprocessing.get_all_start_methods():
        try:
            multiprocessing.get_context("fork").Lock()
        except (OSError, ImportError):
            return "on a system without shared memory for their locks (is there no /dev/shm?)"
    return ""


def _without_file() -> bool:
    """Tell whether the program, which workers import, has a name but no file.

    That of a device (``/dev/stdin``, ``python <(...)``) can be read once, or by the parent alone.
    """
    main = sys.modules.get("__main__")
    script = getattr(main, "__file__", None)
    imported = getattr(main, "__spec__", None) is not None
    if not script or imported:
        return False
    return str(script).startswith(("/dev/", "/proc/")) or not Path(str(script)).exists()


@contextmanager
def starting(context: BaseContext) -> Iterator[None]:
    """Start processes without an interrupt in between, and without another thread doing the same.

    A worker inherits the blocked SIGINT, and unblocks it once it ignores it.

    Raises
    ------
    ConnectionError, EOFError
        The worker, or the fork server, was killed meanwhile: a death as any other.
    ExecutionError
        The system will not start another process.
    """
    blockable = hasattr(signal, "pthread_sigmask")
    with _STARTING:
        if blockable:
            if context.get_start_method() != "fork":
                resource_tracker.ensure_running()  # starting it later would unblock SIGINT
            previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        except KILLED_AT_START:
            raise
        except (OSError, RuntimeError, MemoryError) as error:
            if isinstance(error, BrokenExecutor):  # a death, too
                raise
            full = not isinstance(error, OSError) or error.errno in _NO_ROOM
            hint = "choose fewer workers, or serial" if full else GUARD_HINT
            raise ExecutionError(f"no worker could be started ({error}); {hint}") from error
        finally:
            if blockable:
                signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def check_born(process: Any) -> None:
    """See that a process which was just started has a pid of its own.

    If it is killed before it could tell its pid, the fork server sends its exit code, say -9, and
    `multiprocessing` takes that for the pid; to signal it would hit the group of processes 9.

    Raises
    ------
    ConnectionError
        The process was killed as it started.
    """
    if process.pid <= 0:
        process.join(TICK)  # with an exit code, it is not signalled any more
        raise ConnectionError(f"a worker was killed by signal {-process.pid} as it started")


class Life:
    """Whether a process lives, and its end, as the kernel tells it.

    The sentinel of a `Process` alone would not do: a process that another thread forks meanwhile
    inherits its other end and keeps it silent, and when the fork server dies it speaks
    while the worker lives on.

    Attributes
    ----------
    handle : int
        To be waited for: ready once the process has ended.
    """

    def __init__(self, process: Any) -> None:
        self._process = process
        self._pidfd: int | None = None
        if hasattr(os, "pidfd_open"):
            with suppress(OSError):  # reaped already, or an old kernel: the sentinel has to do
                self._pidfd = os.pidfd_open(process.pid)
        self.handle: int = process.sentinel if self._pidfd is None else self._pidfd

    def end(self) -> None:
        """Kill the process, and wait until it has ended."""
        if self._pidfd is None:
            self._process.kill()
        else:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        connection.wait([self.handle])

    def close(self) -> None:
        """Free the handle."""
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


class Parcel:
    """A job on its way to workers: its counters as they are, the rest in shared memory.

    Arguments of a process travel through a pipe, and what exceeds its buffer would block the parent
    for ever where a worker dies before it has read them.
    """

    def __init__(self, job: Job, context: BaseContext) -> None:
        content = pickle.dumps(replace(job, counters=None))
        self._memory = context.RawArray("B", len(content))
        memoryview(self._memory).cast("B")[:] = content
        self._counters = job.counters

    def open(self) -> Job:
        """Return the job."""
        job: Job = pickle.loads(memoryview(self._memory))  # noqa: S301  (our own parent's)
        return replace(job, counters=self._counters)


def prepare_worker() -> None:
    """Make a process a worker: it leaves Ctrl-C to its parent, and does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "SIGPIPE"):  # to write to a parent that is gone is the end, not an error
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    watch_parent()


def watch_parent() -> None:
    """End this process when its parent ends; in a process without a parent of ours, do nothing."""
    watched = any(thread.name == _WATCHER for thread in threading.enumerate())
    if multiprocessing.parent_process() is not None and not watched:
        threading.Thread(target=_end_with_parent, name=_WATCHER, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent's end.

    Its sentinel alone would not do: a process that the parent forks later inherits the other end.
    """
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return
    handles = [parent.sentinel]
    if hasattr(os, "pidfd_open"):
        try:
            handles.append(os.pidfd_open(parent.pid))
        except ProcessLookupError:
            os._exit(1)
        except OSError:
            pass  # an old kernel, or a sandbox: the sentinel has to do
    connection.wait(handles)
    os._exit(1)


def check_start(exitcode: int | None) -> None:
    """Give up on workers that end by themselves while they start; a signal is no such end.

    Raises
    ------
    ExecutionError
        The worker exited by itself.
    """
    if exitcode == UNGUARDED:
        raise ExecutionError(f"the script started a run inside its own workers; {GUARD_HINT}")
    if exitcode is not None and 0 <= exitcode != _UNKNOWN_END:
        raise ExecutionError(
            f"a worker ended with exit code {exitcode} as it started; {GUARD_HINT}"
        )


def settle(job: Job, schedule: Schedule, task: Task, *, blamed: bool) -> None:
    """Decide about a task whose worker is dead: counted already, or to be run again."""
    if job.counters and all(map(job.counters.holds, task.batches)):
        schedule.done(Outcome(task))
    else:
        schedule.lost(task, blamed=blamed)


def check_deaths(deaths: int) -> None:
    """Give up after too many deaths in a row.

    Raises
    ------
    ExecutionError
        So many workers have died without a task done in between.
    """
    if deaths >= _DEATHS:
        raise ExecutionError(f"{deaths} workers died in a row, and no batch was finished; gave up")
