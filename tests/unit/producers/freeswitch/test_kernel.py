"""What the FreeSWITCH producer asks the kernel at each registration, and what it publishes."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.kernel import KernelLookup
from producers.freeswitch.translation import translate
from producers.setting_types import KernelMode
from producers.translated import Translated
from schemas.origin import Address
from schemas.topics import CONNECTIONS, REGISTRATIONS
from schemas.vocabulary import ConnectionKind, RegistrationKind, Source, Transport
from tests.eventually import eventually


@dataclass
class Switch:
    """An event socket and a SIP port, with a connection to each, in this namespace."""

    events: tuple[socket.socket, socket.socket]
    listener: socket.socket

    def ends(self) -> tuple[Address, Address]:
        _, own = self.events
        return address(own, peer=True), address(own)

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    def connect(self) -> tuple[socket.socket, socket.socket]:
        client = socket.create_connection(("127.0.0.1", self.port))
        return client, self.listener.accept()[0]

    def open(self, mode: KernelMode = "auto", ports: list[int] | None = None) -> KernelLookup:
        kernel = KernelLookup(mode, ports or [])
        kernel.open(*self.ends(), lambda: [self.port])
        return kernel


def address(one: socket.socket, *, peer: bool = False) -> Address:
    ip, port = (one.getpeername() if peer else one.getsockname())[:2]
    return Address(ip=ip, port=port)


@pytest.fixture
def switch() -> Iterator[Switch]:
    with (
        socket.create_server(("127.0.0.1", 0)) as event_socket,
        socket.create_server(("127.0.0.1", 0)) as sip,
        socket.create_connection(event_socket.getsockname()) as own,
        event_socket.accept()[0] as server,
    ):
        yield Switch((server, own), sip)


def registered(client: socket.socket | Address, status: str = "TCP") -> list[Translated]:
    remote = client if isinstance(client, Address) else address(client)
    headers = {
        "Event-Name": "CUSTOM",
        "Event-Subclass": "sofia::register",
        "Core-UUID": "boot",
        "Event-Sequence": "7",
        "Event-Date-Timestamp": str(time.time_ns() // 1000),
        "from-user": "alice",
        "from-host": "example.test",
        "contact": f"<sip:alice@{remote.ip}:{remote.port}>",
        "call-id": "a@b",
        "status": f"Registered({status})",
        "expires": "60",
        "network-ip": remote.ip,
        "network-port": str(remote.port),
    }
    return translate(SwitchEvent(headers), Context("fs1", timedelta()))


def test_the_cookie_is_the_servers_own_sockets(switch: Switch) -> None:
    kernel = switch.open()
    assert kernel.on
    client, accepted = switch.connect()
    with client, accepted:
        (record,) = kernel.add_cookies(registered(client))
        so_cookie = accepted.getsockopt(socket.SOL_SOCKET, 57, 8)  # SO_COOKIE
    assert record.event.cookie == int.from_bytes(so_cookie, "little")
    kernel.close()


def test_a_connection_that_ended_is_reported_right_after_the_registration(switch: Switch) -> None:
    kernel = switch.open()
    client, accepted = switch.connect()
    with accepted:
        cookie = int.from_bytes(accepted.getsockopt(socket.SOL_SOCKET, 57, 8), "little")
        remote, records = address(client), registered(client)
        client.close()
    kernel.add_cookies(records)  # the kernel reports an end when it has time
    first, second = pair(kernel, remote)
    assert (first.topic, first.event.cookie) == (REGISTRATIONS, None)
    end = second.event
    assert (second.topic, second.key) == (CONNECTIONS, end.connection)
    assert (end.kind, end.source) == (ConnectionKind.CLOSED, Source.SOCKETS)
    assert (end.id, end.reason) == (f"{first.event.id}/gone", "gone at registration")
    assert (end.at, end.cookie) == (first.event.at, cookie)
    assert end.connection == f"fs1/127.0.0.1:{first.event.remote.port}"
    assert not first.event.transport_claimed
    kernel.close()


def pair(kernel: KernelLookup, remote: Address) -> tuple[Translated, Translated]:
    """A registration and its connection's end, as soon as the kernel has reported that."""

    def found() -> list[Translated]:
        records = kernel.add_cookies(registered(remote))
        return records if len(records) == 2 else []

    first, second = eventually(found)
    return first, second


