"""Rules written in Python: a function of vectorised dice, rolled like any expression.

A model gets a `Roller` and returns an outcome for each trial of a batch::

    def craps(dice):
        first = dice.roll("2d6")
        ...
        return won

Another process gets its *reference*, a file or module and a name, and loads it there again; so
functions that have none stay in the process that made them.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any, Final

import numpy as np

from dicesim.errors import ExecutionError, ParameterError
from dicesim.references import (
    Function,
    find_function,
    in_one_line,
    line_of,
    load_function,
    read_reference,
)
from dicesim.roller import Roller
from dicesim.tally import Integers

# Several times the arrays of a batch.
_KEPT_BYTES: Final = 2**24
_PLAIN: Final = "a model in Python"


@dataclass(frozen=True, eq=False)
class Model:
    """A rule written in Python, and where other processes find it.

    Made by `Model.of` from a function, or by `Model.load` from a file.

    Parameters
    ----------
    name : str
        Of the function.
    reference : str or None
        ``/path/craps.py:play`` or ``package.module:play``; None for a function that no other
        process can find, such as a lambda.
    digest : str or None
        SHA-256 of the source file, so that a changed one is not taken for it.
    summary : str
        First line of the docstring.
    function : callable, optional
        Left out, it is loaded by its reference when it is needed.

    Examples
    --------
    >>> model = Model.of(lambda dice: dice.roll("2d6") >= 9)
    >>> model.ready() is model.function
    True
    >>> model.name, model.reference
    ('<lambda>', None)
    >>> model.totals(Roller(np.random.default_rng(1), size=4))
    array([1, 0, 1, 0])
    """

    name: str
    reference: str | None = None
    digest: str | None = None
    summary: str = _PLAIN
    function: Function | None = field(default=None, repr=False)

    @classmethod
    def of(cls, function: Function) -> Model:
        """Take a function as a model.

        Parameters
        ----------
        function : callable
            Takes a `Roller`, returns an array with an outcome for each trial.

        Returns
        -------
        Model

        Raises
        ------
        ParameterError
            It cannot be called.
        """
        if not callable(function):
            raise ParameterError(
                f"model: {function!r} is no function; write one that takes dice and returns an "
                "array",
                parameter="model",
            )
        named: Any = function.func if isinstance(function, partial) else function
        name = getattr(named, "__qualname__", type(named).__name__).split("<locals>.")[-1]
        reference, digest = find_function(function)
        return cls(name, reference, digest, _summary(function), function)

    @classmethod
    def load(cls, reference: str) -> Model:
        """Load a model from a file, as ``craps.py:play``, or a module, as ``package.module:play``.

        A file is run by itself, under a name of its own; it may import what is installed, and
        files beside it.

        Parameters
        ----------
        reference : str
            ``FILE.py:NAME`` or ``package.module:NAME``.

        Returns
        -------
        Model

        Raises
        ------
        ParameterError
            There is no such file or name, it is no function, or it cannot be imported.
        """
        name, found, digest = read_reference(str(reference))
        function = load_function(found, digest)
        return cls(name, found, digest, _summary(function), function)

    def __reduce__(self) -> tuple[type[Model], tuple[Any, ...]]:
        if self.reference is None:
            raise ParameterError(unfindable(self), parameter="executor")
        return Model, (self.name, self.reference, self.digest, self.summary)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model):
            return NotImplemented
        return self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[Any, ...]:
        found = None if self.reference else self.function
        return self.name, self.reference, self.digest, found

    @property
    def label(self) -> str:
        """The name, after that of its file or module if it has one."""
        if self.reference is None:
            return self.name
        home, _, name = self.reference.rpartition(":")
        return f"{Path(home).name if home.endswith('.py') else home}:{name}"

    def ready(self) -> Function:
        """Return the function, loaded if need be.

        Returns
        -------
        Function

        Raises
        ------
        ParameterError
            Its file is gone, or has changed.
        """
        if self.function is not None:
            return self.function
        if self.reference is None:
            raise ParameterError(
                f"model: {self.name} was a function that no file has, and is gone; hand in the "
                "function again, or define it with def at the top of a file",
                parameter="model",
            )
        return load_function(self.reference, self.digest)

    def totals(self, dice: Roller) -> Integers:
        """Return the outcome of each trial.

        Parameters
        ----------
        dice : Roller
            Knows how many trials there are.

        Returns
        -------
        ndarray of int64

        Raises
        ------
        ExecutionError
            The model raised an error, or did not return a whole number for each trial; the
            message has file and line.
        """
        function = self.ready()
        _keep_memory()
        try:
            returned = function(dice)
        except (Exception, SystemExit) as error:
            place = line_of(error, _file(function)) or _start(function)
            said = f"{in_one_line(error)}{_hint(error)}"
            raise ExecutionError(f"model {self.name}{place}: {said}") from error
        fault = _fault(returned, dice.size)
        if fault:
            raise ExecutionError(f"model {self.name}{_start(function)}: {fault}")
        outcomes: Integers = returned.astype(np.int64, copy=False)
        return outcomes

    def to_dict(self) -> dict[str, Any]:
        """Return in plain values what finds the model again.

        Returns
        -------
        dict
        """
        return {
            "name": self.name,
            "reference": self.reference,
            "digest": self.digest,
            "summary": self.summary,
        }


def _keep_memory() -> None:
    """Have the C library keep the memory of freed arrays for the next ones.

    That of glibc gives back what is larger than all that it was given before, so that the arrays of
    a batch would be mapped anew for each operation (measured: up to half of a model's time).
    """
    np.empty(_KEPT_BYTES, np.uint8)


def unfindable(model: Model) -> str:
    """Say why a model cannot be sent to another process, and what to do."""
    return (
        f"executor: no other process can find the model {model.name}; define it with def at the "
        "top of a file (and import it anew if that has changed), or choose serial or threads"
    )


def _hint(error: BaseException) -> str:
    """Say what to write where it is numpy that says what was wrong."""
    if "truth value of an array" in str(error):
        return "; write numpy.where in place of if, for many trials are rolled at once"
    return ""


def _fault(returned: Any, size: int) -> str:
    """Say what is wrong with what a model returned, if anything is."""
    if not isinstance(returned, np.ndarray):
        return f"returned {type(returned).__name__}; return an array with a number for each trial"
    if isinstance(returned, np.ma.MaskedArray):
        return "returned a masked array; return a number for each trial, as numpy.where gives it"
    if returned.shape != (size,):
        return f"returned an array of shape {returned.shape}; there are {size} trials: {(size,)}"
    if returned.dtype.kind not in "biu":
        return f"returned {returned.dtype}; return whole numbers or booleans (divide with //)"
    if returned.dtype == np.uint64 and size and returned.max() > np.iinfo(np.int64).max:
        return "returned a number beyond 2**63 - 1; return smaller ones"
    return ""


def _summary(function: Function) -> str:
    lines = (getattr(function, "__doc__", None) or "").strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else _PLAIN


def _file(function: Function) -> str:
    code = _code(function)
    return code.co_filename if code else ""


def _start(function: Function) -> str:
    code = _code(function)
    return f", {Path(code.co_filename).name} line {code.co_firstlineno}" if code else ""


def _code(function: Any) -> CodeType | None:
    """Find the code that a callable leads to; what is not written in Python has none."""
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None
