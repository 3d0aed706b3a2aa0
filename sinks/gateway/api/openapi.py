"""The OpenAPI 3.1 document, generated from the operations and their models."""

from typing import Any

from pydantic import TypeAdapter

from sinks.gateway.access.call_redaction import MEDIA_FIELDS
from sinks.gateway.access.redaction import BINDING_FIELDS, CALL_FIELDS
from sinks.gateway.api import tickets_path
from sinks.gateway.api.call import JSON, TEXT, Operation, Parameters
from sinks.gateway.api.documents import Error
from sinks.gateway.api.operations import OPERATIONS

_REF = "#/components/schemas/{model}"
_VERSION = "1"
# Every operation's; each is an Error.
_STATUSES = {
    400: "A parameter is wrong: `field` names it.",
    401: "No valid token.",
    403: "Outside of what the token shows, or a page of another origin.",
    406: "`Accept` excludes every type there is.",
    408: "The request did not come in time.",
    421: "The request is for another host.",
    429: "Too many requests: see Retry-After.",
    503: "Full, starting or stopping: see Retry-After.",
}
# Models with fields that a token may not grant.
_MASKED = {
    "PresenceBinding": BINDING_FIELDS,
    "PresenceCall": CALL_FIELDS,
    "CallMedia": MEDIA_FIELDS,
}
_STATUS_TEXTS = {404: "There is none."}
# Of those that have a body.
_BODY_STATUSES = {413: "The body is too long.", 415: "Not JSON."}


def document() -> dict[str, Any]:
    """The document, constant for one version of the code."""
    models = {
        id(model): model
        for operation in OPERATIONS
        for model in (*_answers(operation), *([operation.body] if operation.body else []), Error)
        if model is not str
    }
    adapters = {key: TypeAdapter(model) for key, model in models.items()}
    schemas, shared = TypeAdapter.json_schemas(
        [(key, "validation", adapter) for key, adapter in adapters.items()], ref_template=_REF
    )
    of_model = {key: schema for (key, _), schema in schemas.items()}
    components = shared["$defs"]
    # A token may not grant them.
    for name, fields in _MASKED.items():
        required = components[name]["required"]
        components[name]["required"] = [one for one in required if fields.get(one) is None]
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        described = _described(operation, of_model)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    every = {
        str(status): _response(text, {JSON: Error}, of_model) for status, text in _STATUSES.items()
    }
    paths[tickets_path.PATH] = tickets_path.described(every)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rollcall gateway",
            "version": _VERSION,
            "description": "Who is reachable, on which SIP node, and where to send a call.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _answers(operation: Operation) -> list[Any]:
    found = list(operation.answers.values())
    for by_type in operation.errors.values():
        found += by_type.values()
    return found


def _described(operation: Operation, schemas: dict[int, Any]) -> dict[str, Any]:
    error = {JSON: Error} if operation.text_error is None else {JSON: Error, TEXT: str}
    responses = {
        str(operation.status): _response("", operation.answers, schemas)
        | {"headers": {"etag": {"schema": {"type": "string"}}}},
        "304": {"description": "`If-None-Match` has the present ETag."},
    }
    if operation.method != "GET":
        del responses["304"]
    statuses = _STATUSES | (_BODY_STATUSES if operation.body is not None else {})
    for status, text in statuses.items():
        responses[str(status)] = _response(text, error, schemas)
    for status, by_type in operation.errors.items():
        responses[str(status)] = _response(_STATUS_TEXTS[status], by_type, schemas)
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [
            *_parameters(operation.path_parameters, "path"),
            *_parameters(operation.query, "query"),
        ],
        "responses": dict(sorted(responses.items())),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.body is not None:
        content = {JSON: {"schema": schemas[id(operation.body)]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _response(text: str, by_type: Any, schemas: dict[int, Any]) -> dict[str, Any]:
    content = {
        media_type: {"schema": {"type": "string"} if model is str else schemas[id(model)]}
        for media_type, model in by_type.items()
    }
    return {"description": text, "content": content}


def _parameters(model: type[Parameters], place: str) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_REF)
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    found = []
    for name, given in schema["properties"].items() if "properties" in schema else ():
        one = _inlined(given, definitions)
        description = one.pop("description", "")
        for noise in ("title", "default"):
            one.pop(noise, None)
        found.append(
            {
                "name": name,
                "in": place,
                "required": name in required,
                "description": description,
                "schema": one,
            }
        )
    return found


def _inlined(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Without references, and without null: a parameter that is null is not there."""
    if (ref := schema.get("$ref")) is not None:
        return dict(definitions[ref.rpartition("/")[2]])
    found = dict(schema)
    if (choices := found.pop("anyOf", None)) is not None:
        (one,) = [choice for choice in choices if choice.get("type") != "null"]
        found |= _inlined(one, definitions)
    if "items" in found:
        found["items"] = _inlined(found["items"], definitions)
    return found
