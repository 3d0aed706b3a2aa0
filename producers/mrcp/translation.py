"""Changes of an MRCP server's requests → records of `rollcall.speech`; and the server's own marks.

Pure but for the counter of records.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from producers.mrcp.requests import Change
from producers.node_marks import node_mark
from producers.translated import Translated
from schemas.codec import build
from schemas.speech import SpeechEvent
from schemas.topics import SPEECH
from schemas.vocabulary import NodeKind, Source

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Context:
    """One MRCP server. `boot` changes with its process, `seq` grows with every record."""

    node: str
    with_text: bool = False
    boot: str = "unknown"
    seq: int = 0

    def started(self, at: datetime) -> None:
        """The server's process has begun."""
        self.boot = f"start-{microseconds(at)}"

    def next_seq(self, at: datetime) -> int:
        """The record's place: its time, where that is later than the last one's."""
        self.seq = max(self.seq + 1, microseconds(at))
        return self.seq

    @property
    def dead_letter_key(self) -> str:
        """The key of its dead letters."""
        return f"{Source.MRCP.value}/{self.node}"


def speech_record(change: Change, context: Context) -> Translated:
    """The record of one change. Raises InvalidRecord."""
    request, kind, at = change
    session = f"{context.node}/{request.channel}/{request.number}"
    event = build(
        SpeechEvent,
        id=f"{session}/{kind.value}",
        source=Source.MRCP,
        node=context.node,
        boot=context.boot,
        seq=context.next_seq(at),
        at=at,
        kind=kind,
        session=session,
        server=context.node,
        **request.fields(with_text=context.with_text),
    )
    return Translated(SPEECH, request.leg, event)


def mark(kind: NodeKind, context: Context, at: datetime, reason: str | None = None) -> Translated:
    """An event of the server itself."""
    seq = context.next_seq(at)
    origin: dict[str, Any] = {
        "id": f"{context.node}/{context.boot}/{seq}",
        "source": Source.MRCP,
        "node": context.node,
        "boot": context.boot,
        "seq": seq,
        "at": at,
    }
    return node_mark(kind, origin, reason=reason)


def microseconds(at: datetime) -> int:
    """Since the epoch."""
    return (at - _EPOCH) // timedelta(microseconds=1)
