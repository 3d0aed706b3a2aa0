"""What the producer infers: restarts, gaps, pings, reasons of removals, parties of calls."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from producers import uri_addresses
from producers.opensips.server import Server
from producers.receive_times import Ticks
from producers.sip_proxy.inbox import Inbox, Lost, Piece, places
from producers.sip_proxy.users import Users
from schemas.codec import InvalidRecord
from schemas.origin import Address
from schemas.topics import CONNECTIONS, NODES, REGISTRATIONS
from schemas.vocabulary import NodeKind, Transport
from schemas.vocabulary import RegistrationKind as Kind
from tests.unit.opensips_capture import Play

T = 1_800_000_000.0
PING_LOST = 1_800_000_000


def send(play: Play, name: str, at: float = T, **parameters: Any) -> None:
    message = {"jsonrpc": "2.0", "method": name, "params": parameters}
    play.datagram(at, json.dumps(message).encode())


def contact_event(play: Play, what: str, at: float = T, **changed: Any) -> None:
    parameters = {
        "domain": "location",
        "aor": "alice@example.test",
        "uri": "sip:alice@192.0.2.1:5090;transport=tcp",
        "received": "sip:192.0.2.7:40000;transport=tcp",
        "socket": "tcp:192.0.2.9:5070",
        "expires": int(T) + 600,
        "callid": "c1",
        "cseq": 1,
        "latency": 0,
    }
    send(play, f"E_UL_{what}", at, **(parameters | changed))


def kinds(play: Play) -> list[Kind]:
    return [event.kind for event in play.events(REGISTRATIONS)]


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({}, Kind.UNREGISTERED),
        ({"expires": 10}, Kind.UNREGISTERED),
        ({"expires": 0}, Kind.UNREGISTERED),
        ({"expires": int(T) - 1}, Kind.EXPIRED),
        ({"expires": int(T) - 1, "latency": PING_LOST}, Kind.EXPIRED),
    ],
)
def test_reason_of_a_removal(changed: dict[str, Any], kind: Kind) -> None:
    play = Play()
    contact_event(play, "CONTACT_DELETE", **changed)
    assert kinds(play) == [kind]


def test_removal_after_unanswered_pings() -> None:
    play = Play()
    contact_event(play, "CONTACT_INSERT")
    contact_event(play, "CONTACT_DELETE", T + 5, latency=PING_LOST)
    assert kinds(play) == [Kind.REGISTERED, Kind.PING_LOST, Kind.EXPIRED]
    assert play.pipeline.changes("alice")[-1] == "offline ping-lost"
    assert len({event.id for event in play.events(REGISTRATIONS)}) == 3


def test_only_changed_ping_states_are_published() -> None:
    play = Play()
    contact_event(play, "CONTACT_INSERT")
    for second, latency in enumerate((900, 900, PING_LOST, PING_LOST, PING_LOST, 900, 900)):
        contact_event(play, "LATENCY_UPDATE", T + second, latency=latency)
    assert kinds(play) == [Kind.REGISTERED, Kind.PING_RESTORED, Kind.PING_LOST, Kind.PING_RESTORED]
    assert play.pipeline.changes("alice") == [
        "online registered",
        "offline ping-lost",
        "online ping-restored",
    ]


def test_only_connections_to_a_listening_port_are_clients() -> None:
    play = Play()
    end: dict[str, Any] = {
        "src_ip": "192.0.2.7",
        "src_port": 40000,
        "dst_ip": "192.0.2.9",
        "proto": "tcp",
    }
    send(play, "E_CORE_TCP_DISCONNECT", **end, dst_port=5070)
    assert not play.events(CONNECTIONS)  # no contact yet: the port is not known
    contact_event(play, "CONTACT_INSERT", T + 1)
    send(play, "E_CORE_TCP_DISCONNECT", T + 2, **end, dst_port=37675)
    assert not play.events(CONNECTIONS)
    send(play, "E_CORE_TCP_DISCONNECT", T + 3, **end, dst_port=5070)
    (event,) = play.events(CONNECTIONS)
    assert event.connection == "os1/192.0.2.7:40000"
    assert play.pipeline.changes("alice")[-1] == "offline connection-closed"


def test_events_of_replicas_are_ignored() -> None:
    """OpenSIPS#1749, OpenSIPS#3354: every node of a cluster raises events of all contacts."""
    play = Play(shtag="vip")
    contact_event(play, "CONTACT_INSERT", shtag="other")
    assert not play.events(REGISTRATIONS)
    contact_event(play, "CONTACT_INSERT", shtag="vip")
    contact_event(play, "CONTACT_UPDATE", shtag="")
    assert kinds(play) == [Kind.REGISTERED, Kind.REFRESHED]


