"""What usrloc's table holds after a REGISTER decides, whatever the REGISTER's header requested.

Lines and rows are as a real Kamailio 5.6.3 writes them with docs/kamailio.md's script.
"""

import json
from typing import Any

import pytest

from producers.kamailio.lister import Lister
from producers.kamailio.settings import KamailioSettings
from producers.receive_times import Ticks
from producers.sip_proxy.contact import Matching
from producers.sip_proxy.errors import MiRefused
from schemas import topics
from schemas.vocabulary import RegistrationKind as Kind
from tests.unit.kamailio_capture import Play

T0 = 1_795_502_000
A, B = "sip:alice@192.0.2.1:5060", "sip:alice@192.0.2.2:5060"


def row(addr: str, **fields: Any) -> dict[str, Any]:
    """A row as route[ROLLCALL_TABLE] writes it."""
    given: dict[str, Any] = {
        "addr": addr,
        "expires": T0 + 600,
        "callid": addr,
        "cseq": 1,
        "received": "",
        "path": "",
        "socket": "udp:192.0.2.9:5060",
        "instance": None,
        "regid": 0,
        "ua": "phone",
    }
    return given | fields


class Registrar:
    """One user of a Kamailio: what its script reports, and what it answers to JSON-RPC."""

    def __init__(self, **settings: Any) -> None:
        self.play = Play()
        of_node = KamailioSettings(node="kam1", domain="sip.test", **settings).context("run-1")
        self.play.context.matching = of_node.matching
        self.play.context.only_one_contact = of_node.only_one_contact
        self.play.context.users = of_node.users
        self.answers: dict[str, Any] = {}
        self.seconds = 0
        self.play.intake.ticks = Ticks(lambda: int((T0 + self.seconds + 0.01) * 1e9))

    def call(self, command: str, parameters: Any = None) -> Any:
        del parameters
        if command not in self.answers:
            raise MiRefused(command)
        return self.answers[command]

    def register(
        self, contact: str, rows: list[dict[str, Any]] | None, *, result: int = 1, **more: Any
    ) -> list[str]:
        """The contacts shown after the REGISTER whose header this is; `rows` None: an old script.

        The first row is the one that it made.
        """
        self.seconds += 1
        at = T0 + self.seconds
        request = {"callid": rows[0]["callid"], "cseq": rows[0]["cseq"]} if rows else {}
        fields: dict[str, Any] = {
            "ev": "register",
            "aor": "alice@sip.test",
            "contact": contact,
            "expires": "600",
            "result": result,
            "src": "udp:192.0.2.1:5060",
            "callid": "c1",
            "cseq": str(self.seconds),
            "boot": T0 - 9,
            "t": f"{at}.000500",
            **request,
        }
        if rows is not None:
            fields |= {"contacts": json.dumps(rows), "read": f"{at}.000400"}
        self.play.line(json.dumps(fields | more).encode(), at + 0.001)
        return self.shown

    def look_up(self, rows: list[dict[str, Any]]) -> list[str]:
        """The contacts shown after the users that were left unclear have been looked up."""
        contacts = [
            {"Contact": {"Address": one["addr"], "Expires": 600, "Call-ID": one["callid"],
                         "CSeq": one["cseq"], "Instance": one["instance"] or "[not set]",
                         "Reg-Id": one["regid"], "Socket": one["socket"], "Path": "[not set]",
                         "Received": "[not set]", "Tcpconn-Id": -1}}
            for one in rows
        ]  # fmt: skip
        self.answers["ul.lookup"] = {"AoR": "alice@sip.test", "Contacts": contacts}
        self.answers["core.tcp_list"] = []
        wanted = self.play.intake.users_wanted.take(9)
        lister = Lister(self, self.play.intake)
        assert all(lister.list_user(user) for user in wanted)
        return self.shown

    @property
    def shown(self) -> list[str]:
        published = self.play.pipeline.published
        return sorted(one.contact for one in published[-1].bindings) if published else []

    @property
    def is_queried(self) -> bool:
        return self.play.intake.users_wanted.wanted.is_set()


@pytest.mark.parametrize(
    "header",
    ["sip:someone@else", f"{A};expires=600", "*", '"x', f'"Roe, J" <{A}>;q=1, <{B}>;expires=0',
     "<sip:alice@host.invalid;alias=1>"],
)  # fmt: skip
def test_table_decides_against_the_header(header: str) -> None:
    registrar = Registrar()
    assert registrar.register(header, [row(A)]) == [A]
    assert registrar.register(header, [], result=3) == []
    assert not registrar.is_queried


