"""Users whom an event leaves unclear are listed at once, exactly, whatever usrloc matches by."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from producers.opensips import snapshot
from producers.opensips.duplicate_rows import separated
from producers.opensips.listing import read_user
from producers.opensips.matching import ContactMatching
from producers.opensips.queries import query_user
from producers.sip_proxy.contact import Matching
from producers.sip_proxy.errors import MiRefused
from producers.sip_proxy.mi import decode_json
from producers.sip_proxy.user_listings import UserListing
from producers.sip_proxy.users import Users
from producers.stored_contact import read_stored
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind as Kind
from tests.unit.opensips_capture import CAPTURES
from tests.unit.opensips_usrloc import T, UsrlocServer

PUSH = ";pn-provider=apns;pn-prid=ABC;pn-param=t.app"
OLD, NEW = f"sip:kim@192.0.2.60:5060{PUSH}", f"sip:kim@192.0.2.77:7777{PUSH}"
BY_PUSH = ContactMatching(parameters=("pn-provider", "pn-prid", "pn-param"))


def moved(**options: Any) -> UsrlocServer:
    """Kim's contact is found by its push parameters, and its URI changes."""
    server = UsrlocServer(**options)
    server.register("kim", OLD)
    server.register("kim", NEW, was=OLD)
    return server


def test_update_of_an_unknown_contact_lists_the_user() -> None:
    server = moved()
    server.run_lister()
    assert server.shown("kim") == [NEW]
    assert server.calls.count("ul_show_contact") == 1
    ended = [e for e in server.play.events(REGISTRATIONS) if e.kind is Kind.SNAPSHOT_ENDED]
    identity = read_stored(NEW).identity
    assert [(e.aor, e.remaining) for e in ended] == [("sip:kim@example.test", [identity])]
    assert ended[0].table_at == ended[0].at


def test_contact_with_the_same_parameters_is_the_same_binding() -> None:
    server = moved(matching=BY_PUSH)
    assert not server.calls
    assert server.shown("kim") == [NEW]
    server.unregister("kim", NEW)
    assert server.shown("kim") == []


def test_contact_without_the_parameters_may_be_stored_over_another() -> None:
    """contact_params_match(): what one side lacks is equal."""
    plain, other = "sip:kim@192.0.2.8:5060", "sip:kim@192.0.2.9:5060"
    server = UsrlocServer(matching=BY_PUSH)
    server.register("kim", plain)
    server.register("kim", other)
    server.register("kim", plain, was=other)
    server.run_lister()
    assert "ul_show_contact" in server.calls
    assert other not in server.shown("kim")


def test_without_mi_the_call_id_decides() -> None:
    server = moved(has_mi=False)
    assert server.shown("kim") == [NEW]


@pytest.mark.parametrize("has_mi", [True, False])
def test_contact_moves_to_another_uri_and_back(*, has_mi: bool) -> None:
    """What a listing ended is unknown again."""
    server = UsrlocServer(has_mi=has_mi)
    server.register("kim", OLD)
    for uri, was in ((NEW, OLD), (OLD, NEW), (NEW, OLD)):
        server.register("kim", uri, was=was)
        if has_mi:
            server.run_lister()
        assert server.shown("kim") == [uri]


def test_two_contacts_of_one_register_are_two_also_without_mi() -> None:
    server = UsrlocServer(has_mi=False)
    for uri in (OLD, NEW):
        server.register("kim", uri, callid="c", is_silent=True)
    server.play.context.contacts.__init__()  # type: ignore[misc]  # empty, in the same place
    for uri in (OLD, NEW):
        server.register("kim", uri)
    assert server.shown("kim") == sorted((OLD, NEW))


def test_listing_a_user_of_a_database_causes_no_further_listing() -> None:
    server = moved(in_database=True)
    server.run_lister()
    assert server.shown("kim") == [NEW]
    assert server.calls.count("ul_show_contact") == 1


def test_listed_contact_is_known() -> None:
    server = UsrlocServer()
    server.register("kim", OLD, is_silent=True)
    server.list_all()
    server.register("kim", OLD)
    assert not server.play.intake.listings.wanted.is_set()


