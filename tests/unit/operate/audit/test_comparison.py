"""An audit's comparison: each kind of disagreement, and each difference that is excused."""

from datetime import timedelta
from typing import Any

import pytest

from operate.audit.comparison import compare
from operate.audit.findings import Excuse, Findings, Kind, Limits
from operate.audit.listing import Listing, Row, UnreadableRow
from schemas.origin import Address
from schemas.presence import Presence, PresenceBinding
from schemas.registration import RegistrationEvent
from schemas.session import Binding, EndedBinding, Session
from schemas.vocabulary import Cause, Source, Status, Transport
from tests.unit.fold_events import AOR, listed, moment

NOW = moment(1000)
EXPIRES = moment(3600)
LIMITS = Limits(expiry_tolerance=timedelta(seconds=10), expiry_slack=timedelta(seconds=40))
PHONE = Address(ip="10.0.0.7", port=5061)
PROXY = Address(ip="10.9.9.9", port=40000)
# Fields that the story's registration sets itself.
_CHANGED_AFTER = ("remote", "contact", "binding", "source")
BEHIND: dict[str, Any] = {"path": "<sip:edge1;lr>", "remote": PROXY, "received": PHONE}


def row(node: str = "fs1", *, disconnected: bool = False, **changed: Any) -> Row:
    fields = {"port": 5061, "registrar": "internal", "expires_at": EXPIRES, **changed}
    own = {name: fields.pop(name) for name in _CHANGED_AFTER if name in fields}
    event: RegistrationEvent = listed(1000, "audit", node=node, **fields)
    for name, value in own.items():
        setattr(event, name, value)
    return Row(event, disconnected)


def listing(*rows: Row, node: str = "fs1", **more: Any) -> dict[str, Listing]:
    return {node: Listing(node, NOW, list(rows), **more)}


def binding(of: Row, **changed: Any) -> Binding:
    """The session's binding for a row."""
    event = of.event
    fields: dict[str, Any] = {
        "boot": event.boot,
        "since": moment(1),
        "confirmed_at": moment(1),
        "seq": 1,
        "event": "fs1/boot-a/1",
        "opened_by": "fs1/boot-a/1",
        **{
            name: getattr(event, name)
            for name in (
                *("node", "source", "registrar", "contact", "call_id", "transport"),
                *("remote", "path", "received", "expires_at"),
            )
        },
    }
    return Binding(**{**fields, **changed})


def tombstone(cause: Cause, **changed: Any) -> EndedBinding:
    fields: dict[str, Any] = {
        "node": "fs1",
        "boot": "boot-a",
        "seq": 2,
        "at": moment(900),
        "event": "fs1/boot-a/2",
        "call_id": "one@phone",
        "remote": PHONE,
    }
    return EndedBinding(cause=cause, **{**fields, **changed})


def session(*rows: Row, ended: dict[str, EndedBinding] | None = None, **changed: Any) -> Session:
    bindings = {key(one): binding(one, **changed) for one in rows}
    return Session(aor=AOR, bindings=bindings, ended=ended or {})


def key(of: Row) -> str:
    return f"{of.event.node}|{of.event.binding}"


def shown(of: Row, **changed: Any) -> PresenceBinding:
    event = of.event
    fields: dict[str, Any] = {
        "node": event.node,
        "contact": event.contact,
        "transport": event.transport,
        "remote": event.received or event.remote,
        "path": event.path,
        "registrar": event.registrar,
        "since": moment(1),
    }
    return PresenceBinding(**{**fields, **changed})


def presence(*bindings: PresenceBinding, reachable: bool | None = None) -> Presence:
    return Presence(
        aor=AOR,
        version=1,
        status=Status.ONLINE,
        reachable=bool(bindings) if reachable is None else reachable,
        cause=Cause.REGISTERED,
        at=moment(1),
        bindings=list(bindings),
        calls=[],
        evidence=[],
    )


def found(listings: dict[str, Listing], published: Presence | None, known: Session) -> Findings:
    presences = {AOR: published} if published else {}
    return compare(listings, presences, {AOR: known}, LIMITS)


