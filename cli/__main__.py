"""Where the command ``dicesim`` and ``python -m dicesim_cli`` begin."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line and exit with its code."""
    # Until a run knows what to do with an interrupt, it ends the program without a traceback.
    signal.signal(signal.SIGINT, _leave)
    from .app import invoke

    sys.exit(invoke(sys.argv[1:]))


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(130)


if __name__ == "__main__":
    main()
