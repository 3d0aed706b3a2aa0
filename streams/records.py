"""Records that a session's batch writes, with their CloudEvents headers."""

from schemas import topics
from schemas.cloudevents import event_headers, headers
from streams import state
from streams.effects import Record
from streams.state import ConnectionOwner, Presence


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
    return Record(topics.PRESENCE, partition, key, state.encode(presence), head)


def owner_record(owner: ConnectionOwner, traceparent: str | None) -> Record:
    """The announcement of a connection's owner, under the connection's key."""
    return Record(
        topics.CONNECTION_OWNERS,
        None,
        owner.connection.encode(),
        state.encode(owner),
        event_headers(topics.CONNECTION_OWNERS, owner, owner.connection, traceparent),
    )