def test_user_without_contacts_is_offline() -> None:
    server = UsrlocServer()
    server.register("kim", OLD)
    server.register("kim", NEW, is_silent=True)
    server.play.context.writes_back = True
    server.register("kim", "sip:kim@192.0.2.3:5060")
    server.users.clear()
    server.run_lister()
    assert server.shown("kim") == []


def test_contact_whose_connection_has_ended_makes_no_row() -> None:
    server = UsrlocServer()
    server.connections = ["192.0.2.60:41000"]
    for user, port in (("kim", 41000), ("leo", 41001)):
        received = f"sip:192.0.2.60:{port};transport=tcp"
        uri = f"sip:{user}@192.0.2.60:{port};transport=tcp"
        given: dict[str, Any] = {"received": received, "socket": "tcp:192.0.2.1:5060"}
        server.register(user, uri, is_silent=True, **given)
        server.users[user][0]["Cseq"] = 1
        server.play.context.unclear = None
        server.register(user, "sip:other@192.0.2.9", socket="udp:192.0.2.1:5060")
        server.play.context.writes_back = True
        server.register(user, "sip:another@192.0.2.9", socket="udp:192.0.2.1:5060")
        server.run_lister()
    assert "sip:kim@192.0.2.60:41000;transport=tcp" in server.shown("kim")
    assert "sip:leo@192.0.2.60:41001;transport=tcp" not in server.shown("leo")


@pytest.mark.parametrize("options", [{"max_contacts": 1}, {}], ids=["configured", "seen"])
def test_contact_replaced_in_write_back_ends_at_once(options: dict[str, Any]) -> None:
    """Its DELETE comes with usrloc's timer, 60 s later by default (st_delete_ucontact())."""
    server = UsrlocServer(**options)
    if not options:  # a DELETE of the timer shows it
        server.register("leo", "sip:leo@192.0.2.61:5060")
        server.play.datagram(server.now, _delete_of_the_timer())
    server.register("kim", OLD)
    server.users["kim"].clear()
    server.register("kim", "sip:kim@192.0.2.88:5060")
    server.run_lister()
    assert server.shown("kim") == ["sip:kim@192.0.2.88:5060"]


def _delete_of_the_timer() -> bytes:
    parameters = {"aor": "leo@example.test", "uri": "sip:leo@192.0.2.61:5060", "expires": 10}
    return json.dumps({"method": "E_UL_CONTACT_DELETE", "params": parameters}).encode()


def test_late_delete_of_a_contact_that_a_listing_ended() -> None:
    """Write-back: un-REGISTERed, listed without, registered again, and only then the DELETE."""
    server = UsrlocServer()
    server.register("kim", OLD)
    (gone,) = server.users.pop("kim")
    server.play.intake.listings.ask(
        UserListing("location", "kim@example.test", "sip:kim@example.test")
    )
    server.run_lister()
    assert server.shown("kim") == []
    server.register("kim", OLD, callid=gone["Callid"])
    server.users["kim"][0]["Cseq"] = 9
    server.register("kim", OLD)
    server._raise("DELETE", "kim", gone | {"at": 10 - 3600})
    server.run_lister()
    assert server.shown("kim") == [OLD]


TWICE = "sip:kim@192.0.2.60:5060"


def by_call_id(**options: Any) -> UsrlocServer:
    """usrloc with matching_mode 1 has one contact twice."""
    server = UsrlocServer(**options)
    for call_id in ("c1", "c2"):
        server.users.setdefault("kim", [])
        kept = server.users["kim"]
        server.users["kim"] = []
        server.register("kim", TWICE, callid=call_id)
        server.users["kim"] += kept
    return server


