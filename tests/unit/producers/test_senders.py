"""Strangers at the intakes that listen: addresses, connections, the shared secret."""

import json
import socket
from contextlib import ExitStack, closing
from typing import Any
from unittest.mock import MagicMock

import pytest
from pydantic import SecretStr, ValidationError

from producers import senders
from producers.opensips.listener import Listener, StreamPeer
from producers.opensips.secret import SharedSecret
from producers.opensips.settings import OpenSipsSettings
from producers.private_input import MASKED_INPUT
from producers.receive_times import Ticks
from producers.rtpengine.context import Context as MediaContext
from producers.rtpengine.dtmf import DtmfListener
from producers.senders import AllowedSenders
from producers.sip_proxy.inbox import Inbox, Piece
from runtime import metrics
from runtime.settings import BadSettings
from schemas.topics import REGISTRATIONS
from tests.eventually import eventually
from tests.unit.opensips_capture import Collector, Play

SECRET = "correct-horse-battery"
EVENT = b'{"jsonrpc":"2.0","method":"E_UL_AOR_INSERT","params":{"aor":"a@b"}}'


@pytest.mark.parametrize(
    ("allowed", "sender", "expected"),
    [
        (["local"], "127.0.0.1", True),
        (["local"], "127.8.9.10", True),
        (["local"], "::1", True),
        (["local"], "::ffff:127.0.0.1", True),
        (["local"], "192.0.2.1", False),
        (["local"], "2001:db8::1", False),
        (["192.0.2.0/24"], "192.0.2.77", True),
        (["192.0.2.0/24"], "::ffff:192.0.2.77", True),
        (["192.0.2.0/24"], "127.0.0.1", False),
        (["192.0.2.1", "2001:db8::/32"], "2001:db8::5", True),
        (["fe80::/10"], "fe80::1%eth0", True),
        ([], "127.0.0.1", False),
        (["local"], "not an address", False),
    ],
)
def test_which_senders_are_allowed(allowed: list[str], sender: str, *, expected: bool) -> None:
    assert AllowedSenders(allowed, "opensips", "os1").allows(sender) is expected


def test_this_hosts_own_addresses_are_local() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this host has no route, and so no address but loopback")
        own = probe.getsockname()[0]
    assert AllowedSenders(["local"], "opensips", "os1").allows(own)


@pytest.mark.parametrize("wrong", ["localhost", "192.0.2.1/24", "", "1.2.3"])
def test_what_is_no_network_is_refused_with_its_setting(wrong: str) -> None:
    with pytest.raises(BadSettings, match=r"opensips\.allowed_senders"):
        AllowedSenders([wrong], "opensips", "os1")


def test_a_refused_sender_is_counted_and_logged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[dict[str, str]] = []
    logged: list[Any] = []

    def count(number: int, labels: dict[str, str]) -> None:
        counted.extend([labels] * number)

    monkeypatch.setattr(metrics.SOURCE_REFUSED, "add", count)
    monkeypatch.setattr(senders.log, "warning", lambda _, **details: logged.append(details))
    one = AllowedSenders([], "opensips", "os1")
    for _ in range(3):
        one.allows("192.0.2.1")
    assert counted == [{"source": "opensips", "node": "os1", "reason": "sender"}] * 3
    assert len(logged) == 1
    for number in range(1000):
        one.allows(f"198.51.100.{number % 250}")
    assert len(logged) <= senders._LOGGED


def listener(stack: ExitStack, **settings: Any) -> tuple[Listener, Inbox]:
    inbox = Inbox(100, 10**6, Ticks())
    given = {"listen_datagram": "127.0.0.1:0", "listen_stream": "127.0.0.1:0", **settings}
    opened = Listener(OpenSipsSettings(node="os1", **given), inbox)
    opened.start()
    stack.callback(opened.stop)
    return opened, inbox


def stream(stack: ExitStack, opened: Listener) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", opened.stream_port or 0), 10)
    return stack.enter_context(closing(connection))


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_a_refused_senders_datagram_and_stream_are_not_read() -> None:
    with ExitStack() as stack:
        opened, inbox = listener(stack, allowed_senders=["192.0.2.0/24"])
        with closing(socket.socket(type=socket.SOCK_DGRAM)) as sender:
            sender.sendto(EVENT, ("127.0.0.1", opened.datagram_port or 0))
        assert is_closed(stream(stack, opened))
    assert inbox.received == 0


def test_streams_beyond_the_bound_are_refused() -> None:
    with ExitStack() as stack:
        opened, inbox = listener(stack, connections_max=2)
        kept = [stream(stack, opened) for _ in range(2)]
        eventually(lambda: opened.connections == 2)
        assert is_closed(stream(stack, opened))
        kept[0].sendall(EVENT)
        eventually(lambda: inbox.received == 1)


