"""Which connections are closed when there are too many, or their requests take too long."""

from typing import Any

import pytest

from runtime.connection_guard import ENDED_AT_ONCE, ConnectionGuard, ConnectionLimits, network_of

LIMITS: dict[str, Any] = {
    "total": 100,
    "pending": 50,
    "per_address": 100,
    "request_seconds": 10.0,
    "stalled_seconds": 30.0,
    "buffered_bytes": 1_000,
}


class Fake:
    """A connection that records its end."""

    def __init__(self, buffered: int = 0) -> None:
        self.buffered = buffered
        self.ended = ""

    def abort(self) -> None:
        self.ended = self.ended or "aborted"

    def get_write_buffer_size(self) -> int:
        return self.buffered


class Server:
    """A guard, and what it refused."""

    def __init__(self, **limits: Any) -> None:
        self.refused: list[str] = []
        self.guard = ConnectionGuard(
            ConnectionLimits(**{**LIMITS, **limits}),
            is_proxy=lambda address: address == "10.0.0.1",
            refused=lambda reason, address: self.refused.append(f"{reason} {address}"),
            timed_out=self.time_out,
        )

    def time_out(self, connection: Any) -> None:
        connection.ended = "timed out"

    def opened(
        self, now: float = 0.0, address: str = "192.0.2.1", buffered: int = 0
    ) -> tuple[Fake, bool]:
        connection = Fake(buffered)
        return connection, self.guard.opened(connection, address, now)


def test_a_request_has_its_time_however_slowly_it_comes() -> None:
    server = Server()
    slow, quick, idle = (server.opened(now)[0] for now in (0.0, 1.0, 2.0))
    server.guard.has_request(quick)
    for now in (3.0, 6.0, 9.0):
        server.guard.awaits_request(slow, now)
        server.guard.sweep(now)
    assert slow.ended == ""
    server.guard.sweep(10.0)
    assert (slow.ended, idle.ended, quick.ended) == ("timed out", "", "")
    server.guard.sweep(12.0)
    assert (idle.ended, quick.ended) == ("timed out", "")
    server.guard.awaits_request(quick, 20.0)  # the next request on the same connection
    server.guard.sweep(29.9)
    assert quick.ended == ""
    server.guard.sweep(30.0)
    assert quick.ended == "timed out"
    assert server.refused == ["timeout 192.0.2.1"] * 3


def test_many_late_requests_are_ended_a_few_at_once() -> None:
    server = Server()
    late = [server.opened()[0] for _ in range(2 * ENDED_AT_ONCE + 1)]
    in_time, _ = server.opened(5.0)
    assert [server.guard.sweep(10.0) for _ in range(3)] == [True, True, False]
    assert {connection.ended for connection in late} == {"timed out"}
    assert not in_time.ended


def test_past_the_number_of_pending_connections_the_oldest_is_closed() -> None:
    server = Server(pending=3)
    served = server.opened()[0]
    server.guard.has_request(served)
    many = [server.opened()[0] for _ in range(10)]
    assert [one.ended for one in many] == ["aborted"] * 7 + [""] * 3
    assert served.ended == ""
    assert (len(server.guard), server.guard.pending) == (4, 3)


def test_a_full_server_closes_a_pending_connection_for_a_new_one_but_no_other() -> None:
    server = Server(total=2)
    first, second = server.opened()[0], server.opened()[0]
    server.guard.has_request(first)
    third, _ = server.opened()
    assert (first.ended, second.ended, third.ended) == ("", "aborted", "")
    server.guard.has_request(third)
    fourth, _ = server.opened()
    assert (fourth.ended, len(server.guard)) == ("aborted", 2)
    server.guard.closed(first)
    assert server.opened()[0].ended == ""


def test_an_address_has_its_share() -> None:
    server = Server(per_address=2)
    assert [server.opened()[1] for _ in range(3)] == [True, True, False]
    assert server.opened(address="192.0.2.2")[1]
    assert [server.opened(address="10.0.0.1")[1] for _ in range(3)] == [True] * 3
    assert server.refused == ["address 192.0.2.1"]


def test_connections_that_are_gone_are_forgotten() -> None:
    server = Server(per_address=1)
    connection, _ = server.opened()
    server.guard.paused(connection, 1.0)
    server.guard.closed(connection)
    server.guard.closed(connection)
    server.guard.awaits_request(connection, 1.0)
    server.guard.paused(connection, 1.0)
    server.guard.sweep(1_000.0)
    assert (connection.ended, len(server.guard), server.guard.pending) == ("", 0, 0)
    assert server.opened()[1]


def test_a_client_that_does_not_read_is_disconnected() -> None:
    server = Server()
    stalled, resumed = server.opened()[0], server.opened()[0]
    for one in (stalled, resumed):
        server.guard.has_request(one)
        server.guard.paused(one, 5.0)
    server.guard.resumed(resumed)
    server.guard.paused(stalled, 30.0)  # it counts from the first time
    server.guard.sweep(35.0)
    assert (stalled.ended, resumed.ended) == ("aborted", "")


def test_past_the_bytes_of_all_those_with_most_are_disconnected() -> None:
    server = Server()
    sizes = (400, 900, 100, 500)
    many = [server.opened(buffered=size)[0] for size in sizes]
    for one in many:
        server.guard.has_request(one)
        server.guard.paused(one, 0.0)
    server.guard.sweep(1.0)
    assert [one.ended for one in many] == ["", "aborted", "", ""]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_a_host_is_counted_by_its_address_or_its_network(address: str, network: str) -> None:
    assert network_of(address) == network
