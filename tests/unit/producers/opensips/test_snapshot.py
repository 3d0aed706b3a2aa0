"""MI's listings in their three dialects, as recorded, and the snapshots made of them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from producers.opensips import snapshot
from producers.opensips.listed_contact import ListedContact, is_gone
from producers.opensips.listing import read_contacts
from producers.opensips.mi_replies import read_connections, read_dialogs, read_start
from producers.receive_times import Received
from producers.sip_proxy.errors import ListingUnreadable
from producers.sip_proxy.mi import decode_json
from producers.sip_proxy.snapshot import begin, mark
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.vocabulary import RegistrationKind
from tests.unit.opensips_capture import CAPTURES, Play

NOW = datetime(2026, 11, 24, 6, 3, 56, tzinfo=UTC)
BEGAN = Received(NOW, 77)


def listed(name: str) -> list[ListedContact]:
    data = (CAPTURES / name).read_bytes()
    if name.endswith(".txt"):
        return read_contacts(data.decode())
    reply = decode_json(data)
    return read_contacts(reply.get("result", reply))


def taken(rows: list[ListedContact], connections: set[str] | None) -> list[RegistrationEvent]:
    context = Play().context
    one = begin(context, BEGAN, "location")
    read = [snapshot.read(row, context, NOW) for row in rows]
    kept = [row for row in read if snapshot.is_connected(row, connections)]
    return [snapshot.record(one, row, place).event for place, row in enumerate(kept)]


@pytest.mark.parametrize(
    "name", ["ul_dump.json", "ul_dump.mi_fifo.json", "ul_dump.mi_datagram.json"]
)
def test_listing_of_3_6(name: str) -> None:
    rows = taken(listed(name), {"127.0.0.1:46002"})
    assert [(row.aor, row.call_id) for row in rows] == [
        ("sip:alice@127.0.0.1", "reg-alice-cae1200a20"),
        ("sip:alice@127.0.0.1", "reg-alice-fb0e1a494f"),
        ("sip:natbob@127.0.0.1", "reg-natbob-8b6ef99192"),
        ("sip:erin@127.0.0.1", "reg-erin-70473a4f78"),
    ]
    tcp, _, nat, _ = rows
    assert (tcp.transport, tcp.user_agent, tcp.cseq) == ("tcp", 'Rig "B" Phone/2.0', 1)
    assert tcp.remote == Address(ip="127.0.0.1", port=46002)
    assert nat.remote == Address(ip="127.0.0.1", port=44137)
    assert tcp.expires_at is not None
    assert tcp.expires_at - NOW in (timedelta(seconds=899), timedelta(seconds=900))
    assert {(row.seq, row.at, row.registrar) for row in rows} == {(77, NOW, "location")}


@pytest.mark.parametrize(
    "name", ["v24_ul_dump.mi_fifo.txt", "v24_ul_dump.mi_json.json", "v24_ul_dump.mi_datagram.txt"]
)
def test_listings_of_2_4(name: str) -> None:
    rows = taken(listed(name), None)
    assert [(row.aor, row.contact, row.transport) for row in rows] == [
        ("sip:alice@127.0.0.1", "sip:alice@127.0.0.1:53576;transport=tcp", "tcp"),
        ("sip:alice@127.0.0.1", "sip:alice@127.0.0.1:48410", "udp"),
        ("sip:natbob@127.0.0.1", "sip:natbob@10.9.8.7:5060", "udp"),
    ]
    assert rows[2].remote == Address(ip="127.0.0.1", port=39203)


def test_row_and_event_have_the_same_identity() -> None:
    from schemas.topics import REGISTRATIONS

    events = Play().play(CAPTURES / "ul_dump.datagram").events(REGISTRATIONS)
    assert {row.binding for row in taken(listed("ul_dump.json"), None)} == {
        event.binding for event in events
    }


def test_contact_behind_a_proxy_has_no_connection_here() -> None:
    """save()'s path-received stores the client's address at the proxy."""
    fields = {"Expires": "60", "Received": "sip:203.0.113.9:1234", "Socket": "tcp:192.0.2.1:5060"}
    uri = "sip:kim@192.0.2.60;transport=tcp"
    row = ListedContact("location", "kim@example.test", uri, fields)
    assert not taken([row], set())
    behind = replace(row, fields=fields | {"Path": "<sip:198.51.100.1;lr>"})
    assert [one.contact for one in taken([behind], set())] == [uri]


def test_contacts_own_address_shows_no_connection() -> None:
    """Without `received` a phone behind NAT names an address that no connection comes from."""
    fields = {"Expires": "60", "Socket": "tcp:192.0.2.1:5060"}
    row = ListedContact("location", "kim@example.test", "sip:kim@10.0.0.7;transport=tcp", fields)
    assert taken([row], {"192.0.2.60:41000"})


def test_contact_whose_connection_has_ended_makes_no_row() -> None:
    rows = taken(listed("ul_dump.json"), set())
    assert [row.transport for row in rows] == ["udp", "udp", "udp"]
    reply = decode_json((CAPTURES / "mi_list_tcp_conns.json").read_bytes())["result"]
    assert read_connections(reply) == {"127.0.0.1:46002"}
    assert read_connections("200 OK\n") is None


def test_deleted_and_expired_contacts_do_not_count() -> None:
    row = ListedContact("location", "a@b", "sip:a@192.0.2.1", {"Expires": "deleted"})
    assert is_gone(row)
    permanent = ListedContact("location", "a@b", "sip:a@192.0.2.1", {"Expires": "permanent"})
    assert not is_gone(permanent)
    assert taken([permanent], None)[0].expires_at is None


@pytest.mark.parametrize(
    "reply",
    [
        None,
        [],
        {},
        {"Domains": {}},
        {"Domains": [{"name": "location", "AORs": [{"AOR": "a"}]}]},
        {"Domain": [{"value": "location", "children": []}]},
        "500 no\n\n",
        "200 OK\nDomain:: location\n",
    ],
)
def test_incomplete_listing_is_refused(reply: Any) -> None:
    with pytest.raises(ListingUnreadable):
        read_contacts(reply)


def test_brief_listing_is_refused() -> None:
    with pytest.raises(ListingUnreadable):
        listed("ul_dump.brief.json")


def test_users_attribute_cannot_add_a_contact_to_the_text() -> None:
    text = (CAPTURES / "v24_ul_dump.mi_fifo.txt").read_text()
    hostile = text.replace(
        "dev=desk;site=lab", "x\n  AOR:: mallory@127.0.0.1\n  Contact:: sip:m@192.0.2.66"
    )
    assert [row.aor for row in read_contacts(hostile)] == [row.aor for row in read_contacts(text)]


def test_text_with_a_user_agent_folded_into_a_contact_is_refused() -> None:
    text = (CAPTURES / "v24_ul_dump.mi_fifo.txt").read_text()
    fake = "x\n\tAOR:: mallory@127.0.0.1\n\t\tContact:: sip:m@192.0.2.66 Q="
    with pytest.raises(ListingUnreadable):
        read_contacts(text.replace("RigPhone/1.0", fake))


def test_marks_have_the_place_of_the_beginning() -> None:
    one = begin(Play().context, BEGAN, "location")
    one_id = one.origin["id"]
    for kind in (RegistrationKind.SNAPSHOT_BEGAN, RegistrationKind.SNAPSHOT_ENDED):
        event = mark(one, kind).event
        assert (event.kind, event.snapshot, event.seq, event.aor) == (kind, one_id, 77, None)


def test_start_of_the_server() -> None:
    assert (
        read_start({"Now": "x", "Up since": "Tue Nov 24 06:01:20 2026"})
        == "Tue Nov 24 06:01:20 2026"
    )
    assert read_start({"Up since": [{"value": "Tue"}]}) == "Tue"
    assert (
        read_start("200 OK\nNow:: x\nUp since:: Tue Nov 24\nUp time:: 5 [sec]\n\n") == "Tue Nov 24"
    )
    assert read_start({}) is None


def test_dialogs() -> None:
    assert read_dialogs(json.loads((CAPTURES / "mi_dlg_list.json").read_text())["result"]) == []
    assert read_dialogs({"Dialog": {"callid": "c"}}) == [{"callid": "c"}]
    with pytest.raises(ListingUnreadable):
        read_dialogs({"Dialogs": 3})
