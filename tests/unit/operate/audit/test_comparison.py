"""An audit's comparison: each kind of disagreement, and each that presence is right about."""

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
from tests.unit.stories import AOR, listed, moment

NOW = moment(1000)
EXPIRES = moment(3600)
LIMITS = Limits(expiry_tolerance=timedelta(seconds=10), expiry_slack=timedelta(seconds=40))
PHONE = Address(ip="10.0.0.7", port=5061)
PROXY = Address(ip="10.9.9.9", port=40000)
# What the story's registration decides by itself.
_CHANGED_AFTER = ("remote", "contact", "binding", "source")
BEHIND: dict[str, Any] = {"path": "<sip:edge1;lr>", "remote": PROXY, "received": PHONE}


def row(node: str = "fs1", *, ended: bool = False, **changed: Any) -> Row:
    fields = {"port": 5061, "registrar": "internal", "expires_at": EXPIRES, **changed}
    own = {name: fields.pop(name) for name in _CHANGED_AFTER if name in fields}
    event: RegistrationEvent = listed(1000, "audit", node=node, **fields)
    for name, value in own.items():
        setattr(event, name, value)
    return Row(event, ended)


def listing(*rows: Row, node: str = "fs1", **more: Any) -> dict[str, Listing]:
    return {node: Listing(node, NOW, list(rows), **more)}


def binding(of: Row, **changed: Any) -> Binding:
    """What the session has of a row."""
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


def grave(cause: Cause, **changed: Any) -> EndedBinding:
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


def found(listings: dict[str, Listing], told: Presence | None, known: Session) -> Findings:
    presences = {AOR: told} if told else {}
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


def test_listed_and_never_heard_of() -> None:
    findings = found(listing(row()), None, Session(aor=AOR))
    assert kinds(findings) == [(Kind.MISSING, "fs1")]


def test_listed_and_unreachable() -> None:
    one = row()
    for told in (presence(), presence(shown(one), reachable=False)):
        assert kinds(found(listing(one), told, session(one))) == [(Kind.MISSING, "fs1")]


def test_listed_by_a_node_that_answers_and_counts_as_lost() -> None:
    one = row()
    assert kinds(found(listing(one), presence(), session(one, node_lost=True))) == [
        (Kind.MISSING, "fs1")
    ]


@pytest.mark.parametrize("cause", [Cause.UNREGISTERED, Cause.EXPIRED, Cause.MISSING_FROM_SNAPSHOT])
def test_listed_though_it_ended_for_good(cause: Cause) -> None:
    one = row()
    known = session(ended={key(one): grave(cause)})
    assert kinds(found(listing(one), presence(), known)) == [(Kind.MISSING, "fs1")]


def test_shown_and_not_listed() -> None:
    one = row()
    findings = found(listing(), presence(shown(one)), session(one))
    assert kinds(findings) == [(Kind.PHANTOM, "fs1")]


def test_what_is_shown_at_nodes_that_were_not_asked_is_left_alone() -> None:
    one = row("fs2")
    assert kinds(found(listing(), presence(shown(one)), session(one))) == []


def test_shown_at_another_node_than_lists_it() -> None:
    here, there = row("fs1"), row("fs2")
    listings = listing(here) | listing(node="fs2")
    findings = found(listings, presence(shown(there)), session(there))
    assert kinds(findings) == [(Kind.WRONG_NODE, "fs1")]
    assert findings.disagreements[0].detail == "shown at fs2"


def test_a_device_that_moved_to_a_node_with_another_contact() -> None:
    here, there = row("fs1"), row("fs2", port=5099)
    listings = listing(here) | listing(node="fs2")
    findings = found(listings, presence(shown(there)), session(there))
    assert kinds(findings) == [(Kind.WRONG_NODE, "fs1")], "one device by its Call-ID"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"remote": Address(ip="10.0.0.8", port=5061)}, "from 10.0.0.8:5061"),
        ({"contact": "sip:1001@10.0.0.7:5099;transport=tcp"}, "contact sip:1001@10.0.0.7:5099"),
        ({"registrar": "external"}, "registrar external"),
    ],
)
def test_shown_otherwise_than_listed(changed: dict[str, Any], told: str) -> None:
    one = row()
    findings = found(listing(one), presence(shown(one, **changed)), session(one))
    assert kinds(findings) == [(Kind.DIFFERENT, "fs1")]
    assert told in findings.disagreements[0].detail


def test_contacts_that_are_equal_by_rfc_3261_do_not_differ() -> None:
    one = row()
    told = shown(one, contact="sip:1001@10.0.0.7:5061;transport=TCP;fs_nat=yes")
    assert kinds(found(listing(one), presence(told), session(one))) == []


