"""The kernel's netlink datagrams: sockets, or a named error; also the files kept beside them."""

import contextlib
import struct
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from pyroute2.netlink.diag import SOCK_DIAG_BY_FAMILY

from producers.sockets import netlink, tcp_info
from producers.sockets.connection_events import ConnectionEvents
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.kernel import Kernel
from producers.sockets.known_connections_file import parse
from producers.sockets.netlink import Socket
from producers.sockets.notifications import Received
from producers.sockets.settings import SocketsSettings
from producers.sockets.watcher import Watcher
from schemas.connection import ConnectionEvent
from schemas.origin import Address
from schemas.vocabulary import ConnectionKind, Transport
from tests.fuzz.hostile import fuzzed, mutated

_LOCAL, _PEER = Address(ip="192.0.2.1", port=5060), Address(ip="192.0.2.9", port=40001)
_V6 = Address(ip="2001:db8::1", port=5060), Address(ip="::ffff:192.0.2.9", port=40002)


def _message(socket: Socket, info: bytes = b"") -> bytes:
    whole = netlink.destroyed(socket)
    if not info:
        return whole
    attribute = struct.pack("=HH", 4 + len(info), 2) + info
    return struct.pack("=I", len(whole) + len(attribute)) + whole[4:] + attribute


_ONE = Socket.of(_LOCAL, _PEER, 7, 0xFFFFFFFFFFFFFFFF)
_SIX = Socket.of(_V6[0], Address(ip="2001:db8::2", port=1), 7, 12)
_DONE = struct.pack("=IHHII", 20, 3, 2, 1, 0) + bytes(4)
_ERROR = struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -2) + bytes(16)
MESSAGES = [
    _message(_ONE),
    _message(_SIX),
    _message(_ONE, bytes(range(232))),
    _message(_ONE) + _message(_SIX, bytes(104)) + _DONE,
    _DONE,
    _ERROR,
]


def read(data: bytes) -> list[Socket]:
    """As every reader of the kernel's datagrams: sockets, or one of two kinds of error."""
    try:
        return list(netlink.sockets(data))
    except (QueryFailed, OSError):
        return []


@fuzzed(400)
@given(mutated(MESSAGES))
@example(struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -(2**31)) + bytes(16))
def test_any_datagram_is_sockets_or_a_named_error(data: bytes) -> None:
    connection_events = ConnectionEvents("n", "kernel-1", {5060: Transport.TCP})
    netlink.ends_dump(data)
    for socket in read(data):
        info = tcp_info.parse(socket.info)
        event = connection_events.event(tcp_info.end_of(info), socket, None, 1795502444.2)
        assert isinstance(event, ConnectionEvent)


@fuzzed(200)
@given(st.binary(max_size=240), st.binary(max_size=60))
def test_no_attribute_reaches_into_the_next_message(info: bytes, long: bytes) -> None:
    first = _message(_ONE, info or b"x")
    # An attribute that claims more than its message holds.
    lying = first[:72] + struct.pack("=HH", 4 + len(info) + len(long), 2) + first[76:]
    (socket,) = netlink.sockets(lying)
    padded = lying + bytes(-len(lying) % 4)
    sockets = list(netlink.sockets(padded + _message(_SIX, long or b"y")))
    assert [one.info for one in sockets] == [socket.info, long or b"y"]


class _Kernel(Kernel):
    """Gives the datagrams in place of the kernel's."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = deque(answers)
        self._socket: Any = self

    def _open(self) -> Any:
        return self

    def send(self, data: bytes) -> None:
        assert data

    def recv(self, size: int) -> bytes:
        del size
        if not self._answers:
            raise TimeoutError("no answer")
        return self._answers.popleft()

    def close(self) -> None:
        """Nothing is open."""


@fuzzed(200)
@given(st.lists(mutated(MESSAGES), max_size=3))
def test_any_answer_is_sockets_or_a_named_error(answers: list[bytes]) -> None:
    questions: list[Callable[[Kernel], object]] = [
        lambda kernel: kernel.exact(2, _ONE.ends, 7),
        lambda kernel: kernel.dump(b""),
        lambda kernel: kernel.of_peer(_PEER),
    ]
    for ask in questions:
        with contextlib.suppress(KernelRefuses, QueryFailed):
            ask(_Kernel(answers))


@fuzzed(40)
@given(mutated(MESSAGES))
@example(b"\xff" * 20)  # ended the watcher
def test_no_notification_stops_the_next(data: bytes) -> None:
    published: list[ConnectionEvent] = []
    settings = SocketsSettings(node="n", ports=[5060], recorded="127.0.0.1:0")
    watcher = Watcher(settings, published.append, "kernel-1")
    watcher.feed.queue.put(Received(data, 1.0))
    watcher.feed.queue.put(Received(_message(_ONE._replace(cookie=99)), 2.0))
    watcher.turn()
    watcher.feed.close()
    assert [e.kind for e in published if e.cookie == 99] == [ConnectionKind.CLOSED]
    assert published[-1].at == datetime.fromtimestamp(2, UTC)


@fuzzed(60)
@given(st.binary(max_size=300), st.booleans())
def test_any_file_of_known_connections_is_read_or_none(data: bytes, headed: bool) -> None:
    head = b"rollcall sockets 1 boot\n" if headed else b""
    for known in parse(head + data, "boot").values():
        Socket(known.family, 7, 0, 0, known.ends, 1, 0, b"").remote  # noqa: B018 - must not raise


def test_messages_are_what_the_kernel_sends() -> None:
    assert struct.unpack_from("=H", MESSAGES[0], 4)[0] == SOCK_DIAG_BY_FAMILY
    assert [len(read(message)) for message in MESSAGES] == [1, 1, 1, 2, 0, 0]
