"""What is printed as JSON is what the schemas say, in every kind of answer."""

from __future__ import annotations

import json
from copy import deepcopy
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

import dicesim
from dicesim import PMF
from tests.conftest import CommandLine
from tests.test_architecture import ROOT
from tests.test_data import OF_ANY_KIND, RESULT

SCHEMAS = {
    name: json.loads(
        (files("dicesim") / "data" / f"{name}.schema.json").read_text(encoding="utf-8")
    )
    for name in ("run", "exact", "check", "compare")
}


def hold(name: str, document: Any) -> None:
    """Hold a document against its schema."""
    jsonschema.Draft202012Validator(SCHEMAS[name]).validate(document)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=list(SCHEMAS))
def test_schemas_are_schemas(schema: dict[str, Any]) -> None:
    """Of the draft that they name, and each closed: a new field needs a word there."""
    jsonschema.Draft202012Validator.check_schema(schema)
    found = [schema, *schema["$defs"].values()]
    assert all(part["required"] == list(part["properties"]) for part in found)
    assert not any(part["additionalProperties"] for part in found)


@OF_ANY_KIND
def test_results_are_as_the_schema_says(result: dicesim.Result) -> None:
    """Whole, partial, with and without law, check, precision, model."""
    hold("run", json.loads(result.to_json()))


def test_models_are_as_the_schema_says() -> None:
    """A function of a module has a reference and a digest."""
    model = dicesim.Model.load(f"{ROOT}/examples/craps.py:pass_line")
    hold("run", dicesim.run(model, 100, rng=1).to_dict())


def test_checks_of_every_method_are_as_the_schema_says() -> None:
    """Asymptotic, exact, drawn, bounded, impossible; one column and several, with order or not."""
    for rolls, law in (
        ([1, 2, 6], "1d6"),
        ([1] * 50 + [2] * 30, "1d6"),
        ([3] * 500, "1d100"),
        ([[1, 2], [3, 4], [6, 6]] * 20, "1d6"),
        ({1: 3246, 2: 3449, 3: 2897, 4: 2841, 5: 3635, 6: 3932}, "1d6"),
        ({1: 10**9, 2: 1}, "d2"),
    ):
        hold("check", json.loads(dicesim.check(rolls, law).to_json()))


def test_comparisons_are_as_the_schema_says() -> None:
    """Exact, simulated, and paired."""
    for a, b in (("2d6", "1d12"), ("1000d1000", "2d6"), ("3", "3")):
        hold("compare", json.loads(dicesim.compare(a, b, 500, rng=1).to_json()))
    paired = dicesim.compare(lambda dice: dice.roll("2d6"), lambda dice: dice.roll("d12"), 500)
    hold("compare", json.loads(paired.to_json()))


@pytest.mark.parametrize("name", ["run", "exact", "check", "compare"])
def test_commands_print_what_the_schema_says(
    name: str, command_line: CommandLine, tmp_path: Any
) -> None:
    """As they print it, with a name and version that the schema has as well."""
    (tmp_path / "rolls.txt").write_text("1\n5\n6\n")
    arguments = {
        "run": ["4d6kh3", "--n", "1000", "--of", ">=16", "--until-se", "0.1"],
        "exact": ["100d100"],
        "check": ["rolls.txt", "--against", "1d6"],
        "compare": ["2d6", "1d12"],
    }
    document = json.loads(command_line(name, *arguments[name], "--json").stdout)
    assert document["schema"] == f"dicesim.{name}/1"
    hold(name, document)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "dicesim.run/2"},
        {"n": -1},
        {"n": 1.5},
        {"seed": "42"},
        {"method": "guess"},
        {"more": 1},
        {"outcomes": [{"outcome": 2}]},
        {"check": {}},
    ],
    ids=str,
)
def test_a_schema_refuses_what_is_none(change: dict[str, Any]) -> None:
    """A schema that took anything would say nothing."""
    document = deepcopy(RESULT.to_dict())
    with pytest.raises(jsonschema.ValidationError):
        hold("run", document | change)
    for key in document:
        with pytest.raises(jsonschema.ValidationError):
            hold("run", {name: value for name, value in document.items() if name != key})


def test_laws_are_as_the_schema_says() -> None:
    """Signed, skewed, certain ones, and one whose fractions are too long."""
    for pmf in (PMF({5: 1}), PMF({-3: 1, 10**30: 10**200}), dicesim.exact("4dF")):
        for asked in (None, pmf.probability_of(dicesim.Condition.parse(">= 5"))):
            document = {"schema": "dicesim.exact/1", "expression": "x", "probability": asked}
            hold("exact", document | pmf.to_dict())