@pytest.mark.parametrize(("seconds", "wrong"), [(-9, 0), (9, 0), (-11, 1), (11, 1)])
def test_an_expiry_beyond_the_tolerance(seconds: float, wrong: int) -> None:
    one = row()
    known = session(one, expires_at=EXPIRES + timedelta(seconds=seconds))
    found_kinds = kinds(found(listing(one), presence(shown(one)), known))
    assert found_kinds == [(Kind.DIFFERENT, "fs1")] * wrong


def test_a_client_that_is_another_contact_of_the_same_instance() -> None:
    """RFC 5626: the binding is the instance's, so the session's key tells that it is the one."""
    one = row(binding="urn:uuid:1;reg-id=1", contact="sip:1001@10.0.0.7:5062;transport=tcp")
    old = row(binding="urn:uuid:1;reg-id=1", contact="sip:1001@10.0.0.7:5061;transport=tcp")
    findings = found(listing(one), presence(shown(old)), session(old))
    assert kinds(findings) == [(Kind.DIFFERENT, "fs1")]


def test_a_contact_registered_with_two_profiles_is_one_binding() -> None:
    one, other = row(), row(registrar="external")
    for told in (one, other):
        assert kinds(found(listing(one, other), presence(shown(told)), session(told))) == []


@pytest.mark.parametrize(
    ("connections", "cookie"), [({}, None), ({("10.0.0.7", 5061): 8}, 7)]
)  # gone, or another's by now
def test_shown_over_a_connection_that_the_kernel_does_not_have(
    connections: dict[Any, int], cookie: int | None
) -> None:
    one = row()
    listings = listing(one, connections=connections)
    findings = found(listings, presence(shown(one)), session(one, cookie=cookie))
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "fs1")]


def test_shown_over_a_connection_that_the_server_does_not_list() -> None:
    one = row(ended=True)
    findings = found(listing(one), presence(shown(one)), session(one))
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "fs1")]


def test_the_kernel_agrees_and_says_nothing_of_udp() -> None:
    one, other = row(), row(transport=Transport.UDP)
    alive = {("10.0.0.7", 5061): 7}
    findings = found(listing(one, connections=alive), presence(shown(one)), session(one, cookie=7))
    assert kinds(findings) == []
    findings = found(listing(other, connections={}), presence(shown(other)), session(other))
    assert kinds(findings) == []


def test_a_binding_whose_connection_lives_though_presence_says_it_ended() -> None:
    one = row()
    known = session(ended={key(one): grave(Cause.CONNECTION_CLOSED, cookie=7)})
    listings = listing(one, connections={("10.0.0.7", 5061): 7})
    assert kinds(found(listings, presence(), known)) == [(Kind.MISSING, "fs1")]


def test_registered_anew_after_its_connection_ended() -> None:
    one = row(remote=Address(ip="10.0.0.7", port=6000))
    known = session(ended={key(one): grave(Cause.CONNECTION_CLOSED)})
    assert kinds(found(listing(one), presence(), known)) == [(Kind.MISSING, "fs1")]


# -- presence is right ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        grave(Cause.CONNECTION_CLOSED),
        grave(Cause.CONNECTION_RESET, cookie=7),
        grave(Cause.EXPIRED, connection_gone=True),
        grave(Cause.NODE_RESTARTED),
    ],
)
def test_listed_until_it_expires_though_its_connection_ended(end: EndedBinding) -> None:
    one = row()
    findings = found(listing(one), presence(), session(ended={key(one): end}))
    assert excuses(findings) == {Excuse.CONNECTION_ENDED: 1}


def test_an_end_that_was_only_inferred_excuses_nothing() -> None:
    """FreeSWITCH names no binding; the listing of the user that follows settles it."""
    one = row()
    known = session(ended={key(one): grave(Cause.CONNECTION_CLOSED, inferred=True)})
    assert kinds(found(listing(one), presence(), known)) == [(Kind.MISSING, "fs1")]


def test_a_restart_of_the_node_does_not_end_what_is_over_udp() -> None:
    one = row(transport=Transport.UDP)
    known = session(ended={key(one): grave(Cause.NODE_RESTARTED)})
    assert kinds(found(listing(one), presence(), known)) == [(Kind.MISSING, "fs1")]


def test_listed_over_a_connection_that_the_kernel_does_not_have() -> None:
    findings = found(listing(row(), connections={}), presence(), Session(aor=AOR))
    assert excuses(findings) == {Excuse.CONNECTION_ENDED: 1}


