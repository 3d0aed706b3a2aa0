"""A presence record as one CloudEvent of the batch that is posted (pure)."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from schemas.codec import InvalidRecord, encode
from schemas.presence import Presence
from schemas.times import rfc3339
from schemas.topics import FORGOTTEN_TYPE, PRESENCE
from schemas.vocabulary import Cause, Status

CONTENT_TYPE = "application/cloudevents-batch+json"

# Headers of the Kafka binding that become attributes; `traceparent` is the tracing extension.
_ATTRIBUTES = ("id", "source", "type", "time", "subject")


def cloud_event(
    presence: Presence, value: bytes, headers: Iterable[tuple[str, bytes | None]] | None
) -> bytes:
    """The CloudEvent (JSON format) of a Kafka record in binary mode.

    `data` is the record's value byte for byte, so fields of later schema versions pass through.
    Attributes the headers lack are made from the record: the same record gives the same event.
    Raises InvalidRecord where bytes in a field that is not decoded are no UTF-8: no batch may hold
    them.
    """
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise InvalidRecord(None, f"not UTF-8: {error.reason}") from error
    identifier = f"{presence.aor}/{presence.version}"
    return _event(presence, identifier, PRESENCE.type, value, headers)


def forgotten_event(
    aor: str, at: datetime, headers: Iterable[tuple[str, bytes | None]] | None
) -> bytes:
    """The CloudEvent of a tombstone: the user's state is to be deleted.

    `data` is a record of version 0, which a receiver that does not know the type ignores as old.
    """
    presence = Presence(
        aor=aor,
        version=0,
        status=Status.OFFLINE,
        reachable=False,
        cause=Cause.ADMINISTRATIVE,
        at=at,
        bindings=[],
        calls=[],
        evidence=[],
    )
    return _event(presence, f"{aor}/forgotten", FORGOTTEN_TYPE, encode(presence), headers)


def _event(
    presence: Presence,
    identifier: str,
    kind: str,
    value: bytes,
    headers: Iterable[tuple[str, bytes | None]] | None,
) -> bytes:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": identifier,
        "source": "rollcall/streams",
        "type": kind,
        "time": rfc3339(presence.at),
        "subject": presence.aor,
        "datacontenttype": "application/json",
    }
    given = {name: raw for name, raw in headers or () if raw is not None}
    for attribute in _ATTRIBUTES:
        if raw := given.get(f"ce_{attribute}"):
            event[attribute] = raw.decode("utf-8", "replace")
    if trace := given.get("traceparent"):
        event["traceparent"] = trace.decode("ascii", "replace")
    event["data"] = msgspec.Raw(value)
    return encode(event)


def record_of(event: bytes) -> bytes:
    """The Kafka record's value in a CloudEvent of `cloud_event`."""
    return bytes(msgspec.json.decode(event, type=_Envelope).data)


class _Envelope(msgspec.Struct):
    data: msgspec.Raw


def batch_body(events: Iterable[bytes]) -> bytes:
    """The JSON array of a batch (CloudEvents JSON format 1.0, §4)."""
    return b"[" + b",".join(events) + b"]"


def message_id(positions: Iterable[tuple[str, int, int]]) -> str:
    """The webhook-id of the batch of these (topic, partition, offset): always the same."""
    digest = hashlib.sha256()
    for topic, partition, offset in positions:
        digest.update(f"{topic}/{partition}/{offset}\n".encode())
    return f"msg_{digest.hexdigest()[:32]}"
