"""Reads a recording of Kamailio: the lines of evapi and the answers to listings, in order.

JSON lines: `{"t": epoch seconds, "kind": "evapi", "raw": line}` and `{"t", "kind": "rpc", "method",
"result"}`, with `params` or, instead of a result, `error` where they were recorded. Rows of other
kinds are skipped.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.replay.recording_rows import microseconds, move_epochs, read_rows

# The times that the script writes into a line: `t`, and `read`, when it read the location table.
_TIME = re.compile(rb'(?<!\\)("(?:t|read)":\s*"?)([0-9]{10})(\.[0-9]{1,9})?(?![0-9.])')
# Epochs of usrloc's rows: in the event's own fields, and in the text of `contacts`. In a `register`
# the field `expires` is a header's text, which may look like an epoch.
_EXPIRED = re.compile(rb'(?<!\\)("(?:expires|modified)":\s*"?)([0-9]{10})(?![0-9])')
_ROW = re.compile(rb'(\\"(?:expires|modified)\\":\s*(?:\\")?)([0-9]{10})(?![0-9])')
_NAME = re.compile(rb'(?<!\\)"ev":\s*"([a-z:\-]+)"')
_CALL_ID = re.compile(rb'(?<!\\)"callid":\s*"([^"]+)"')
_HELLO, _CONTACT_EXPIRED = b"hello", b"usrloc:contact-expired"
_CALLS = (b"call", b"ringing", b"dialog:")
_REGISTRATIONS = (b"register", b"edge", b"usrloc:")
# An AOR without a domain (usrloc's use_domain=0), in an event and in a listing.
_BARE_AOR = re.compile(rb'(?<!\\)"(?:aor|user)":\s*"[^"@]+"')
_BARE_LISTED_AOR = re.compile(r'"AoR": "[^"@]+"')
_HOST = re.compile(
    r'sips?:[^@\s"<>;\\]{1,64}@([A-Za-z0-9][A-Za-z0-9.\-]*[A-Za-z])(?![A-Za-z0-9.\-])'
)
# RFC 2606; browsers use it in their contacts (RFC 7118).
_INVALID = ".invalid"
# Answers of one listing (ul.dump, then core.tcp_list, dlg.list) come within this, µs.
_LISTING_SPAN = 1_000_000


@dataclass(frozen=True, slots=True)
class RecordedLine:
    """One line of evapi. `received` is the recorder's time, µs."""

    data: bytes
    received: int

    @property
    def name(self) -> bytes:
        """The name of its event, empty where it has none."""
        found = _NAME.search(self.data)
        return found[1] if found else b""

    @property
    def kind(self) -> str:
        """What its event is about: registrations, calls or connections; empty for the server."""
        name = self.name
        if name in (b"", _HELLO):
            return ""
        if name.startswith(_REGISTRATIONS):
            return "registrations"
        return "calls" if name.startswith(_CALLS) else "connections"

    @property
    def is_hello(self) -> bool:
        """Whether it is the script's answer to a question of the producer."""
        return self.name == _HELLO

    @property
    def call_id(self) -> bytes:
        """The Call-ID of the REGISTER or dialog, empty where it has none."""
        found = _CALL_ID.search(self.data)
        return found[1] if found else b""

    @property
    def is_expiry(self) -> bool:
        """Whether it reports a contact that usrloc removed with its expiry."""
        return self.name == _CONTACT_EXPIRED and _EXPIRED.search(self.data) is not None

    def moved(self, shift: int) -> bytes:
        """The data with every time of the server moved by `shift` µs, otherwise unchanged."""

        def move(match: re.Match[bytes]) -> bytes:
            if match[3] is None:
                return move_epochs(_TIME, match[0], shift)
            at = int(match[2]) * 1_000_000 + int(match[3][1:7].ljust(6, b"0")) + shift
            return match[1] + b"%d.%06d" % divmod(at, 1_000_000)

        moved = move_epochs(_ROW, _TIME.sub(move, self.data), shift)
        return move_epochs(_EXPIRED, moved, shift) if self.name == _CONTACT_EXPIRED else moved


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """The server's answer to one JSON-RPC command; `params` is None if not recorded."""

    method: str
    params: Any
    outcome: dict[str, Any]  # `result`, or `error`
    received: int


@dataclass(frozen=True, slots=True)
class RecordedListing:
    """Answers that follow each other without an event between them."""

    answers: list[RecordedAnswer]

    @property
    def received(self) -> int:
        return self.answers[-1].received


Frame = RecordedLine | RecordedListing


def read_kamailio(path: Path) -> list[Frame]:
    """The lines and listings of a recording, in order. Raises OSError, ValueError."""
    return read_rows(path, "lines of Kamailio's evapi and answers to listings", _frames)


def _frames(rows: Iterator[dict[str, Any]]) -> list[Frame]:
    frames: list[Frame] = []
    for row in rows:
        received, kind = microseconds(row["t"]), row.get("kind")
        if kind == "evapi":
            data = row["raw"].encode("utf-8", "surrogateescape").rstrip(b"\r\n")
            frames.append(RecordedLine(data, received))
        elif kind == "rpc":
            _add(_answer(row, received), frames)
    return frames


def domain_of(path: Path, frames: list[Frame]) -> str | None:
    """The domain for AORs that are recorded without one: the most frequent in the recording's URIs.

    None where every AOR has its own. Raises OSError.
    """
    if not any(_has_bare_aor(frame) for frame in frames):
        return None
    hosts = Counter(map(str.lower, _HOST.findall(path.read_text(encoding="utf-8"))))
    named = [host for host, _ in hosts.most_common() if not host.endswith(_INVALID)]
    return named[0] if named else f"kamailio{_INVALID}"


def _has_bare_aor(frame: Frame) -> bool:
    if isinstance(frame, RecordedLine):
        return frame.kind == "registrations" and _BARE_AOR.search(frame.data) is not None
    outcomes = [answer.outcome for answer in frame.answers if answer.method.startswith("ul.")]
    return _BARE_LISTED_AOR.search(json.dumps(outcomes)) is not None


def _answer(row: dict[str, Any], received: int) -> RecordedAnswer:
    if not isinstance(row["method"], str):
        raise TypeError("a method must be a string")
    name = "error" if "result" not in row and "error" in row else "result"
    return RecordedAnswer(row["method"], row.get("params"), {name: row[name]}, received)


def _add(answer: RecordedAnswer, frames: list[Frame]) -> None:
    """Add an answer to the listing it is part of, else as a new listing."""
    last = frames[-1] if frames else None
    if (
        isinstance(last, RecordedListing)
        and 0 <= answer.received - last.answers[0].received < _LISTING_SPAN
        and all((one.method, one.params) != (answer.method, answer.params) for one in last.answers)
    ):
        last.answers.append(answer)
    else:
        frames.append(RecordedListing([answer]))
