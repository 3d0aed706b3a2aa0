"""Record → row: every column is filled, and no value is one that ClickHouse would change."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.codec import InvalidRecord
from schemas.origin import Address
from schemas.topic import Topic
from sinks.clickhouse.rows import (
    CallRow,
    ConnectionRow,
    DeadLetterRow,
    Delivery,
    MediaRow,
    NodeRow,
    PresenceRow,
    RegistrationRow,
    Row,
)
from sinks.clickhouse.tables import TABLES, Table, to_row
from tests import clickhouse_records as records

PUBLISHED = datetime(2026, 3, 4, 5, 6, 8, 250_000, tzinfo=UTC)


def table(name: str) -> Table:
    return next(t for t in TABLES if t.name == name)


def row(name: str, value: bytes | None, event_id: str | None = None) -> Row | None:
    return to_row(table(name), Delivery("a-topic", 3, 42, value, event_id, PUBLISHED))


def test_every_read_topic_declares_the_sink_as_reader() -> None:
    def reads(topic: Topic) -> bool:
        return bool({"sinks", "sinks/clickhouse", "operators"} & set(topic.readers))

    assert all(reads(t.topic) for t in TABLES)


def test_registration() -> None:
    made = row(
        "registrations",
        records.value(
            records.registration(
                5,
                reason="why",
                snapshot="s",
                remaining=["sip:user5@example.org"],
                transport_claimed=True,
                path="sip:edge.example.org;lr",
                received=Address(ip="198.51.100.9", port=5061),
            )
        ),
    )
    assert made == RegistrationRow(
        topic="a-topic",
        partition=3,
        offset=42,
        published_at=PUBLISHED,
        id="node-1/boot-1/5",
        source="freeswitch",
        node="node-1",
        boot="boot-1",
        seq=5,
        at=records.AT + timedelta(milliseconds=5),
        kind="registered",
        aor="sip:user5@example.org",
        contact="sip:user5@example.org;transport=tcp",
        contact_form=None,
        binding="sip:user5@example.org",
        remaining=["sip:user5@example.org"],
        table_read=True,
        table_at=None,
        replaces_call_id=False,
        call_id="call-5",
        cseq=7,
        expires_at=records.AT + timedelta(hours=1),
        expired_due=None,
        transport="tcp",
        transport_claimed=True,
        remote_ip="192.0.2.7",
        remote_port=40001,
        cookie=2**63 + 5,
        connection_gone=False,
        path="sip:edge.example.org;lr",
        received_ip="198.51.100.9",
        received_port=5061,
        registrar="internal",
        user_agent="baresip v3",
        reason="why",
        status_code=200,
        snapshot="s",
    )


def test_a_nodes_mark_has_an_empty_aor() -> None:
    mark = records.registration(kind="snapshot-began", aor=None, remote=None, cookie=None)
    made = row("registrations", records.value(mark))
    assert isinstance(made, RegistrationRow)
    assert (made.aor, made.remote_ip, made.remote_port) == ("", None, None)


def test_connection() -> None:
    made = row("connections", records.value(records.connection()))
    assert isinstance(made, ConnectionRow)
    assert (made.kind, made.connection, made.local_ip, made.local_port, made.reason) == (
        "reset",
        "node-1/192.0.2.7:40001",
        "2001:db8::1",
        5061,
        "ECONNRESET",
    )


def test_call() -> None:
    made = row("calls", records.value(records.call(aor=None)))
    assert isinstance(made, CallRow)
    assert (made.aor, made.leg, made.other_leg, made.duration_ms, made.cause) == (
        "",
        "leg-1",
        "leg-2",
        65_000,
        "NORMAL_CLEARING",
    )


def test_node() -> None:
    made = row("nodes", records.value(records.node(reason="restart")))
    assert isinstance(made, NodeRow)
    assert (made.kind, made.version, made.uptime_seconds, made.reason) == (
        "up",
        "1.10.12",
        12.5,
        "restart",
    )


def test_media() -> None:
    made = row("media", records.value(records.media()))
    assert isinstance(made, MediaRow)
    assert (made.kind, made.call_id, made.reason) == ("timed-out", "x@y", "timeout")
    assert (made.tags, made.last_packet_at, made.digit) == (["a1f0c2", "b"], records.AT, None)
    caller, callee = made.streams
    assert (caller.ssrc, caller.packets, caller.errors) == (2**32 - 1, 719, 1)
    assert (caller.heard_lost, caller.heard_mos, caller.round_trip_ms) == (28, 4.1, 1.523)
    assert (callee.codec, callee.last_packet_at, callee.heard_mos) == (None, None, None)


def test_dtmf() -> None:
    made = row("media", records.value(records.media(kind="dtmf", streams=[], tag="b", digit="#")))
    assert isinstance(made, MediaRow)
    assert (made.kind, made.tag, made.digit, made.streams) == ("dtmf", "b", "#", [])


def test_presence() -> None:
    made = row("presence_history", records.value(records.presence(version=3)))
    assert isinstance(made, PresenceRow)
    assert (made.version, made.status, made.reachable) == (3, "on-the-phone", True)
    first, second = made.bindings
    assert (first.transport, first.remote_ip, first.remote_port) == ("wss", "192.0.2.7", 40001)
    assert (second.transport, second.remote_ip, second.remote_port) == (None, None, None)
    assert made.calls[0].state == "answered"
    assert made.evidence == ["node-1/boot-1/1", "node-1/boot-1/2"]


def test_the_id_of_a_dead_letter_is_its_cloudevents_id_or_its_origin() -> None:
    value = records.value(records.dead_letter())
    named, unnamed = row("dead_letters", value, "an-id"), row("dead_letters", value)
    assert isinstance(named, DeadLetterRow)
    assert isinstance(unnamed, DeadLetterRow)
    assert (named.id, unnamed.id) == ("an-id", "a-topic/3/42")


def test_a_tombstone_is_no_row_and_no_error() -> None:
    assert row("presence_history", None) is None


def test_a_missing_value_of_another_topic_is_invalid() -> None:
    with pytest.raises(InvalidRecord, match="no value"):
        row("calls", None)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("seq", -1),
        ("seq", 2**64),
        ("cseq", 2**32),
        ("cookie", 2**64),
        ("cookie", -5),
        ("status_code", 70_000),
        ("at", "yesterday"),
        ("kind", "vanished"),
        ("aor", 7),
        ("remote", {"ip": "192.0.2.7", "port": 65_536}),
    ],
)
def test_a_number_out_of_a_columns_range_is_invalid(field: str, wrong: Any) -> None:
    raw = {**json.loads(records.value(records.registration())), field: wrong}
    with pytest.raises(InvalidRecord) as caught:
        row("registrations", json.dumps(raw).encode())
    assert (caught.value.field or "").split(".")[0] == field