def test_listed_though_it_does_not_answer_options() -> None:
    one = row()
    findings = found(listing(one), presence(), session(one, ping_lost=True))
    assert excuses(findings) == {Excuse.PING_LOST: 1}


def test_a_suspect_binding_is_listed_and_shown() -> None:
    one = row()
    told = presence(shown(one, suspect=True))
    assert kinds(found(listing(one), told, session(one, suspect=True))) == []


def test_a_grace_window_is_of_status_only() -> None:
    one = row()
    told = presence()
    assert told.status is Status.ONLINE
    known = session(ended={key(one): grave(Cause.CONNECTION_CLOSED)})
    assert excuses(found(listing(one), told, known)) == {Excuse.CONNECTION_ENDED: 1}
    assert kinds(found(listing(), told, known)) == []


def test_what_is_shown_as_stale_claims_nothing() -> None:
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
def test_what_has_just_expired_may_be_shown_a_while(
    late: float, right: bool, proof: dict[str, Any]
) -> None:
    one = row(expires_at=NOW - timedelta(seconds=late))
    findings = found(listing(**proof), presence(shown(one)), session(one))
    if right:
        assert excuses(findings) == {Excuse.OVERDUE: 1}
    else:
        assert kinds(findings) == [(Kind.PHANTOM, "fs1")]


@pytest.mark.parametrize("known", [{}, {"connections": {}}, {"peers": frozenset()}])
def test_what_has_just_expired_without_a_proof_is_shown_wrongly(known: dict[str, Any]) -> None:
    """Its client may be long gone: that its time is over excuses nothing."""
    one = row(expires_at=NOW - timedelta(seconds=5))
    findings = found(listing(**known), presence(shown(one)), session(one))
    assert kinds(findings) == [(Kind.PHANTOM, "fs1")]


def test_what_is_listed_beyond_its_expiry_need_not_be_shown() -> None:
    findings = found(listing(row(expires_at=NOW)), presence(), Session(aor=AOR))
    assert excuses(findings) == {Excuse.OVERDUE: 1}


def test_a_profile_that_is_not_asked_for() -> None:
    one = row(registrar="external")
    listings = listing(profiles=frozenset({"internal"}))
    findings = found(listings, presence(shown(one)), session(one))
    assert excuses(findings) == {Excuse.PROFILE_LEFT_OUT: 1}


def test_rows_that_make_no_record_are_bindings_that_nobody_sees() -> None:
    bad = [UnreadableRow(AOR, f"sip:{n}", "Contact: too long") for n in range(2)]
    findings = found(listing(unreadable=bad), None, Session(aor=AOR))
    assert kinds(findings) == [(Kind.UNREADABLE, "fs1")] * 2
    assert len({one.identity for one in findings.disagreements}) == 2


@pytest.mark.parametrize("known", [{"connections": {}}, {"peers": frozenset()}])
def test_stale_is_no_excuse_for_a_connection_that_is_known_to_be_gone(known: Any) -> None:
    one = row()
    findings = found(listing(one, **known), presence(shown(one, stale=True)), session(one))
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "fs1")]


# -- edges ----------------------------------------------------------------------------------------


def at_edge(**changed: Any) -> Row:
    """The client's side of a device, in the edge's own location table."""
    return row("edge1", source=Source.OPENSIPS, registrar="location", **changed)


def behind(**changed: Any) -> Row:
    return row(**BEHIND, **changed)


def test_a_device_behind_an_edge_is_one() -> None:
    edge, one = at_edge(), behind()
    listings = listing(one, connections={}) | listing(
        edge, node="edge1", connections={("10.0.0.7", 5061): 7}
    )
    told = presence(shown(one, edge="edge1"))
    assert kinds(found(listings, told, session(edge, one))) == [], (
        "the proxy's connection is not its"
    )
    assert kinds(found(listing(edge, node="edge1"), told, session(edge, one))) == []


def test_an_edge_that_does_not_list_the_client() -> None:
    edge, one = at_edge(), behind()
    listings = listing(one) | listing(node="edge1")
    findings = found(listings, presence(shown(one, edge="edge1")), session(edge, one))
    assert kinds(findings) == [(Kind.PHANTOM, "edge1")]


@pytest.mark.parametrize("asked", ["both", "edge1"])
def test_a_client_whose_connection_to_the_edge_is_gone(asked: str) -> None:
    one = behind()
    edge = row("edge1", source=Source.KAMAILIO, registrar="edge")  # a pure proxy lists nothing
    listings = listing(node="edge1", connections={})
    listings |= listing(one) if asked == "both" else {}
    findings = found(listings, presence(shown(one, edge="edge1")), session(edge, one))
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "edge1")]


