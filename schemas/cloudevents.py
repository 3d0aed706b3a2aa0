"""CloudEvents 1.0 headers of a Kafka record (Kafka protocol binding, binary mode)."""

from datetime import datetime
from typing import Any

import msgspec

from schemas.topic import Topic

Headers = list[tuple[str, bytes]]

_SPECVERSION = ("ce_specversion", b"1.0")
_JSON = ("content-type", b"application/json")
# Times as in the record's own JSON, RFC 3339; ten times faster than isoformat().
_quoted_time = msgspec.json.Encoder().encode


def headers(
    topic: Topic,
    *,
    id: str,  # noqa: A002 - the attribute's own name
    source: str,
    subject: str,
    time: datetime,
    kind: str | None = None,
    traceparent: str | None = None,
) -> Headers:
    """Headers for one record: `type` is the topic's, with the event's kind appended.

    `source` is `rollcall/SOURCE/NODE`, `subject` the record's key, `time` when it happened.
    """
    result: Headers = [
        _SPECVERSION,
        ("ce_id", id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", (f"{topic.type}.{kind}" if kind else topic.type).encode()),
        ("ce_time", _quoted_time(time)[1:-1]),
        ("ce_subject", subject.encode()),
        _JSON,
    ]
    if traceparent:
        result.append(("traceparent", traceparent.encode()))
    return result


def event_headers(topic: Topic, event: Any, key: str, traceparent: str | None = None) -> Headers:
    """Headers for a source event (schemas.origin.Event or a model with the same fields)."""
    return headers(
        topic,
        id=event.id,
        source=f"rollcall/{event.source}/{event.node}",
        subject=key,
        time=event.at,
        kind=getattr(event, "kind", None),
        traceparent=traceparent,
    )
