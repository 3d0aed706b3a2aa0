"""Questions to the store: named queries on a recorded switch, SQL beside the sink that stores."""

import json
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from calls.fold.call import Call
from calls.fold.dialog_media import fold_speech
from calls.fold.speech_sources import join
from operate.queries.catalogue import find
from schemas.call_record import CallSpeech
from schemas.presence import PresenceCall
from schemas.speech import SpeechEvent
from schemas.topics import CALLS, REGISTRATIONS, SPEECH
from schemas.vocabulary import (
    CallState,
    Cause,
    DialOutcome,
    DialState,
    Direction,
    Source,
    SpeechKind,
    Status,
)
from sinks.clickhouse.asking import endpoint
from sinks.clickhouse.asking.client import ask
from sinks.clickhouse.asking.connection import Questions
from sinks.clickhouse.database import Database
from sinks.clickhouse.errors import StatementRefused, StoreUnavailable
from sinks.clickhouse.forgetting import forget
from sinks.clickhouse.rows import Delivery
from sinks.clickhouse.settings import ClickHouseSettings
from sinks.clickhouse.tables import TABLES, to_row
from tests import clickhouse_records as records
from tests.integration.clickhouse_support import opened, settings
from tests.integration.rollcall_process import rollcall
from tests.unit.calls.folding import fold, freeswitch
from tests.unit.freeswitch_capture import CAPTURES, of_topic
from tests.unit.mrcp_log import sessions_of

# The recording's hour; its truth file is the phones' own account.
FROM, TO = "2026-11-24 06:00:00", "2026-11-24 07:00:00"
ALL = {"node": "", "domain": "", "aor": "", "from": FROM, "to": TO}
DAY = datetime(2026, 11, 24, tzinfo=UTC)
NOBODY: dict[str, Any] = {"reachable": False, "bindings": [], "calls": [], "status": Status.OFFLINE}


def store(database: Database, name: str, values: list[Any]) -> None:
    (table,) = [one for one in TABLES if one.name == name]
    rows = [
        to_row(table, Delivery("t", 0, offset, records.value(value)))
        for offset, value in enumerate(values)
    ]
    database.insert(table.raw, [row for row in rows if row is not None])


def presences() -> list[Any]:
    """Alice is lost three times; eleven others together at 06:30:10; the last one stays."""

    def at(minute: int, second: int = 0) -> datetime:
        return DAY + timedelta(hours=6, minutes=minute, seconds=second)

    alice = "sip:alice@example.org"
    found = []
    for number in range(3):
        up, down = at(1 + 5 * number), at(3 + 5 * number)
        found.append(
            records.presence(2 * number + 1, aor=alice, at=up, cause=Cause.REGISTERED, calls=[])
        )
        found.append(
            records.presence(
                2 * number + 2, aor=alice, at=down, cause=Cause.CONNECTION_RESET, **NOBODY
            )
        )
    for number in range(12):
        aor = f"sip:{number:02}@example.net"
        found.append(records.presence(1, aor=aor, at=at(20), cause=Cause.REGISTERED, calls=[]))
        if number != 11:
            lost = records.presence(2, aor=aor, at=at(30, 10), cause=Cause.NODE_LOST, **NOBODY)
            found.append(lost)
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> ClickHouseSettings:
    """A folder with the recorded calls and registrations, and the presences above."""
    chosen = settings(tmp_path_factory.mktemp("store") / "clickhouse")
    with opened(chosen) as database:
        store(database, "calls", of_topic("calls", CALLS))
        store(database, "call_records", fold(freeswitch(CAPTURES / "calls.json")))
        store(database, "registrations", of_topic("calls", REGISTRATIONS))
        store(database, "presence_history", presences())
        store(database, "speech", [records.speech(1, at=DAY + timedelta(hours=6))])
    return chosen


def rows(chosen: ClickHouseSettings, name: str, **changed: str) -> list[dict[str, Any]]:
    one = find(name)
    given = {"at": TO, **ALL, **changed}
    answer = ask(chosen, one.sql, {key: given[key] for key in one.parameters})
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def test_answer_rate_is_that_of_the_phones(recorded: ClickHouseSettings) -> None:
    """1001 made the 13 calls of the truth file, 8 of them answered, and one that was recorded."""
    (hour,) = rows(recorded, "answer-rate", aor="sip:1001@sip.example.test")
    assert (hour["made"], hour["answered"], hour["percent"]) == (14, 9, 64.3)