def kinds(findings: Findings) -> list[tuple[Kind, str]]:
    assert not findings.excused
    return [(one.kind, one.node) for one in findings.disagreements]


def excuses(findings: Findings) -> dict[Excuse, int]:
    assert findings.disagreements == []
    return dict(findings.excused)


# -- disagreements --------------------------------------------------------------------------------


def test_agreement() -> None:
    one = row()
    findings = found(listing(one), presence(shown(one)), session(one))
    assert kinds(findings) == []
    assert (findings.bindings["fs1"], findings.users) == (1, 1)


def test_listed_without_any_event_is_missing() -> None:
    findings = found(listing(row()), None, Session(aor=AOR))
    assert kinds(findings) == [(Kind.MISSING, "fs1")]


def test_listed_but_unreachable_is_missing() -> None:
    one = row()
    for published in (presence(), presence(shown(one), reachable=False)):
        assert kinds(found(listing(one), published, session(one))) == [(Kind.MISSING, "fs1")]


def test_listed_by_lost_node_that_answers_is_missing() -> None:
    one = row()
    assert kinds(found(listing(one), presence(), session(one, node_lost=True))) == [
        (Kind.MISSING, "fs1")
    ]


@pytest.mark.parametrize("cause", [Cause.UNREGISTERED, Cause.EXPIRED, Cause.MISSING_FROM_SNAPSHOT])
def test_listed_after_final_end_is_missing(cause: Cause) -> None:
    one = row()
    known = session(ended={key(one): tombstone(cause)})
    assert kinds(found(listing(one), presence(), known)) == [(Kind.MISSING, "fs1")]


def test_shown_but_not_listed_is_phantom() -> None:
    one = row()
    findings = found(listing(), presence(shown(one)), session(one))
    assert kinds(findings) == [(Kind.PHANTOM, "fs1")]


def test_binding_at_node_not_asked_is_not_checked() -> None:
    one = row("fs2")
    assert kinds(found(listing(), presence(shown(one)), session(one))) == []


def test_shown_at_another_node_is_wrong_node() -> None:
    here, there = row("fs1"), row("fs2")
    listings = listing(here) | listing(node="fs2")
    findings = found(listings, presence(shown(there)), session(there))
    assert kinds(findings) == [(Kind.WRONG_NODE, "fs1")]
    assert findings.disagreements[0].detail == "shown at fs2"


def test_device_moved_with_another_contact_is_wrong_node() -> None:
    here, there = row("fs1"), row("fs2", port=5099)
    listings = listing(here) | listing(node="fs2")
    findings = found(listings, presence(shown(there)), session(there))
    assert kinds(findings) == [(Kind.WRONG_NODE, "fs1")], "one device by its Call-ID"


@pytest.mark.parametrize(
    ("changed", "detail"),
    [
        ({"remote": Address(ip="10.0.0.8", port=5061)}, "from 10.0.0.8:5061"),
        ({"contact": "sip:1001@10.0.0.7:5099;transport=tcp"}, "contact sip:1001@10.0.0.7:5099"),
        ({"registrar": "external"}, "registrar external"),
    ],
)
def test_differing_field_is_different(changed: dict[str, Any], detail: str) -> None:
    one = row()
    findings = found(listing(one), presence(shown(one, **changed)), session(one))
    assert kinds(findings) == [(Kind.DIFFERENT, "fs1")]
    assert detail in findings.disagreements[0].detail


def test_contacts_equal_by_rfc_3261_do_not_differ() -> None:
    one = row()
    published = shown(one, contact="sip:1001@10.0.0.7:5061;transport=TCP;fs_nat=yes")
    assert kinds(found(listing(one), presence(published), session(one))) == []


@pytest.mark.parametrize(("seconds", "wrong"), [(-9, 0), (9, 0), (-11, 1), (11, 1)])
def test_expiry_beyond_tolerance_is_different(seconds: float, wrong: int) -> None:
    one = row()
    known = session(one, expires_at=EXPIRES + timedelta(seconds=seconds))
    found_kinds = kinds(found(listing(one), presence(shown(one)), known))
    assert found_kinds == [(Kind.DIFFERENT, "fs1")] * wrong


