"""MRCPv2 messages as they are on the control connection (RFC 6787 §5; pure)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

# More, and it is no answer to a recognition.
_LENGTH_MAX = 1_000_000
_VERSION = b"MRCP/2.0"


class NotMrcp(ValueError):
    """The server sent what is no MRCPv2 message: the session is lost."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response or an event. `method` is the event's name, empty in a response, whose `status` is
    its code (0 in an event). `state`: PENDING, IN-PROGRESS or COMPLETE. Header names are in lower
    case."""

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


def request(method: str, number: int, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request. Its length, in its own first line, counts that line too (§5.1)."""
    fields = dict(headers)
    if body:
        fields["Content-Length"] = str(len(body))
    rest = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n"
    rest += body

    def line(length: int) -> bytes:
        return b"%s %d %s %d\r\n" % (_VERSION, length, method.encode(), number)

    length = len(line(0)) + len(rest)
    while (found := len(line(length)) + len(rest)) != length:
        length = found
    return line(length) + rest


class Answers:
    """Takes bytes as they come, and returns whole answers."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> Iterator[Answer]:
        """The answers that are complete now. Raises NotMrcp."""
        self._data += data
        while (end := self._data.find(b"\r\n")) >= 0:
            length = _length_in(self._data[:end])
            if len(self._data) < length:
                return
            message, self._data = self._data[:length], self._data[length:]
            yield _answer_in(message)


def _length_in(line: bytes) -> int:
    parts = line.split(b" ")
    if len(parts) < 4 or parts[0] != _VERSION or not parts[1].isdigit():
        raise NotMrcp(f"no MRCPv2 message: {line[:80]!r}")
    if not len(line) < int(parts[1]) <= _LENGTH_MAX:
        raise NotMrcp(f"no length of a message: {line[:80]!r}")
    return int(parts[1])


def _answer_in(message: bytes) -> Answer:
    head, _, body = message.partition(b"\r\n\r\n")
    first, *lines = head.decode("utf-8", "replace").split("\r\n")
    parts = first.split(" ")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    try:
        if parts[2].isdigit():  # version, length, request, status, state
            return Answer(int(parts[2]), parts[4], "", int(parts[3]), headers, body)
        return Answer(int(parts[3]), parts[4], parts[2], 0, headers, body)
    except (IndexError, ValueError) as error:
        raise NotMrcp(f"neither a response nor an event: {first[:80]!r}") from error
