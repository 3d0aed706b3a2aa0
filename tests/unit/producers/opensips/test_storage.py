"""Where usrloc keeps its contacts: of an empty ul_dump nothing is concluded that memory must show.

OpenSIPS#2617, OpenSIPS#1573: with sql-only and full-sharing-cachedb each lookup inserts a user's
contacts once more, and ul_dump is empty.
"""

from datetime import UTC, datetime, timedelta

import pytest

from producers.opensips.contacts import Contacts, Insert
from producers.opensips.listed_contact import ListedContact, is_gone
from producers.opensips.storage import Usrloc
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.expiry import listed_expiry
from schemas.topics import NODES, REGISTRATIONS
from tests.unit.opensips_usrloc import T, UsrlocServer

KIM, LEO = "sip:kim@192.0.2.60:5060", "sip:leo@192.0.2.61:5060"


def served(**options: object) -> UsrlocServer:
    server = UsrlocServer(**options)  # type: ignore[arg-type]  # of several types
    server.register("kim", KIM)
    server.register("leo", LEO)
    return server


@pytest.mark.parametrize("usrloc", [Usrloc.AUTO, Usrloc.DATABASE])
def test_listing_of_a_database_ends_no_binding(usrloc: Usrloc) -> None:
    server = served(in_database=True, usrloc=usrloc)
    for _ in range(3):
        server.list_all()
        server.lookup("kim")
    server.run_lister()
    assert server.play.context.in_database
    assert (server.shown("kim"), server.shown("leo")) == ([KIM], [LEO])
    assert not server.play.events(NODES)


def test_database_is_recognised_once() -> None:
    server = served(in_database=True)
    server.list_all()
    queries = server.calls.count("ul_show_contact")
    assert queries == 1
    server.list_all()
    assert server.calls.count("ul_show_contact") == queries


def test_reading_a_user_again_changes_nothing() -> None:
    server = served(in_database=True)
    before = len(server.play.events(REGISTRATIONS))
    for _ in range(5):
        server.now += 2
        server.lookup("kim")
    assert len(server.play.events(REGISTRATIONS)) == before


def test_listing_of_memory_ends_missing_contacts() -> None:
    server = served()
    server.list_all()
    server.unregister("kim", KIM, is_silent=True)
    server.list_all()
    assert server.shown("kim") == []
    assert server.shown("leo") == [LEO]


def test_empty_listing_of_memory_ends_all() -> None:
    """After a restart without a database: ul_dump and ul_show_contact agree."""
    server = served()
    server.users.clear()
    server.list_all()
    assert server.shown("kim") == server.shown("leo") == []


def test_empty_listing_counts_only_after_a_sign_of_memory() -> None:
    server = served(in_database=True)
    server.forget()
    server.list_all()
    assert server.shown("kim") == [KIM]
    server.lookup("leo")
    assert server.wanted
    server.list_all()
    assert server.play.context.in_database
    assert server.shown("kim") == [KIM]


def test_empty_listing_counts_once_ul_show_contact_agrees() -> None:
    server = served()
    server.forget()
    server.users.clear()
    server.list_all()
    assert server.shown("kim") == [KIM]  # nothing shows yet where usrloc keeps them
    server.register("mia", "sip:mia@192.0.2.62:5060")
    assert server.wanted
    server.list_all()
    assert server.shown("kim") == []


def test_configured_storage_needs_no_sign() -> None:
    server = served(usrloc=Usrloc.MEMORY)
    server.users.clear()
    server.list_all()
    assert server.shown("kim") == []
    assert "ul_show_contact" not in server.calls


def test_aor_events_show_memory() -> None:
    server = UsrlocServer()
    server.play.datagram(server.now, b'{"method":"E_UL_AOR_DELETE","params":{"aor":"a@b"}}')
    assert server.play.context.storage.where is Usrloc.MEMORY


def test_database_contacts_of_other_nodes_and_expired_ones_are_ignored() -> None:
    server = UsrlocServer(in_database=True, usrloc=Usrloc.DATABASE)
    server.register("kim", KIM, socket="")
    assert server.shown("kim") == []
    server.register("leo", LEO, is_silent=True)
    server.now += 4000
    server.lookup("leo")
    assert server.shown("leo") == []


def test_database_that_does_not_answer_ends_no_binding() -> None:
    """db_load_urecord() answers "not found" when its query fails."""
    server = served(in_database=True, usrloc=Usrloc.DATABASE)
    server.now += 5
    server.lookup("leo")
    server.run_lister()
    server.now += 5
    server.lookup("kim")
    server.database_fails = True
    for _ in range(5):
        server.now += 0.2
        server.lister.list_users()
    assert server.shown("kim") == [KIM]
    assert server.shown("leo") == [LEO]
    assert server.calls.count("ul_show_contact") < 5
    server.database_fails = False
    server.users.pop("kim")
    server.now += 2
    server.run_lister()
    assert server.shown("kim") == []