def test_calls(recorded: ClickHouseSettings) -> None:
    found = {call["call_id"]: call for call in rows(recorded, "calls")}
    busy = found["1864e3bbe0709e90@probe-call"]
    assert (busy["answered"], busy["cause"]) == (None, "USER_BUSY")
    assert "sip:1001@sip.example.test" in busy["users"].split()
    talked = found["c0e7fafe27b142c8@probe-call"]
    assert talked["started"] < talked["answered"] < talked["ended"]
    assert (busy["hung_up_by"], talked["hung_up_by"]) == ("callee", "caller")
    assert not rows(recorded, "calls", node="another")
    of_1003 = rows(recorded, "calls", aor="sip:1003@sip.example.test")
    assert 0 < len(of_1003) < len(found)
    assert all("sip:1003@sip.example.test" in c["users"] + c["joined"] for c in of_1003)


def test_registrations_by_agent(recorded: ClickHouseSettings) -> None:
    agents = {
        (row["agent"], row["version"]): row["users"]
        for row in rows(recorded, "registrations-by-agent")
    }
    assert agents["Yealink SIP-T46S", "66.84.0.15"] == 1
    assert agents["fsprobe", "0.1"] == 3
    (hour,) = rows(recorded, "registrations-over-time")
    every = of_topic("calls", REGISTRATIONS)
    assert hour["registered"] == len({one.id for one in every if one.kind == "registered"})
    assert hour["refreshed"] == len({one.id for one in every if one.kind == "refreshed"})


def test_speech_of_two_sources_is_joined_as_in_the_call_records(tmp_path: Path) -> None:
    chosen, events, expected = settings(tmp_path / "clickhouse"), list[Any](), dict[str, Any]()
    for capture in sorted((CAPTURES.parent / "speech").glob("*.mrcp")):
        switch = freeswitch(capture.with_name(f"{capture.stem}.esl.json"), speech=True)
        server = sessions_of(capture, tmp_path)
        events += [one.event for one in switch if one.topic is SPEECH] + server
        joined = join(call_speech(event) for event in events if event.kind is SpeechKind.ENDED)
        expected = {one.session: one for one in joined}
    with opened(chosen) as database:
        store(database, "speech", events)
        found = {
            session: rest
            for session, *rest in database.query(
                "SELECT session, source, requests, results, cause, latency FROM speech_sessions"
            )
        }
    assert len(found) == 13  # of 12 calls: a grammar that is refused names no call
    assert found == {
        session: [
            one.source.value,
            len(one.requests) or int(one.source is Source.MRCP),
            one.results,
            one.cause,
            one.latency,
        ]
        for session, one in expected.items()
    }
    answered = {(row["server"], row["cause"]): row["sessions"] for row in rows(chosen, "speech")}
    assert answered["local-mrcp2", "success"] == 5
    assert answered["mrcp-1", "grammar-compilation-failure"] == 1


def call_speech(event: SpeechEvent) -> CallSpeech:
    call = Call("x", DAY)
    fold_speech(call, event)
    return call.speech[event.session]


