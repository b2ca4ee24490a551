"""The main guard that a script needs, whose workers import it again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from dicesim.errors import ParameterError

# Exit code of a worker whose script would start the run again while it is only being imported.
UNGUARDED: Final = 73
GUARD_HINT: Final = (
    "a script that calls dicesim.run has to do so under `if __name__ == '__main__':`, since the "
    "workers of forkserver and spawn import it"
)
_importing_model: Final = ContextVar("importing_model", default=False)


@contextmanager
def importing_model() -> Iterator[None]:
    """Have no run begin meanwhile, for every worker imports the file of a model anew."""
    token = _importing_model.set(True)
    try:
        yield
    finally:
        _importing_model.reset(token)


def refuse_while_importing() -> None:
    """Begin no run as a script is imported that lacks the main guard.

    Raises
    ------
    SystemExit
        This is a worker that imports the parent's script.
    ParameterError
        The file of a model is imported.
    """
    if importing_main():
        raise SystemExit(UNGUARDED)
    if _importing_model.get():
        raise ParameterError(
            "it starts a run, which belongs under `if __name__ == '__main__':`", parameter="model"
        )


def importing_main() -> bool:
    """Tell whether this process is a worker that is still importing the parent's script."""
    module = sys.modules.get("multiprocessing.process")  # every worker has loaded it
    # Another thread may be loading it just now, and what it defines may not be there yet.
    process = getattr(module, "_current_process", None)
    return bool(getattr(process, "_inheriting", False))