def test_latest_stored_user_may_have_ended_too() -> None:
    """Then the database still answers of others."""
    server = of_database()
    server.register("mia", "sip:mia@192.0.2.62:5060")
    server.now += 5
    server.lookup("leo")
    server.run_lister()
    for user in ("leo", "kim"):
        server.unregister_all(user)
    server.run_lister()
    assert (server.shown("kim"), server.shown("leo")) == ([], [])
    assert server.shown("mia")


def test_contact_reported_before_it_is_written_is_not_ended() -> None:
    server = served(in_database=True, usrloc=Usrloc.DATABASE)
    server.now += 5
    server.lookup("kim")
    rows = server.users["kim"]
    server.now += 0.2
    server.register("kim", "sip:kim@192.0.2.7:5060")
    server.now -= 0.9
    server.users["kim"] = [rows[0]]
    server.run_lister()
    assert "sip:kim@192.0.2.7:5060" in server.shown("kim")


def test_contact_removed_without_an_event_is_found_by_a_listing() -> None:
    """`Contact: *` with sql-only, and every removal with full-sharing-cachedb: read, then gone."""
    server = served(in_database=True, usrloc=Usrloc.DATABASE)
    server.register("leo", LEO)
    server.lookup("leo")
    server.run_lister()
    server.now += 5
    server.unregister("kim", KIM, is_silent=True)
    server.run_lister()
    assert server.shown("kim") == []
    assert server.shown("leo") == [LEO]


def test_lookup_causes_one_listing() -> None:
    server = served(in_database=True, usrloc=Usrloc.DATABASE)
    for _ in range(3):
        server.now += 5
        before = server.calls.count("ul_show_contact")
        server.lookup("kim")
        server.run_lister()
        assert server.calls.count("ul_show_contact") == before + 1


def of_database() -> UsrlocServer:
    return served(in_database=True, usrloc=Usrloc.DATABASE)


def test_wildcard_unregister_right_after_a_listing() -> None:
    """The lookup's own events are counted: the one after them is the REGISTER's."""
    server = of_database()
    server.lookup("kim")
    server.run_lister()
    server.unregister_all("kim")
    server.run_lister()
    assert server.shown("kim") == []
    assert server.shown("leo") == [LEO]


def test_wildcard_unregister_during_a_listing() -> None:
    server = of_database()
    server.lookup("kim")
    call, is_first = server.call, [True]

    def answered_late(command: str, parameters: dict[str, str] | None = None) -> object:
        answer = call(command, parameters)
        if command == "ul_show_contact" and is_first.pop() if is_first else False:
            server.unregister_all("kim")
        return answer

    server.call = answered_late  # type: ignore[method-assign]  # the server answers late once
    server.run_lister()
    assert server.shown("kim") == []


def test_expired_contact_in_a_database_is_listed() -> None:
    """usrloc drops it when it is next read, and reports nothing before."""
    server = of_database()
    server.run_lister()
    server.now += 1000
    server.register("leo", LEO)
    server.run_lister()
    server.now += 2601
    server.lister.list_users()
    server.run_lister()
    assert server.shown("kim") == []
    assert server.shown("leo") == [LEO]


def test_contact_is_gone_in_the_second_of_its_expiry() -> None:
    """VALID_CONTACT() in usrloc's ucontact.h, where ul_mi.c still writes a number."""
    listed = [ListedContact("location", "a@b", KIM, {"Expires": e}) for e in ("1", "0", "expired")]
    assert [is_gone(one) for one in listed] == [False, True, True]


def test_seconds_left_count_from_the_servers_whole_second() -> None:
    began = datetime(2026, 1, 1, 12, 0, 0, 900_000, UTC)
    fields = ServerEvent("E_LISTED", {"Expires": "2"})
    assert listed_expiry(fields, began) == datetime(2026, 1, 1, 12, 0, 2, tzinfo=UTC)


@pytest.mark.parametrize("is_listed", [True, False])
@pytest.mark.parametrize(("after", "what"), [(1, Insert.NEW), (4, Insert.REPLAYED)])
def test_contact_listed_again_before_its_own_event(
    after: int, what: Insert, *, is_listed: bool
) -> None:
    """The streams ignore a listing's row so soon after its end, which a listing reported, too."""
    contacts, at = Contacts(), datetime(2026, 1, 1, tzinfo=UTC)
    contacts.registered(KIM, KIM, ("c", 1), at, KIM)
    if is_listed:
        contacts.listed(KIM, [], at)
    else:
        contacts.deleted(KIM, KIM, at)
    listed = at + timedelta(seconds=after)
    contacts.found(KIM, KIM, ("c", 2), listed, KIM, loose=False)
    event = listed + timedelta(seconds=0.5 if what is Insert.NEW else 2)
    assert contacts.inserted(KIM, KIM, ("c", 2), event, KIM)[0] is what


def test_lookup_event_of_a_contact_that_has_ended_since() -> None:
    server = of_database()
    lookups = server.play.context.lookup_events
    (row,) = server.users["kim"]
    server.unregister("kim", KIM)
    lookups.begin("sip:kim@example.test")
    lookups.answered("sip:kim@example.test", [(KIM, row["Callid"])], datetime.fromtimestamp(T, UTC))
    server._raise("INSERT", "kim", row)
    server.run_lister()
    assert server.shown("kim") == []
