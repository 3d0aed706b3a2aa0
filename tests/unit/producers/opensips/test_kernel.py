"""What the OpenSIPS producer asks the kernel at each registration, and what it publishes."""

import socket
import time
from collections.abc import Iterator

import pytest

from producers.opensips.context import Context
from producers.opensips.kernel import KernelWitness
from producers.opensips.registrations import translate_insert
from producers.receive_times import Ticks
from producers.setting_types import KernelMode
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.users import Users
from producers.translated import Translated
from schemas.origin import Address
from schemas.topics import CONNECTIONS
from schemas.vocabulary import ConnectionKind


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def context(listener: socket.socket) -> Context:
    return Context("os1", "run-1", Users(), ports={listener.getsockname()[1]})


def registered(kernel: KernelWitness, context: Context, remote: Address) -> list[Translated]:
    """What is published of a contact that usrloc inserts, over the watched port."""
    port = next(iter(context.ports))
    parameters = {
        "domain": "location",
        "aor": "alice@example.test",
        "uri": f"sip:alice@{remote.ip}:{remote.port};transport=tcp",
        "received": f"sip:{remote.ip}:{remote.port};transport=tcp",
        "socket": f"tcp:127.0.0.1:{port}",
        "expires": round(time.time()) + 60,
        "callid": "a@b",
        "cseq": 1,
    }
    event = ServerEvent("E_UL_CONTACT_INSERT", parameters)
    return kernel.add_cookies(translate_insert(event, context, Ticks().now()))


def test_registrations_carry_the_cookie_of_their_connection_and_its_end(
    listener: socket.socket, context: Context
) -> None:
    kernel = KernelWitness("auto", context)
    with socket.create_connection(listener.getsockname()) as client:
        accepted, _ = listener.accept()
        ip, port = client.getsockname()
        remote = Address(ip=ip, port=port)
        (record,) = registered(kernel, context, remote)
        so_cookie = accepted.getsockopt(socket.SOL_SOCKET, 57, 8)  # SO_COOKIE
        assert record.event.cookie == int.from_bytes(so_cookie, "little")
    accepted.close()
    registration, end = registered(kernel, context, remote)
    assert registration.event.cookie is None
    assert (end.topic, end.event.kind) == (CONNECTIONS, ConnectionKind.CLOSED)
    assert end.event.reason == "gone at registration"
    kernel.close()


@pytest.mark.parametrize(("mode", "published"), [("auto", 1), ("on", 2), ("off", 1)])
def test_no_end_is_published_before_the_kernel_has_known_a_connection(
    mode: KernelMode, published: int, context: Context
) -> None:
    """The producer runs beside another server that listens on the same port."""
    kernel = KernelWitness(mode, context)
    records = registered(kernel, context, Address(ip="203.0.113.9", port=40000))
    assert len(records) == published
    assert records[0].event.cookie is None
    assert kernel.on == (mode != "off")
    kernel.close()
