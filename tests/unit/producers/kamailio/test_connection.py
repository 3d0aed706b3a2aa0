"""How the end of evapi's connection is reported, whatever the next attempts to connect give."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from producers.kamailio.connection import EvapiConnection, Link
from producers.kamailio.settings import KamailioSettings
from tests.eventually import eventually

REFUSED = None, True
TIMED_OUT = None, False


class Inbox:
    """Keeps what it is given: which connections began, and what the end of each meant."""

    def __init__(self) -> None:
        self.ends: list[tuple[Link, bool]] = []
        self.begun: list[Link] = []

    def put(self, link: Link, data: bytes) -> None:
        if data:
            self.begun.append(link)
        else:
            self.ends.append((link, link.refused))


@pytest.fixture
def pairs() -> Iterator[list[socket.socket]]:
    made: list[socket.socket] = []
    yield made
    for one in made:
        one.close()


def ending(pairs: list[socket.socket]) -> tuple[socket.socket, bool]:
    """A connection whose other end closes at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        server.accept()[0].close()
    pairs.append(client)
    return client, False


def gone(pairs: list[socket.socket]) -> tuple[socket.socket, bool]:
    """A connection that was reset before anybody looked at it: it has no peer any more."""
    unconnected = socket.socket()
    pairs.append(unconnected)
    return unconnected, False


def ends_of(attempts: list[tuple[socket.socket | None, bool]]) -> Inbox:
    inbox: Any = Inbox()
    connection = EvapiConnection(KamailioSettings(node="kam1", reconnect_seconds=0.01), inbox)
    made: list[int] = []

    def connect() -> tuple[socket.socket | None, bool]:
        made.append(len(made))
        return attempts[made[-1]] if made[-1] < len(attempts) else TIMED_OUT

    connection._connect = connect  # type: ignore[method-assign]  # what a network does in this order
    connection.start()
    try:
        eventually(lambda: len(made) > len(attempts), what="all attempts")
    finally:
        connection.stop()
    assert connection.failure is None
    found: Inbox = inbox
    return found


def test_end_is_refused_where_no_process_listens(pairs: list[socket.socket]) -> None:
    inbox = ends_of([ending(pairs), REFUSED])
    assert inbox.ends == [(inbox.begun[0], True)]


def test_end_is_not_refused_where_a_process_listens_again(pairs: list[socket.socket]) -> None:
    inbox = ends_of([ending(pairs), ending(pairs), REFUSED])
    assert [refused for _, refused in inbox.ends] == [False, True]
    assert [link for link, _ in inbox.ends] == inbox.begun


def test_exiting_server_accepts_one_more_connection(pairs: list[socket.socket]) -> None:
    inbox = ends_of([ending(pairs), gone(pairs), REFUSED])
    assert (inbox.begun[0], True) in inbox.ends


def test_end_is_reported_once_without_an_answer(pairs: list[socket.socket]) -> None:
    inbox = ends_of([ending(pairs), TIMED_OUT, TIMED_OUT, REFUSED])
    assert [refused for _, refused in inbox.ends] == [False, True]
