"""Speech sessions of recorded calls against the MRCP control connection's own messages."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from producers.freeswitch import speech, translation
from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.speech_sessions import SpeechSessions
from schemas.codec import InvalidRecord
from schemas.speech import SpeechEvent
from schemas.topics import SPEECH
from schemas.vocabulary import SpeechKind, SpeechResource
from tests.unit.freeswitch_capture import MARGIN

CAPTURES = Path(__file__).parents[3] / "captures" / "speech"
NAMES = sorted(path.name.removesuffix(".esl.json") for path in CAPTURES.glob("*.esl.json"))


def switch_events(name: str) -> list[SwitchEvent]:
    """The capture's events, a repeat of a sequence number once, as the intake takes them."""
    lines = (CAPTURES / f"{name}.esl.json").read_text().splitlines()
    events = [SwitchEvent(json.loads(line)["event"]) for line in lines]
    return list({(event.boot, event.seq): event for event in events}.values())


def context(**changes: Any) -> Context:
    return Context(None, MARGIN, speech=SpeechSessions(), **changes)


def published(name: str, **changes: Any) -> list[SpeechEvent]:
    one = context(**changes)
    records = [r for e in switch_events(name) for r in translation.translate(e, one)]
    return [record.event for record in records if record.topic is SPEECH]


def ended(name: str, **changes: Any) -> SpeechEvent:
    """The only session of a capture, as its last record shows it."""
    (last,) = [e for e in published(name, **changes) if e.kind is SpeechKind.ENDED]
    return last


def mrcp(name: str, message: str) -> float | None:
    """When a message was on the control connection."""
    for line in (CAPTURES / f"{name}.mrcp").read_text().splitlines():
        row = json.loads(line)
        if message in (row.get("text") or "").partition("\r\n")[0]:
            return float(row["t"])
    return None


def test_all_captures_are_here() -> None:
    assert len(NAMES) == 12


@pytest.mark.parametrize(
    ("name", "cause", "results"),
    [
        ("fs_pds_success", "success", 1),
        ("fs_pds_globalvar", "success", 1),
        ("fs_detect_speech", "success", 1),
        ("fs_park_fire_duplicates", "success", 1),
        ("fs_pds_noinput", "no-input-timeout", 1),
        ("fs_pds_nomatch", "no-match", 1),
        ("fs_pds_badgrammar", "grammar-error", 0),
        ("fs_pds_caller_hangup", "hangup", 0),
        ("fs_pds_server_down", "asr-init-error", 0),
        ("fs_pds_server_killed", "server-lost", 0),
        ("fs_bridge_nofire", "hangup", 0),
        ("fs_speak", "normal", 0),
    ],
)
def test_each_session_ends_once_with_its_cause(name: str, cause: str, results: int) -> None:
    last = ended(name)
    assert (last.cause, last.results) == (cause, results)
    speaks = name == "fs_speak"
    assert last.resource is (SpeechResource.SYNTHESISER if speaks else SpeechResource.RECOGNISER)
    assert last.server == (None if name == "fs_pds_server_down" else "local-mrcp2")
    assert last.engine == "unimrcp"
    assert last.aor is not None
    assert last.aor.endswith("@sip.example.test")


@pytest.mark.parametrize("name", NAMES)
def test_times_are_those_of_the_control_connection(name: str) -> None:
    last = ended(name)
    spoke, result = mrcp(name, "START-OF-INPUT"), mrcp(name, "RECOGNITION-COMPLETE")
    if (began := mrcp(name, "RECOGNIZE ") or mrcp(name, "SPEAK ")) is not None:
        assert last.started_at.timestamp() == pytest.approx(began, abs=0.08)
    if last.input_started_at is not None:
        assert last.input_started_at.timestamp() == pytest.approx(spoke, abs=0.02)
    if last.result_at is not None:
        assert last.result_at.timestamp() == pytest.approx(result, abs=0.02)
    if last.latency is not None:
        assert spoke is not None
        assert result is not None
        assert last.latency == pytest.approx(result - spoke, abs=0.02)


def test_a_killed_server_ends_the_session_long_before_the_hangup() -> None:
    last = ended("fs_pds_server_killed")
    assert last.ended_at is not None
    assert (last.ended_at - last.started_at).total_seconds() == pytest.approx(2.86, abs=0.01)


