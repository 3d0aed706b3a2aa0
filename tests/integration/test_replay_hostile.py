"""A recorded switch whose callers are hostile: broken events are set aside, the rest goes on.

Made from real frames. Every text a caller may choose holds what has fooled parsers of this
protocol before; beside them come events that lack something or have too much of it.
"""

import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.replay.esl_recording import RecordedFrame, read_capture
from producers.freeswitch.context import Context
from producers.freeswitch.event import parse
from producers.freeswitch.translation import translate
from runtime.kafka import KafkaSettings
from schemas import topics
from sinks.clickhouse.settings import ClickHouseSettings
from tests.capture_truth import CAPTURES, HUNG_UP, ON, RING, TALK
from tests.eventually import eventually
from tests.integration.clickhouse_support import opened
from tests.integration.freeswitch_process import records
from tests.integration.rollcall_process import rollcall
from tests.replaying import changes, into, lines
from tests.stages import StageProcess

# The recording's first seconds: three users register, the first calls the second.
END_OF_FIRST_CALL = 1_795_500_394_000_000
HOSTILE = [
    "x\nfrom-user: 1003\nexpires: 0",
    "x\r\n\r\nContent-Length: 5\r\n\r\nhello",
    "x\n\nContent-Length: 5\nContent-Type: text/event-json\n\n{}\n\n",
    "%0Afrom-user: 1003%0AExpires: 0%0A%0A",
    '","from-user":"1003","expires":"0","x":"',
    '\\","from-user":"1003","x":"',
    '{"Event-Name":"SHUTDOWN","Event-Date-Timestamp":"1111111111111111"}',
    "Event-Name: SHUTDOWN\n\n",
    "\u2028\u0000\ufffd\U0001f4de",
]
# Of a caller's own choice; the switch only passes them on.
CHOSEN = (
    *("user-agent", "Caller-Caller-ID-Name", "Caller-Orig-Caller-ID-Name"),
    *("variable_sip_user_agent", "variable_switch_r_sdp", "variable_sip_from_display"),
)
# What each broken copy of a register changes; None: that header is missing.
BROKEN: list[tuple[str, str | None, str]] = [
    ("from-user", None, "missing"),
    ("contact", None, "missing"),
    ("expires", None, "missing"),
    ("expires", "soon", "not a number of seconds"),
    ("call-id", "c" * 5000, "longer than 1024 characters"),
    ("network-port", "65536", "not a port"),
    ("Core-UUID", "a\nb", "not a plain name"),
    ("Event-Sequence", None, "missing"),
]


def original() -> list[RecordedFrame]:
    frames = read_capture(CAPTURES / "calls.json")
    return [frame for frame in frames if frame.at < END_OF_FIRST_CALL and frame.name]


def hostile_bodies() -> Iterator[bytes]:
    """Every frame with hostile texts, and after the first register all broken events."""
    broken = False
    for number, frame in enumerate(original()):
        event = json.loads(frame.body)
        for index, name in enumerate(CHOSEN):
            if name in event:
                event[name] = HOSTILE[(number + index) % len(HOSTILE)]
        if "contact" in event:
            event["contact"] = event["contact"].replace('""', '"x\nfrom-user: 1003 <sip:a@b>"')
        yield encode(event)
        if frame.name == "sofia::register" and not broken:
            broken = True
            yield from broken_bodies(json.loads(frame.body))


def broken_bodies(register: dict[str, Any]) -> Iterator[bytes]:
    """Of a user nobody else is, each with a sequence number of its own."""
    register["from-user"] = register["to-user"] = "1666"
    for number, (name, value, _) in enumerate(BROKEN):
        event = register | {"Event-Sequence": str(900_000 + number), name: value}
        yield encode({k: v for k, v in event.items() if v is not None})
    yield encode(register | {"Event-Sequence": "900100"})[:-20]
    yield encode(register | {"Event-Sequence": "900101", "user-agent": "u" * (5 * 2**20)})


def encode(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "hostile.json"
    with path.open("wb") as file:
        for body in hostile_bodies():
            file.write(b"Content-Length: %d\nContent-Type: text/event-json\n\n" % len(body))
            file.write(body)
    return path


def plain(event: Any) -> dict[str, Any]:
    """A record without the two kinds of field that may differ: moved times, and the chosen one."""
    moved = ("at", "expires_at", "expired_due", "user_agent")
    return {f.name: getattr(event, f.name) for f in fields(event) if f.name not in moved}


def test_hostile_callers_change_only_what_is_theirs(
    recording: Path, tmp_path: Path, kafka: KafkaSettings
) -> None:
    store = tmp_path / "clickhouse"
    with (
        StageProcess("streams.stage", tmp_path, kafka),
        StageProcess(
            "sinks.clickhouse.stage", tmp_path, kafka, ROLLCALL_CLICKHOUSE_FOLDER=str(store)
        ) as sink,
    ):
        done = rollcall(
            *("replay", f"freeswitch={recording}", *into(kafka), "--json"),
            folder=tmp_path,
            kafka=kafka,
        )
        seen = lines(done)
        letters = [letter for _, letter in records(kafka, topics.DEAD_LETTERS)]
        rows = sink.status
        eventually(lambda: rows()["rows"]["dead_letters"] >= len(letters), 60, what="stored")
        assert sink.terminate() == 0

    # The rest went on.
    called, calling = [ON, RING, TALK, HUNG_UP], [ON, RING, RING, TALK, HUNG_UP]
    assert changes(seen) == {"1001": calling, "1002": called, "1003": [ON]}

    # Each broken event is set aside with its source, its field and the reason.
    found = [(letter.source, letter.field, letter.reason) for letter in letters]
    expected = [("freeswitch/vm", name, reason) for name, _, reason in BROKEN]
    assert [t for t in found if t[1] is not None] == expected
    not_json, too_large = (t for t in found if t[1] is None)
    assert not_json[2].startswith("not JSON")
    assert too_large[2].startswith("frame too large")
    with opened(ClickHouseSettings(folder=store)) as database:
        stored = database.query("SELECT source, field, reason FROM dead_letters")
    assert sorted(map(str, stored)) == sorted(map(str, found))

    _check_records(kafka, seen)


def _check_records(kafka: KafkaSettings, seen: list[dict[str, Any]]) -> None:
    """Every record is what the untouched event says, but for the text that was its caller's."""
    context = Context(None, timedelta(seconds=60))
    untouched = {
        record.event.id: record.event
        for frame in original()
        for record in translate(parse(frame.body), context)
        if record.topic in (topics.REGISTRATIONS, topics.CALLS)
    }
    found = {event.id: event for _, event in records(kafka, topics.REGISTRATIONS, topics.CALLS)}
    assert set(found) == set(untouched)
    agents = set()
    for name, event in found.items():
        assert plain(event) == plain(untouched[name])
        agents.add(getattr(event, "user_agent", None))
    assert agents - {None} <= set(HOSTILE)
    assert len(agents) > 2
    agents = {b["user_agent"] for presence in seen for b in presence["bindings"]}
    assert agents <= set(HOSTILE)
