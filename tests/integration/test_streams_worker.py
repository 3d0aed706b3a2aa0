"""The streams worker as a process, on a real broker: killed, doubled, fed with rubbish."""

import random
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.connection import ConnectionEvent
from schemas.dead_letter import DeadLetter
from schemas.node import NodeEvent
from schemas.origin import Address
from schemas.presence import Presence
from schemas.registration import RegistrationEvent
from schemas.topic import Topic
from schemas.topics import (
    CALLS,
    CONNECTION_LOSSES,
    CONNECTION_OWNERS,
    CONNECTIONS,
    DEAD_LETTERS,
    NODE_CHANGES,
    NODES,
    REGISTRATIONS,
    SESSIONS,
)
from schemas.vocabulary import Cause, ConnectionKind, NodeKind, RegistrationKind, Source, Transport
from tests.eventually import eventually
from tests.kafka_logs import is_consumed, presences, read, write
from tests.stages import StageProcess
from tests.unit.fold_events import START

WORKER = "streams.stage"
SOURCES = (REGISTRATIONS, CALLS, CONNECTIONS, NODES)
INTERNAL = (CONNECTION_OWNERS, CONNECTION_LOSSES, NODE_CHANGES)


def registration(
    user: int, seq: int, kind: RegistrationKind = RegistrationKind.REGISTERED, **more: Any
) -> tuple[Topic, str, RegistrationEvent]:
    aor, contact = f"sip:{user}@example.test", f"sip:{user}@10.0.0.1:{5000 + user};transport=tcp"
    fields = {
        "at": START + timedelta(seconds=seq),
        "remote": Address(ip="10.0.0.1", port=5000 + user),
        "node": "fs1",
        **more,
    }
    event = RegistrationEvent(
        id=f"{fields['node']}/boot/{seq}",
        source=Source.FREESWITCH,
        boot="boot",
        seq=seq,
        kind=kind,
        aor=aor,
        contact=contact,
        binding=contact,
        call_id=f"{user}@phone",
        transport=Transport.TCP,
        **fields,
    )
    return REGISTRATIONS, aor, event


def node_event(kind: NodeKind, seconds: float, boot: str = "boot") -> tuple[Topic, str, NodeEvent]:
    event = NodeEvent(
        id=f"fs1/{boot}/{kind}/{seconds}",
        source=Source.FREESWITCH,
        node="fs1",
        boot=boot,
        seq=0,
        at=START + timedelta(seconds=seconds),
        kind=kind,
    )
    return NODES, "fs1", event


def expire_after_the_next(events: list[tuple[Topic, str, RegistrationEvent]]) -> None:
    """Each binding would expire a minute after its user's next event, the last ones in a day."""
    following: dict[str, timedelta] = {}
    for _, aor, event in reversed(events):
        left = following.get(aor, timedelta(days=1))
        event.expires_at = START + left
        following[aor] = event.at - START + timedelta(minutes=1)


def settled(kafka: KafkaSettings) -> bool:
    return is_consumed(kafka, "streams", SOURCES) and is_consumed(kafka, "streams", INTERNAL)


def drained(kafka: KafkaSettings, timeout: float) -> None:
    eventually(lambda: settled(kafka), timeout, interval=0.2, what="all topics consumed")


def histories(kafka: KafkaSettings) -> dict[str, list[Presence]]:
    """Presence by user; a version published twice must be the same record twice."""
    by_user: dict[str, dict[int, Presence]] = defaultdict(dict)
    for presence in presences(kafka):
        known = by_user[presence.aor].setdefault(presence.version, presence)
        assert known == presence
    return {aor: [seen[v] for v in sorted(seen)] for aor, seen in by_user.items()}