def test_contact_known_by_an_earlier_identity_is_shown_once() -> None:
    server = UsrlocServer()
    server.register("leo", "sip:leo@192.0.2.61:5060")
    for call_id in ("c1", "c2"):
        kept = server.users.get("kim", [])
        server.users["kim"] = []
        server.register("kim", TWICE, callid=call_id)
        server.users["kim"] += kept
    server.run_lister()
    server.register("leo", "sip:leo@192.0.2.61:5060")
    server.run_lister()
    server.list_all()
    assert server.wanted
    assert server.shown("leo") == ["sip:leo@192.0.2.61:5060"]
    assert server.shown("kim") == [TWICE] * 2


def _remove(server: UsrlocServer, call_id: str) -> None:
    server.now += 5
    (row,) = [row for row in server.users["kim"] if row["Callid"] == call_id]
    server.users["kim"].remove(row)
    if not server.users["kim"]:
        del server.users["kim"]
    server._raise("DELETE", "kim", row)
    server.run_lister()


@pytest.mark.parametrize("first", ["c1", "c2"])
@pytest.mark.parametrize("is_configured", [True, False])
def test_one_contact_of_two_call_ids(first: str, *, is_configured: bool) -> None:
    matching = ContactMatching(Matching.CONTACT_CALL_ID) if is_configured else None
    server = by_call_id(matching=matching)
    server.run_lister()
    assert server.shown("kim") == [TWICE] * 2
    _remove(server, first)
    assert server.shown("kim") == [TWICE]
    _remove(server, "c1" if first == "c2" else "c2")
    assert server.shown("kim") == []


PLAIN = "sip:kim@192.0.2.8:5060"


def twice(**options: Any) -> UsrlocServer:
    """A REGISTER of a push contact and of PLAIN, which both took another for theirs."""
    server = UsrlocServer(matching=BY_PUSH, **options)
    for uri in (PLAIN, "sip:kim@192.0.2.9:5060"):
        server.register("kim", uri, callid="one")
    server.register("kim", PLAIN, was="sip:kim@192.0.2.9:5060")
    server.run_lister()
    return server


def test_one_contact_with_two_rows() -> None:
    """contact_params_match() finds it in two others: both are sent to, and end by themselves."""
    server = twice()
    assert server.shown("kim") == [PLAIN] * 2
    for left in ([PLAIN], []):
        queries = server.calls.count("ul_show_contact")
        server.remove("kim", server.users["kim"][-1])
        server.run_lister()
        assert server.shown("kim") == left
        assert (server.calls.count("ul_show_contact") > queries) is bool(left)
    assert not server.play.context.contacts.has_duplicates("sip:kim@example.test", PLAIN)


def test_listing_shows_which_of_two_rows_is_renewed() -> None:
    server = by_call_id()
    server.run_lister()
    queries = server.calls.count("ul_show_contact")
    server.register("kim", TWICE)
    server.run_lister()
    assert server.calls.count("ul_show_contact") == queries + 1
    assert server.shown("kim") == [TWICE] * 2


def test_one_of_two_rows_ends_and_is_made_again_at_once() -> None:
    """By the same Call-ID and CSeq, as a request that is repeated: it is no event's repetition."""
    server = twice()
    gone = server.users["kim"][-1]
    server.remove("kim", gone)
    server.run_lister()
    server.users["kim"].append(gone | {"ContactID": str(2**62 + 99)})
    server.now += 0.1
    server._raise("INSERT", "kim", gone)
    server.run_lister()
    assert server.shown("kim") == [PLAIN] * 2


def test_contact_with_all_parameters_may_be_stored_over_one_without() -> None:
    """The parameters count as equal where either side lacks them: a desk phone's contact is hit."""
    server = UsrlocServer(matching=BY_PUSH)
    for uri in (PLAIN, OLD):
        server.register("kim", uri)
    server.register("kim", OLD, was=PLAIN)
    server.run_lister()
    assert server.shown("kim") == [OLD] * 2


def test_known_contact_is_inserted_beside_itself_at_once() -> None:
    """A request whose first contact has no push parameters goes by URIs (pn_inspect_request())."""
    server = UsrlocServer(matching=BY_PUSH)
    server.register("kim", OLD, callid="one")
    server.now -= 0.9
    server.register("kim", NEW, callid="one")
    server.run_lister()
    assert server.shown("kim") == sorted([OLD, NEW])


