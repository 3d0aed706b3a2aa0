"""Reports 17 and 18: what FreeSWITCH's table holds decides, not the text of a REGISTER.

signalwire/freeswitch#2965, versatica/JsSIP pull 929 (a second device replaces the first without an
event); signalwire/freeswitch#1375 (a row keeps its first profile's name).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from producers.freeswitch import snapshot as snapshots
from producers.freeswitch import translation
from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.listing import RegistrationRow
from producers.freeswitch.snapshot import Snapshot
from producers.freeswitch.table_tracker import TableTracker
from schemas.vocabulary import Cause, RegistrationKind
from tests.unit.freeswitch_capture import MARGIN
from tests.unit.freeswitch_switch import BOOT, DOMAIN, FakeSwitch
from tests.unit.pipeline import Pipeline

K = RegistrationKind
A, B, C = (f'"" <sip:1001@192.0.2.{n}:5062>' for n in (50, 51, 52))
URI = {contact: contact[4:-1] for contact in (A, B, C)}


@pytest.fixture
def switch() -> Iterator[FakeSwitch]:
    with FakeSwitch() as running:
        yield running


def _shows(switch: FakeSwitch, *contacts: str, user: str = "1001") -> None:
    expected = sorted(URI[contact] for contact in contacts)
    switch.beside.when(
        lambda: switch.beside.contacts(user) == expected, f"{expected} of {user}", timeout=10
    )


def _holds(switch: FakeSwitch, *rows: tuple[str, str], user: str = "1001") -> None:
    """The table of profile internal has these contacts and Call-IDs."""
    switch.table["internal"] = [switch.row(user, *row) for row in rows]
    switch.answer(users=[f"{user}@{DOMAIN}"])


def test_a_second_device_makes_the_producer_ask_the_table(switch: FakeSwitch) -> None:
    """multiple-registrations off: only B, from its REGISTER on."""
    _holds(switch, (A, "a"))
    switch.register("1001", A, "a")
    _shows(switch, A)
    assert switch.asked("1001") == 0
    _holds(switch, (B, "b"))
    switch.register("1001", B, "b")
    _shows(switch, B)
    state = switch.beside.presence("1001")
    assert state is not None
    assert state.cause is Cause.MISSING_FROM_SNAPSHOT
    assert all(p.reachable for p in switch.beside.pipeline.published)


def test_coexisting_registrations_are_asked_about_once_a_profile(switch: FakeSwitch) -> None:
    for user in "01234":
        both = [f"sip:{user}@192.0.2.{number}:5062" for number in (50, 51)]
        rows = [(f'"" <{uri}>', f"{user}-{uri}") for uri in both]
        _holds(switch, *rows, user=user)
        for row in rows:
            switch.register(user, *row)
        _has(switch, user, both)
        switch.beside.when(lambda: switch.asked("0") == 1, "the first question")
        switch.beside.after(timedelta(seconds=0.05))  # its answer
    switch.beside.after(timedelta(seconds=0.3))
    assert [switch.asked(user) for user in "01234"] == [1, 0, 0, 0, 0]


def _has(switch: FakeSwitch, user: str, contacts: list[str]) -> None:
    switch.beside.when(lambda: switch.beside.contacts(user) == contacts, f"{contacts} of {user}")


def test_unregistering_one_of_several_makes_the_producer_ask_the_table(
    switch: FakeSwitch,
) -> None:
    """With off it takes them all."""
    _holds(switch, (A, "a"), (B, "b"))
    switch.register("1001", A, "a")
    switch.register("1001", B, "b")
    _shows(switch, A, B)
    switch.beside.intake.table.forget_coexisting()
    _holds(switch)
    switch.register("1001", B, "b", kind="unregister", expires="0")
    _shows(switch)


def test_an_end_of_one_of_two_rows_of_a_contact_ends_no_binding(switch: FakeSwitch) -> None:
    """Behind NAT each port makes a row (`fs_path`); the older one's expiry is not the client's."""
    old, new = (
        f'"" <sip:1001@192.0.2.50:5062;fs_nat=yes;fs_path=sip%3A1001%40203.0.113.9%3A{port}>'
        for port in (1024, 1025)
    )
    _holds(switch, (old, "a"), (new, "a"))
    switch.register("1001", old, "a")
    switch.register("1001", new, "a")
    switch.beside.when(lambda: switch.asked("1001") > 0, "the question")
    _holds(switch, (new, "a"))
    switch.register("1001", old, "a", kind="expire", expires="1795600000")
    switch.beside.when(lambda: switch.asked("1001") > 1, "another question")
    switch.beside.after(timedelta(seconds=0.2))
    assert len(switch.beside.contacts("1001")) == 1
    assert all(p.reachable for p in switch.beside.pipeline.published)
    _holds(switch)
    switch.register("1001", new, "a", kind="unregister", expires="0")
    _shows(switch)
    state = switch.beside.presence("1001")
    assert state is not None
    assert state.cause is Cause.UNREGISTERED


def test_a_call_id_of_two_users_makes_the_producer_ask_the_table(switch: FakeSwitch) -> None:
    """With call-id, one user's REGISTER deletes the other's row."""
    _holds(switch, (A, "shared"))
    switch.register("1001", A, "shared")
    _shows(switch, A)
    _holds(switch)
    switch.register("1002", '"" <sip:1002@192.0.2.50:5062>', "shared")
    _shows(switch)


def _in_capitals(switch: FakeSwitch, *rows: tuple[str, str]) -> list[dict[str, Any]]:
    """Rows of the same user under a host in capitals: without force-register-domain."""
    return [{**switch.row("1001", *row), "user": f"1001@{DOMAIN.upper()}"} for row in rows]


def test_a_listing_asks_for_every_name_of_a_user(switch: FakeSwitch) -> None:
    """Without force-register-domain the table keeps a host in capitals apart (sofia_reg.c)."""
    switch.table["internal"] = [switch.row("1001", A, "a"), *_in_capitals(switch, (B, "b"))]
    switch.answer()
    switch.register("1001", A, "a")
    switch.register("1001", B, "b", **{"from-host": DOMAIN.upper()})
    switch.beside.when(lambda: switch.asked("1001") == 1, "the question")
    switch.beside.after(timedelta(seconds=0.2))
    _shows(switch, A, B)
    assert all(p.reachable for p in switch.beside.pipeline.published)


def test_two_rows_of_one_contact_may_differ_by_name_alone(switch: FakeSwitch) -> None:
    """The older one is deleted from a queue, after the REGISTER's event."""
    old, new = switch.row("1001", A, "a"), _in_capitals(switch, (A, "a"))
    switch.table["internal"] = [*new, old]
    switch.answer()
    switch.register("1001", A, "a")
    switch.register("1001", A, "a", **{"from-host": DOMAIN.upper()})
    switch.beside.when(lambda: switch.asked("1001") > 0, "the question")
    switch.table["internal"] = new
    switch.answer(users=[f"1001@{DOMAIN}"])
    asked = switch.asked("1001")
    switch.register("1001", B, "b")
    switch.beside.when(lambda: switch.asked("1001") > asked, "another question")
    switch.beside.after(timedelta(seconds=0.2))
    _shows(switch, A)