def test_outcomes_of_dialled_extensions_by_hand(tmp_path: Path) -> None:
    """Three connected after 10, 20 and 30 s, one of them at the second attempt; two not."""
    chosen = settings(tmp_path / "clickhouse")
    alice, at = "sip:alice@example.org", DAY + timedelta(hours=6, minutes=5)
    later, next_day = at + timedelta(hours=1), at + timedelta(days=1)
    wrong, unanswered = DialOutcome.WRONG_EXTENSION, DialOutcome.NO_ANSWER
    calling = {"state": DialState.CALLING, "outcome": None}
    given = [
        records.dial_result("a", 10, asked_at=at),
        records.dial_result("a", 1, asked_at=at, at=at, attempts=0, **calling),  # of before
        records.dial_result("b", 20, asked_at=later, attempts=2),
        records.dial_result("c", 9, asked_at=later, outcome=wrong),
        records.dial_result("d", 30, asked_at=next_day, user=alice, gateway=None),
        records.dial_result("e", 45, asked_at=next_day, outcome=unanswered, attempts=0),
        records.dial_result("f", 2, asked_at=next_day, **calling),  # not ended yet
    ]
    with opened(chosen) as database:
        store(database, "dial_results", given)
    to = "2026-11-26 00:00:00"
    found = [tuple(row.values()) for row in rows(chosen, "extension-outcomes", to=to)]
    assert found == [
        ("all", "", "connected", 3, 60.0, 1.33, 20.0),
        ("all", "", "no-answer", 1, 20.0, 0.0, None),
        ("all", "", "wrong-extension", 1, 20.0, 1.0, None),
        ("day", "2026-11-24", "connected", 2, 66.7, 1.5, 20.0),
        ("day", "2026-11-24", "wrong-extension", 1, 33.3, 1.0, None),
        ("day", "2026-11-25", "connected", 1, 50.0, 1.0, 30.0),
        ("day", "2026-11-25", "no-answer", 1, 50.0, 0.0, None),
        ("hour", "06", "connected", 2, 66.7, 1.0, 30.0),
        ("hour", "06", "no-answer", 1, 33.3, 0.0, None),
        ("hour", "07", "connected", 1, 50.0, 2.0, 20.0),
        ("hour", "07", "wrong-extension", 1, 50.0, 1.0, None),
        ("gateway", "trunk", "connected", 2, 50.0, 1.5, 20.0),
        ("gateway", "trunk", "no-answer", 1, 25.0, 0.0, None),
        ("gateway", "trunk", "wrong-extension", 1, 25.0, 1.0, None),
        ("user", alice, "connected", 1, 100.0, 1.0, 30.0),
    ]
    (of_alice, *_) = rows(chosen, "extension-outcomes", to=to, aor=alice)
    assert (of_alice["calls"], of_alice["connect_p50_s"]) == (1, 30.0)


def test_detection_delay(tmp_path: Path) -> None:
    """A close at 0 ms: its event is in Kafka at 20, the presence record at 50."""
    chosen, at = settings(tmp_path / "clickhouse"), DAY + timedelta(hours=6)
    close = records.connection(1, at=at)
    lost = records.presence(2, at=at, cause=Cause.CONNECTION_CLOSED, evidence=[close.id], **NOBODY)
    with opened(chosen) as database:
        for name, record, ms in (("connections", close, 20), ("presence_history", lost, 50)):
            (table,) = [one for one in TABLES if one.name == name]
            published = at + timedelta(milliseconds=ms)
            read = Delivery("t", 0, 1, records.value(record), None, published)
            row = to_row(table, read)
            assert row is not None
            database.insert(table.raw, [row])
    (delay,) = rows(chosen, "detection-delay")
    assert delay == {
        "cause": "connection-closed",
        "changes": 1,
        "total_p50": 50,
        "total_p99": 50,
        "to_kafka_p50": 20,
        "in_streams_p50": 30,
        "in_streams_p99": 30,
    }
    assert not rows(chosen, "detection-delay", node="elsewhere")


def test_family_and_version(tmp_path: Path) -> None:
    written = {
        "Yealink SIP-T46S 66.84.0.15": ("Yealink SIP-T46S", "66.84.0.15"),
        "Grandstream HT-502  V1.0.1.57": ("Grandstream HT-502", "1.0.1.57"),
        "Cisco/SPA504G-7.6.2b": ("Cisco/SPA504G", "7.6.2b"),
        "snomD785/10.1.42.14": ("snomD785", "10.1.42.14"),
        "Zoiper rv2.10.15.3 100%": ("Zoiper", "2.10.15.3"),
        "Z 5.6.4 v2.10.20.4": ("Z", "5.6.4"),
        "Linphone/3.6.1 (eXosip2/4.0.0)": ("Linphone", "3.6.1"),
        "baresip v3": ("baresip", "3"),
        "pyreg": ("pyreg", ""),
        None: ("", ""),
    }
    events = [
        records.registration(number, user_agent=agent) for number, agent in enumerate(written)
    ]
    with opened(settings(tmp_path / "clickhouse")) as database:
        store(database, "registrations", events)
        found = database.query("SELECT user_agent, agent, agent_version FROM registrations")
    assert {agent: (family, version) for agent, family, version in found} == written


def test_losses_flapping_and_mass_losses(recorded: ClickHouseSettings) -> None:
    losses = {row["cause"]: row["losses"] for row in rows(recorded, "losses-by-cause")}
    assert losses == {"node-lost": 11, "connection-reset": 3}
    assert not rows(recorded, "losses-by-cause", node="elsewhere")
    (flapping,) = rows(recorded, "flapping")
    assert (flapping["aor"], flapping["losses"]) == ("sip:alice@example.org", 3)
    assert flapping["most_often"] == "connection-reset"
    (mass,) = rows(recorded, "mass-losses")
    assert (mass["lost"], mass["causes"]) == (11, "node-lost")
    assert set(mass["nodes"].split()) == {"node-1", "node-2"}
    assert mass["minute"].startswith("2026-11-24T06:30:00")
    assert not rows(recorded, "losses-by-cause", domain="example.com")


