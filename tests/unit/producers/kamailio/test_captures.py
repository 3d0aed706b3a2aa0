"""Every recorded Kamailio capture through intake and streams: what a subscriber must see."""

import json

import pytest

from producers.kamailio.context import Context
from producers.kamailio.listing import ListedContact, read_connections, read_contacts
from producers.kamailio.snapshot import Listed, read, record
from producers.receive_times import Ticks
from producers.sip_proxy.contact import UnreadableRow
from producers.sip_proxy.errors import ListingUnreadable
from producers.sip_proxy.snapshot import begin
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind, Transport
from tests.unit.kamailio_capture import CAPTURES, Play

ON, CLOSED = "online registered", "offline connection-closed"
# An old connection's end after the client came back over another one: nothing is to be seen of it.
MOVED = [ON, ON, CLOSED]
CALLED = [ON, "on-the-phone call-answered", "online call-ended"]
# The kernel's events only: the recordings have neither a new process nor a refused evapi.
SERVER_KILLED = {f"srvkill{name}": [ON, CLOSED] for name in ("0", "1", "2", "tls")}
EXPECTED: dict[str, dict[str, list[str]]] = {
    "sc_a_fin": {"fin": [ON, CLOSED]},
    "sc_a_half": {"half": [ON, CLOSED]},
    "sc_a_ipre": {},
    "sc_a_kill9": {"kill9": [ON, CLOSED]},
    "sc_a_rereg": {"rereg": MOVED},
    "sc_a_rereg2": {"rereg2": [ON, ON, "online connection-closed", CLOSED]},
    "sc_a_rst": {"rst": [ON, CLOSED]},
    "sc_a_udpexp": {"udpexp": [ON]},  # the recording ends before its expiry
    "sc_a_unreg": {"unreg": [ON, "offline unregistered"]},
    "sc_a_wsx": {"wsuser": [ON, CLOSED]},
    "sc_b_fin": {"fin": [ON, CLOSED]},
    "sc_b_half": {"half": [ON, CLOSED]},
    "sc_b_kill9": {"kill9": [ON, CLOSED]},
    "sc_b_rereg": {"rereg": MOVED},
    "sc_b_rereg2": {"rereg2": [ON, ON, "online connection-closed", CLOSED]},
    "sc_b_rst": {"rst": [ON, CLOSED]},
    "sc_b_tls": {"tls": [ON, CLOSED]},
    "sc_b_udpexp": {"udpexp": [ON, "offline expired"]},
    "sc_b_wsx": {"wsuser": [ON, CLOSED]},
    # No client has registered as alice; in sc_sipp_dlglive as bob neither.
    "sc_sipp_call": {"bob": CALLED, "alice": []},
    "sc_sipp_dlglive": {"bob": [], "alice": []},
    "sc_sipp_rtp": {"bob": CALLED, "alice": []},
    "sc_srv_kill9main": SERVER_KILLED,
    "sc_srv_kill9tcpmain": SERVER_KILLED,
    "sc_srv_term": SERVER_KILLED,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_capture_gives_the_expected_presence(name: str) -> None:
    played = Play().play(name)
    assert played.collector.dead_letters == []
    found = {user: played.pipeline.changes(user) for user in EXPECTED[name]}
    assert found == EXPECTED[name]


def test_every_capture_is_expected() -> None:
    assert {path.stem for path in CAPTURES.glob("*.jsonl")} == set(EXPECTED)


def listing(name: str) -> object:
    found: object = json.loads((CAPTURES / name).read_text())["result"]
    return found


def bindings_of(context: Context, contacts: list[ListedContact]) -> list[Listed]:
    refused: list[UnreadableRow] = []
    found = read(contacts, context, Ticks().now().at, refused.append)
    assert refused == []
    return found


def test_rows_are_what_the_server_lists() -> None:
    context = Play().context
    snapshot = begin(context, Ticks().now(), "location")
    (contacts,) = read_contacts(listing("rpc_ul_dump.json")).values()
    connections = read_connections(listing("rpc_core_tcp_list.json"))
    bindings = bindings_of(context, contacts)
    records = [record(snapshot, one, index, connections) for index, one in enumerate(bindings)]
    events = [one.event for one in records if one is not None]
    assert [(e.aor, e.transport, e.remote.port) for e in events] == [
        ("sip:udpuser@sip.test", Transport.UDP, 54779),
        ("sip:dumpuser@sip.test", Transport.TCP, 49126),
        ("sip:tlsuser@sip.test", Transport.TLS, 53286),
    ]
    assert {e.kind for e in events} == {RegistrationKind.SNAPSHOT_ROW}
    assert {(e.path, e.registrar) for e in events} == {(None, "location")}
    # usrloc still lists it, but its connection is gone.
    assert record(snapshot, bindings[1], 1, {}) is None


def test_listed_contact_behind_an_edge_keeps_its_path() -> None:
    context = Play().context
    snapshot = begin(context, Ticks().now(), "location")
    (contacts,) = read_contacts(listing("rpc_ul_dump.json")).values()
    path = "<sip:192.0.2.1:5060;lr;received=sip:203.0.113.7:4711%3Btransport%3Dtcp>"
    contacts[1].fields["Path"] = path
    made = record(snapshot, bindings_of(context, contacts)[1], 1, {})
    assert made is not None
    assert (made.event.path, made.event.received.port) == (path, 4711)


@pytest.mark.parametrize(
    "reply", [None, {}, {"Domains": {}}, {"Domains": [{}]}, {"Domains": [{"Domain": {}}]}, []]
)
def test_listing_of_another_form_is_refused(reply: object) -> None:
    with pytest.raises(ListingUnreadable):
        read_contacts(reply)


def test_registrations_have_the_clients_kinds() -> None:
    played = Play().play("sc_a_unreg")
    first, last = played.events(REGISTRATIONS)
    assert (first.kind, last.kind) == (
        RegistrationKind.REGISTERED,
        RegistrationKind.UNREGISTERED,
    )
    assert (first.remote.port, first.cseq, last.cseq) == (33720, 1, 2)
    assert (first.expires_at - first.at).total_seconds() == 60
    assert first.at.timestamp() == pytest.approx(1_795_502_464.656840, abs=1e-6)
