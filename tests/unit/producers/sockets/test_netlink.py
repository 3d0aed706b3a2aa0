"""Netlink messages: requests and answers, and that pyroute2 reads them alike."""

import socket

import pytest
from pyroute2.netlink.diag import inet_diag_msg, inet_diag_req

from producers.sockets import netlink, netlink_requests
from producers.sockets.errors import QueryFailed
from producers.sockets.netlink import Socket
from producers.sockets.tcp_info import parse
from schemas.origin import Address
from tests.unit.producers.sockets.conftest import Pair


def test_a_request_and_an_answer_read_by_pyroute2_are_the_same(pair: Pair) -> None:
    _, _, local, remote = pair
    family, ends = netlink.ends_of(local, remote)
    request = netlink_requests.exact_request(family, ends, 7, info=True)
    read = inet_diag_req(request)
    read.decode()
    assert (read["sdiag_family"], read["sdiag_protocol"], read["idiag_ext"]) == (family, 6, 2)
    assert (read["idiag_sport"], read["idiag_dport"]) == (local.port, remote.port)
    assert (read["idiag_src"], read["idiag_cookie"]) == (local.ip, 7)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:
        kernel.send(netlink_requests.exact_request(family, ends, None, info=True))
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
    accepted, client, local, remote = pair
    client.sendall(b"x" * 100)
    accepted.recv(100)
    accepted.sendall(b"y" * 50)
    client.recv(50)
    family, ends = netlink.ends_of(local, remote)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:
        kernel.send(netlink_requests.exact_request(family, ends, None, info=True))
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


@pytest.mark.parametrize("data", [b"\x00" * 16, b"\xff" * 100, b"\x60\x00\x00\x00" + b"\x14" * 20])
def test_a_broken_answer_raises_query_failed(data: bytes) -> None:
    with pytest.raises(QueryFailed):
        list(netlink.sockets(data))


def test_mapped_addresses_are_ipv4_as_registrars_producers_write_them() -> None:
    ends = bytes([0x13, 0xC4, 0xEA, 0x60]) + bytes(10) + b"\xff\xff\x0a\x01\x02\x03"
    ends += bytes(10) + b"\xff\xff\x0a\x01\x02\x04"
    mapped = Socket(socket.AF_INET6, 1, 0, 0, ends, 1, 0, b"")
    assert mapped.local == Address(ip="10.1.2.3", port=5060)
    assert mapped.remote == Address(ip="10.1.2.4", port=60000)