def test_a_proxy_without_a_table_lists_nobody() -> None:
    edge, one = row("edge1", source=Source.KAMAILIO, registrar="edge"), behind()
    listings = listing(one) | listing(node="edge1")
    findings = found(listings, presence(shown(one, edge="edge1")), session(edge, one))
    assert kinds(findings) == []
    findings = found(listing(node="edge1"), presence(shown(edge)), session(edge))
    assert excuses(findings) == {Excuse.NO_TABLE: 1}
    findings = found(listing(node="edge1", connections={}), presence(shown(edge)), session(edge))
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "edge1")]


def cut_off(**of_edge: Any) -> Session:
    """A device behind an edge that has lost it."""
    one = behind()
    known = session(one, edge_lost=True)
    known.ended[f"edge1|{one.event.binding}"] = grave(
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
def test_listed_behind_an_edge_that_shows_that_it_lost_the_client(edge: dict[str, Any]) -> None:
    unknown_or_none: tuple[dict[Any, int] | None, ...] = (None, {})
    for connections in unknown_or_none:  # of the registrar: the proxy's, whatever becomes of it
        listings = listing(behind(), connections=connections) | listing(node="edge1", **edge)
        findings = found(listings, presence(), cut_off(cookie=7))
        assert excuses(findings) == {Excuse.EDGE_LOST: 1}


@pytest.mark.parametrize(
    ("edge", "why"),
    [
        (None, "edge1 was not asked"),
        ({"connections": {HERE: 7}, "has_table": False}, "has its connection"),
        ({"peers": frozenset({HERE}), "has_table": False}, "has its connection"),
        ({"has_table": False}, "does not show its connections"),
    ],
)
def test_an_edge_lost_without_a_proof_counts(edge: dict[str, Any] | None, why: str) -> None:
    listings = listing(behind())
    if edge is not None:
        listings |= listing(node="edge1", **edge)
    findings = found(listings, presence(), cut_off(cookie=7))
    assert kinds(findings) == [(Kind.MISSING, "fs1")]
    assert why in findings.disagreements[0].detail


def test_over_a_transport_that_no_contact_names_the_edges_cookie_shows_a_connection() -> None:
    one = row(**{**BEHIND, "received": None}, transport=Transport.UDP)
    known = cut_off(cookie=7)
    known.bindings = session(one, edge_lost=True).bindings
    listings = listing(one) | listing(node="edge1", connections={}, has_table=False)
    assert excuses(found(listings, presence(), known)) == {Excuse.EDGE_LOST: 1}
    known.ended.clear()  # nothing is known of the edge but that it lost the client
    assert kinds(found(listings, presence(), known)) == [(Kind.MISSING, "fs1")]


def test_an_edge_lost_that_the_edge_lists_counts() -> None:
    listings = listing(behind()) | listing(at_edge(), node="edge1")
    findings = found(listings, presence(), cut_off())
    assert (Kind.MISSING, "fs1") in {(one.kind, one.node) for one in findings.disagreements}


# -- edges of which only the Path tells -----------------------------------------------------------

# As a registrar keeps it of a client that came over TCP (add_path_received); no edge reported it.
PATH = "<sip:192.0.2.5:5070;lr;received=sip:10.0.0.7:5061%3Btransport%3Dtcp>"
LIVING: dict[str, Any] = {"peers": frozenset({HERE})}
DEAD: dict[str, Any] = {"peers": frozenset({("10.0.0.8", 5061)})}


def through(edge: dict[str, Any] | None, *others: PresenceBinding, **more: Any) -> Findings:
    """A phone shown at fs1 that came through an edge whose producer was away."""
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
def test_a_phone_dead_behind_an_edge_that_reported_nothing(named: dict[str, Any]) -> None:
    gone: list[dict[str, Any]] = [DEAD, {"connections": {}}, {"peers": frozenset()}]
    for known in gone:
        assert kinds(through({**known, **named})) == [(Kind.DEAD_CONNECTION, "edge1")]
    there: list[dict[str, Any]] = [LIVING, {"connections": {HERE: 7}}]
    for known in there:
        assert kinds(through({**known, **named})) == []


def test_its_edge_is_known_by_another_phone_with_that_path() -> None:
    elsewhere = ("10.0.0.8", 5061)
    remote = Address(ip=elsewhere[0], port=elsewhere[1])
    other = shown(row("fs2", path=PATH), edge="edge1", remote=remote)
    dead, living = {"peers": frozenset({elsewhere})}, {"peers": frozenset({HERE, elsewhere})}
    assert kinds(through(dead, other)) == [(Kind.DEAD_CONNECTION, "edge1")]
    assert kinds(through(living, other)) == []


def test_dead_behind_an_edge_counts_though_presence_calls_it_stale() -> None:
    findings = through({**DEAD, **NAMED[0]}, changed={"stale": True})
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "edge1")]