def test_aor_without_domain_needs_the_setting() -> None:
    with pytest.raises(InvalidRecord, match=r"opensips\.domain"):
        Users().registered("alice")
    users = Users("Example.TEST")
    assert users.registered("alice") == "sip:alice@example.test"
    assert users.party("sip:bob@EXAMPLE.test:5060;user=phone") == "sip:bob@example.test"
    assert users.party("sip:+4930@carrier.test") is None


def test_path_gives_the_edge_and_the_clients_address() -> None:
    play = Play()
    path = (
        "<sip:192.0.2.50;lr;received=sip:192.0.2.51:5060>, "
        "<sip:edge@192.0.2.51:5070;transport=tcp;lr;received=sip:198.51.100.4:40001%3Btransport%3Dtcp>"
    )
    contact_event(play, "CONTACT_INSERT", path=path, received=None)
    (event,) = play.events(REGISTRATIONS)
    assert event.path == path
    assert event.received == Address(ip="198.51.100.4", port=40001)
    assert event.remote is None  # the contact is the client's own, and no field names the sender
    assert uri_addresses.received_by_edge("<sip:192.0.2.1;lr>") is None


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("sip:192.0.2.1", Address(ip="192.0.2.1", port=5060)),
        ("sip:a@[2001:DB8::1]:5070", Address(ip="2001:db8::1", port=5070)),
        ("sip:a@[::ffff:192.0.2.1]:5070", Address(ip="192.0.2.1", port=5070)),
        ("sip:a@phone.example.test", None),
        ("nonsense", None),
    ],
)
def test_addresses_in_uris(uri: str, found: Address | None) -> None:
    assert uri_addresses.address_of(uri, Transport.UDP) == found


def test_restart_with_a_database_is_published_once_and_revives_no_connection() -> None:
    play = Play()
    contact_event(play, "CONTACT_INSERT")
    udp: dict[str, Any] = {
        "uri": "sip:bob@192.0.2.2:5060",
        "aor": "bob@example.test",
        "socket": "udp:192.0.2.9:5070",
    }
    contact_event(play, "CONTACT_INSERT", **udp)
    contact_event(play, "CONTACT_INSERT", T + 60)
    contact_event(play, "CONTACT_INSERT", T + 60, **udp)
    send(
        play, "E_CORE_SR_STATUS_CHANGED", T + 61, group="core", identifier="main", details="running"
    )
    ups = [event for event in play.events(NODES) if event.kind is NodeKind.UP]
    assert [event.boot for event in ups] == ["run-1.1"]
    assert play.pipeline.changes("alice") == ["online registered", "offline node-restarted"]
    assert play.pipeline.changes("bob") == ["online registered"]
    contact_event(play, "CONTACT_INSERT", T + 63, callid="c2")
    assert play.pipeline.changes("alice")[-1] == "online registered"
    contact_event(play, "CONTACT_INSERT", T + 66, callid="c2")  # a lookup with db_mode 3
    assert len([e for e in play.events(NODES) if e.kind is NodeKind.UP]) == 1


def test_one_contact_shows_no_restart_and_no_gap() -> None:
    """OpenSIPS#2617, OpenSIPS#1573: db_mode 3 inserts stored contacts at each lookup."""
    play = Play()
    contact_event(play, "CONTACT_INSERT")
    contact_event(play, "CONTACT_INSERT", aor="bob@example.test")
    for second in (30, 60):
        contact_event(play, "CONTACT_INSERT", T + second)
        contact_event(play, "CONTACT_INSERT", T + second, aor="bob@example.test")
    contact_event(play, "CONTACT_INSERT", T + 90, cseq=2)  # renewed at another node
    assert not play.events(NODES)
    assert play.pipeline.changes("alice") == ["online registered"]
    assert play.pipeline.changes("bob") == ["online registered"]


@pytest.mark.parametrize("users", [1, 2])
def test_records_of_several_users_made_again_show_a_restart(users: int) -> None:
    """E_UL_AOR_INSERT is raised of records in memory only (udomain.c, mem_insert_urecord())."""
    play = Play()
    names = [f"{name}@example.test" for name in ("alice", "bob")][:users]
    for second in (0, 60):
        for name in names:
            send(play, "E_UL_AOR_INSERT", T + second, domain="location", aor=name)
            contact_event(play, "CONTACT_INSERT", T + second, aor=name)
    ups = [event for event in play.events(NODES) if event.kind is NodeKind.UP]
    assert len(ups) == users - 1
    lost = ["online registered", "offline node-restarted"]
    assert play.pipeline.changes("alice") == lost[:users]


def test_record_of_a_second_subscription_shows_no_restart() -> None:
    play = Play()
    for _ in range(2):
        for name in ("alice@example.test", "bob@example.test"):
            send(play, "E_UL_AOR_INSERT", domain="location", aor=name)
            contact_event(play, "CONTACT_INSERT", aor=name)
    assert not play.events(NODES)


def test_two_subscriptions_to_one_event_are_no_restart() -> None:
    play = Play()
    contact_event(play, "CONTACT_INSERT")
    contact_event(play, "CONTACT_INSERT", T + 0.01)
    assert not play.events(NODES)


