"""The cookie of a connection, asked for by its peer."""

import socket

from producers.sockets.query import ConnectionQuery, Found, Gone, Unknown
from schemas.origin import Address
from tests.eventually import eventually
from tests.unit.producers.sockets.conftest import Pair


def test_the_cookie_of_a_connection_until_it_ends(pair: Pair) -> None:
    accepted, client, local, remote = pair
    query = ConnectionQuery([local.port])
    found = query.cookie_of(local, remote)
    assert isinstance(found, Found)
    assert found.local == local
    assert found == query.cookie_of(None, remote)  # by a walk over all connections
    assert found == query.cookie_of(None, remote)  # by the local end it found
    mapped = Address(ip=f"::ffff:{remote.ip}", port=remote.port)
    if ":" not in remote.ip:
        assert found == query.cookie_of(None, mapped)
    client.close()
    eventually(lambda: query.cookie_of(local, remote) == Gone(closing=True))  # CLOSE_WAIT
    accepted.close()
    assert query.cookie_of(local, remote) == Gone()  # the answer is the listening socket
    # A walk that finds nothing is not repeated at once: a tenth of a core at most.
    eventually(lambda: query.cookie_of(None, remote) == Gone(), 5)
    assert isinstance(query.cookie_of(None, remote, walk=False), Unknown)
    query.close()


def test_where_every_listener_names_its_address_no_walk_is_needed() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("0.0.0.0", 0)) as other,
        socket.create_connection(one.getsockname()) as client,
    ):
        remote = Address(ip="127.0.0.1", port=client.getsockname()[1])
        named = ConnectionQuery([one.getsockname()[1]])
        assert named.listens()
        assert isinstance(named.cookie_of(None, remote, walk=False), Found)
        remote.port = 9
        assert named.cookie_of(None, remote, walk=False) == Gone()
        wildcard = ConnectionQuery([other.getsockname()[1]])
        assert wildcard.listens()
        assert isinstance(wildcard.cookie_of(None, remote, walk=False), Unknown)
        nobody = ConnectionQuery([9])
        assert not nobody.listens()
        for query in (named, wildcard, nobody):
            query.close()


def test_another_ports_connection_is_not_the_registrars(pair: Pair) -> None:
    _, _, local, remote = pair
    query = ConnectionQuery([local.port + 1 if local.port < 65535 else 1])
    assert query.cookie_of(None, remote) == Gone()
    query.close()


def test_what_is_no_address_is_unknown_and_not_gone() -> None:
    query = ConnectionQuery()
    assert isinstance(query.cookie_of(None, Address(ip="no address", port=1)), Unknown)
    query.close()
