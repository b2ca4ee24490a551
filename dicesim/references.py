"""Where the functions of models are found: in a file or a module, by name."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from dicesim.errors import DicesimError, NotationError, ParameterError
from dicesim.guard import importing_model
from dicesim.roller import Roller

Function = Callable[[Roller], Any]


def read_reference(text: str) -> tuple[str, str, str | None]:
    """Read ``FILE.py:NAME`` or ``package.module:NAME``.

    Returns
    -------
    name : str
    reference : str
        That any process on this machine understands.
    digest : str or None
        SHA-256 of the source file.
    """
    home, colon, name = text.rpartition(":")
    if not colon or not home or not name:
        raise ParameterError(
            f"model: cannot read {text!r}; write the file and the name of a function, as in "
            "craps.py:play",
            parameter="model",
        )
    if not home.endswith(".py"):
        return name, text, _module_digest(_module(home))
    path = str(Path(home).absolute())
    return name, f"{path}:{name}", _digest(_source(path))


def find_function(function: Function) -> tuple[str | None, str | None]:
    """Tell where another process finds a function, and the digest of the file it stands in."""
    name = getattr(function, "__qualname__", "")
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if module is None or _attribute(module, name) is not function or _outdated(function, module):
        return None, None
    if module.__spec__ is not None:  # neither a script nor run from its file by us
        return f"{module.__spec__.name}:{name}", _module_digest(module)
    file = Path(getattr(module, "__file__", None) or "")
    if file.suffix != ".py" or not file.is_file():
        return None, None
    return f"{file.absolute()}:{name}", _module_digest(module)


def _outdated(function: Function, module: ModuleType) -> bool:
    """Tell whether a function reads otherwise in its file than when that was imported."""
    then = getattr(function, "__code__", None)
    path = getattr(module, "__file__", None) or ""
    if not isinstance(then, CodeType) or then.co_filename != path or not Path(path).is_file():
        return False
    try:
        code = compile(_source(path), path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return True
    parts = (part for part in code.co_consts if isinstance(part, CodeType))
    return any(part != then for part in parts if part.co_qualname == then.co_qualname)


def _attribute(module: ModuleType, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _module_digest(module: ModuleType) -> str | None:
    file = Path(getattr(module, "__file__", None) or "")
    if file.suffix != ".py" or not file.is_file():
        return None
    return _digest(_source(str(file)))


@lru_cache(maxsize=64)
def load_function(reference: str, digest: str | None) -> Function:
    """Load a function, once in each process; a file that changed is another model."""
    home, _, name = reference.rpartition(":")
    module = _run_file(home, digest) if home.endswith(".py") else _module(home)
    if not home.endswith(".py") and _module_digest(module) != digest:
        raise _changed(home)
    found = _attribute(module, name)
    short = Path(home).name
    if found is None:
        others = [key for key, value in vars(module).items() if _is_model(module, key, value)]
        hint = f"write one of its functions: {', '.join(others[:8])}" if others else "it has none"
        raise ParameterError(f"model: {short} has no function {name}; {hint}", parameter="model")
    if not callable(found):
        raise ParameterError(
            f"model: {name} in {short} is no function but {type(found).__name__}; name a function "
            "that takes dice and returns an array",
            parameter="model",
        )
    function: Function = found
    return function


def _is_model(module: ModuleType, name: str, value: Any) -> bool:
    own = getattr(value, "__module__", None) == module.__name__
    return own and not isinstance(value, type) and callable(value) and not name.startswith("_")


def _run_file(path: str, digest: str | None) -> ModuleType:
    """Run a file as a module of its own."""
    source = _source(path)
    if _digest(source) != digest:
        raise _changed(path)
    module = ModuleType(f"dicesim_model_{_digest(source)[:16]}")
    module.__file__ = path
    sys.modules[module.__name__] = module  # where dataclasses look for it
    # At the end, so that a random.py beside the file is not taken for the random of all others; and
    # to stay, for what functions import as they run.
    folder = str(Path(path).parent)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        with importing_model():
            exec(compile(source, path, "exec", dont_inherit=True), vars(module))  # noqa: S102
    except (Exception, SystemExit) as error:
        del sys.modules[module.__name__]
        raise _unimportable(path, error) from error
    return module


def _module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:
        raise _unimportable(name, error) from error


def _unimportable(home: str, error: BaseException) -> ParameterError:
    place = line_of(error, home).removeprefix(", ") or Path(home).name
    return ParameterError(
        f"model: {place}: {in_one_line(error)}, as it was imported", parameter="model"
    )


def _changed(home: str) -> ParameterError:
    return ParameterError(
        f"model: {home} has changed since the run was begun; put back what it was, or begin the "
        "run anew",
        parameter="model",
    )


def _digest(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()


def _source(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise ParameterError(
            f"model: there is no file {path}; write the file and the name of a function, as in "
            "craps.py:play",
            parameter="model",
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ParameterError(
            f"model: {path} cannot be read: {reason}", parameter="model"
        ) from error


def line_of(error: BaseException, file: str) -> str:
    """Name the last line of a file that an error went through."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return f", {Path(file).name} line {error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == file:
            return f", {Path(file).name} line {frame.lineno}"
    return ""


def in_one_line(error: BaseException) -> str:
    """Tell an error in one line; ours say what is wrong without their type."""
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    if isinstance(error, NotationError):
        return f"notation {error.text!r}: {text}"
    if isinstance(error, DicesimError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
