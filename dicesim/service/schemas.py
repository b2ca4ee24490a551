"""The shapes of requests and answers, for reading the former and for telling of the latter."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

import dicesim

from .jobs import State
from .settings import LONGEST_EXPRESSION

_SEEDS = 2**256
_LONGEST_NAME: Final = 50


def _whole(value: object) -> object:
    """Let no truth value and no text pass for a number.

    Raises
    ------
    ValueError
        It is one.
    """
    if isinstance(value, (bool, str)):
        raise ValueError("is no whole number; write one without quotes, as in 1000")
    return value


def _number(value: object) -> object:
    """Let no truth value and no text pass for a number.

    Raises
    ------
    ValueError
        It is one.
    """
    if isinstance(value, (bool, str)):
        raise ValueError("is no number; write one without quotes, as in 0.01")
    return value


def _seed(value: object) -> object:
    """Read a seed; one beyond 2**53 is better sent as text, since JavaScript would round it.

    Raises
    ------
    ValueError
        It is no seed.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 78:
        return int(value)
    return _whole(value)


Whole = Annotated[int, BeforeValidator(_whole)]
Expression = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_EXPRESSION,
        description="Dice in notation.",
        examples=["2d6", "4d6kh3"],
    ),
]
Seed = Annotated[
    Annotated[int, Field(ge=0, lt=_SEEDS)] | None,
    BeforeValidator(_seed),
    Field(
        description="Replays a simulation. Left out, a fresh one is drawn. One beyond 2**53 may be "
        "sent as a text of digits.",
        examples=[42],
        json_schema_extra={
            "anyOf": [
                {"type": "integer", "minimum": 0, "exclusiveMaximum": _SEEDS},
                {"type": "string", "pattern": "^[0-9]{1,78}$"},
                {"type": "null"},
            ]
        },
    ),
]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, value: Any) -> Any:
        """Refuse the first unknown member; pydantic would go on to list every one.

        Raises
        ------
        PydanticCustomError
            There is one.
        """
        known = list(cls.model_fields)
        members = value if isinstance(value, dict) else ()
        odd = next((name for name in members if name not in known), None)
        if odd is None:
            return value
        near = get_close_matches(odd[:_LONGEST_NAME], known, 1)
        hint = f"write {near[0]}, perhaps" if near else "leave it out"
        raise PydanticCustomError(
            "unknown_member",
            "is not known; {hint}: there are {known}",
            {"name": odd[:_LONGEST_NAME], "hint": hint, "known": ", ".join(known)},
        )


class SimulationRequest(_Request):
    """What is to be rolled."""

    expression: Expression
    n: Annotated[Whole, Field(ge=1, description="Number of trials.", examples=[1_000_000])] = 10**6
    seed: Seed = None
    method: Annotated[
        Literal["roll", "multinomial"],
        Field(description="Roll every die, or draw the counts from the exact odds."),
    ] = "roll"
    of: Annotated[
        str | None,
        Field(
            max_length=30,
            description="A comparison whose probability is estimated.",
            examples=[">= 9"],
        ),
    ] = None

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"expression": "2d6", "n": 1_000_000, "seed": 42}]},
    )


class ExactRequest(_Request):
    """A rule whose odds are wanted."""

    expression: Expression

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"expression": "4d6kh3"}]}
    )


class CheckRequest(_Request):
    """Rolls of a real die, and the law that they are held against."""

    data: Annotated[
        Any,  # judged by itself: there may be very many, and pydantic would list each that is odd
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "integer"}},
                    {
                        "type": "array",
                        "items": {"type": "array", "items": {"type": "integer"}},
                    },
                    {"type": "object", "additionalProperties": {"type": "integer"}},
                ]
            }
        ),
        Field(
            description="Rolls in order; or rows with a face of each die; or how often each face "
            "came, by face; or a text as of a file: a roll on each line, or a table."
        ),
    ]
    against: Expression = "1d6"
    column: Annotated[
        str | None,
        Field(max_length=200, description="In a text, name or number of the one column to check."),
    ] = None
    counts: Annotated[
        bool, Field(strict=True, description="In a text, the last column says how often.")
    ] = False
    alpha: Annotated[
        float,
        BeforeValidator(_number),
        Field(gt=0, lt=0.5, description="Probability of an alarm if all is as it should be."),
    ] = dicesim.RECORDED_ALARM

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "data": {"1": 3246, "2": 3449, "3": 2897, "4": 2841, "5": 3635, "6": 3932},
                    "against": "1d6",
                }
            ]
        },
    )


class CompareRequest(_Request):
    """Two rules to set side by side."""

    a: Expression
    b: Expression
    n: Annotated[
        Whole,
        Field(ge=1, description="Trials of each rule that has no exact odds.", examples=[100_000]),
    ] = 10**5
    seed: Seed = None

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"a": "2d6", "b": "1d12"}]}
    )


class Problem(BaseModel):
    """Why something cannot be done, as in RFC 9457."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems#notation",
                    "title": "The expression cannot be read",
                    "status": 422,
                    "detail": "character 3: found 'kh', expected dice; write 2d6kh1",
                    "parameter": "expression",
                    "position": 2,
                    "length": 2,
                    "hint": "write 2d6kh1",
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str
    parameter: Annotated[str | None, Field(description="Member of the request.")] = None
    position: Annotated[int | None, Field(description="In the notation, from 0.")] = None
    length: Annotated[int | None, Field(description="Characters in question.")] = None
    line: Annotated[int | None, Field(description="Of the rolls, from 1.")] = None
    hint: Annotated[str | None, Field(description="What to do instead.")] = None


class Links(BaseModel):
    """Where to go on."""

    self: str
    result: str
    events: str


class Simulation(BaseModel):
    """How a simulation stands."""

    id: str
    state: State
    expression: str
    description: Annotated[str, Field(description="What was understood, in words.")]
    n: Annotated[int, Field(description="Trials so far.")]
    requested_n: int
    seed: int
    method: Literal["roll", "multinomial"]
    of: str | None
    cancel_requested: bool
    created: str
    ended: str | None
    problem: Problem | None
    links: Links


class SimulationPage(BaseModel):
    """Some simulations, newest first."""

    simulations: list[Simulation]
    next: Annotated[str | None, Field(description="Where the older ones are.")]


class _Document(BaseModel):
    model_config = ConfigDict(extra="allow")


class Result(_Document):
    """The result of a run, in the form of ``dicesim run --json``."""

    expression: str
    n: int
    requested_n: int
    complete: bool
    seed: int
    mean: float | None
    std: float | None
    outcomes: list[dict[str, Any]]
    check: dict[str, Any] | None


class ExactOdds(_Document):
    """Exact odds, in the form of ``dicesim exact --json``, and the rule in words."""

    expression: str
    description: str
    mean: float
    std: float
    quantiles: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]


class RecordedCheck(_Document):
    """The check of recorded rolls, in the form of ``dicesim check --json``."""

    against: str
    n: int
    verdict: str
    explanation: str
    tests: list[dict[str, Any]]


class RuleComparison(_Document):
    """Two rules side by side, in the form of ``dicesim compare --json``."""

    a: dict[str, Any]
    b: dict[str, Any]
    summary: str
    outcomes: list[dict[str, Any]]


class Health(BaseModel):
    """Whether the service lives, or can be used."""

    status: str
