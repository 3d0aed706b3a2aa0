"""`/v1/tickets` in the OpenAPI document: it is served beside the operations (ticket_route)."""

from typing import Any

from sinks.gateway.access.redaction import Part
from sinks.gateway.api.call import JSON

PATH = "/v1/tickets"


def described(errors: dict[str, Any]) -> dict[str, Any]:
    """The path's item. `errors`: the responses that every operation has."""
    texts = {"type": "array", "items": {"type": "string"}}
    asked = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "aors": texts,
            "domains": texts,
            "fields": {"type": "array", "items": {"enum": [str(part) for part in Part]}},
        },
    }
    ticket = {
        "type": "object",
        "required": ["ticket", "expires_at", "expires_in"],
        "properties": {
            "ticket": {"type": "string"},
            "expires_at": {"type": "string", "format": "date-time"},
            "expires_in": {"type": "number", "description": "Seconds."},
        },
    }
    responses = {
        "201": {"description": "", "content": {JSON: {"schema": ticket}}},
        "413": errors["400"] | {"description": "The body is too long."},
        **{status: one for status, one in errors.items() if status != "406"},
    }
    operation = {
        "operationId": "issueTicket",
        "summary": "A one-time ticket with which a browser opens a stream (`ticket=`).",
        "description": "It shows what the token shows, or what of it the body names.",
        "requestBody": {"required": False, "content": {JSON: {"schema": asked}}},
        "responses": dict(sorted(responses.items())),
    }
    return {"post": operation}
