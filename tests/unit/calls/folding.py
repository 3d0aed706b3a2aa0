"""Calls without Kafka: recordings through the real translations, and events through the fold."""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from calls.fold.book import CallBook
from local.replay.esl_recording import read_capture
from producers.freeswitch import event as switch_events
from producers.freeswitch import translation
from producers.freeswitch.context import Context
from producers.freeswitch.speech_sessions import SpeechSessions
from producers.translated import Translated
from schemas import codec, topics
from schemas.call import CallEvent
from schemas.call_record import CallRecord
from schemas.internal import NodeState
from schemas.vocabulary import CallKind, NodeKind, Source
from tests.unit.opensips_capture import EDGES, Play, rows

NOW = datetime(2030, 1, 1, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
MARGIN = timedelta(seconds=60)
ALICE, BOB, CAROL = (f"sip:{name}@example.test" for name in ("alice", "bob", "carol"))


def event(
    kind: CallKind, seq: int, leg: str | None = "a", node: str = "fs-1", **fields: Any
) -> CallEvent:
    """One event of a leg, `seq` seconds after the start of all."""
    given: dict[str, Any] = {
        "id": f"{node}/boot/{seq}",
        "source": Source.FREESWITCH,
        "node": node,
        "boot": "boot",
        "seq": seq,
        "at": START + timedelta(seconds=seq),
        "kind": kind,
        "leg": leg,
    }
    return CallEvent(**(given | fields))


def last(book: CallBook) -> dict[str, CallRecord]:
    """The records that have changed, by id, as a reader of the topic has them."""
    return {r.id: codec.decode(CallRecord, codec.encode(r)) for r in book.records()}


def folded(events: Iterable[CallEvent]) -> list[CallRecord]:
    """The calls of these events in the order of their start, without those that were merged."""
    book = CallBook(1)
    for one in events:
        book.read_call(one, 0, NOW)
    return calls_of(book)


def calls_of(book: CallBook) -> list[CallRecord]:
    found = [record for record in last(book).values() if record.merged_into is None]
    return sorted(found, key=lambda record: (record.started, record.call))


def fold(records: Iterable[Translated]) -> list[CallRecord]:
    """The calls of a recording's records, each read once the call before it is."""
    book, later = CallBook(1), []
    for record in records:
        if record.topic is topics.CALLS:
            book.read_call(record.event, 0, NOW)
        elif record.topic is topics.NODES and record.event.kind in (NodeKind.UP, NodeKind.DOWN):
            state = NodeState(boot=record.event.boot, at=record.event.at)
            state.down = record.event.kind is NodeKind.DOWN
            book.read_node(record.event.node, state, NOW)
        elif record.topic is topics.SPEECH:
            later.append(record.event)
    for one in later:
        assert book.read_speech(one, NOW)
    return calls_of(book)


def freeswitch(path: Path, *, speech: bool = False) -> list[Translated]:
    """Everything that a recorded FreeSWITCH's producer publishes."""
    context = Context(None, MARGIN, speech=SpeechSessions() if speech else None)
    return [
        record
        for frame in read_capture(path)
        if frame.name
        for record in translation.translate(switch_events.parse(frame.body), context)
    ]


def edge(name: str) -> list[Translated]:
    """OpenSIPS before a FreeSWITCH, by the time of receipt."""
    play, context = Play(node="edge"), Context("fs", MARGIN)
    pieces: list[tuple[float, int, Any]] = []
    for row in rows(EDGES / f"{name}.datagram"):
        pieces.append((row["t"], len(pieces), row))
    for frame in read_capture(EDGES / f"{name}.fs.json"):
        pieces.append((frame.received / 1e6, len(pieces), frame.body))
    found: list[Translated] = []
    for at, _, piece in sorted(pieces, key=lambda p: p[:2]):
        if isinstance(piece, bytes):
            found += translation.translate(switch_events.parse(piece), context)
        else:
            before = len(play.collector.records)
            play.datagram(at, base64.b64decode(piece["b64"]))
            found += play.collector.records[before:]
    return found