def test_another_contact_of_the_same_instance_is_different() -> None:
    """RFC 5626: the binding is the instance's, so both have the same key in the session."""
    one = row(binding="urn:uuid:1;reg-id=1", contact="sip:1001@10.0.0.7:5062;transport=tcp")
    old = row(binding="urn:uuid:1;reg-id=1", contact="sip:1001@10.0.0.7:5061;transport=tcp")
    findings = found(listing(one), presence(shown(old)), session(old))
    assert kinds(findings) == [(Kind.DIFFERENT, "fs1")]


def test_contact_registered_with_two_profiles_is_one_binding() -> None:
    one, other = row(), row(registrar="external")
    for known in (one, other):
        assert kinds(found(listing(one, other), presence(shown(known)), session(known))) == []


@pytest.mark.parametrize(
    ("connections", "cookie"), [({}, None), ({("10.0.0.7", 5061): 8}, 7)]
)  # gone, or another client's by now
def test_shown_over_connection_missing_in_kernel_is_dead_connection(
    connections: dict[Any, int], cookie: int | None
) -> None:
    one = row()
    listings = listing(one, connections=connections)
    findings = found(listings, presence(shown(one)), session(one, cookie=cookie))
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "fs1")]


def test_shown_over_connection_missing_in_servers_list_is_dead_connection() -> None:
    one = row(disconnected=True)
    findings = found(listing(one), presence(shown(one)), session(one))
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "fs1")]


def test_kernel_with_the_connection_agrees_and_udp_is_not_checked() -> None:
    one, other = row(), row(transport=Transport.UDP)
    alive = {("10.0.0.7", 5061): 7}
    findings = found(listing(one, connections=alive), presence(shown(one)), session(one, cookie=7))
    assert kinds(findings) == []
    findings = found(listing(other, connections={}), presence(shown(other)), session(other))
    assert kinds(findings) == []


def test_ended_binding_whose_connection_the_kernel_has_is_missing() -> None:
    one = row()
    known = session(ended={key(one): tombstone(Cause.CONNECTION_CLOSED, cookie=7)})
    listings = listing(one, connections={("10.0.0.7", 5061): 7})
    assert kinds(found(listings, presence(), known)) == [(Kind.MISSING, "fs1")]


def test_listed_from_another_address_after_its_connection_ended_is_missing() -> None:
    one = row(remote=Address(ip="10.0.0.7", port=6000))
    known = session(ended={key(one): tombstone(Cause.CONNECTION_CLOSED)})
    assert kinds(found(listing(one), presence(), known)) == [(Kind.MISSING, "fs1")]


# -- presence is right ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        tombstone(Cause.CONNECTION_CLOSED),
        tombstone(Cause.CONNECTION_RESET, cookie=7),
        tombstone(Cause.EXPIRED, connection_gone=True),
        tombstone(Cause.NODE_RESTARTED),
    ],
)
def test_listed_after_connection_ended_is_excused(end: EndedBinding) -> None:
    one = row()
    findings = found(listing(one), presence(), session(ended={key(one): end}))
    assert excuses(findings) == {Excuse.CONNECTION_ENDED: 1}


def test_inferred_end_is_no_excuse() -> None:
    """FreeSWITCH names no binding; the listing of the user that follows decides."""
    one = row()
    known = session(ended={key(one): tombstone(Cause.CONNECTION_CLOSED, inferred=True)})
    assert kinds(found(listing(one), presence(), known)) == [(Kind.MISSING, "fs1")]


def test_node_restart_is_no_excuse_over_udp() -> None:
    one = row(transport=Transport.UDP)
    known = session(ended={key(one): tombstone(Cause.NODE_RESTARTED)})
    assert kinds(found(listing(one), presence(), known)) == [(Kind.MISSING, "fs1")]


def test_listed_over_connection_missing_in_kernel_is_excused() -> None:
    findings = found(listing(row(), connections={}), presence(), Session(aor=AOR))
    assert excuses(findings) == {Excuse.CONNECTION_ENDED: 1}


