"""Where the command ``dicesim`` and ``python -m dicesim_cli`` begin."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys

TYPE_CHECKING = False  # to import typing takes time, and an interrupt meanwhile ends in a traceback
if TYPE_CHECKING:
    from typing import TextIO

# Objects to be made before the collector looks for garbage, in place of some hundreds. Loading the
# modules makes 80,000 that all stay; to look through them took a twentieth of a short run's time.
_COLLECT_AFTER = 100_000

_QUIET_TRACKER = "ignore:resource_tracker:UserWarning"

_INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its code."""
    # Until a run knows what to do with an interrupt, it ends the program without a traceback.
    signal.signal(signal.SIGINT, _leave)
    # A stream that was closed beforehand is None, and would end the program at the first word.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stdout = _buffered(sys.stdout)
    # Dice need no linear algebra, and its threads would keep a processor busy waiting for some.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Who leaves at once leaves semaphores to multiprocessing's tracker, which need not tell of it.
    wanted = os.environ.get("PYTHONWARNINGS", "")
    os.environ["PYTHONWARNINGS"] = f"{wanted},{_QUIET_TRACKER}".lstrip(",")
    gc.set_threshold(_COLLECT_AFTER)
    from .app import invoke

    code = invoke(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is said, and the code is what it is
    if code == _INTERRUPTED and _others_run():
        os._exit(code)  # Python would wait for threads to roll what nobody wants any more
    gc.freeze()  # what is left goes with the process; to sort it first took a fifth of the time
    sys.exit(code)


def _buffered(stream: TextIO) -> TextIO:
    """Return a stream that writes everything it is given.

    One that is not buffered (``PYTHONUNBUFFERED``) gives up the rest of what a signal interrupts.
    """
    if not isinstance(stream.buffer, io.RawIOBase):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(stream.buffer), encoding=stream.encoding, errors=stream.errors
    )


def _leave(_number: int, _frame: object) -> None:
    os._exit(_INTERRUPTED)


def _others_run() -> bool:
    """Tell whether there are threads that Python waits for as it ends."""
    import threading

    others = set(threading.enumerate()) - {threading.main_thread()}
    return any(not thread.daemon for thread in others)


if __name__ == "__main__":
    main()