def test_an_unregister_under_another_name_ends_what_the_table_has_not(switch: FakeSwitch) -> None:
    switch.table["internal"] = _in_capitals(switch, (A, "a"))
    switch.answer(users=[f"1001@{DOMAIN}"])
    switch.register("1001", A, "a", **{"from-host": DOMAIN.upper()})
    _shows(switch, A)
    switch.register("1001", A, "a", kind="unregister", expires="0")
    switch.beside.when(lambda: switch.asked("1001") == 1, "the question")
    switch.beside.after(timedelta(seconds=0.2))
    _shows(switch, A)
    switch.table["internal"] = []
    switch.answer(users=[f"1001@{DOMAIN}", f"1001@{DOMAIN.upper()}"])
    switch.register("1001", A, "a", kind="unregister", expires="0")
    _shows(switch)


def test_a_wildcard_may_delete_rows_after_its_event(switch: FakeSwitch) -> None:
    """`Contact: *` with Expires 600 registers, and so deletes its Call-ID's rows, from a queue."""
    _holds(switch, (A, "a"), (B, "a"))
    switch.register("1001", A, "a")
    switch.register("1001", B, "a")
    _shows(switch, A, B)
    switch.beside.after(timedelta(seconds=1))  # what that asked for
    nobody = '"" <sip:(null)@(null)>'
    _holds(switch, (A, "a"), (B, "a"), (nobody, "a"))
    asked = switch.asked("1001")
    switch.register("1001", nobody, "a", expires="600")
    switch.beside.when(lambda: switch.asked("1001") > asked, "the question")
    _holds(switch, (nobody, "a"))
    _shows(switch)