def test_an_edge_that_was_not_asked_is_said_and_no_other_is_blamed() -> None:
    other = listing(node="kam2", host="192.0.2.9", **DEAD)
    assert excuses(through(None, asked=other)) == {Excuse.EDGE_NOT_ASKED: 1}
    assert excuses(through({"host": "192.0.2.5"})) == {Excuse.EDGE_NOT_ASKED: 1}, "shows none"
    assert excuses(through(DEAD)) == {Excuse.EDGE_NOT_ASKED: 1}, "nothing tells whose Path it is"


@pytest.mark.parametrize("ended", [True, False])
def test_a_mid_registrars_row_tells_of_the_device_behind_that_nobody_joined(ended: bool) -> None:
    """No Path, another Contact: the Call-ID is what both list."""
    edge, one = at_edge(ended=ended), row(remote=PROXY, contact="sip:1001@192.0.2.5:5070;ctid=1")
    listings = listing(one) | listing(edge, node="edge1")
    findings = found(listings, presence(shown(one)), session(one))
    wrong = [(one.kind, one.node) for one in findings.disagreements]
    assert wrong == [(Kind.DEAD_CONNECTION, "edge1") if ended else (Kind.MISSING, "edge1")]


def test_over_udp_nothing_ends_at_an_edge() -> None:
    one = row(path=PATH.replace("%3Btransport%3Dtcp", ""), transport=Transport.UDP)
    listings = listing(one) | listing(node="edge1", has_table=False, **DEAD, **NAMED[0])
    assert kinds(found(listings, presence(shown(one)), session(one))) == []


def test_a_reported_edge_that_was_not_asked_is_said() -> None:
    edge, one = at_edge(), behind()
    findings = found(listing(one), presence(shown(one, edge="edge1")), session(edge, one))
    assert excuses(findings) == {Excuse.EDGE_NOT_ASKED: 1}


@pytest.mark.parametrize(("peers", "wrong"), [(DEAD, 1), (LIVING, 0)])
def test_a_pure_proxys_own_list_of_connections_is_a_proof(peers: Any, wrong: int) -> None:
    edge, one = row("edge1", source=Source.OPENSIPS, registrar="edge"), behind()
    listings = listing(one) | listing(node="edge1", has_table=False, **peers)
    findings = found(listings, presence(shown(one, edge="edge1")), session(edge, one))
    assert kinds(findings) == [(Kind.DEAD_CONNECTION, "edge1")] * wrong


def test_listed_at_an_edge_after_it_signed_off_behind() -> None:
    edge = at_edge()
    known = session(
        ended={
            key(edge): grave(Cause.UNREGISTERED, node="edge1"),
            f"fs1|{edge.event.binding}": grave(Cause.UNREGISTERED),
        }
    )
    findings = found(listing(edge, node="edge1"), presence(), known)
    assert excuses(findings) == {Excuse.DEVICE_ENDED: 1}


def test_an_edge_before_one_that_does_not_answer_options() -> None:
    edge, one = at_edge(), behind()
    known = session(edge, one)
    known.bindings[key(one)].ping_lost = True
    findings = found(listing(edge, node="edge1"), presence(), known)
    assert excuses(findings) == {Excuse.PING_LOST: 1}


def test_who_only_claims_a_connection_is_not_missed_among_them() -> None:
    """FreeSWITCH reports the Contact's transport; the kernel had no connection at the REGISTER."""
    one = row()
    for claimed, wrong in ((True, []), (False, [(Kind.DEAD_CONNECTION, "fs1")])):
        known = session(one, transport_claimed=claimed)
        assert kinds(found(listing(one, connections={}), presence(shown(one)), known)) == wrong


def test_an_edge_may_list_who_is_behind_a_registrar_that_has_ended() -> None:
    one = row(node="edge1")
    known = session(one, registrar_lost=True)
    findings = found(listing(one, node="edge1"), presence(), known)
    assert excuses(findings) == {Excuse.REGISTRAR_LOST: 1}


def test_a_registrar_that_lists_it_again_is_judged_by_itself() -> None:
    edge, one = row(node="edge1"), row()
    known = session(edge, registrar_lost=True)
    findings = found(listing(one) | listing(edge, node="edge1"), presence(), known)
    assert [(one.kind, one.node) for one in findings.disagreements] == [(Kind.MISSING, "fs1")]
