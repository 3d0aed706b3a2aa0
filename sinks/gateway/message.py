"""One message to subscribers: a presence record, framed once for all of them (pure)."""

from functools import lru_cache
from typing import Any

import msgspec

from schemas.codec import InvalidRecord, decode, encode
from schemas.presence import Presence
from schemas.sip_uri import MalformedUri, aor_of
from sinks.gateway.facts import NO_FACTS, Facts, facts_of

# Outside of JSON's strings, which hold no line ends, they are white space; in an event stream they
# would end the data.
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")
_END = b"\n\n"
_NUMBER_BITS = 16
_LEFT_KEPT = 1024
# In the place of the AOR of a message that is about no user, and is no cursor.
ANSWER = "answer"
# Partitions of a topic.
NUMBER_MAX = (1 << _NUMBER_BITS) - 1


class Message(msgspec.Struct, eq=False, gc=False):
    """A message as it is sent over SSE; the other forms are cut from it.

    `version` is 0 where it is no presence record. `at`: the record's time in Kafka, seconds since
    the epoch; 0.0 where it is no record. `facts`: what lists have of the record. `place`: its
    partition and offset (place_of).
    """

    aor: str
    version: int
    sse: bytes
    at: float
    start: int
    facts: Facts = NO_FACTS
    place: int = 0

    @property
    def sse_without_id(self) -> bytes:
        """The event without its first line, the id `AOR/VERSION`; only of a presence record."""
        return self.sse[self.sse.index(b"\n") + 1 :]

    @property
    def value(self) -> bytes:
        """The JSON alone, byte for byte as in Kafka (a line end is a space)."""
        return self.sse[self.start : -len(_END)]

    @property
    def text(self) -> str:
        """The JSON as a WebSocket message."""
        return self.value.decode()

    @property
    def is_cursor(self) -> bool:
        """Whether a subscriber that has received it can resume there."""
        return not self.aor

    @property
    def domain(self) -> str:
        return domain_of(self.aor)


def place_of(number: int, offset: int) -> int:
    """Partition and offset in one number: half the memory of two, for each user."""
    return offset << _NUMBER_BITS | number


def number_in(place: int) -> int:
    """The partition of a place."""
    return place & NUMBER_MAX


def offset_in(place: int) -> int:
    """The offset of a place."""
    return place >> _NUMBER_BITS


def domain_of(aor: str) -> str:
    """The host of a canonical AOR."""
    return aor.rpartition("@")[2]


def presence_message(value: bytes, at: float, place: int = 0) -> Message:
    """The message of a record's value. Its SSE id is `AOR/VERSION`, as that of the CloudEvent.

    Raises InvalidRecord: no presence record, no UTF-8, or an AOR that is not canonical (no request
    could name it, and it could break out of its line).
    """
    presence = decode(Presence, value)
    try:
        value.decode()
        canonical = aor_of(presence.aor)
    except UnicodeDecodeError as error:
        raise InvalidRecord(None, f"not UTF-8: {error.reason}") from error
    except MalformedUri as error:
        raise InvalidRecord("aor", str(error)) from error
    if canonical != presence.aor:
        raise InvalidRecord("aor", f"not canonical: that would be {canonical}")
    if presence.version < 1:
        raise InvalidRecord("version", "less than 1")
    head = f"id: {presence.aor}/{presence.version}\nevent: presence\ndata: ".encode()
    data = value.translate(_LINE_ENDS)
    sse, facts = head + data + _END, facts_of(presence)
    return Message(presence.aor, presence.version, sse, at, len(head), facts, place)


def reframed(message: Message, value: bytes) -> Message:
    """The message with another JSON text (without line ends) of the same user and version."""
    sse = message.sse[: message.start] + value + _END
    return msgspec.structs.replace(message, sse=sse)


def removal_message(aor: str, at: float, place: int = 0) -> Message:
    """The message that there is no record of this user any more."""
    return _marker({"event": "removed", "aor": aor}, aor=aor, at=at, place=place)


def live_message(cursor: str, *, resumed: bool) -> Message:
    """After the present state, or after what is newer than the subscriber's cursor."""
    return _marker({"event": "live", "resumed": resumed, "cursor": cursor}, cursor)


def cursor_message(cursor: str) -> Message:
    """Everything before this was sent: a subscriber that reconnects can resume here."""
    return _marker({"event": "cursor", "cursor": cursor}, cursor)


@lru_cache(_LEFT_KEPT)
def left_message(message: Message) -> Message:
    """To subscribers of reachable users: the user is none any more."""
    content = {"event": "removed", "aor": message.aor, "reason": "unreachable"}
    return _marker(content, aor=message.aor, at=message.at, place=message.place)


def answer_message(content: dict[str, Any]) -> Message:
    """The answer to a subscriber's command."""
    return _marker(content, aor=ANSWER)


def _marker(
    content: dict[str, Any], id_: str = "", *, aor: str = "", at: float = 0.0, place: int = 0
) -> Message:
    head = (f"id: {id_}\n" if id_ else "") + f"event: {content['event']}\ndata: "
    encoded = head.encode()
    sse = encoded + encode(content) + _END
    return Message(aor, 0, sse, at, len(encoded), place=place)


# The last event of a stream whose token has expired.
EXPIRED = _marker({"event": "expired"})
