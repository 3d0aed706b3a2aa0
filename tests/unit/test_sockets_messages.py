"""The kernel's messages: what is asked, what is read, and that pyroute2 reads them alike."""

import socket
from collections.abc import Iterator

import pytest
from pyroute2.netlink.diag import inet_diag_msg, inet_diag_req

from producers.sockets import netlink
from producers.sockets.errors import QueryFailed
from producers.sockets.kernel import Kernel
from producers.sockets.netlink import Socket
from producers.sockets.query import ConnectionQuery, Found, Gone, Unknown
from producers.sockets.settings import read_port
from schemas.origin import Address
from schemas.vocabulary import Transport
from tests.eventually import eventually

Pair = tuple[socket.socket, socket.socket, Address, Address]  # server's and client's end


@pytest.fixture(params=["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A connection, and its two ends as a registrar would name them."""
    mapped = request.param.startswith("::ffff:")
    family = socket.AF_INET if request.param == "127.0.0.1" else socket.AF_INET6
    host = "::" if mapped else request.param
    with socket.create_server((host, 0), family=family, dualstack_ipv6=mapped) as listener:
        port = listener.getsockname()[1]
        ip = "127.0.0.1" if mapped else request.param
        with socket.create_connection((ip, port)) as client:
            accepted, _ = listener.accept()
            with accepted:
                yield (
                    accepted,
                    client,
                    Address(ip=ip, port=port),
                    Address(ip=ip, port=client.getsockname()[1]),
                )


def test_a_request_and_an_answer_read_by_pyroute2_are_the_same(pair: Pair) -> None:
    _, _, local, remote = pair
    family, ends = netlink.ends_of(local, remote)
    request = netlink.exact_request(family, ends, 7, info=True)
    read = inet_diag_req(request)
    read.decode()
    assert (read["sdiag_family"], read["sdiag_protocol"], read["idiag_ext"]) == (family, 6, 2)
    assert (read["idiag_sport"], read["idiag_dport"]) == (local.port, remote.port)
    assert (read["idiag_src"], read["idiag_cookie"]) == (local.ip, 7)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:
        kernel.send(netlink.exact_request(family, ends, None, info=True))
        answer = kernel.recv(65536)
    (ours,) = netlink.sockets(answer)
    theirs = inet_diag_msg(answer)
    theirs.decode()
    assert ours.cookie == theirs["idiag_cookie"]
    assert ours.state == theirs["idiag_state"] == netlink.ESTABLISHED
    assert (ours.local_port, ours.remote_port) == (theirs["idiag_sport"], theirs["idiag_dport"])
    assert (ours.local, ours.remote) == (local, remote)
    assert theirs["idiag_src"].removeprefix("::ffff:") == local.ip


def test_tcp_info_read_by_pyroute2_is_the_same(pair: Pair) -> None:
    from producers.sockets.tcp_info import parse

    accepted, client, local, remote = pair
    client.sendall(b"x" * 100)
    accepted.recv(100)
    accepted.sendall(b"y" * 50)
    client.recv(50)
    family, ends = netlink.ends_of(local, remote)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:
        kernel.send(netlink.exact_request(family, ends, None, info=True))
        answer = kernel.recv(65536)
    (found,) = netlink.sockets(answer)
    ours = parse(found.info)
    assert ours is not None
    theirs = inet_diag_msg(answer)
    theirs.decode()
    info = theirs.get_attr("INET_DIAG_INFO")
    assert ours.bytes_acked == info["tcpi_bytes_acked"] == 50
    assert ours.bytes_sent == info["tcpi_bytes_sent"] == 50
    assert ours.segments_in == info["tcpi_segs_in"]
    assert ours.last_ack_recv == info["tcpi_last_ack_recv"]
    assert ours.last_data_recv == info["tcpi_last_data_recv"]
    assert (ours.retransmits, ours.probes, ours.unacked) == (0, 0, 0)


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
    # A walk that finds nothing is not repeated at once: a tenth of the time at most.
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


@pytest.mark.parametrize("others", [[], [1], [1, 2], list(range(1, 120))])
def test_the_kernel_shows_only_the_ports_asked_for(others: list[int], pair: Pair) -> None:
    _, _, local, _ = pair
    kernel = Kernel()
    for ports in ([local.port, *others], [*others, local.port]):
        shown = kernel.dump(netlink.of_ports(ports))
        assert {s.local_port for s in shown} - set(others) == {local.port}
        assert {s.state for s in shown} >= {netlink.LISTEN, netlink.ESTABLISHED}
    kernel.close()


def test_a_dead_connection_is_not_found_by_its_cookie(pair: Pair) -> None:
    _, _, local, remote = pair
    family, ends = netlink.ends_of(local, remote)
    kernel = Kernel()
    living = kernel.exact(family, ends)
    assert living is not None
    assert kernel.exact(family, ends, living.cookie) == living
    assert kernel.exact(family, ends, living.cookie + 1_000_000) is None
    kernel.close()


@pytest.mark.parametrize("data", [b"\x00" * 16, b"\xff" * 100, b"\x60\x00\x00\x00" + b"\x14" * 20])
def test_broken_answers_are_said_to_be_broken(data: bytes) -> None:
    with pytest.raises(QueryFailed):
        list(netlink.sockets(data))


def test_ports_of_the_settings() -> None:
    assert read_port("5060") == read_port(5060) == (5060, Transport.TCP)
    assert read_port("5061/tls") == (5061, Transport.TLS)
    assert read_port("7443/WSS") == (7443, Transport.WSS)
    for wrong in ("0", "65536", "5060/", "5060/udp", "sip", "-1"):
        with pytest.raises(ValueError, match=wrong):
            read_port(wrong)


def test_addresses_are_written_as_registrars_producers_write_them() -> None:
    ends = bytes([0x13, 0xC4, 0xEA, 0x60]) + bytes(10) + b"\xff\xff\x0a\x01\x02\x03"
    ends += bytes(10) + b"\xff\xff\x0a\x01\x02\x04"
    mapped = Socket(socket.AF_INET6, 1, 0, 0, ends, 1, 0, b"")
    assert mapped.local == Address(ip="10.1.2.3", port=5060)
    assert mapped.remote == Address(ip="10.1.2.4", port=60000)