def test_one_register_makes_and_removes_several() -> None:
    registrar = Registrar()
    both = [row(A, callid="c"), row(B, callid="c")]
    assert registrar.register(f"<{A}>, <{B}>", both) == [A, B]
    kinds = [event.kind for event in registrar.play.events(topics.REGISTRATIONS)]
    assert kinds == [Kind.REGISTERED, Kind.REGISTERED]
    assert registrar.register(f"<{A}>", [row(B, callid="c", cseq=2)], result=2) == [B]


def test_only_contact_is_the_new_one() -> None:
    """save("location", "0x04"), max_contacts and the like: nothing reports what went."""
    registrar = Registrar()
    registrar.register(A, [row(A)])
    assert registrar.register(B, [row(B)]) == [B]


def test_instance_keeps_its_binding_when_it_moves() -> None:
    registrar = Registrar()
    one = {"instance": "<urn:uuid:1>", "regid": 1}
    registrar.register(A, [row(A, **one)])
    assert registrar.register(B, [row(B, **one)], result=2) == [B]
    assert registrar.register(B, [], result=3, expires="0") == []


def test_two_rows_of_one_instance_are_two_bindings() -> None:
    """A REGISTER with two contacts lends the second the instance of the first (save.c)."""
    registrar = Registrar()
    one = {"instance": "<urn:uuid:1>", "callid": "c"}
    assert registrar.register(A, [row(A, **one), row(B, **one)]) == [A, B]
    assert registrar.register(A, [row(B, **one)], result=2) == [B]


def test_contacts_that_differ_in_case_are_two_where_usrloc_has_two() -> None:
    upper = "sip:alice@192.0.2.1:5060;transport=UDP"
    lower = "sip:alice@192.0.2.1:5060;transport=udp"
    registrar = Registrar()
    registrar.register(upper, [row(upper)])
    assert registrar.register(lower, [row(lower), row(upper)]) == [upper, lower]


@pytest.mark.parametrize(
    ("matching", "other"),
    [(Matching.CONTACT_CALL_ID, {"callid": "c2"}), (Matching.CONTACT_PATH, {"path": "<sip:p;lr>"})],
)
def test_one_contact_may_have_two_rows(matching: Matching, other: dict[str, Any]) -> None:
    registrar = Registrar(matching=matching)
    registrar.register(A, [row(A, callid="c1")])
    assert registrar.register(A, [row(A, **{"callid": "c1", "cseq": 2, **other}), row(A)]) == [A, A]


def test_contact_that_the_header_removes_may_still_have_a_row() -> None:
    """A script's alias, or matching by Call-ID: usrloc removed another row than it is called."""
    registrar = Registrar()
    registrar.register(A, [row(A), row(B)])
    assert registrar.register(f"<{A}>;expires=0", [row(A)], result=3, callid="c9") == [A]


def test_expired_row_is_no_binding() -> None:
    """Expires: 4294967295 makes a contact that has expired already."""
    registrar = Registrar()
    over = row(A, expires=T0 - 9)
    assert registrar.register(f"<{A}>", [over], expires="4294967295") == []
    assert not registrar.is_queried


def test_repeated_register_over_another_connection_renews_nothing() -> None:
    registrar = Registrar()
    of_first = {"transport": "tcp", "socket": "tcp:192.0.2.9:5060", "conid": 7}
    registrar.register(A, [row(A, **of_first)], src="tcp:192.0.2.1:5060", conid=7)
    registrar.register(A, [row(A, **of_first)], src="tcp:192.0.2.1:6060", conid=8)
    events = registrar.play.events(topics.REGISTRATIONS)
    assert [(one.kind, one.remote and one.remote.port) for one in events] == [
        (Kind.REGISTERED, 5060),
        (Kind.SNAPSHOT_ENDED, None),
    ]


@pytest.mark.parametrize(
    ("aor", "name"),
    [
        ("alice@SIP.test", "alice@sip.test"),
        ("j%40corp.com@sip.test", "j@corp.com@sip.test"),
        ("a%20b%2B@sip.test", "a b+@sip.test"),
        ("Alice@sip.test", "Alice@sip.test"),
    ],
)
def test_user_is_looked_up_by_the_tables_name(aor: str, name: str) -> None:
    registrar = Registrar()
    registrar.register(f"<{A}>", None, aor=aor)
    (wanted,) = registrar.play.intake.users_wanted.take(9)
    assert wanted.name == name


def test_refused_register_may_have_changed_the_table() -> None:
    registrar = Registrar()
    registrar.register(A, [row(A), row(B)])
    assert registrar.register(A, [row(B)], result=0, callid="other") == [B]
    assert registrar.register(A, None, result=0) == [B]


