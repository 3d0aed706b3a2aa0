"""The fields of a topic's records as SQL sees them, from the topic's JSON Schema (pure)."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from schemas import export, topics
from schemas.topic import Topic

# Topics that SQL reads: not those whose form may change with any version, nor the session table,
# whose records are whole or in short, nor commands, which have extensions in clear.
TOPICS = tuple(
    topic
    for topic in topics.ALL
    if not topic.internal and topic not in (topics.SESSIONS, topics.DIAL_COMMANDS)
)
# The kernel's, with 64 bits; all other integers fit a signed one.
_UNSIGNED = frozenset({"cookie"})
Schema = dict[str, Any]


class Scalar(Enum):
    TEXT = auto()
    WORD = auto()  # one of a few texts
    INTEGER = auto()
    UNSIGNED = auto()
    NUMBER = auto()
    TRUTH = auto()
    TIME = auto()  # text: RFC 3339, UTC, microseconds


@dataclass(frozen=True)
class ListOf:
    item: "Type"


@dataclass(frozen=True)
class MapOf:
    """By text."""

    value: "Type"


@dataclass(frozen=True)
class Record:
    fields: tuple["Field", ...]


Type = Scalar | ListOf | MapOf | Record


@dataclass(frozen=True)
class Field:
    """`is_optional`: it may be null."""

    name: str
    type: Type
    is_optional: bool
    description: str


def fields_of(topic: Topic) -> tuple[Field, ...]:
    """The fields of its records, in their order."""
    schema = export.json_schema(topic)
    return _fields(schema, schema.get("$defs", {}))


def table_name(topic: Topic) -> str:
    """The topic's name with what names of tables may have."""
    return topic.name.replace(".", "_").replace("-", "_")


def _fields(schema: Schema, known: Schema) -> tuple[Field, ...]:
    return tuple(_field(name, one, known) for name, one in schema["properties"].items())


def _field(name: str, schema: Schema, known: Schema) -> Field:
    parts = [part for part in schema.get("anyOf", [schema]) if part.get("type") != "null"]
    (part,) = parts
    type_ = Scalar.UNSIGNED if name in _UNSIGNED else _type(part, known)
    is_optional = len(parts) < len(schema.get("anyOf", parts))
    return Field(name, type_, is_optional, " ".join(schema.get("description", "").split()))


def _type(schema: Schema, known: Schema) -> Type:
    if "$ref" in schema:
        return _type(known[schema["$ref"].rpartition("/")[2]], known)
    match schema["type"]:
        case "object" if "properties" in schema:
            return Record(_fields(schema, known))
        case "object":
            return MapOf(_type(schema["additionalProperties"], known))
        case "array":
            return ListOf(_type(schema["items"], known))
        case "string" if schema.get("format") == "date-time":
            return Scalar.TIME
        case "string":
            return Scalar.WORD if "enum" in schema else Scalar.TEXT
    return {"integer": Scalar.INTEGER, "number": Scalar.NUMBER, "boolean": Scalar.TRUTH}[
        schema["type"]
    ]