def test_a_connection_that_is_closing_has_ended(switch: Switch) -> None:
    """The server has not closed its end, so that the kernel has reported nothing yet."""
    kernel = switch.open()
    client, accepted = switch.connect()
    remote = address(client)
    with accepted:
        client.close()
        _, end = pair(kernel, remote)
    assert end.event.reason == "gone at registration"
    kernel.close()


def test_a_udp_registration_whose_contact_claims_tcp_loses_no_connection(
    switch: Switch,
) -> None:
    """The Contact claims TCP, as behind a proxy without Path, and the kernel never had one."""
    kernel = switch.open()
    (record,) = kernel.add_cookies(registered(Address(ip="127.0.0.1", port=9)))
    assert (record.event.transport, record.event.cookie) == (Transport.TCP, None)
    assert record.event.transport_claimed
    kernel.close()


def test_a_missing_connection_from_before_the_watch_counts_as_ended(switch: Switch) -> None:
    (record,) = registered(Address(ip="127.0.0.1", port=9))
    kernel = switch.open()
    registration, end = kernel.add_cookies([record])
    assert end.event.reason == "gone at registration"
    assert not registration.event.transport_claimed
    kernel.close()


def test_a_tcp_client_whose_contact_names_no_transport_is_recognised(switch: Switch) -> None:
    kernel = switch.open()
    client, accepted = switch.connect()
    with client, accepted:
        client.sendall(b"REGISTER")
        (record,) = kernel.add_cookies(registered(client, "UDP"))
    assert record.event.transport is Transport.TCP
    assert record.event.cookie
    kernel.close()


def test_a_udp_client_stays_a_udp_client(switch: Switch) -> None:
    kernel = switch.open()
    (record,) = kernel.add_cookies(registered(Address(ip="127.0.0.1", port=9), "UDP"))
    assert (record.event.transport, record.event.cookie) == (Transport.UDP, None)
    kernel.close()


def test_the_kernel_is_not_asked_where_the_switch_is_not_known_to_run_here(switch: Switch) -> None:
    elsewhere = KernelLookup("auto", [])
    elsewhere.open(Address(ip="192.0.2.1", port=8021), switch.ends()[1], lambda: [switch.port])
    forwarded = KernelLookup("auto", [])
    forwarded.open(*switch.ends(), lambda: [9])  # the SIP ports listen in another namespace
    silent = KernelLookup("auto", [])
    silent.open(*switch.ends(), list)
    off = switch.open("off")
    for kernel in (elsewhere, forwarded, silent, off):
        assert not kernel.on
        records = registered(Address(ip="127.0.0.1", port=9))
        assert kernel.add_cookies(records) == records
    forced = switch.open("on", [switch.port])
    assert forced.on
    forced.close()


def test_a_row_of_a_listing_whose_connection_is_gone_ends_it_too(switch: Switch) -> None:
    """So an end that nobody saw is published with the next snapshot at the latest."""
    kernel = switch.open()
    client, accepted = switch.connect()
    (row,) = registered(client)
    row.event.kind = RegistrationKind.SNAPSHOT_ROW
    assert [r.event.cookie is not None for r in kernel.add_cookies([row])] == [True]
    client.close()
    accepted.close()
    row.event.cookie = None
    _, end = kernel.add_cookies([row])
    assert (end.event.kind, end.event.reason) == (ConnectionKind.CLOSED, "gone when listed")
    kernel.close()
