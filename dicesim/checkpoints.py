"""Where a run stands in a store: writing it down while it is rolled, and going on with it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from dicesim.errors import ExecutionError, ParameterError, StoreError
from dicesim.plan import Plan, stream_versions
from dicesim.store import Store, StoredRun
from dicesim.tally import Tally

# Seconds between two checkpoints at least, and how many times as long as the last one took.
_PAUSE: Final = 0.5
_SHARE: Final = 20


class Checkpoint:
    """The place of one run in a store, brought up to date while it is rolled."""

    def __init__(self, store: Store, stored: StoredRun) -> None:
        self.stored = stored
        self._store = store
        self._due = time.perf_counter() + _PAUSE
        self._state = (stored.batches, stored.tally, stored.elapsed_seconds)
        self._saved = stored.batches

    def reach(self, batches: int, tally: Tally, elapsed_seconds: float) -> None:
        """Note how far the run has come, and write it down if that was not done just now."""
        self._state = (batches, tally, elapsed_seconds)
        if time.perf_counter() >= self._due:
            self.save()

    def save(self) -> None:
        """Write down how far the run has come.

        Raises
        ------
        ExecutionError
            It cannot be written; what was written before still holds.
        """
        if self._state[0] == self._saved:
            return
        start = time.perf_counter()
        try:
            self._store.save(self.stored.number, *self._state)
        except StoreError as error:
            raise ExecutionError(f"the run stopped, for it cannot be kept: {error}") from error
        self._saved = self._state[0]
        end = time.perf_counter()
        self._due = end + max(_PAUSE, _SHARE * (end - start))


def last_run(path: Path, runs: list[StoredRun]) -> StoredRun:
    """Return the run that is unfinished, or else the last one.

    Raises
    ------
    StoreError
        There is none: the process was ended as it made the file.
    """
    if not runs:
        raise StoreError(
            f"{path}: holds no run yet; begin one with dicesim run --checkpoint {path}"
        )
    return next((run for run in runs if not run.complete), runs[-1])


def refuse_unfinished(store: Store) -> None:
    """Refuse to begin a run beside one that is unfinished.

    Raises
    ------
    StoreError
        It says how to go on with that one.
    """
    for run in store.runs():
        if not run.complete:
            raise StoreError(
                f"{store.path}: holds an unfinished run of {run.plan.label} "
                f"({run.tally.total:,} of {run.plan.n:,} trials); go on with it: dicesim resume "
                f"{store.path} (dicesim.resume), or name another file"
            )


def check_versions(path: Path, stored: StoredRun) -> None:
    """Refuse to go on with a run whose other half would be made of other random numbers.

    Raises
    ------
    StoreError
        It was begun with another dicesim or numpy.
    """
    here = stream_versions()
    for name, version in stored.versions.items():
        if here[name] != version:
            raise StoreError(
                f"{path}: the run was begun with {name} {version}, and this is {name} "
                f"{here[name]}, whose random numbers may be others; install {name}=={version} to "
                "go on, or begin it anew"
            )


def check_kept(plan: Plan) -> None:
    """Refuse to keep a run that no other process could go on with.

    Raises
    ------
    ParameterError
        Its model is to be found in no file.
    """
    if plan.model is not None and plan.model.reference is None:
        raise ParameterError(
            f"checkpoint: no other process can find the model {plan.model.name}, to go on with "
            "it; define it with def at the top of a file",
            parameter="checkpoint",
        )


def check_model(path: Path, plan: Plan) -> None:
    """Refuse to go on with a run whose model is not what it was.

    Raises
    ------
    StoreError
        Its file is gone, or has changed.
    """
    try:
        if plan.model is not None:
            plan.model.ready()
    except ParameterError as error:
        reason = str(error).removeprefix("model: ")
        raise StoreError(f"{path}: the run cannot go on without its model: {reason}") from error