def test_a_stream_without_an_event_is_closed_and_one_with_stays() -> None:
    with ExitStack() as stack:
        opened, inbox = listener(stack, connection_idle_seconds=0.5)
        play = Play()
        silent, useful = stream(stack, opened), stream(stack, opened)
        useful.sendall(EVENT)
        piece = eventually(lambda: inbox.take(0.1))
        assert isinstance(piece, Piece)
        assert isinstance(piece.peer, StreamPeer)
        play.intake.take(piece)
        assert piece.peer.sends_events
        silent.sendall(b"{")
        assert is_closed(silent)
        useful.sendall(EVENT)
        eventually(lambda: inbox.received_bytes >= 2 * len(EVENT))
        assert opened.connections == 2


def test_a_refused_senders_dtmf_is_not_taken() -> None:
    collector: Any = Collector()
    one = DtmfListener("127.0.0.1:0", collector, MediaContext("rtpe1", "run-1"), ["192.0.2.1"])
    one.start()
    with closing(socket.socket(type=socket.SOCK_DGRAM)) as sender:
        sender.sendto(b"no JSON: a dead letter of an allowed sender", ("127.0.0.1", one.port))
    one.stop()
    assert not collector.dead_letters


def test_a_dead_letter_of_a_digit_holds_no_input() -> None:
    publisher = MagicMock()
    one = DtmfListener("127.0.0.1:0", publisher, MediaContext("rtpe1", "run-1"))
    one.publish(b'{"event": 7, "callid": null}')
    one.stop()
    (_, payload, _, field), _ = publisher.dead_letter.call_args
    assert (payload, field) == (MASKED_INPUT, "call_id")


def signed(secret: Any) -> dict[str, Any]:
    parameters = {"aor": "bob@example.test", "contact": "<sip:bob@192.0.2.66>", "expires": "60"}
    parameters |= {"received_proto": "udp", "received_ip": "192.0.2.66", "received_port": "5060"}
    return parameters if secret is None else {**parameters, "secret": secret}


class _Keeping(Collector):
    def __init__(self, payloads: list[bytes]) -> None:
        super().__init__()
        self.payloads = payloads

    def dead_letter(
        self, source: str, payload: bytes, reason: str, field: str | None = None
    ) -> None:
        super().dead_letter(source, payload, reason, field)
        self.payloads.append(payload)


class Kept(Play):
    """Also what its dead letters hold."""

    def __init__(self, secret: str | None) -> None:
        super().__init__()
        self.payloads: list[bytes] = []
        self.intake.secret = SharedSecret(SecretStr(secret) if secret else None)
        self.collector = _Keeping(self.payloads)
        publisher: Any = self.collector
        self.intake.publisher = publisher

    def edge(self, secret: Any, **changed: Any) -> None:
        message = {"method": "E_EDGE_REGISTER", "params": signed(secret) | changed}
        self.datagram(1_795_600_000, json.dumps(message).encode())


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", 5, "é", ["x"], "\ud800"])
def test_without_the_secret_a_registration_is_refused(secret: Any) -> None:
    play = Kept(SECRET)
    play.edge(secret)
    assert not play.events(REGISTRATIONS)
    (payload,) = play.payloads
    assert b"bob@example.test" in payload
    assert b"wrong" not in payload
    assert SECRET.encode() not in payload


def test_with_the_secret_it_is_taken_and_nothing_keeps_it() -> None:
    play = Kept(SECRET)
    play.edge(SECRET)
    assert len(play.events(REGISTRATIONS)) == 1
    play.edge(SECRET, contact="<")
    play.datagram(1_795_600_001, b'{"method":"E_X","params":{"secret":"' + SECRET.encode())
    assert len(play.payloads) == 2
    assert not any(SECRET.encode() in payload for payload in play.payloads)


def test_no_secret_is_asked_of_usrlocs_own_events_and_none_where_none_is_set() -> None:
    play = Kept(SECRET)
    params = {"aor": "a@b.test", "uri": "sip:a@192.0.2.1", "expires": 1_800_000_000}
    message = {"method": "E_UL_CONTACT_INSERT", "params": params}
    play.datagram(1_795_600_000, json.dumps(message).encode())
    assert len(play.events(REGISTRATIONS)) == 1
    other = Kept(None)
    other.edge("whatever it is")
    assert len(other.events(REGISTRATIONS)) == 1
    other.edge("whatever it is", contact="<")
    assert not any(b"whatever" in payload for payload in other.payloads)


@pytest.mark.parametrize("wrong", ["short", 'with"quote', "with space", "x" * 129])
def test_a_secret_that_escaping_would_change_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        OpenSipsSettings(node="os1", secret=SecretStr(wrong))
    assert SECRET not in repr(OpenSipsSettings(node="os1", secret=SecretStr(SECRET)))
