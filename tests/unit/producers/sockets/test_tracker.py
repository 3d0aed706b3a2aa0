"""Which changes the watcher publishes of what it reads, and what it asks the kernel."""

import socket
import struct
from typing import Any

from pyroute2.netlink.diag import SS_LAST_ACK

from producers.sockets import netlink
from producers.sockets.netlink import Socket
from producers.sockets.suspicion import Suspicion
from producers.sockets.tracker import Change, ConnectionTracker, Destroyed
from schemas.vocabulary import ConnectionKind as Kind

PORT = 5060
CLOSE = 7  # the state in which destroyed sockets are reported


def tracker() -> ConnectionTracker:
    return ConnectionTracker({PORT}, Suspicion(retransmits=2, seconds=1.0), missing_after=0.05)


def one(cookie: int, state: int = netlink.ESTABLISHED, port: int = PORT, **fields: Any) -> Socket:
    ends = port.to_bytes(2, "big") + (40_000).to_bytes(2, "big") + bytes(32)
    return Socket(socket.AF_INET, state, 0, 0, ends, cookie, 0, b"")._replace(**fields)


def counters(retransmits: int = 0, last_ack_ms: int = 0) -> bytes:
    """As much of struct tcp_info as an old kernel has (linux/tcp.h)."""
    numbers = [0] * 24
    numbers[12] = last_ack_ms
    return struct.pack("=8B24I", 0, 0, retransmits, 0, 0, 0, 0, 0, *numbers)


def what(changes: list[Change]) -> list[tuple[Kind, int, str | None]]:
    return [(one.kind, one.socket.cookie, one.reason) for one in changes]


def test_an_end_is_reported_once_by_notification_and_dump() -> None:
    tracked = tracker()
    tracked.dumped([one(1), one(2)], 0.0, None)
    changes, others = tracked.destroyed([Destroyed(one(1, CLOSE), 5.0)])
    assert (what(changes), changes[0].at, others) == ([(Kind.CLOSED, 1, None)], 5.0, [])
    assert tracked.destroyed([Destroyed(one(1, CLOSE), 6.0)])[0] == []
    changes, _ = tracked.dumped([one(1, netlink.CLOSE_WAIT), one(2, netlink.CLOSE_WAIT)], 1.0, None)
    assert what(changes) == [(Kind.CLOSED, 2, "closed by the client, not by the server")]


def test_other_ports_and_listening_sockets_are_no_ends() -> None:
    listening = one(9, CLOSE)._replace(ends=PORT.to_bytes(2, "big") + bytes(34))
    changes, others = tracker().destroyed(
        [Destroyed(one(1, CLOSE, port=80), 0.0), Destroyed(listening, 0.0)]
    )
    assert (changes, others) == ([], [listening])


def test_a_missing_connection_is_asked_about_after_its_notification_was_due() -> None:
    tracked = tracker()
    tracked.dumped([one(1)], 10.0, None)
    tracked.dumped([], 11.0, None)
    assert tracked.has_missing
    assert tracked.due(11.04) == []
    (missing,) = tracked.due(11.06)
    assert not tracked.has_missing
    reset = "missing from a dump, not closed by the server"
    assert what(tracked.asked(missing, None)) == [(Kind.RESET, 1, reset)]
    assert tracked.asked(missing, None) == [], "reported already"


def test_a_notification_comes_before_the_question() -> None:
    tracked = tracker()
    tracked.dumped([one(1)], 10.0, None)
    tracked.dumped([], 11.0, None)
    tracked.destroyed([Destroyed(one(1, CLOSE), 0.0)])
    assert tracked.due(12.0) == []


def test_a_dump_that_skipped_a_live_connection_ends_nothing() -> None:
    tracked = tracker()
    tracked.dumped([one(1)], 10.0, None)
    tracked.dumped([], 11.0, None)
    (missing,) = tracked.due(12.0)
    assert tracked.asked(missing, one(1)) == []
    tracked.dumped([], 13.0, None)
    (again,) = tracked.due(14.0)
    closed = one(1, SS_LAST_ACK)
    assert what(tracked.asked(again, closed)) == [(Kind.CLOSED, 1, "closed by the server")]


def test_after_lost_notifications_the_cause_is_not_known_and_nothing_is_waited_for() -> None:
    tracked = tracker()
    tracked.dumped([one(1)], 10.0, None)
    tracked.dumped([], 11.0, "notifications were lost")
    (missing,) = tracked.due(11.0)
    assert what(tracked.asked(missing, None)) == [(Kind.CLOSED, 1, "notifications were lost")]


def test_a_notification_that_was_waited_for_may_be_among_the_lost_ones() -> None:
    tracked = tracker()
    tracked.dumped([one(1)], 10.0, None)
    tracked.dumped([], 11.0, None)
    tracked.dumped([], 11.01, "notifications were lost")
    (missing,) = tracked.due(11.01)
    assert missing.reason == "notifications were lost"


def test_a_connection_in_trouble_is_measured_until_it_recovers() -> None:
    tracked = tracker()
    tracked.dumped([one(1)], 10.0, None)
    _, measure = tracked.dumped([one(1, retransmits=2)], 11.0, None)
    assert measure == {1}
    suspect = one(1, info=counters(retransmits=2, last_ack_ms=1500))
    (change,) = tracked.measured(suspect, 11.0)
    assert (change.kind, change.reason) == (
        Kind.SUSPECT,
        "2 retransmissions, 0 probes, 0 segments unacknowledged, last ACK 1500 ms ago",
    )
    _, measure = tracked.dumped([one(1)], 12.0, None)
    assert measure == {1}, "suspects are measured though nothing is retransmitted now"
    assert [c.kind for c in tracked.measured(one(1, info=counters()), 12.0)] == [Kind.RECOVERED]


def test_a_suspect_that_goes_missing_timed_out() -> None:
    tracked = tracker()
    tracked.dumped([one(1)], 10.0, None)
    tracked.measured(one(1, info=counters(retransmits=3, last_ack_ms=2000)), 11.0)
    _, measure = tracked.dumped([], 12.0, None)
    assert measure == set(), "it is missing, and asked about"
    (missing,) = tracked.due(13.0)
    reason = "missing from a dump while suspect"
    assert what(tracked.asked(missing, None)) == [(Kind.TIMED_OUT, 1, reason)]
    assert tracked.suspicion.suspects == {}
