"""Where the command ``dicesim`` and ``python -m dicesim_cli`` begin."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line and exit with its code."""
    # A stream that was closed beforehand is None, and would end the program at the first word.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    # Until a run knows what to do with an interrupt, it ends the program without a traceback.
    signal.signal(signal.SIGINT, _leave)
    from .app import invoke

    sys.exit(invoke(sys.argv[1:]))


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(130)


if __name__ == "__main__":
    main()