def test_events_of_one_session_in_order() -> None:
    kinds = [event.kind.value for event in published("fs_pds_success")]
    assert kinds == ["started", "input-started", "result", "ended"]
    ids = [event.id for event in published("fs_pds_success")]
    assert len({*ids}) == len(ids)


def test_spoken_text_only_where_it_is_wanted() -> None:
    assert all(event.text is None for event in published("fs_pds_success"))
    text = ended("fs_pds_success", speech_text=True).text
    assert text is not None
    assert "<instance>one</instance>" in text


def test_without_events_of_recognition_the_result_is_that_of_the_application() -> None:
    one = context()
    quiet = [e for e in switch_events("fs_pds_success") if e.name != "DETECTED_SPEECH"]
    records = [r.event for e in quiet for r in speech.translate(e, one)]
    assert [r.kind.value for r in records] == ["started", "result", "ended"]
    assert (records[-1].cause, records[-1].latency) == ("success", None)


def begun() -> tuple[Context, SwitchEvent]:
    """A recognition that goes on, and the last event of it."""
    one, events = context(), switch_events("fs_pds_success")
    began = next(event for event in events if event.name == "MEDIA_BUG_START")
    for event in events[: events.index(began) + 1]:
        speech.translate(event, one)
    return one, began


def test_a_recogniser_without_a_result_is_reported_once() -> None:
    one, began = begun()

    def kinds(seconds: float) -> list[str]:
        return [r.event.kind for r in speech.tick(one, began.at + timedelta(seconds=seconds))]

    assert [kinds(9), kinds(11), kinds(12)] == [[], [SpeechKind.NO_RESULT], []]


def test_a_session_whose_leg_is_not_listed_is_over() -> None:
    one, _ = begun()
    assert one.speech is not None
    (live,) = one.speech.live.values()
    later = live.started_at + timedelta(seconds=1)
    assert speech.listed(one, {live.leg}, later) == []
    (gone,) = speech.listed(one, set(), later)
    assert (gone.event.kind, gone.event.cause) == (SpeechKind.ENDED, "end-lost")


def test_a_restarted_switch_has_no_session() -> None:
    one, began = begun()
    new = replace(began, headers=began.headers | {"Core-UUID": "another"})
    changes = [(r.event.kind, r.event.cause) for r in speech.translate(new, one)]
    assert changes == [(SpeechKind.ENDED, "node-lost"), (SpeechKind.STARTED, None)]


def two_calls(*names: str) -> list[SpeechEvent]:
    """Captures as if their calls were made at once on one switch."""
    events = []
    for number, name in enumerate(names):
        moved = switch_events(name)
        shift = 1795502816_000000 - int(moved[0].headers["Event-Date-Timestamp"])
        for event in moved:
            at = int(event.headers["Event-Date-Timestamp"]) + shift
            sequence = event.seq * 10 + number
            changed = {"Event-Date-Timestamp": str(at), "Event-Sequence": str(sequence)}
            events.append(SwitchEvent(event.headers | {"Core-UUID": "one"} | changed))
    one = context()
    events.sort(key=lambda event: event.at)
    records = [r for e in events for r in translation.translate(e, one)]
    return [r.event for r in records if isinstance(r.event, SpeechEvent)]


def test_a_close_of_another_call_does_not_end_a_session() -> None:
    last = [e for e in two_calls("fs_pds_success", "fs_pds_noinput") if e.kind is SpeechKind.ENDED]
    assert sorted(str(e.cause) for e in last) == ["no-input-timeout", "success"]


@pytest.mark.parametrize("name", NAMES)
def test_events_without_a_header_are_records_or_named_errors(name: str) -> None:
    for dropped in ("Unique-ID", "Application-Data", "Speech-Type", "_body", "MRCP-Profile"):
        one, fields = context(), set[str | None]()
        for event in switch_events(name):
            headers = {k: v for k, v in event.headers.items() if k != dropped}
            try:
                translation.translate(SwitchEvent(headers), one)
            except InvalidRecord as error:
                fields.add(error.field)
        assert fields == ({"Unique-ID"} if dropped == "Unique-ID" else set())
