"""One message to subscribers: a presence record, framed once for all of them (pure)."""

from dataclasses import dataclass

from schemas.codec import InvalidRecord, decode, encode
from schemas.presence import Presence
from schemas.sip_uri import MalformedUri, canonical_aor
from sinks.gateway.facts import NO_FACTS, Facts, facts_of

# Outside of JSON's strings, which hold no line ends, they are white space; in an event stream they
# would end the data.
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")
_END = b"\n\n"


@dataclass(slots=True, eq=False)
class Message:
    """A message as it is sent over SSE; the other forms are cut from it.

    `version` is 0 where it is no presence record. `at`: the record's time in Kafka, seconds since
    the epoch; 0.0 where it is no record. `facts`: what lists have of the record.
    """

    aor: str
    version: int
    sse: bytes
    at: float
    start: int
    facts: Facts = NO_FACTS

    @property
    def value(self) -> bytes:
        """The JSON alone, byte for byte as in Kafka (a line end is a space)."""
        return self.sse[self.start : -len(_END)]

    @property
    def text(self) -> str:
        """The JSON as a WebSocket message."""
        return self.value.decode()

    @property
    def domain(self) -> str:
        return domain_of(self.aor)


def domain_of(aor: str) -> str:
    """The host of a canonical AOR."""
    return aor.rpartition("@")[2]


def presence_message(value: bytes, at: float) -> Message:
    """The message of a record's value. Its SSE id is `AOR/VERSION`, as that of the CloudEvent.

    Raises InvalidRecord: no presence record, no UTF-8, or an AOR that is not canonical (no request
    could name it, and it could break out of its line).
    """
    presence = decode(Presence, value)
    try:
        value.decode()
        _, _, rest = presence.aor.partition(":")
        user, _, host = rest.rpartition("@")
        canonical = canonical_aor(user, host)
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
    sse = head + data + _END
    return Message(presence.aor, presence.version, sse, at, len(head), facts_of(presence))


def reframed(message: Message, value: bytes) -> Message:
    """The message with another JSON text (without line ends) of the same user and version."""
    head = message.sse[: message.start]
    sse = head + value + _END
    return Message(message.aor, message.version, sse, message.at, message.start, message.facts)


def removal_message(aor: str, at: float) -> Message:
    """The message that there is no record of this user any more."""
    return _marker("removed", {"event": "removed", "aor": aor}, aor, at)


def _marker(event: str, content: dict[str, str], aor: str = "", at: float = 0.0) -> Message:
    head = f"event: {event}\ndata: ".encode()
    return Message(aor, 0, head + encode(content) + _END, at, len(head))


# After the present state, before the first change.
LIVE = _marker("live", {"event": "live"})
# The last event of a stream whose token has expired.
EXPIRED = _marker("expired", {"event": "expired"})
