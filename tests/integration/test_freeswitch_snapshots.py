"""What the producer makes of a switch that answers: snapshots of everyone and of one user."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from runtime.kafka import KafkaSettings
from schemas.topics import CALLS, DEAD_LETTERS, NODES, REGISTRATIONS
from schemas.vocabulary import CallKind, NodeKind, RegistrationKind
from tests.eventually import eventually
from tests.freeswitch_answers import PROFILES, registration, registrations
from tests.integration.freeswitch_process import CAPTURES, producer, records
from tests.integration.scripted_switch import ScriptedSwitch

K = RegistrationKind
BOOT = "11111111-aaaa-bbbb-cccc-222222222222"
INTERNAL, EXTERNAL = (
    f"sofia xmlstatus profile {name} reg" for name in ("internal", "external")
)  # fmt: skip
CHANNELS = "show channels as json"
CHANNEL = {
    "uuid": "leg-1",
    "direction": "inbound",
    "name": "sofia/internal/1001@sip.example.test",
    "dest": "1002",
    "presence_id": "1001@sip.example.test",
    "callstate": "ACTIVE",
    "call_uuid": "leg-1",
}

# What the switch knows of it: it has authenticated the caller.
DUMPED = {
    "Event-Name": "CHANNEL_DATA",
    "Channel-Name": CHANNEL["name"],
    "Call-Direction": "inbound",
    "variable_user_name": "1001",
    "variable_domain_name": "sip.example.test",
}


def answers(**changed: str) -> dict[str, str]:
    return {
        "switchname": "vm",
        "version short": "1.10.12",
        "global_getvar core_uuid": BOOT,
        "strmicroepoch": "1795500366296512",
        "sofia xmlstatus": PROFILES,
        INTERNAL: registrations(
            registration(),
            registration(user="1002@sip.example.test", call_id="a<b&c", agent="folded\n\udcff"),
            registration(user="1003@sip.example.test", host="another-node"),
            registration(user="no at sign"),
        ),
        EXTERNAL: registrations(),
        CHANNELS: json.dumps({"row_count": 1, "rows": [CHANNEL]}),
        "uuid_dump leg-1 json": json.dumps(DUMPED),
        **changed,
    }


def _kinds(kafka: KafkaSettings, kind: RegistrationKind) -> list[tuple[str, Any]]:
    return [(key, e) for key, e in records(kafka, REGISTRATIONS) if e.kind is kind]


def test_a_snapshot_of_everyone_at_the_beginning(kafka: KafkaSettings, tmp_path: Path) -> None:
    with (
        ScriptedSwitch(answers=answers()) as switch,
        producer(kafka, tmp_path, switch.port) as running,
    ):
        eventually(lambda: running.metric("rollcall_snapshots", outcome="ok") >= 2)
        eventually(lambda: running.status()["undelivered"] == 0)
        assert running.status()["node"] == "vm"
    began, ended = _kinds(kafka, K.SNAPSHOT_BEGAN), _kinds(kafka, K.SNAPSHOT_ENDED)
    assert len(began) == len(ended) == 2 * kafka.partitions, "two profiles, every partition"
    rows = _kinds(kafka, K.SNAPSHOT_ROW)
    assert sorted(key for key, _ in rows) == [f"sip:{u}@sip.example.test" for u in (1001, 1002)]
    internal = {e.snapshot for _, e in began if e.registrar == "internal"}
    assert {e.snapshot for _, e in rows} == internal
    assert len({(e.seq, e.at, e.boot) for _, e in rows}) == 1
    hostile = next(e for key, e in rows if "1002" in key)
    assert (hostile.call_id, hostile.user_agent) == ("a<b&c", "folded\n\ufffd")
    letters = [letter for _, letter in records(kafka, DEAD_LETTERS)]
    assert [(letter.source, letter.field) for letter in letters] == [("freeswitch/vm", "user")]
    legs = [e for _, e in records(kafka, CALLS) if e.kind is CallKind.SNAPSHOT_ROW]
    assert [(e.aor, e.leg) for e in legs] == [("sip:1001@sip.example.test", "leg-1")]
    up = records(kafka, NODES)[0][1]
    assert (up.kind, up.boot, up.version) == (NodeKind.UP, BOOT, "1.10.12")
    asked_at = datetime.fromtimestamp(1795500366.296512, UTC)
    for _, event in (*rows, *records(kafka, NODES)):
        assert timedelta(0) <= event.at - asked_at < timedelta(minutes=1), "the node's clock"


def test_marks_enclose_rows_in_each_partition(kafka: KafkaSettings, tmp_path: Path) -> None:
    with (
        ScriptedSwitch(answers=answers()) as switch,
        producer(kafka, tmp_path, switch.port) as running,
    ):
        eventually(lambda: running.metric("rollcall_snapshots", outcome="ok") >= 2)
        eventually(lambda: running.status()["undelivered"] == 0)
    seen: set[str] = set()
    for _, event in records(kafka, REGISTRATIONS):  # partition after partition, each in order
        open_ones = {e for e in seen if e.startswith("open ")}
        if event.kind is K.SNAPSHOT_BEGAN:
            assert "a row" not in seen
            seen.add(f"open {event.snapshot}")
        elif event.kind is K.SNAPSHOT_ROW:
            # Profiles may share a table: no end before the last row of any.
            assert len(open_ones) == 2
            seen.add("a row")
        else:
            seen.remove(f"open {event.snapshot}")
            if not seen - {"a row"}:
                seen.clear()
    assert not seen


def test_a_failed_listing_concludes_nothing(kafka: KafkaSettings, tmp_path: Path) -> None:
    broken = answers(**{INTERNAL: registrations(registration())[:-40], CHANNELS: "-ERR no"})
    with (
        ScriptedSwitch(answers=broken) as switch,
        producer(kafka, tmp_path, switch.port, snapshot_interval_seconds="0.3") as running,
    ):
        eventually(lambda: running.metric("rollcall_snapshots", outcome="failed") >= 4)
        assert running.log.read_text().count("listing failed: no snapshot") == 1
        switch.answers = answers()
        eventually(lambda: _kinds(kafka, K.SNAPSHOT_ENDED))
    first_end = _kinds(kafka, K.SNAPSHOT_ENDED)[0][1]
    assert first_end.snapshot in {e.snapshot for _, e in _kinds(kafka, K.SNAPSHOT_BEGAN)}


def test_a_closed_socket_asks_about_its_user(kafka: KafkaSettings, tmp_path: Path) -> None:
    """The recorded switch's event, then the user's own listing: still there on another port."""
    data = (CAPTURES / "reg_sockclose_on.json").read_bytes()
    data = data[data.index(b"Content-Length:") :]
    scripted = answers(**{"global_getvar core_uuid": "-ERR"})
    command = "sofia xmlstatus profile internal user 1001@sip.example.test"
    scripted[command] = registrations(registration())
    with (
        ScriptedSwitch(data, answers=scripted) as switch,
        producer(kafka, tmp_path, switch.port) as running,
    ):
        eventually(lambda: command in switch.asked)
        eventually(lambda: any(e.aor for _, e in _kinds(kafka, K.SNAPSHOT_ENDED)))
        eventually(lambda: running.status()["undelivered"] == 0)
    aor = "sip:1001@sip.example.test"
    snapshot = next(e.snapshot for _, e in _kinds(kafka, K.SNAPSHOT_ENDED) if e.aor == aor)
    own = [(key, e) for key, e in records(kafka, REGISTRATIONS) if e.snapshot == snapshot]
    assert {key for key, _ in own} == {aor}
    assert [e.kind for _, e in own] == [K.SNAPSHOT_BEGAN, K.SNAPSHOT_ROW, K.SNAPSHOT_ENDED]


def test_a_restarted_switch_comes_up_with_its_new_boot(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    before, after = (
        data[data.index(b"Content-Length:") :]
        for data in (
            (CAPTURES / f"restart_{half}.json").read_bytes() for half in ("before", "after")
        )
    )
    settings = {"heartbeat_seconds": "0.1", "retry_max_seconds": "0.3"}
    # The recording ends itself: SHUTDOWN, then text/disconnect-notice.
    with (
        ScriptedSwitch(before) as switch,
        producer(kafka, tmp_path, switch.port, **settings) as running,
    ):
        eventually(lambda: switch.connections >= 2)
        switch.disconnect(after)
        eventually(lambda: len({e.boot for _, e in records(kafka, NODES)}) == 2)
        eventually(lambda: running.status()["undelivered"] == 0)
    turns = [e for _, e in records(kafka, NODES) if e.kind is not NodeKind.HEARTBEAT]
    assert [e.kind for e in turns] == [NodeKind.UP, NodeKind.DOWN, NodeKind.UP]
    assert turns[0].boot == turns[1].boot != turns[2].boot