def test_binding_registered_during_the_tables_reading_stays() -> None:
    """Two workers report in the other order than they read."""
    registrar = Registrar()
    registrar.register(A, [row(A)])
    late: dict[str, Any] = {"t": f"{T0 + 1}.000600", "read": f"{T0 + 1}.000300"}
    assert registrar.register(B, [row(B)], **late) == [A, B]


def test_row_that_jansson_cannot_write_requests_a_listing() -> None:
    registrar = Registrar()
    registrar.register(f"<{A}>", [row(A)])
    assert registrar.register(f"<{B}>", None, contacts="[{}]") == [A, B]
    assert registrar.is_queried
    assert registrar.look_up([row(B)]) == [B]


@pytest.mark.parametrize(
    "broken", [{"src": "nonsense"}, {"contacts": "{"}, {"cseq": "9" * 20}, {"t": "now"}]
)
def test_unreadable_register_lists_the_user(broken: dict[str, Any]) -> None:
    """The registrar has stored it all the same: the next periodic listing would be late."""
    registrar = Registrar()
    assert registrar.register(A, [row(A)], **broken) == []
    assert registrar.look_up([row(A)]) == [A]
    assert len(registrar.play.collector.dead_letters) == 1


def test_overtaken_report_lists_the_user() -> None:
    """Of two REGISTERs with one CSeq: their reports come in the order of two processes' work."""
    registrar = Registrar()
    at = T0 + 5
    registrar.register("*", [], result=3, callid="c", cseq=1, read=f"{at}.000600")
    late = row(A, callid="c", cseq=1)
    registrar.register(A, [late], read=f"{at}.000500")
    assert registrar.look_up([]) == []
    assert not registrar.is_queried
    assert registrar.register(A, [late], read=f"{at}.000700") == [A]
    assert not registrar.is_queried


def test_table_read_before_the_last_report_still_ends_missing_bindings() -> None:
    """One process reports what it read, while another already serves the next REGISTER."""
    registrar = Registrar()
    at = T0 + 1
    first: dict[str, Any] = {"read": f"{at}.000300", "t": f"{at}.000900"}
    registrar.register(A, [row(A, callid="c", cseq=1)], **first)
    then: dict[str, Any] = {"read": f"{at}.000600", "t": f"{at}.001000"}
    assert registrar.register("*", [], result=3, callid="c", cseq=1, **then) == []


def test_register_without_readable_user_requests_a_listing() -> None:
    registrar = Registrar()
    requests: list[bool] = []
    registrar.play.event("hello", boot=T0)  # which has its own listing
    registrar.play.server.wants_listing = lambda: requests.append(True)
    registrar.play.event("register", boot=T0, result=0, aor="@")
    assert requests == [], "refused, and of no known user"
    registrar.play.event("register", boot=T0, unwritable="ff")
    assert requests == [True]


def test_row_that_is_no_contact_is_refused_alone() -> None:
    registrar = Registrar()
    registrar.register(A, None, contacts=json.dumps([row("sip:a@h:0"), row(A)]), callid=A, cseq=1)
    assert [letter[1] for letter in registrar.play.collector.dead_letters] == ["addr"]
    assert registrar.shown == [A]


@pytest.mark.parametrize("contacts", ["x", "{}", "[1]", "[" * 2000])
def test_list_of_another_form_is_refused(contacts: str) -> None:
    play = Registrar().play
    fields = {"aor": "a", "contact": A, "result": 1, "src": "udp:192.0.2.1:5", "callid": "c"}
    play.event("register", **fields, contacts=contacts)
    assert [letter[1] for letter in play.collector.dead_letters] == ["contacts"]