def test_a_register_may_lose_its_row_to_the_deletion_of_the_one_before(switch: FakeSwitch) -> None:
    """`delete … where contact=… and expires!=…` waits in a queue, and takes a newer row with it."""
    _holds(switch, (A, "a"))
    switch.register("1001", A, "a", expires="120")
    switch.register("1001", A, "a", expires="3600", **{"update-reg": "true"})
    switch.beside.when(lambda: switch.asked("1001") > 0, "the question")
    _shows(switch, A)
    _holds(switch)
    switch.register("1001", A, "a", expires="120", **{"update-reg": "true"})
    _shows(switch)


@pytest.mark.parametrize(("left", "shares"), [(3600, True), (600, False)])
def test_profiles_share_a_table_where_a_register_renews_the_others_row(
    left: int, shares: bool
) -> None:
    """A row that a phone left at another profile is its own, with the expiry it had there."""
    context = Context("fs1", MARGIN)
    table = TableTracker(context)
    for seq, profile, expires in ((1, "external", "600"), (2, "internal", "3600")):
        event = _event(
            **{
                "Event-Sequence": str(seq),
                "profile-name": profile,
                "expires": expires,
                "contact": A,
            }
        )
        (record,) = translation.translate(event, context)
        table.take(event, record, now=0.0)
    (uncertain,) = table.uncertain.take_due(1.0, 9)
    own = uncertain.row
    assert own is not None
    other = own._replace(registrar="external")
    at = context.known_rows.rows(uncertain.aor)[own].expires_at
    assert at is not None
    table.answered(uncertain, {other: at - timedelta(seconds=3600 - left)}, now=1.0)
    assert context.known_rows.is_one(own, other) == shares


def test_event_without_an_answer_is_published_unchanged(switch: FakeSwitch) -> None:
    """A recording answers nothing: the held end goes out."""
    switch.register("1001", A, "a")
    switch.register("1001", A, "b")
    switch.beside.when(lambda: switch.asked("1001") == 1, "the question")
    switch.register("1001", A, "b", kind="unregister", expires="0")
    _shows(switch)


def _event(**headers: str) -> SwitchEvent:
    return SwitchEvent(
        {
            "Event-Name": "CUSTOM",
            "Event-Subclass": "sofia::register",
            "Core-UUID": BOOT,
            "FreeSWITCH-Switchname": "fs1",
            "Event-Date-Timestamp": "1795600000000000",
            "Event-Sequence": "7",
            "profile-name": "internal",
            "from-user": "1001",
            "from-host": DOMAIN,
            "contact": A,
            "call-id": "a",
            "expires": "3600",
            **headers,
        }
    )


def _record(context: Context, **headers: str) -> Any:
    (record,) = translation.translate(_event(**headers), context)
    return record.event


@pytest.mark.parametrize(
    ("mode", "registers", "unregisters"),
    [
        ("ask", (None, False), (None, False)),
        ("off", ([URI[A]], False), ([], False)),
        ("call-id", (None, True), (None, True)),
        ("contact", (None, False), (None, False)),
    ],
)
def test_with_a_configured_mode_the_table_is_not_asked(
    mode: Any, registers: tuple[Any, bool], unregisters: tuple[Any, bool]
) -> None:
    for modes in (mode, {"internal": mode}):
        context = Context("n", MARGIN, modes=modes)
        event = _record(context)
        assert (event.remaining, event.replaces_call_id) == registers
        end = _record(context, **{"Event-Subclass": "sofia::unregister", "expires": "0"})
        assert (end.kind, end.remaining, end.replaces_call_id) == (K.UNREGISTERED, *unregisters)
        star = _record(
            context,
            **{"Event-Subclass": "sofia::unregister", "contact": '"" <sip:(null)@(null)>'},
        )
        assert (star.kind, star.remaining, star.replaces_call_id) == (K.WILDCARD, *unregisters)
    other = Context("n", MARGIN, modes={"external": mode})
    assert _record(other).remaining is None


