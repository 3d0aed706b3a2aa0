"""Presence and owner records of a batch of sessions, with their CloudEvents headers."""

from schemas import topics
from schemas.cloudevents import event_headers, headers
from streams import models
from streams.batches.effects import Record
from streams.models import CallOwner, ConnectionOwner, ForgetCommand, Presence


def presence_record(
    partition: int, presence: Presence, traceparent: str | None, key: bytes
) -> Record:
    """A presence record with its CloudEvents headers; its id is the user's version."""
    head = headers(
        topics.PRESENCE,
        id=f"{presence.aor}/{presence.version}",
        source="rollcall/streams",
        subject=presence.aor,
        time=presence.at,
        traceparent=traceparent,
    )
    return Record(topics.PRESENCE, partition, key, models.encode(presence), head)


def forgotten_record(partition: int, command: ForgetCommand, traceparent: str | None) -> Record:
    """The tombstone of a user's presence; the user center gets it as an event of that kind."""
    head = headers(
        topics.PRESENCE,
        id=f"{command.aor}/forgotten/{command.id}",
        source="rollcall/streams",
        subject=command.aor,
        time=command.at,
        kind="forgotten",
        traceparent=traceparent,
    )
    return Record(topics.PRESENCE, partition, command.aor.encode(), None, head)


def owner_record(owner: ConnectionOwner | CallOwner, traceparent: str | None) -> Record:
    """The record of an owner, under the key of its connection or call."""
    if isinstance(owner, CallOwner):
        topic, key = topics.CALL_OWNERS, owner.call_id
    else:
        topic, key = topics.CONNECTION_OWNERS, owner.connection
    head = event_headers(topic, owner, key, traceparent)
    return Record(topic, None, key.encode(), models.encode(owner), head)
