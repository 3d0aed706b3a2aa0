"""The topics as one AsyncAPI 3.0 document: channels, keys, headers, who sends and who receives."""

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from schemas import golden, topics
from schemas.topic import Topic

# The contract's. An incompatible change raises the first number that is not 0 (schemas.publish).
VERSION = "0.5.0"
_KAFKA_BINDING = "0.5.0"
_DESCRIPTION = """\
Who is reachable right now, on which SIP node, and why.

Records are JSON with CloudEvents 1.0 headers (Kafka binding, binary mode) and a W3C traceparent.
Delivery is at least once: event ids are deterministic and presence versions only grow, so readers
recognise repeats. Readers ignore fields they do not know. All topics have the same number of
partitions and one partitioner (murmur2 of the key), so records of one key meet in one partition
number whatever their topic."""

_HEADERS: dict[str, Any] = {
    "type": "object",
    "description": "CloudEvents 1.0 attributes, content type and trace context; UTF-8 texts.",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject"],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string", "description": "The event's id: a repeat has the same."},
        "ce_source": {"type": "string", "description": "rollcall/SOURCE/NODE."},
        "ce_type": {"type": "string", "description": "The topic's type, and the event's kind."},
        "ce_time": {"type": "string", "format": "date-time", "description": "When it happened."},
        "ce_subject": {"type": "string", "description": "The record's key."},
        "content-type": {"type": "string", "const": "application/json"},
        "traceparent": {
            "type": "string",
            "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            "description": "W3C Trace Context.",
        },
    },
}


class Untitled(GenerateJsonSchema):
    """pydantic's JSON Schema without a title on every field that only repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


def document() -> dict[str, Any]:
    """The AsyncAPI document; the same topics, models and examples give the same document."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:rollcall:events",
        "info": {"title": "Rollcall", "version": VERSION, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics.ALL},
        "operations": _operations(),
        "components": {
            "messages": {topic.name: _message(topic) for topic in topics.ALL},
            "schemas": {"Headers": _HEADERS, **_schemas()},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    configuration: dict[str, Any] = {"cleanup.policy": [topic.cleanup.value]}
    if topic.retention is not None:
        configuration["retention.ms"] = int(topic.retention.total_seconds() * 1000)
    return {
        "address": topic.name,
        "title": topic.title,
        "description": f"Key: {topic.key}. The partition is the key's murmur2 hash.",
        "tags": [{"name": "internal" if topic.internal else "public"}],
        "messages": {topic.model.__name__: {"$ref": f"#/components/messages/{topic.name}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "topicConfiguration": configuration,
                "bindingVersion": _KAFKA_BINDING,
            }
        },
    }


def _message(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.model.__name__,
        "title": topic.title,
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"#/components/schemas/{topic.model.__name__}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": topic.key},
                "bindingVersion": _KAFKA_BINDING,
            }
        },
        "examples": [
            {"name": example.name, "payload": example.value} for example in golden.examples(topic)
        ],
    }


def _operations() -> dict[str, Any]:
    operations = {}
    for topic in topics.ALL:
        for action, stages in (("send", topic.writers), ("receive", topic.readers)):
            for stage in stages:
                operations[f"{stage.replace('/', '-')}.{action}.{topic.name}"] = {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{topic.name}"},
                    "title": f"{stage}: {action} {topic.title[0].lower()}{topic.title[1:]}",
                    "tags": [{"name": stage}],
                }
    return operations


def _schemas() -> dict[str, Any]:
    """Every model under its name, references pointing into this document."""
    inputs: Any = [(topic.name, "validation", TypeAdapter(topic.model)) for topic in topics.ALL]
    _, definitions = TypeAdapter.json_schemas(
        inputs, ref_template="#/components/schemas/{model}", schema_generator=Untitled
    )
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas
