"""What is said of a request whose members cannot be used."""

from __future__ import annotations

from typing import Any, Final

from .problems import Problem, problem

_LONGEST_NAME: Final = 50
_WHOLE: Final = "is no whole number; write one without quotes, as in 1000"
_TEXT: Final = "is no text; write it in quotes"
# By the kinds of pydantic; members of its context are filled in.
_SAID: Final = {
    "missing": "is missing; send it",
    "greater_than_equal": "is too small; write {ge} or more",
    "greater_than": "is too small; write a number above {gt}",
    "less_than_equal": "is too large; write {le} or less",
    "less_than": "is too large; write a number below {lt}",
    "string_too_long": "is too long; write at most {max_length} characters",
    "string_too_short": "is empty; write at least {min_length} character",
    "string_type": _TEXT,
    "string_unicode": "has characters that are none; write it in UTF-8",
    "literal_error": "is none of the choices; write {expected}",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": "has too many digits; write a smaller number",
    "finite_number": "is no finite number; write one as in 0.01",
    "float_type": "is no number; write one without quotes, as in 0.01",
    "float_parsing": "is no number; write one without quotes, as in 0.01",
    "bool_type": "is neither true nor false; write one of them, without quotes",
}
_NO_OBJECT: Final = 'the body is no object; send one, as in {"expression": "2d6"}'


def refused(error: dict[str, Any]) -> Problem:
    """Return the problem for an error as pydantic tells it; what was sent is not repeated.

    Examples
    --------
    >>> told = refused({"type": "less_than", "loc": ("query", "before"), "ctx": {"lt": 9}})
    >>> told["detail"], told["parameter"]
    ('before: is too large; write a number below 9', 'before')
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind == "unknown_member":
        return _told(context["name"], error["msg"])
    name = _name(error["loc"])
    if name is None:
        return problem("request", 422, _NO_OBJECT, hint=_NO_OBJECT.partition("; ")[2])
    if kind == "value_error":
        return _told(name, str(error["msg"]).removeprefix("Value error, "))
    said = _SAID.get(kind, "cannot be used; see what /openapi.json says of it")
    return _told(name, said.format_map(context))


def _name(place: tuple[str | int, ...]) -> str | None:
    """Return the name by which a client knows a member; None is the whole body."""
    names = [part for part in place[1:] if isinstance(part, str)]
    if not names:
        return None
    if place[0] == "header":
        return "-".join(part.capitalize() for part in names[-1].replace("_", "-").split("-"))
    return names[0][:_LONGEST_NAME]


def _told(name: str, said: str) -> Problem:
    hint = said.partition("; ")[2]
    return problem("request", 422, f"{name}: {said}", parameter=name, hint=hint)
