"""The HTTP interface as an OpenAPI 3.1 document: what every user center accepts, and queries."""

from typing import Any

from pydantic import TypeAdapter

from schemas.presence import Presence
from schemas.topics import PRESENCE
from schemas.vocabulary import Status

PAGE_MAX = 1000
MEDIA_TYPE = "application/cloudevents-batch+json"
_SCHEMAS = "#/components/schemas/"


def document() -> dict[str, Any]:
    """The document, constant for one version of the contract."""
    presence = TypeAdapter(Presence).json_schema(ref_template=_SCHEMAS + "{model}")
    schemas = {**presence.pop("$defs"), "Presence": presence, **_own_schemas()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Reference user center", "version": "1"},
        "paths": {
            "/presence": {"post": _presence()},
            "/users": {"get": _users()},
            "/users/{aor}": {"get": _user()},
            "/healthz": {"get": {"responses": {"200": _json({"type": "object"})}}},
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _own_schemas() -> dict[str, Any]:
    event = {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1},
        "type": {"const": PRESENCE.type},
        "data": {"$ref": f"{_SCHEMAS}Presence"},
    }
    error = {
        "error": {"type": "string"},
        "index": {"type": "integer"},
        "field": {"type": ["string", "null"]},
    }
    user = {"aor": {"type": "string"}, "version": {"type": "integer", "minimum": 1}}
    return {
        "Event": {"type": "object", "properties": event, "required": list(event)},
        "Error": {"type": "object", "properties": error, "required": ["error"]},
        "User": {"type": "object", "properties": user, "required": list(user)},
    }


def _presence() -> dict[str, Any]:
    headers = ("webhook-id", "webhook-timestamp", "webhook-signature")
    taken = {
        "type": "object",
        "properties": {"received": {"type": "integer"}, "applied": {"type": "integer"}},
        "required": ["received", "applied"],
    }
    batch = {"type": "array", "items": {"$ref": f"{_SCHEMAS}Event"}}
    return {
        "summary": "Accept presence records, all or none (Standard Webhooks).",
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
            for name in headers
        ],
        "requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": batch}}},
        "responses": {"200": _json(taken), **_errors(400, 401, 413, 415, 422, 503)},
    }


def _users() -> dict[str, Any]:
    limit = {"type": "integer", "minimum": 1, "maximum": PAGE_MAX}
    users = {"type": "array", "items": {"$ref": f"{_SCHEMAS}User"}}
    page = {
        "type": "object",
        "properties": {"users": users, "next": {"type": ["string", "null"]}},
        "required": ["users", "next"],
    }
    queries: dict[str, dict[str, Any]] = {
        "status": {"enum": [str(status) for status in Status]},
        "reachable": {"type": "boolean"},
        "after": {"type": "string", "pattern": "^[^\\u0000]*$"},
        "limit": limit,
    }
    return {
        "summary": "A page of users by AOR; `next` is the `after` of the following page.",
        "parameters": [
            {"name": name, "in": "query", "schema": schema} for name, schema in queries.items()
        ],
        "security": [{"token": []}],
        "responses": {"200": _json(page), **_errors(400, 401, 403, 503)},
    }


def _user() -> dict[str, Any]:
    aor = {"type": "string", "minLength": 1}
    return {
        "summary": "One user's last state.",
        "parameters": [{"name": "aor", "in": "path", "required": True, "schema": aor}],
        "responses": {"200": _json({"$ref": f"{_SCHEMAS}User"}), **_errors(404, 503)},
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "", "content": {"application/json": {"schema": schema}}}


def _errors(*statuses: int) -> dict[str, Any]:
    return {str(status): _json({"$ref": f"{_SCHEMAS}Error"}) for status in statuses}