def test_oldest_row_keeps_the_identity_and_others_have_their_own() -> None:
    server = twice()
    context, began = server.play.context, server.play.intake.ticks.now().at
    listed = read_user(server.call("ul_show_contact", {"aor": "kim@example.test"}), "location")
    rows = [snapshot.read(one, context, began) for one in listed]
    found = separated(rows[::-1])
    assert [row.duplicate_of for row in found] == [None, PLAIN]
    assert len({row.binding for row in found}) == 2
    assert found == separated(rows)


def test_user_is_listed_again_after_no_answer() -> None:
    server = moved()
    server.is_unreachable = True
    server.lister.list_users()
    assert not server.lister.answers
    server.is_unreachable = False
    server.run_lister()
    assert server.shown("kim") == [NEW]


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        (OLD, ";pn-provider=apns;pn-prid=ABC;pn-param=t.app"),
        ("<sip:kim@h;PN-PRID=ABC;pn-provider=apns;pn-param=t.app>", PUSH),
        ("sip:kim@h;pn-provider=apns;pn-prid=abc", "sip:kim@h;pn-prid=abc;pn-provider=apns"),
        ("sip:kim@h;pn-provider;pn-prid=A;pn-param=b", "sip:kim@h;pn-param=b;pn-prid=a;pn-provider"),  # noqa: E501 - a row
        ("sip:kim@h", "sip:kim@h"),
    ],
)  # fmt: skip
def test_contact_without_all_parameters_is_identified_by_its_uri(text: str, identity: str) -> None:
    assert BY_PUSH.identity(read_stored(text), text, "c") == identity


@pytest.mark.parametrize("name", ["ul_show_contact.json"])
def test_recorded_answer_of_ul_show_contact(name: str) -> None:
    reply = decode_json(Path(CAPTURES / name).read_bytes())["result"]
    assert [(row.aor, row.domain) for row in read_user(reply, "location")] == [
        ("alice@127.0.0.1", "location")
    ] * 2


def test_answers_of_2_4() -> None:
    """mi_add_aor_node() writes a user of ul_show_contact as one of ul_dump."""
    whole = decode_json((CAPTURES / "v24_ul_dump.mi_json.json").read_bytes())
    aors = whole["Domain"][0]["children"]["AOR"]
    listed = read_user({"AOR": aors[:1]}, "location")
    assert listed
    assert {row.domain for row in listed} == {"location"}
    text = (CAPTURES / "v24_ul_dump.mi_fifo.txt").read_text()
    head, _, body = text.partition("\n")
    lines = [line.removeprefix("\t") for line in body.split("\n") if not line.startswith("Domain")]
    shown = read_user("\n".join((head, *lines)), "location")
    assert {row.contact for row in listed} <= {row.contact for row in shown}


@pytest.mark.parametrize(
    "answer", [{"error": {"code": 404, "message": "AOR not found"}}, MiRefused("404 AOR not found")]
)
def test_answer_for_a_user_without_contacts(answer: Any) -> None:
    class Mi:
        def call(self, command: str, parameters: Any = None) -> Any:
            del command, parameters
            if isinstance(answer, Exception):
                raise answer
            return answer

    assert query_user(Mi(), UserListing("location", "a@b", "sip:a@b")) == []


def test_name_that_mi_would_cut_is_not_listed() -> None:
    """mi_fix_aor(): with use_domain=0 it answers for john where john@corp.com is queried."""
    server = UsrlocServer()
    server.play.context.users = Users("example.test")
    for what, uri in (("INSERT", OLD), ("UPDATE", NEW)):
        parameters = {"aor": "john@corp.com", "uri": uri, "expires": int(T) + 600, "callid": "c"}
        message = {"method": f"E_UL_CONTACT_{what}", "params": parameters}
        server.play.datagram(server.now, json.dumps(message).encode())
    assert not server.play.intake.listings.wanted.is_set()
    assert server.wanted
    assert not server.play.context.storage.missing(set(), 2**62, datetime.now(UTC))
