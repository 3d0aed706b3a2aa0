"""MRCPv2 messages out of the bytes of one direction of a control connection (RFC 6787 §5). Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

START = b"MRCP/2.0"
# A longer one is no message of a recognition or a synthesis.
LENGTH_MAX = 1_000_000


class NotMrcp(ValueError):
    """What is no MRCPv2 message: what follows it in the stream cannot be read either."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request, a response or an event.

    `method` is the request's or the event's name, empty in a response, whose `status` is its code
    (0 in the others). `state`: PENDING, IN-PROGRESS or COMPLETE, empty in a request. Header names
    are in lower case.
    """

    request: int
    state: str
    method: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def cause(self) -> str:
        """The completion cause, as `000 success`; empty where there is none."""
        return self.headers.get("completion-cause", "")

    @property
    def channel(self) -> str:
        """The channel, as `da64e69856814e96@speechrecog`; empty where there is none."""
        return self.headers.get("channel-identifier", "")


class Messages:
    """Takes bytes as they come, and returns whole messages."""

    def __init__(self) -> None:
        self._data = b""

    @property
    def is_empty(self) -> bool:
        """Whether a message begins with the next byte."""
        return not self._data

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are complete now. Raises NotMrcp."""
        self._data += data
        while (end := self._data.find(b"\r\n")) >= 0:
            length = _length_in(self._data[:end])
            if len(self._data) < length:
                return
            message, self._data = self._data[:length], self._data[length:]
            yield read_message(message)
        if len(self._data) > LENGTH_MAX:
            raise NotMrcp(f"no line: {self._data[:80]!r}")


def read_message(message: bytes) -> Message:
    """One whole message, or its head alone. Raises NotMrcp."""
    head, _, body = message.partition(b"\r\n\r\n")
    first, *lines = head.decode("utf-8", "replace").split("\r\n")
    parts = first.split(" ")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    try:
        if parts[2].isdigit():  # version, length, request, status, state
            return Message(int(parts[2]), parts[4], "", int(parts[3]), headers, body)
        state = parts[4] if len(parts) > 4 else ""  # an event has one, a request has not
        return Message(int(parts[3]), state, parts[2], 0, headers, body)
    except (IndexError, ValueError) as error:
        raise NotMrcp(f"no request, response or event: {first[:80]!r}") from error


def _length_in(line: bytes) -> int:
    parts = line.split(b" ")
    if len(parts) < 4 or parts[0] != START or not parts[1].isdigit() or len(parts[1]) > 9:
        raise NotMrcp(f"no MRCPv2 message: {line[:80]!r}")
    if not len(line) < int(parts[1]) <= LENGTH_MAX:
        raise NotMrcp(f"no length of a message: {line[:80]!r}")
    return int(parts[1])