def test_listed_after_ping_lost_is_excused() -> None:
    one = row()
    findings = found(listing(one), presence(), session(one, ping_lost=True))
    assert excuses(findings) == {Excuse.PING_LOST: 1}


def test_suspect_binding_agrees() -> None:
    one = row()
    published = presence(shown(one, suspect=True))
    assert kinds(found(listing(one), published, session(one, suspect=True))) == []


def test_grace_window_does_not_change_the_comparison() -> None:
    one = row()
    published = presence()
    assert published.status is Status.ONLINE
    known = session(ended={key(one): tombstone(Cause.CONNECTION_CLOSED)})
    assert excuses(found(listing(one), published, known)) == {Excuse.CONNECTION_ENDED: 1}
    assert kinds(found(listing(), published, known)) == []


def test_stale_binding_is_not_checked() -> None:
    one = row()
    other = shown(one, stale=True, remote=Address(ip="10.0.0.8", port=1))
    for listings in (listing(), listing(one)):
        findings = found(listings, presence(other), session(one))
        assert excuses(findings) == {Excuse.STALE: 1}


PROOFS: list[dict[str, Any]] = [
    {"connections": {("10.0.0.7", 5061): 7}},
    {"peers": frozenset({("10.0.0.7", 5061)})},
    {"expired": frozenset({(AOR, "sip:1001@10.0.0.7:5061;transport=tcp")})},
]


@pytest.mark.parametrize("proof", PROOFS, ids=["kernel", "server", "row"])
@pytest.mark.parametrize(("late", "right"), [(-60, False), (5, True), (45, True), (60, False)])
def test_just_expired_binding_with_proof_is_excused(
    late: float, right: bool, proof: dict[str, Any]
) -> None:
    one = row(expires_at=NOW - timedelta(seconds=late))
    findings = found(listing(**proof), presence(shown(one)), session(one))
    if right:
        assert excuses(findings) == {Excuse.OVERDUE: 1}
    else:
        assert kinds(findings) == [(Kind.PHANTOM, "fs1")]


@pytest.mark.parametrize("known", [{}, {"connections": {}}, {"peers": frozenset()}])
def test_just_expired_binding_without_proof_is_phantom(known: dict[str, Any]) -> None:
    """Its client may be long gone: an expiry alone is no excuse."""
    one = row(expires_at=NOW - timedelta(seconds=5))
    findings = found(listing(**known), presence(shown(one)), session(one))
    assert kinds(findings) == [(Kind.PHANTOM, "fs1")]


def test_listed_after_its_expiry_is_excused() -> None:
    findings = found(listing(row(expires_at=NOW)), presence(), Session(aor=AOR))
    assert excuses(findings) == {Excuse.OVERDUE: 1}


def test_binding_of_profile_not_asked_is_not_checked() -> None:
    one = row(registrar="external")
    listings = listing(profiles=frozenset({"internal"}))
    findings = found(listings, presence(shown(one)), session(one))
    assert excuses(findings) == {Excuse.PROFILE_LEFT_OUT: 1}


def test_each_unreadable_row_is_a_disagreement() -> None:
    bad = [UnreadableRow(AOR, f"sip:{n}", "Contact: too long") for n in range(2)]
    findings = found(listing(unreadable=bad), None, Session(aor=AOR))
    assert kinds(findings) == [(Kind.UNREADABLE, "fs1")] * 2
    assert len({one.identity for one in findings.disagreements}) == 2


@pytest.mark.parametrize("known", [{"connections": {}}, {"peers": frozenset()}])
def test_stale_is_no_excuse_for_a_dead_connection(known: Any) -> None:
    one = row()
    findings = found(listing(one, **known), presence(shown(one, stale=True)), session(one))
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "fs1")]


# -- edges ----------------------------------------------------------------------------------------


def at_edge(**changed: Any) -> Row:
    """The client's side of a device, in the edge's own location table."""
    return row("edge1", source=Source.OPENSIPS, registrar="location", **changed)


def behind(**changed: Any) -> Row:
    return row(**BEHIND, **changed)