def server(*, has_mi: bool = True, lease: float = 60) -> Server:
    play = Play()
    return Server(play.context, Ticks(), has_mi=has_mi, lease_silence=lease)


def test_boot_is_the_servers_start_where_mi_answers() -> None:
    one = server()
    (up,) = one.identified("Tue Nov 24 06:01:20 2026", "OpenSIPS (3.6.8)")
    assert (up.event.kind, up.event.boot) == (NodeKind.UP, "up-tue-nov-24-06-01-20-2026")
    (gap,) = one.begin()
    assert gap.event.boot == up.event.boot
    assert one.identified("Tue Nov 24 06:01:20 2026", None) == []
    (up,) = one.identified("Tue Nov 24 07:00:00 2026", None)
    assert (up.event.kind, up.event.version) == (NodeKind.UP, "OpenSIPS (3.6.8)")


def test_nothing_is_published_before_mi_has_named_the_process() -> None:
    one = server()
    assert one.begin() == one.heartbeat() == one.unwatched() == []
    up, gap = one.identified("Tue Nov 24 06:01:20 2026", None)
    assert (up.event.kind, gap.event.kind) == (NodeKind.UP, NodeKind.GAP)
    assert up.event.boot == gap.event.boot == "up-tue-nov-24-06-01-20-2026"


def test_first_answer_after_events_were_published_ends_nothing() -> None:
    one = server()
    one.begin()
    (gap,) = one.unnamed()
    assert (gap.event.kind, gap.event.boot) == (NodeKind.GAP, "run-1")
    assert one.unnamed() == []
    assert one.identified("Tue Nov 24 06:01:20 2026", None) == []
    assert one.context.boot == "up-tue-nov-24-06-01-20-2026"


def test_no_heartbeat_without_a_sign_of_life() -> None:
    assert server(lease=0).heartbeat() == []
    one = server()
    one.identified("Tue Nov 24 06:01:20 2026", None)
    assert [beat.event.kind for beat in one.heartbeat()] == [NodeKind.HEARTBEAT]
    assert server(has_mi=False, lease=0).heartbeat()


def test_overflow_is_counted_and_published() -> None:
    inbox = Inbox(2, 1000, Ticks())
    for _ in range(5):
        inbox.put(None, b"x")
    first, second, lost = inbox.take(0), inbox.take(0), inbox.take(0)
    assert isinstance(first, Piece)
    assert isinstance(second, Piece)
    assert isinstance(lost, Lost)
    assert lost.count == inbox.lost == 3
    for piece in (first, second, lost):
        inbox.done(piece)
    assert inbox.queued == 0
    assert inbox.take(0) is None


def test_queue_is_bounded_in_bytes_and_the_loss_precedes_later_pieces() -> None:
    inbox = Inbox(100, 10, Ticks())
    inbox.put(None, b"123456")
    inbox.put(None, b"123456")
    assert isinstance(inbox.take(0), Piece)
    inbox.put(None, b"1")
    assert isinstance(inbox.take(0), Lost)
    assert isinstance(inbox.take(0), Piece)


def test_every_event_of_a_read_has_a_place_before_the_next_read() -> None:
    data = b'{"jsonrpc":"2.0","method":"E_A"}' * 100
    ticks = Ticks()
    first, second = ticks.now(places(data)), ticks.now()
    assert second.seq - first.seq > 100
    assert first.at <= second.at <= datetime.now(UTC)


def test_case_of_users_counts_as_in_the_registrar() -> None:
    folded = Users("example.test", ["example.test"], section="kamailio")
    assert folded.registered("Alice") == "sip:alice@example.test"
    assert folded.registered("J%C3%A9@Example.test") == "sip:j%C3%A9@example.test"
    assert folded.party("sip:ALICE@example.test") == "sip:alice@example.test"
    kept = Users("example.test", section="kamailio", case_sensitive=True)
    assert kept.registered("Alice") == "sip:Alice@example.test"
    assert Users("example.test").registered("Alice") == "sip:Alice@example.test"


def test_decoded_user_part_may_contain_an_at_sign() -> None:
    assert Users().registered("john@corp.com@example.test") == "sip:john%40corp.com@example.test"


@pytest.mark.parametrize(
    ("name", "aor"),
    [
        ("alice", "sip:alice@example.test"),
        ("alice@Example.test", "sip:alice@example.test"),
        ("alice@other.test", "sip:alice@other.test"),
        ("john@corp.com", "sip:john%40corp.com@example.test"),
        ("john@corp.com@example.test", "sip:john%40corp.com@example.test"),
    ],
)
def test_name_without_domain_may_contain_an_at_sign(name: str, aor: str) -> None:
    """With use_domain=0 usrloc keeps the decoded user part alone."""
    assert Users("example.test", ["other.test"]).stored(name) == aor