class TestOfAScriptWithoutTheTable:
    """What the header names is believed until the user has been looked up: at once."""

    def test_listing_of_the_user_decides(self) -> None:
        registrar = Registrar()
        assert registrar.register(f"<{A}>", None) == [A]
        stored = f"{A};alias=192.0.2.1~5060~1"
        made = row(stored, callid="c1", cseq=1)
        assert registrar.look_up([made]) == [stored]
        # From here on the header is known to name what is stored.
        assert registrar.register(f"<{A}>", None, result=2) == [stored]
        assert not registrar.is_queried

    def test_second_device_is_listed_at_once(self) -> None:
        registrar = Registrar()
        registrar.register(f"<{A}>", None)
        registrar.look_up([row(A, callid="c1")])
        registrar.register(f"<{B}>", None, callid="c2")
        assert registrar.look_up([row(B, callid="c2")]) == [B]

    def test_registrar_of_one_contact_a_user_needs_no_listing(self) -> None:
        registrar = Registrar(only_one_contact=True)
        registrar.register(f"<{A}>", None)
        assert registrar.register(f"<{B}>", None, callid="c2") == [B]

    def test_user_without_rows_has_no_binding(self) -> None:
        registrar = Registrar()
        registrar.register(f"<{A}>", None)
        refused = MiRefused('ul.lookup: HTTP 500 {"message": "AOR not found in location table"}')
        registrar.answers = {"ul.dump": {"Domains": []}}
        (user,) = registrar.play.intake.users_wanted.take(9)

        class Missing(Registrar):
            def call(self, command: str, parameters: Any = None) -> Any:
                del command, parameters
                raise refused

        assert Lister(Missing(), registrar.play.intake).list_user(user)
        assert registrar.shown == []

    def test_ul_dump_is_used_where_ul_lookup_is_refused(self) -> None:
        registrar = Registrar()
        registrar.register(f"<{A}>", None)
        contact = {"Address": B, "Expires": 600, "Call-ID": "c2", "CSeq": 1}
        info = {"AoR": "alice@sip.test", "Contacts": [{"Contact": contact}]}
        domain = {"Domain": "location", "AoRs": [{"Info": info}]}
        registrar.answers = {"ul.dump": {"Domains": [{"Domain": domain}]}}
        (user,) = registrar.play.intake.users_wanted.take(9)
        assert Lister(registrar, registrar.play.intake).list_user(user)
        assert registrar.shown == [B]

    @pytest.mark.parametrize("expires", ["3600;x=1", "-1", "abc", "", "99999999999"])
    def test_expires_that_is_not_a_number_is_absent(self, expires: str) -> None:
        assert Registrar().register(f"<{A}>", None, expires=expires, granted=3600) == [A]

    def test_unregister_makes_no_binding(self) -> None:
        """save() returns 1 for a contact that was not there."""
        registrar = Registrar()
        assert registrar.register(f"<{A}>;expires=0", None, result=1) == []


def test_expiry_belongs_to_the_binding_with_the_contact() -> None:
    registrar = Registrar()
    registrar.register(A, [row(A, instance="<urn:uuid:1>")])
    fields = {"addr": A, "callid": A, "expires": T0 + 2, "domain": "location"}
    registrar.play.event("usrloc:contact-expired", aor="alice@sip.test", **fields)
    assert registrar.shown == []


def test_name_without_domain_may_contain_an_at_sign() -> None:
    """use_domain=0: usrloc keeps the decoded user part alone."""
    registrar = Registrar()
    registrar.register(f"<{A}>", None, aor="j%40corp.com")
    (user,) = registrar.play.intake.users_wanted.take(9)
    contact = {"Address": B, "Expires": 600, "Call-ID": "c2", "CSeq": 1}
    info = {"AoR": "j@corp.com", "Contacts": [{"Contact": contact}]}
    domain = {"Domain": "location", "AoRs": [{"Info": info}]}
    other = {"AoR": "j", "Contacts": []}  # what ul.lookup would answer of
    registrar.answers = {"ul.dump": {"Domains": [{"Domain": domain}]}, "ul.lookup": other}
    assert Lister(registrar, registrar.play.intake).list_user(user)
    assert registrar.shown == [B]
    gone = {"ev": "usrloc:contact-expired", "aor": "j@corp.com", "addr": B, "callid": "c2"}
    registrar.play.line(json.dumps({**gone, "expires": T0 + 8}).encode(), T0 + 9)
    assert registrar.shown == []


def test_expiry_without_a_domain_belongs_to_the_user_with_the_contact() -> None:
    """kamailio#3365: a database keeps the AOR's user part only."""
    played = Play(domain=None)
    made = {"result": 1, "src": "udp:192.0.2.1:5060", "callid": "c", "expires": "600"}
    for aor, contact in (("a@one.test", A), ("b@one.test", B), ("a@two.test", "sip:a@h")):
        played.event("register", aor=aor, contact=f"<{contact}>", **made)
    gone = {"addr": A, "callid": "c", "expires": T0, "domain": "location"}
    played.event("usrloc:contact-expired", aor="a", **gone)
    assert played.collector.dead_letters == []
    last = {one.aor: one.reachable for one in played.pipeline.published}
    assert last == {"sip:a@one.test": False, "sip:b@one.test": True, "sip:a@two.test": True}
    requests: list[bool] = []
    played.server.wants_listing = lambda: requests.append(True)
    played.event("usrloc:contact-expired", aor="a", **gone)
    assert requests == [True]  # it may be another user's by now