def test_a_user_without_multiple_registrations_is_as_with_off() -> None:
    """sofia_reg.c: avoid_multi_reg; the directory's variables stand in the event."""
    context = Context("n", MARGIN, modes="contact")
    denied = {"sip-allow-multiple-registrations": "false"}
    assert _record(context, **denied).remaining == [URI[A]]
    assert _record(context, **{"sip-allow-multiple-registrations": "true"}).remaining is None
    end = _record(context, **denied, **{"Event-Subclass": "sofia::unregister", "expires": "0"})
    assert end.remaining is None, "the switch looks at it at a REGISTER with a contact only"


def test_where_the_stored_text_is_matched_it_is_the_identity() -> None:
    path = '"" <sip:1001@192.0.2.50:5062;fs_path=sip%3A1001%40203.0.113.9%3A1024>'
    for mode in ("contact", "call-id"):
        context = Context("n", MARGIN, modes=mode)
        assert _record(context).binding == URI[A]
        assert _record(context, contact=path).binding == path
    assert _record(Context("n", MARGIN), contact=path).binding == URI[A]


def _feed(pipeline: Pipeline, record: Any) -> None:
    pipeline.feed(record.topic, [(record.key, record.event)])


class _Shared:
    """Two profiles of one table, as the streams see them."""

    def __init__(self) -> None:
        self.pipeline = Pipeline()
        self.context = Context("fs1", MARGIN)
        self.sequence = 0

    def register(self, at: int, profile: str, **headers: str) -> None:
        self.sequence += 1
        event = _event(
            **{
                "profile-name": profile,
                "Event-Date-Timestamp": str((1795600000 + at) * 10**6),
                "Event-Sequence": str(self.sequence),
                **headers,
            }
        )
        for record in translation.translate(event, self.context):
            _feed(self.pipeline, record)

    def show(self, at: float, profile: str, *, has: bool, left: int = 3600) -> None:
        when = datetime.fromtimestamp(1795600000 + at, UTC)
        snapshot = Snapshot(f"x-{profile}-{at}", "fs1", BOOT, self.sequence, when, None, profile)
        _feed(self.pipeline, snapshots.registration_mark(snapshot, K.SNAPSHOT_BEGAN))
        if has:
            row = RegistrationRow(
                "a", f"1001@{DOMAIN}", A, "", "Registered(UDP)", left, "fs1", "192.0.2.50", "5062"
            )
            _feed(self.pipeline, snapshots.registration_row(snapshot, row, 0))
        _feed(self.pipeline, snapshots.registration_mark(snapshot, K.SNAPSHOT_ENDED))

    @property
    def reachable(self) -> list[bool]:
        return [state.reachable for state in self.pipeline.published]


@pytest.mark.parametrize("order", [("external", "internal"), ("internal", "external")])
def test_a_phone_that_moves_stays_where_the_row_has_its_old_profile(
    order: tuple[str, str],
) -> None:
    shared = _Shared()
    shared.register(0, "internal")
    shared.register(100, "external", **{"update-reg": "true"})
    for at in (110, 410, 710):
        for index, profile in enumerate(order):
            shared.show(at + index * 0.02, profile, has=profile == "internal")
        shared.register(at + 60, "external", **{"update-reg": "true"})
    assert set(shared.reachable) == {True}
    for at in (1500, 1800):  # and once it is gone, two rounds show it
        for index, profile in enumerate(order):
            shared.show(at + index * 0.02, profile, has=False)
    assert shared.reachable[-1] is False


def test_a_row_left_at_the_old_profile_neither_keeps_nor_ends_the_binding() -> None:
    """Each profile has a table of its own (the default): the old row expires there."""
    shared = _Shared()
    shared.register(0, "internal")
    shared.register(1000, "external")
    for profile in ("external", "internal"):
        shared.show(1010, profile, has=True, left=3650 if profile == "external" else 2650)
    old = {"Event-Subclass": "sofia::expire", "user": "1001", "host": DOMAIN}
    shared.register(3660, "internal", **old, expires=str(1795600000 + 3660))
    assert set(shared.reachable) == {True}
    shared.register(4660, "external", **old, expires=str(1795600000 + 4660))
    assert shared.reachable[-1] is False