def test_online_at_and_over_time(recorded: ClickHouseSettings) -> None:
    def who(at: str, **changed: str) -> list[str]:
        return [row["aor"] for row in rows(recorded, "online-at", at=f"2026-11-24 {at}", **changed)]

    assert who("06:00:59") == []
    assert who("06:02:00") == ["sip:alice@example.org"]
    assert len(who("06:25:00")) == 12
    assert who("06:31:00") == ["sip:11@example.net"]
    assert who("06:31:00", node="elsewhere") == []
    minutes = {row["minute"][11:16]: row["reachable"] for row in rows(recorded, "online-over-time")}
    assert minutes == {
        "06:01": 1,
        "06:03": 0,
        "06:06": 1,
        "06:08": 0,
        "06:11": 1,
        "06:13": 0,
        "06:20": 12,
        "06:30": 1,
    }


def test_stuck_busy_and_speech(recorded: ClickHouseSettings) -> None:
    now = datetime.now(UTC)
    with opened(recorded) as database:
        for name, hours in (("short", 1), ("stuck", 5)):
            call = PresenceCall(
                node="fs-1",
                leg=name,
                call=name,
                direction=Direction.OUTGOING,
                peer="1002",
                state=CallState.ANSWERED,
                since=now - timedelta(hours=hours),
            )
            aor = f"sip:{name}@example.com"
            busy = records.presence(1, aor=aor, at=now, status=Status.ON_THE_PHONE, calls=[call])
            store(database, "presence_history", [busy])
    (stuck,) = rows(recorded, "stuck-busy")
    assert (stuck["aor"], stuck["node"]) == ("sip:stuck@example.com", "fs-1")
    (server,) = rows(recorded, "speech")
    assert (server["server"], server["sessions"], server["p50_s"]) == ("mrcp-1", 1, 0.48)


@pytest.mark.parametrize("name", ["refused-by-reason", "media-quality", "nodes"])
def test_queries_of_what_is_not_there_have_no_rows(recorded: ClickHouseSettings, name: str) -> None:
    assert rows(recorded, name) == []


def test_the_running_sink_answers_over_its_socket(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "clickhouse")
    asked: list[list[Any]] = []
    with opened(chosen) as database, Questions(chosen) as questions:
        one = endpoint.Endpoint(chosen.folder, questions, lambda aor: forget(database, aor))
        try:
            assert stat.S_IMODE((chosen.folder / endpoint.SOCKET_NAME).stat().st_mode) == 0o600

            def question() -> None:
                count = "SELECT count() FROM registrations"
                asked.extend(ask(chosen, count, {}).rows[0] for _ in range(20))

            thread = threading.Thread(target=question)
            thread.start()
            for number in range(20):  # stores while it is asked
                store(database, "registrations", [records.registration(number)])
            thread.join()
            assert ask(chosen, "SELECT count() FROM registrations", {}).rows == [[20]]
            with pytest.raises(StatementRefused, match="the function file is not allowed"):
                ask(chosen, "SELECT file('/etc/passwd')", {})
            with pytest.raises(StoreUnavailable, match="UNKNOWN_IDENTIFIER"):
                ask(chosen, "SELECT nothing FROM presence", {})
        finally:
            one.close()
    assert not (chosen.folder / endpoint.SOCKET_NAME).exists()


def test_command(recorded: ClickHouseSettings, tmp_path: Path) -> None:
    def command(*words: str) -> str:
        place = ("--folder", str(recorded.folder.parent))
        done = rollcall("query", *words, *place, folder=tmp_path)
        return done.stdout

    assert "losses-by-cause" in command()
    printed = command(
        *("losses-by-cause", "--from", "2026-11-24T06:00Z", "--to", "2026-11-24T07:00Z", "--json")
    )
    assert [json.loads(line)["cause"] for line in printed.splitlines()] == [
        "node-lost",
        "connection-reset",
    ]
    count = command("--sql", "SELECT count() AS legs FROM calls WHERE kind = 'trying'", "--csv")
    assert count == "legs\n35\n"
