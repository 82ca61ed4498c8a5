"""What OpenAPI says of the server holds, whatever is sent."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from mien.web.app import create_app
from mien.web.settings import Limits, WebSettings
from web_client import Running, serving

server = serving(WebSettings(limits=Limits(videos=20)))


@pytest.fixture(scope="module")
def schema(server: Running) -> Any:
    found = schemathesis.openapi.from_dict(create_app().openapi())
    found.config.update(base_url=server.address)
    return found


OPERATIONS = [
    ("GET", "/api/health"),
    ("GET", "/api/models"),
    ("GET", "/api/models/{name}"),
    ("POST", "/api/readings"),
    ("POST", "/api/explanations"),
    ("POST", "/api/videos"),
    ("POST", "/api/rows"),
    ("DELETE", "/api/videos/{id}"),
]


TAKE_ARGUMENTS = [operation for operation in OPERATIONS if operation[0] == "POST"]


@pytest.mark.slow
@pytest.mark.newest
@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        *((*operation, GenerationMode.POSITIVE) for operation in OPERATIONS),
        *((*operation, GenerationMode.NEGATIVE) for operation in TAKE_ARGUMENTS),
    ],
)
def test_whatever_is_sent_the_answer_is_as_described(
    schema: Any, method: str, path: str, mode: GenerationMode
) -> None:
    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(schema[path][method].as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        # No 5xx; status, type and body as OpenAPI has them. That bytes are an image it cannot say.
        case.call_and_validate(excluded_checks=[CHECKS.get_one("positive_data_acceptance")])

    check()


def test_everything_has_an_example_and_every_error_its_form() -> None:
    described = create_app().openapi()
    found = [(m.upper(), path) for path, methods in described["paths"].items() for m in methods]
    assert sorted(found) == sorted(OPERATIONS)
    schemas = described["components"]["schemas"]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
            assert operation["description"], (path, method)
            for status, answer in operation["responses"].items():
                for kind, content in answer.get("content", {}).items():
                    if int(status) >= 400:
                        assert content["schema"] == {"$ref": "#/components/schemas/Error"}
                    elif kind == "application/json":
                        name = content["schema"]["$ref"].rpartition("/")[2]
                        assert schemas[name]["examples"], name
                    else:
                        assert content["example"]
    assert "HTTPValidationError" not in schemas
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert "/api/live" in described["info"]["description"]
