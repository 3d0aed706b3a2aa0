"""Which end the watcher publishes where notifications come later than the dump that lacks them."""

import socket
import time
from collections.abc import Iterator

import pytest

from local.network import free_port
from producers.sockets import netlink
from producers.sockets.dumper import Dump
from producers.sockets.netlink import Socket
from producers.sockets.notifications import Received
from producers.sockets.settings import SocketsSettings
from producers.sockets.watcher import Watcher
from schemas.connection import ConnectionEvent
from schemas.vocabulary import ConnectionKind as Kind

PORT = 5060
# More than the watcher takes in one turn.
MANY = 300


class Scripted:
    """A watcher, fed by hand; it asks a kernel that has no connection any more."""

    def __init__(self, **settings: float) -> None:
        self.events: list[ConnectionEvent] = []
        recorded = f"127.0.0.1:{free_port()}"
        self.watcher = Watcher(
            SocketsSettings(node="n1", ports=[PORT], recorded=recorded, **settings),  # type: ignore[arg-type]  # pydantic checks them
            self.events.append,
            "boot-1",
        )
        self._listening = self.watcher.feed.kernel.dump(b"")

    def dump(self, *sockets: Socket) -> None:
        """The dumper has taken a dump."""
        self.watcher.feed.queue.put(Dump([*self._listening, *sockets], 0.0, 0.0))

    def notify(self, *sockets: Socket) -> None:
        """The reader has read these notifications."""
        for one in sockets:
            self.watcher.feed.queue.put(Received(netlink.destroyed(one), time.time()))

    def turns(self) -> None:
        """The watcher takes all that was read, and then asks about what is missing."""
        while self.watcher.feed.has_unread:
            self.watcher.turn()
        self.watcher.turn()


@pytest.fixture
def scripted(request: pytest.FixtureRequest) -> Iterator[Scripted]:
    made = Scripted(**getattr(request, "param", {}))
    yield made
    made.watcher.feed.close()


def connection(cookie: int) -> Socket:
    ends = PORT.to_bytes(2, "big") + (30_000 + cookie).to_bytes(2, "big") + bytes(32)
    return Socket(socket.AF_INET, netlink.ESTABLISHED, 0, 0, ends, cookie, 0, b"")


@pytest.mark.parametrize("scripted", [{"missing_after_seconds": 0}], indirect=True)
def test_no_reset_is_concluded_while_notifications_are_read_and_not_taken(
    scripted: Scripted,
) -> None:
    """The publisher held the watcher up: a dump without the connections is before their ends."""
    connections = [connection(cookie) for cookie in range(1, MANY + 1)]
    scripted.dump(*connections)
    scripted.dump()
    scripted.notify(*connections)
    scripted.turns()
    assert [event.kind for event in scripted.events] == [Kind.CLOSED] * MANY


def test_a_notification_that_the_kernel_sends_late_gives_the_cause(scripted: Scripted) -> None:
    """On a busy machine the kernel's thread that sends them waits for a core."""
    scripted.dump(connection(1))
    scripted.dump()
    scripted.turns()
    late = time.monotonic() + 0.2
    while time.monotonic() < late:
        scripted.watcher.turn()
    scripted.notify(connection(1))
    scripted.turns()
    assert [(event.kind, event.reason) for event in scripted.events] == [(Kind.CLOSED, None)]


@pytest.mark.parametrize("scripted", [{"missing_after_seconds": 0}], indirect=True)
def test_a_connection_without_a_notification_was_reset(scripted: Scripted) -> None:
    scripted.dump(connection(1))
    scripted.dump()
    scripted.turns()
    assert [event.kind for event in scripted.events] == [Kind.RESET]