def test_device_behind_edge_agrees() -> None:
    edge, one = at_edge(), behind()
    listings = listing(one, connections={}) | listing(
        edge, node="edge1", connections={("10.0.0.7", 5061): 7}
    )
    published = presence(shown(one, edge="edge1"))
    assert kinds(found(listings, published, session(edge, one))) == [], (
        "the registrar's connection is the proxy's"
    )
    assert kinds(found(listing(edge, node="edge1"), published, session(edge, one))) == []


def test_client_not_listed_at_its_edge_is_phantom() -> None:
    edge, one = at_edge(), behind()
    listings = listing(one) | listing(node="edge1")
    findings = found(listings, presence(shown(one, edge="edge1")), session(edge, one))
    assert kinds(findings) == [(Kind.PHANTOM, "edge1")]


@pytest.mark.parametrize("asked", ["both", "edge1"])
def test_connection_to_edge_gone_is_dead_connection(asked: str) -> None:
    one = behind()
    edge = row("edge1", source=Source.KAMAILIO, registrar="edge")  # a pure proxy lists nothing
    listings = listing(node="edge1", connections={})
    listings |= listing(one) if asked == "both" else {}
    findings = found(listings, presence(shown(one, edge="edge1")), session(edge, one))
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "edge1")]


def test_proxy_without_table_is_checked_by_its_connections() -> None:
    edge, one = row("edge1", source=Source.KAMAILIO, registrar="edge"), behind()
    listings = listing(one) | listing(node="edge1")
    findings = found(listings, presence(shown(one, edge="edge1")), session(edge, one))
    assert kinds(findings) == []
    findings = found(listing(node="edge1"), presence(shown(edge)), session(edge))
    assert excuses(findings) == {Excuse.NO_TABLE: 1}
    findings = found(listing(node="edge1", connections={}), presence(shown(edge)), session(edge))
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "edge1")]


def cut_off(**of_edge: Any) -> Session:
    """The session of a device behind an edge that has lost it."""
    one = behind()
    known = session(one, edge_lost=True)
    known.ended[f"edge1|{one.event.binding}"] = tombstone(
        Cause.CONNECTION_CLOSED,
        **{"node": "edge1", "source": Source.KAMAILIO, "registrar": "edge", **of_edge},
    )
    return known


HERE = ("10.0.0.7", 5061)


@pytest.mark.parametrize(
    "edge",
    [
        {"connections": {}, "has_table": False},
        {"peers": frozenset(), "has_table": False},
        {"connections": {HERE: 9}, "has_table": False},  # another one by now
        {},  # it has a table, which does not list the client
    ],
)
def test_listed_behind_edge_with_proof_of_loss_is_excused(edge: dict[str, Any]) -> None:
    unknown_or_none: tuple[dict[Any, int] | None, ...] = (None, {})
    for connections in unknown_or_none:  # of the registrar: the connection is the proxy's
        listings = listing(behind(), connections=connections) | listing(node="edge1", **edge)
        findings = found(listings, presence(), cut_off(cookie=7))
        assert excuses(findings) == {Excuse.EDGE_LOST: 1}


@pytest.mark.parametrize(
    ("edge", "why"),
    [
        (None, "edge1, which was not asked"),
        ({"connections": {HERE: 7}, "has_table": False}, "has its connection"),
        ({"peers": frozenset({HERE}), "has_table": False}, "has its connection"),
        ({"has_table": False}, "does not show its connections"),
    ],
)
def test_edge_lost_without_proof_is_missing(edge: dict[str, Any] | None, why: str) -> None:
    listings = listing(behind())
    if edge is not None:
        listings |= listing(node="edge1", **edge)
    findings = found(listings, presence(), cut_off(cookie=7))
    assert kinds(findings) == [(Kind.MISSING, "fs1")]
    assert why in findings.disagreements[0].detail


