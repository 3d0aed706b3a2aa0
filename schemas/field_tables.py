"""Tables of models' fields for docs/events.md, from their JSON Schemas."""

import dataclasses
import re
from typing import Any

from schemas import export, topics
from schemas.origin import Event


def fields_table(model: type[Any]) -> str:
    """The Markdown table of a model's fields: name, type, whether it may be missing, meaning."""
    inherited: set[str] = set()
    lead = ""
    if issubclass(model, Event) and model is not Event:
        inherited = {field.name for field in dataclasses.fields(Event)}
        lead = "Beside [the fields of every source event](#fields-of-every-source-event):\n\n"
    schema = export.schema_of(model)
    required = schema.get("required", ())
    rows = [
        f"| `{name}` | {_type(field)} | {_presence(name, field, required)} | "
        f"{_meaning(schema, field)} |"
        for name, field in schema["properties"].items()
        if name not in inherited
    ]
    head = ["| field | type | | meaning |", "|---|---|---|---|"]
    return lead + "\n".join([*head, *rows, ""])


def _type(field: dict[str, Any]) -> str:
    parts = [p for p in field.get("anyOf", [field]) if p.get("type") != "null"]
    return " or ".join(_plain_type(part) for part in parts)


def _plain_type(part: dict[str, Any]) -> str:
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return f"[{name}](#{_TOPIC_ANCHORS.get(name, name.lower())})"
    if part["type"] == "array":
        return f"list of {_plain_type(part['items'])}"
    if part["type"] == "object":
        return f"map of text to {_plain_type(part['additionalProperties'])}"
    if part.get("format") == "date-time":
        return "time"
    name = {"string": "text"}.get(part["type"], part["type"])
    if "minimum" in part and "maximum" in part:
        return f"{name} {part['minimum']}–{part['maximum']}"
    if "minimum" in part:
        return f"{name} ≥ {part['minimum']}"
    return f"{name} ≤ {part['maxLength']}" if "maxLength" in part else name


def _presence(name: str, field: dict[str, Any], required: Any) -> str:
    if any(part.get("type") == "null" for part in field.get("anyOf", ())):
        return "or null"
    return "" if name in required else "default"


def _meaning(schema: dict[str, Any], field: dict[str, Any]) -> str:
    """The field's own description, else the first sentence of its type's."""
    if "description" in field:
        return cell(field["description"])
    for part in field.get("anyOf", [field]):
        part = part.get("items", part)
        if "$ref" in part:
            model = schema["$defs"][part["$ref"].rpartition("/")[2]]
            return cell(model.get("description", "").partition("\n\n")[0])
    return ""


def cell(text: str) -> str:
    """Text as it may stand in a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def anchor(title: str) -> str:
    """GitHub's anchor of a heading."""
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


# A model that is a topic's own is described there.
_TOPIC_ANCHORS = {topic.model.__name__: anchor(topic.name) for topic in topics.ALL}
