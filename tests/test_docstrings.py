"""Every public name says what it takes, gives and refuses, and an example that is run shows it."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dicesim

ROOT = Path(__file__).resolve().parents[1]
HEADING = re.compile(r"^(\w+)\n-+\n", re.MULTILINE)
# Made by dicesim alone, or roots that nothing is said of beyond their summary.
PLAIN = {"DicesimError", "StoreError", "ExactUnavailable"}


def described(value: Any) -> dict[str, str]:
    """Text of each section of a docstring, by its heading."""
    parts = HEADING.split(inspect.getdoc(value) or "")
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def named(section: str) -> list[str]:
    """Names that a section of parameters describes, each with a type."""
    lines = [line for line in section.splitlines() if line and not line[0].isspace()]
    found = [re.fullmatch(r"([\w, ]+)( : \S.*)?", line) for line in lines]
    assert all(found), lines
    return [name.strip() for match in found if match for name in match[1].split(",")]


def callables() -> Iterator[tuple[str, Any]]:
    """All public functions and classes, and the public methods of these."""
    for name in sorted(dicesim.__all__):
        value = getattr(dicesim, name)
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value) and name not in PLAIN:
            yield name, value
            for method, function in members(value):
                if inspect.isfunction(function):
                    yield f"{name}.{method}", function


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """Public members that our own classes define: properties, and functions without wrapping.

    What overrides a method of a public class keeps to what is said there.
    """
    told = {x for base in kind.__mro__[1:] if base.__name__ in dicesim.__all__ for x in vars(base)}
    for owner in reversed(kind.__mro__):
        for name, value in vars(owner).items() if owner.__module__.startswith("dicesim.") else ():
            if not name.startswith("_") and name not in told:
                yield name, getattr(value, "__func__", value)


def examples() -> str:
    """The source of all examples that the tests run."""
    parser = doctest.DocTestParser()
    code: list[str] = []
    for path in (ROOT / "dicesim").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                text = ast.get_docstring(node) or ""
                code += [example.source for example in parser.get_examples(text)]
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        code += [example.source for example in parser.get_examples(page.read_text("utf-8"))]
    return "".join(code)


CALLABLES = dict(callables())
CALLED = pytest.mark.parametrize(("name", "value"), CALLABLES.items(), ids=list(CALLABLES))
EXAMPLES = examples()


@CALLED
def test_every_parameter_is_described(name: str, value: Callable[..., Any]) -> None:
    """By its name, and no other; those of a named tuple are its attributes."""
    taken = [x for x in inspect.signature(value).parameters if x not in ("self", "cls")]
    sections = described(value)
    told = named(sections.get("Parameters") or sections.get("Attributes", ""))
    assert sorted(told) == sorted(taken), name


@CALLED
def test_what_is_returned_is_described(name: str, value: Callable[..., Any]) -> None:
    """In the section Returns or Yields, where there is anything."""
    if inspect.isclass(value):
        return
    nothing = inspect.signature(value).return_annotation in ("None", "NoReturn")
    told = described(value)
    assert nothing or told.get("Returns") or told.get("Yields"), name


@CALLED
def test_errors_that_are_raised_are_described(name: str, value: Callable[..., Any]) -> None:
    """Where the body itself raises one of ours."""
    functions = [value]
    if inspect.isclass(value):  # what making one does
        functions = [vars(value)[x] for x in ("__init__", "__post_init__") if x in vars(value)]
    for function in functions:
        code = getattr(function, "__code__", None)
        if code is None or not Path(code.co_filename).is_file():  # of a dataclass
            continue
        source = inspect.getsource(function)
        for error in re.findall(r"\braise (\w*(?:Error|Unavailable))\(", source):
            if hasattr(dicesim, error):
                assert error in described(value).get("Raises", ""), name


@CALLED
def test_an_example_shows_it(name: str, value: Callable[..., Any]) -> None:
    """One of its own; a method at least one somewhere, so that it is seen at work."""
    if "Examples" in described(value):
        return
    assert "." in name, name
    assert f".{name.split('.')[1]}(" in EXAMPLES, name


@pytest.mark.parametrize("name", sorted(dicesim.__all__))
def test_properties_have_a_sentence(name: str) -> None:
    """Each says what it is."""
    value = getattr(dicesim, name)
    if not inspect.isclass(value):
        return
    for member, found in members(value):
        if isinstance(found, property) or hasattr(found, "attrname"):
            assert inspect.getdoc(found), f"{name}.{member}"


def test_names_are_looked_for_in_earnest() -> None:
    """The collection sees functions, classes, inherited methods and class methods."""
    assert {"run", "PMF", "PMF.mixture", "Result.interval", "Result.plot"} <= set(CALLABLES)
    assert named("low, high : int\n    Bounds.\nq : float\n") == ["low", "high", "q"]
    assert len(CALLABLES) > 120
