"""The published description of the API is the one in the repository: a change of it is seen in review.

`make test ARGS="tests/deploy/test_openapi.py --write-openapi"` writes docs/openapi.json anew.
"""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

PUBLISHED = Path(__file__).parents[2] / "docs" / "openapi.json"

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def described(http: httpx.Client) -> dict[str, Any]:
    description: dict[str, Any] = http.get("/api/openapi.json").json()
    return description


def test_the_description_is_the_one_in_the_repository(described: dict[str, Any], pytestconfig: pytest.Config) -> None:
    described["info"]["version"] = "of the package"
    text = json.dumps(described, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if pytestconfig.getoption("write_openapi"):
        PUBLISHED.write_text(text)
    assert text == PUBLISHED.read_text(), "the API changed: write its description anew, and look at the difference"


def test_no_schema_is_named_after_a_class_or_a_module(described: dict[str, Any]) -> None:
    """Stops: a client that breaks because a class was moved, or because another one has its name now."""
    names = set(described["components"]["schemas"])
    assert len(names) > 60
    assert not {name for name in names if "_" in name or name.endswith(("Answer", "Body"))}


def test_no_two_schemas_and_no_two_calls_have_one_name(described: dict[str, Any]) -> None:
    """Stops: a client made from the description that lacks answers and a call, because their names were taken."""
    titles = {name: schema["title"] for name, schema in described["components"]["schemas"].items()}
    assert titles == {name: name for name in titles}
    calls = [call["operationId"] for path in described["paths"].values() for call in path.values()]
    assert len(calls) == len(set(calls)) > 40
    assert [call for call in calls if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", call)] == []