def test_cookie_at_edge_proves_a_connection_without_a_transport_in_the_contact() -> None:
    one = row(**{**BEHIND, "received": None}, transport=Transport.UDP)
    known = cut_off(cookie=7)
    known.bindings = session(one, edge_lost=True).bindings
    listings = listing(one) | listing(node="edge1", connections={}, has_table=False)
    assert excuses(found(listings, presence(), known)) == {Excuse.EDGE_LOST: 1}
    known.ended.clear()  # of the edge nothing is known except the loss
    assert kinds(found(listings, presence(), known)) == [(Kind.MISSING, "fs1")]


def test_edge_lost_although_the_edge_lists_it_is_missing() -> None:
    listings = listing(behind()) | listing(at_edge(), node="edge1")
    findings = found(listings, presence(), cut_off())
    assert (Kind.MISSING, "fs1") in {(one.kind, one.node) for one in findings.disagreements}


# -- edges known only from the Path ----------------------------------------------------------------

# As a registrar stores it for a client over TCP (add_path_received); no edge reported the client.
PATH = "<sip:192.0.2.5:5070;lr;received=sip:10.0.0.7:5061%3Btransport%3Dtcp>"
CONNECTED: dict[str, Any] = {"peers": frozenset({HERE})}
DEAD: dict[str, Any] = {"peers": frozenset({("10.0.0.8", 5061)})}


def through(edge: dict[str, Any] | None, *others: PresenceBinding, **more: Any) -> Findings:
    """A phone shown at fs1 that came through an edge whose producer was down."""
    one = row(path=PATH, remote=PROXY, received=PHONE)
    listings = listing(one) | more.get("asked", {})
    if edge is not None:
        listings |= listing(node="edge1", has_table=False, **edge)
    other = f"{AOR}.other"
    records = {AOR: presence(shown(one, **more.get("changed", {}))), other: presence(*others)}
    return compare(listings, records, {AOR: session(one)}, LIMITS)


NAMED: list[dict[str, Any]] = [
    {"host": "192.0.2.5"},  # it was asked there
    {"own": frozenset({("192.0.2.5", 5070)})},  # its connections end there
]


@pytest.mark.parametrize("named", NAMED)
def test_phone_disconnected_from_unreported_edge_is_dead_connection(named: dict[str, Any]) -> None:
    gone: list[dict[str, Any]] = [DEAD, {"connections": {}}, {"peers": frozenset()}]
    for known in gone:
        assert kinds(through({**known, **named})) == [(Kind.DEAD_CONNECTION, "edge1")]
    there: list[dict[str, Any]] = [CONNECTED, {"connections": {HERE: 7}}]
    for known in there:
        assert kinds(through({**known, **named})) == []


def test_unreported_edge_is_known_by_another_phone_with_that_path() -> None:
    elsewhere = ("10.0.0.8", 5061)
    remote = Address(ip=elsewhere[0], port=elsewhere[1])
    other = shown(row("fs2", path=PATH), edge="edge1", remote=remote)
    dead, connected = {"peers": frozenset({elsewhere})}, {"peers": frozenset({HERE, elsewhere})}
    assert kinds(through(dead, other)) == [(Kind.DEAD_CONNECTION, "edge1")]
    assert kinds(through(connected, other)) == []


def test_disconnected_from_unreported_edge_is_dead_connection_although_stale() -> None:
    findings = through({**DEAD, **NAMED[0]}, changed={"stale": True})
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "edge1")]


def test_unreported_edge_that_was_not_asked_is_not_checked() -> None:
    other = listing(node="kam2", host="192.0.2.9", **DEAD)
    assert excuses(through(None, asked=other)) == {Excuse.EDGE_NOT_ASKED: 1}
    assert excuses(through({"host": "192.0.2.5"})) == {Excuse.EDGE_NOT_ASKED: 1}, (
        "without a list of connections"
    )
    assert excuses(through(DEAD)) == {Excuse.EDGE_NOT_ASKED: 1}, "the node of the Path is not known"


