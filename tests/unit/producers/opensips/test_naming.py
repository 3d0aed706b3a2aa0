"""Events of a process that MI has not named yet wait for its name."""

import json
from typing import Any

import pytest

from producers.opensips.naming import Naming
from schemas.topics import NODES, REGISTRATIONS
from schemas.vocabulary import NodeKind
from tests.unit.opensips_capture import Play

T = 1_800_000_000.0
OLD, NEW = "Tue Nov 24 06:01:20 2026", "Tue Nov 24 07:00:00 2026"
BOOTS = {OLD: "up-tue-nov-24-06-01-20-2026", NEW: "up-tue-nov-24-07-00-00-2026"}


def register(user: str, port: int) -> bytes:
    """A phone registers at a proxy without a location table."""
    parameters = {
        "aor": f"{user}@example.test",
        "contact": f"<sip:{user}@192.0.2.7:{port};transport=tcp>",
        "callid": f"{user}-1",
        "cseq": 1,
        "received_proto": "tcp",
        "received_ip": "192.0.2.7",
        "received_port": port,
        "socket": "tcp:192.0.2.9:5060",
    }
    message = {"jsonrpc": "2.0", "method": "E_EDGE_REGISTER", "params": parameters}
    return json.dumps(message).encode()


def play(**bounds: Any) -> Play:
    limits: dict[str, Any] = {"wait_seconds": 60, "max_pieces": 100, "max_bytes": 10**6}
    return Play(naming=Naming(**(limits | bounds)))


def named(one: Play, started: str, *, asked_at: float) -> None:
    """MI answers a query made then."""
    one.intake.identified(started, None, int(asked_at * 1_000_000))


def boots(one: Play) -> list[str]:
    return [event.boot for event in one.events(REGISTRATIONS)]


def test_phone_that_registers_right_after_a_restart_is_online() -> None:
    one = play()
    named(one, OLD, asked_at=T)
    one.stream(T + 1, 1, register("alice", 40000))
    named(one, OLD, asked_at=T + 1.1)
    one.stream(T + 10, 1, b"")  # the server is killed
    one.stream(T + 12, 2, register("alice", 40001))
    assert boots(one) == [BOOTS[OLD]]
    named(one, NEW, asked_at=T + 12.1)
    assert boots(one) == [BOOTS[OLD], BOOTS[NEW]]
    assert one.pipeline.online() == {"alice": [40001]}
    ups = [event for event in one.events(NODES) if event.kind is NodeKind.UP]
    assert ups[-1].at < one.events(REGISTRATIONS)[-1].at


def test_answer_to_an_earlier_query_releases_nothing() -> None:
    """It may be the old process's: the query was made before the connection began."""
    one = play()
    named(one, OLD, asked_at=T)
    one.stream(T + 12, 2, register("alice", 40001))
    named(one, OLD, asked_at=T + 11.9)
    assert boots(one) == []
    named(one, NEW, asked_at=T + 12.1)
    assert boots(one) == [BOOTS[NEW]]


def test_named_sender_does_not_wait() -> None:
    one = play()
    one.stream(T + 1, 1, register("alice", 40000))
    named(one, OLD, asked_at=T + 1.1)
    one.stream(T + 2, 1, register("bob", 40001))
    assert boots(one) == [BOOTS[OLD]] * 2


def test_pieces_after_a_waiting_one_wait_too() -> None:
    """Events are published in the order in which they were read."""
    one = play()
    one.stream(T + 1, 1, register("alice", 40000))
    named(one, OLD, asked_at=T + 1.1)
    one.stream(T + 2, 2, register("bob", 40001))
    one.stream(T + 3, 1, register("alice", 40000))
    assert len(boots(one)) == 1
    named(one, OLD, asked_at=T + 3.1)
    assert [event.aor for event in one.events(REGISTRATIONS)] == [
        f"sip:{user}@example.test" for user in ("alice", "bob", "alice")
    ]


def test_end_of_a_stream_makes_every_sender_new() -> None:
    one = play()
    for connection in (1, 2):
        one.stream(T + connection, connection, register("alice", 40000 + connection))
    named(one, OLD, asked_at=T + 3)
    one.stream(T + 4, 1, b"")
    one.stream(T + 5, 2, register("bob", 40005))
    assert len(boots(one)) == 2
    named(one, NEW, asked_at=T + 5.1)
    assert boots(one)[-1] == BOOTS[NEW]


def test_two_restarts_before_an_answer() -> None:
    one = play()
    one.stream(T + 1, 1, register("alice", 40000))
    one.stream(T + 2, 1, b"")
    one.stream(T + 3, 2, register("bob", 40001))
    named(one, OLD, asked_at=T + 1.5)
    assert boots(one) == [BOOTS[OLD]]
    named(one, NEW, asked_at=T + 3.5)
    assert boots(one) == [BOOTS[OLD], BOOTS[NEW]]


def test_datagrams_from_another_port_wait() -> None:
    one = play()
    one.datagram(T + 1, register("alice", 40000), port=50000)
    named(one, OLD, asked_at=T + 1.1)
    one.datagram(T + 2, register("alice", 40000), port=50000)
    assert boots(one) == [BOOTS[OLD]] * 2
    one.datagram(T + 12, register("alice", 40001), port=50001)
    assert len(boots(one)) == 2
    named(one, NEW, asked_at=T + 12.1)
    assert boots(one)[-1] == BOOTS[NEW]


@pytest.mark.parametrize("bound", [{"wait_seconds": -1}, {"max_pieces": 0}, {"max_bytes": 100}])
def test_wait_is_bounded(bound: dict[str, float]) -> None:
    one = play(**bound)
    one.stream(T + 1, 1, register("alice", 40000))
    one.intake.take_overdue()
    assert boots(one) == ["run-1"]
    assert [event.kind for event in one.events(NODES)] == [NodeKind.GAP]
    assert one.intake.status()["unnamed"] == 0


def test_waiting_pieces_are_published_at_the_producers_stop() -> None:
    one = play()
    one.stream(T + 1, 1, register("alice", 40000))
    assert one.intake.status()["queued"] == one.intake.status()["unnamed"] == 1
    one.intake.take_overdue()
    assert boots(one) == []
    one.intake.take_overdue(all_of_it=True)
    assert boots(one) == ["run-1"]
