"""The main guard that a script needs, whose workers import it again."""

from __future__ import annotations

import sys
from typing import Final

# Exit code of a worker whose script would start the run again while it is only being imported.
UNGUARDED: Final = 73
GUARD_HINT: Final = (
    "a script that calls dicesim.run has to do so under `if __name__ == '__main__':`, since the "
    "workers of forkserver and spawn import it"
)


def importing_main() -> bool:
    """Tell whether this process is a worker that is still importing the parent's script."""
    module = sys.modules.get("multiprocessing.process")  # every worker has loaded it
    # Another thread may be loading it just now, and what it defines may not be there yet.
    process = getattr(module, "_current_process", None)
    return bool(getattr(process, "_inheriting", False))