@pytest.mark.parametrize("disconnected", [True, False])
def test_mid_registrars_row_is_matched_by_call_id(disconnected: bool) -> None:
    """No Path, another Contact: the Call-ID is what both list."""
    edge, one = (
        at_edge(disconnected=disconnected),
        row(remote=PROXY, contact="sip:1001@192.0.2.5:5070;ctid=1"),
    )
    listings = listing(one) | listing(edge, node="edge1")
    findings = found(listings, presence(shown(one)), session(one))
    wrong = [(one.kind, one.node) for one in findings.disagreements]
    assert wrong == [(Kind.DEAD_CONNECTION, "edge1") if disconnected else (Kind.MISSING, "edge1")]


def test_udp_client_behind_unreported_edge_is_not_checked() -> None:
    for transport in (Transport.UDP, Transport.TCP):  # TCP is between the edge and the registrar
        one = row(path=PATH.replace("%3Btransport%3Dtcp", ""), transport=transport)
        listings = listing(one) | listing(node="edge1", has_table=False, **DEAD, **NAMED[0])
        assert kinds(found(listings, presence(shown(one)), session(one))) == []


def test_path_as_freeswitch_stores_it_has_the_transport_to_the_edge() -> None:
    """FreeSWITCH unescapes the Path once more: the transport follows the received parameter."""
    path = PATH.replace("%3B", ";").replace("%3D", "=")
    one = row(path=path, remote=PROXY, received=PHONE, transport=Transport.UDP)
    listings = listing(one) | listing(node="edge1", has_table=False, **DEAD, **NAMED[0])
    findings = found(listings, presence(shown(one)), session(one))
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "edge1")]


def test_reported_edge_that_was_not_asked_is_not_checked() -> None:
    edge, one = at_edge(), behind()
    findings = found(listing(one), presence(shown(one, edge="edge1")), session(edge, one))
    assert excuses(findings) == {Excuse.EDGE_NOT_ASKED: 1}


@pytest.mark.parametrize(("peers", "wrong"), [(DEAD, 1), (CONNECTED, 0)])
def test_pure_proxys_own_list_of_connections_is_a_proof(peers: Any, wrong: int) -> None:
    edge, one = row("edge1", source=Source.OPENSIPS, registrar="edge"), behind()
    listings = listing(one) | listing(node="edge1", has_table=False, **peers)
    findings = found(listings, presence(shown(one, edge="edge1")), session(edge, one))
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "edge1")] * wrong


def test_listed_at_edge_after_unregister_behind_is_excused() -> None:
    edge = at_edge()
    known = session(
        ended={
            key(edge): tombstone(Cause.UNREGISTERED, node="edge1"),
            f"fs1|{edge.event.binding}": tombstone(Cause.UNREGISTERED),
        }
    )
    findings = found(listing(edge, node="edge1"), presence(), known)
    assert excuses(findings) == {Excuse.DEVICE_ENDED: 1}


def test_listed_at_edge_after_ping_lost_behind_is_excused() -> None:
    edge, one = at_edge(), behind()
    known = session(edge, one)
    known.bindings[key(one)].ping_lost = True
    findings = found(listing(edge, node="edge1"), presence(), known)
    assert excuses(findings) == {Excuse.PING_LOST: 1}


def test_claimed_transport_is_not_checked_against_the_kernel() -> None:
    """FreeSWITCH reports the Contact's transport; the kernel had no connection at the REGISTER."""
    one = row()
    for claimed, wrong in ((True, []), (False, [(Kind.DEAD_CONNECTION, "fs1")])):
        known = session(one, transport_claimed=claimed)
        assert kinds(found(listing(one, connections={}), presence(shown(one)), known)) == wrong


def test_listed_at_edge_after_registrar_ended_is_excused() -> None:
    one = row(node="edge1")
    known = session(one, registrar_lost=True)
    findings = found(listing(one, node="edge1"), presence(), known)
    assert excuses(findings) == {Excuse.REGISTRAR_LOST: 1}


def test_registrar_that_lists_it_again_is_checked_on_its_own() -> None:
    edge, one = row(node="edge1"), row()
    known = session(edge, registrar_lost=True)
    findings = found(listing(one) | listing(edge, node="edge1"), presence(), known)
    assert [(one.kind, one.node) for one in findings.disagreements] == [(Kind.MISSING, "fs1")]