@pytest.mark.parametrize("saved", [False, True])
def test_killed_again_and_again_it_ends_with_every_change_once(
    kafka: KafkaSettings, tmp_path: Path, *, saved: bool
) -> None:
    """SIGKILL between batches and inside them: no change lost, none made up, versions 1..n.

    With all its state in Kafka, and with tables of its own that it saves all the time. Most events
    are refreshes, each just before the binding would expire: one that is lost ends the binding.
    """
    own = {"ROLLCALL_STREAMS_INSTANCE": "one", "ROLLCALL_STREAMS_SAVE_INTERVAL": "0.5"}
    users, rounds = 200, 40
    dice = random.Random(7)
    events: list[tuple[Topic, str, RegistrationEvent]] = []
    expected: dict[str, list[bool]] = defaultdict(list)
    seq = 0
    for _ in range(rounds):
        for user in dice.sample(range(users), users // 2):
            seq += 1
            aor = f"sip:{user}@example.test"
            online = bool(expected[aor]) and expected[aor][-1]
            if online and dice.random() < 0.7:
                events.append(registration(user, seq, RegistrationKind.REFRESHED))
                continue
            kind = RegistrationKind.UNREGISTERED if online else RegistrationKind.REGISTERED
            events.append(registration(user, seq, kind))
            expected[aor].append(not online)
    expire_after_the_next(events)
    environment = {"ROLLCALL_STREAMS_BATCH_RECORDS": "50", **(own if saved else {})}
    with StageProcess(WORKER, tmp_path, kafka, **environment) as worker:
        for start in range(0, len(events), len(events) // 4):
            folded = worker.status()["folded"]
            write(kafka, events[start : start + len(events) // 4])
            eventually(lambda seen=folded: worker.status()["folded"] > seen, 60)  # type: ignore[misc]  # bound now
            if saved:
                eventually(lambda: any((tmp_path / "faust" / "tables").glob("*.table")), 60)
            worker.kill()
            worker.start()
        drained(kafka, 90)
    found = {
        aor: [presence.reachable for presence in history]
        for aor, history in histories(kafka).items()
    }
    assert found == expected
    assert any((m.value() or b"").startswith(b"[") for m in read(kafka, SESSIONS))
    log = worker.log.read_text()
    assert ("tables loaded" in log) == saved
    assert "not used" not in log


def test_a_worker_that_was_stopped_goes_on_with_the_tables_that_it_saved(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    """A fence that needs the tables, an expiry that needs the index, and a file that is broken."""
    with StageProcess(WORKER, tmp_path, kafka, ROLLCALL_STREAMS_INSTANCE="one") as worker:
        write(kafka, [registration(user, user + 1) for user in range(50)])
        drained(kafka, 60)
        assert worker.terminate() == 0
        files = sorted((tmp_path / "faust" / "tables").glob("*sessions*.table"))
        assert len(files) == kafka.partitions
        files[0].write_bytes(files[0].read_bytes()[:-1])
        worker.start()
        # A partition counts once it is asked for, which the worker's clock does.
        eventually(lambda: worker.status()["users"] == 50, 30)
        older = [registration(user, 0, RegistrationKind.UNREGISTERED) for user in range(25)]
        later = [registration(user, 100 + user, RegistrationKind.UNREGISTERED) for user in range(5)]
        write(kafka, [*older, *later, node_event(NodeKind.DOWN, 200)])
        drained(kafka, 60)
    causes = {aor: [p.cause for p in seen] for aor, seen in histories(kafka).items()}
    for user in range(50):
        end = Cause.UNREGISTERED if user < 5 else Cause.NODE_LOST
        assert causes[f"sip:{user}@example.test"] == [Cause.REGISTERED, end]
    assert worker.log.read_text().count("saved table not used") == 1


def test_a_second_worker_shares_the_partitions_and_leaves_again(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    """And with them the refreshes: who takes a partition over lets nobody expire."""
    (tmp_path / "second").mkdir()
    users, refreshed = range(100), RegistrationKind.REFRESHED
    events = [registration(user, user + 1) for user in users]
    again = [registration(user, 500 * turn + user, refreshed) for turn in (1, 2) for user in users]
    later = [registration(user, 1500 + user, RegistrationKind.UNREGISTERED) for user in users]
    expire_after_the_next([*events, *again, *later])
    with StageProcess(WORKER, tmp_path, kafka) as first:
        write(kafka, events + again[:100])
        drained(kafka, 60)
        with StageProcess(WORKER, tmp_path / "second", kafka) as second:
            write(kafka, again[100:] + later[:50])
            drained(kafka, 90)
            assert second.status()["folded"] > 0
            assert second.terminate() == 0
        write(kafka, later[50:])
        drained(kafka, 90)
        assert first.terminate() == 0
    found = histories(kafka)
    assert len(found) == 100
    assert all([p.reachable for p in history] == [True, False] for history in found.values())


def test_unreadable_records_go_to_dead_letters_and_the_rest_goes_on(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    with StageProcess(WORKER, tmp_path, kafka):
        write(
            kafka,
            [
                (REGISTRATIONS, "sip:1@example.test", b"{not json"),
                (REGISTRATIONS, "sip:1@example.test", b'{"id":"x","seq":"seven"}'),
                registration(1, 1),
                (CONNECTIONS, "fs1/10.0.0.1:1", b"[]"),
                (NODES, "fs1", b"\xff\xfe"),
            ],
        )
        drained(kafka, 60)
    assert [p.aor for p in presences(kafka)] == ["sip:1@example.test"]
    letters = [codec.validate(DeadLetter, m.value() or b"") for m in read(kafka, DEAD_LETTERS)]
    assert len(letters) == 4
    assert {letter.source.split("/")[0] for letter in letters} == {
        REGISTRATIONS.name,
        CONNECTIONS.name,
        NODES.name,
    }
    assert all(letter.reason for letter in letters)


def test_a_reset_connection_reaches_its_user_through_the_join(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    close = ConnectionEvent(
        id="fs1/boot/9",
        source=Source.FREESWITCH,
        node="fs1",
        boot="boot",
        seq=9,
        at=START + timedelta(seconds=9),
        kind=ConnectionKind.RESET,
        connection="fs1/10.0.0.1:5001",
        transport=Transport.TCP,
        remote=Address(ip="10.0.0.1", port=5001),
    )
    with StageProcess(WORKER, tmp_path, kafka):
        write(kafka, [registration(1, 1), registration(2, 2)])
        drained(kafka, 60)
        write(kafka, [(CONNECTIONS, close.connection, close)])
        eventually(lambda: len(presences(kafka)) == 3, 60)
    last = presences(kafka)
    gone = [p for p in last if not p.reachable]
    assert [(p.aor, p.cause, p.evidence[0]) for p in gone] == [
        ("sip:1@example.test", Cause.CONNECTION_RESET, "fs1/boot/9")
    ]


def test_a_node_that_goes_down_takes_its_users_and_a_silent_one_expires_nobody(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    expiry = START + timedelta(seconds=60)
    with StageProcess(WORKER, tmp_path, kafka):
        write(kafka, [registration(user, user + 1, expires_at=expiry) for user in range(20)])
        write(kafka, [registration(30, 1, node="fs2", expires_at=expiry)])
        drained(kafka, 60)
        assert all(p.reachable for p in presences(kafka))  # long overdue by any wall clock
        write(kafka, [node_event(NodeKind.DOWN, 50)])
        eventually(lambda: len(presences(kafka)) == 41, 60)
    gone = [p for p in presences(kafka) if not p.reachable]
    assert {p.cause for p in gone} == {Cause.NODE_LOST}
    assert "sip:30@example.test" not in {p.aor for p in gone}


def test_own_expiry_follows_the_nodes_clock(kafka: KafkaSettings, tmp_path: Path) -> None:
    expiry = START + timedelta(seconds=60)
    with StageProcess(WORKER, tmp_path, kafka):
        write(kafka, [registration(user, user + 1, expires_at=expiry) for user in range(8)])
        write(kafka, [node_event(NodeKind.HEARTBEAT, second) for second in (70, 94)])
        drained(kafka, 60)
        assert all(p.reachable for p in presences(kafka))
        write(kafka, [node_event(NodeKind.HEARTBEAT, 100)])
        eventually(lambda: len(presences(kafka)) == 16, 60)
    assert {p.cause for p in presences(kafka) if not p.reachable} == {Cause.EXPIRED}
