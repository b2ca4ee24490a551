"""The API keeps to what it says of itself, whatever it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("httpx")
schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.checks import (  # noqa: E402
    not_a_server_error,
)
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.serving import Server, served  # noqa: E402

# Text that the schema allows need be no notation, so that 422 answers sound data too.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
OPERATIONS = [
    ("POST", "/v1/simulations"),
    ("GET", "/v1/simulations"),
    ("GET", "/v1/simulations/{id}"),
    ("DELETE", "/v1/simulations/{id}"),
    ("GET", "/v1/simulations/{id}/result"),
    ("GET", "/v1/simulations/{id}/events"),
    ("POST", "/v1/exact"),
    ("POST", "/v1/check"),
    ("POST", "/v1/compare"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service; every job it is given ends soon."""
    with served(tmp_path_factory.mktemp("service") / "data", seconds=0.2) as running:
        yield running


def storm(server: Server, method: str, path: str, examples: int) -> None:
    """Send one operation what its schema allows, and what it does not."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    operation = schema[path][method]
    sound = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    unsound = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    for strategy in [sound, unsound] if has_input(operation) else [sound]:

        @settings(
            max_examples=examples,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def ask(case: Any) -> None:
            case.call_and_validate(checks=CHECKS, timeout=30)

        ask()


def has_input(operation: Any) -> bool:
    """Whether there is anything that could be sent wrongly."""
    return bool(operation.body or list(operation.iter_parameters()))


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_each_operation(server: Server, method: str, path: str) -> None:
    """No server error, no status or form that is not told of."""
    storm(server, method, path, 25)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_each_operation_for_long(server: Server, method: str, path: str) -> None:
    """The same, many times."""
    storm(server, method, path, 1000)


def test_the_description_is_whole(server: Server) -> None:
    """Every operation is listed; requests have examples, and each example is taken."""
    told = server.client.get("/openapi.json").json()
    listed = [
        (method.upper(), path) for path, methods in told["paths"].items() for method in methods
    ]
    assert sorted(listed) == sorted(OPERATIONS)
    for method, path in OPERATIONS:
        body = told["paths"][path][method.lower()].get("requestBody")
        if body is None:
            continue
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for example in told["components"]["schemas"][name]["examples"]:
            answer = server.client.post(path, json=example)
            assert answer.status_code in (200, 202), (path, answer.text)


def test_problems_are_described_as_problems(server: Server) -> None:
    """Every error has the media type of problem details."""
    text = json.dumps(server.client.get("/openapi.json").json())
    assert "HTTPValidationError" not in text
    for methods in json.loads(text)["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"]
