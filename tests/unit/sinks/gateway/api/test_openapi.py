"""The OpenAPI document: every operation, its parameters, and what a token may not grant."""

from sinks.gateway.api.openapi import document
from sinks.gateway.api.operations import OPERATIONS
from tests.unit.sinks.gateway.api.conftest import Ask


def test_every_operation_is_described_with_its_answers() -> None:
    found = document()
    for operation in OPERATIONS:
        described = found["paths"][operation.path][operation.method.lower()]
        success = str(operation.status)
        assert set(described["responses"][success]["content"]) == set(operation.answers)
        assert {"400", "401", "403", "503"} <= set(described["responses"])
    listed = found["paths"]["/v1/users"]["get"]["parameters"]
    by_name = {one["name"]: one["schema"] for one in listed}
    assert by_name["limit"] == {"type": "integer", "minimum": 1, "maximum": 1000}
    assert "held" in by_name["status"]["items"]["enum"]
    routed = found["paths"]["/v1/users/{aor}/route"]["get"]["parameters"]
    assert [one["name"] for one in routed] == ["aor", "profile", "from"]


def test_what_a_token_may_not_grant_is_not_required() -> None:
    required = document()["components"]["schemas"]["PresenceBinding"]["required"]
    assert "node" in required
    assert "contact" not in required


def test_it_needs_no_token(ask: Ask) -> None:
    answer = ask("/openapi.json", "no-token-at-all")
    assert answer.json()["openapi"] == "3.1.0"
