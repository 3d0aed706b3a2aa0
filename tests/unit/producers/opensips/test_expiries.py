"""Contacts whose expiry no event reports: which users are to be listed, and when."""

from datetime import UTC, datetime, timedelta

from producers.opensips import expiries
from producers.opensips.expiries import Expiries
from producers.sip_proxy.user_listings import UserListing

KIM = UserListing("location", "kim@example.test", "sip:kim@example.test")
LEO = UserListing("location", "leo@example.test", "sip:leo@example.test")
T = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T + timedelta(seconds=seconds)


def test_user_is_listed_once_when_a_contact_expires() -> None:
    due = Expiries()
    due.set(KIM, "a", at(10))
    due.set(KIM, "b", at(10))
    due.set(LEO, "c", at(20))
    assert due.take(at(9.9)) == []
    assert due.take(at(10)) == [KIM]
    assert due.take(at(15)) == []
    assert due.take(at(30)) == [LEO]


def test_renewed_contact_expires_later() -> None:
    due = Expiries()
    for seconds in (10, 20, 30):
        due.set(KIM, "a", at(seconds))
    assert due.take(at(29)) == []
    assert due.take(at(30)) == [KIM]
    assert due.take(at(99)) == []


def test_shortened_expiry_is_due_earlier() -> None:
    due = Expiries()
    due.set(KIM, "a", at(3600))
    due.set(KIM, "a", at(2))
    assert due.take(at(2)) == [KIM]
    due.set(KIM, "a", at(9000))
    assert due.take(at(3600)) == []
    assert due.take(at(9000)) == [KIM]


def test_ended_and_permanent_contacts_are_never_due() -> None:
    due = Expiries()
    due.set(KIM, "a", at(2))
    due.remove(KIM.aor, "a")
    due.set(LEO, "b", at(2))
    due.set(LEO, "b", None)
    assert due.take(at(9)) == []


def test_live_returns_other_users_that_should_be_stored() -> None:
    due = Expiries()
    due.set(LEO, "a", at(10))
    due.set(KIM, "b", at(10))
    mia = UserListing("location", "mia@example.test", "sip:mia@example.test")
    due.set(mia, "c", at(5))
    assert due.live(at(1), KIM, 9) == [mia, LEO]
    due.set(LEO, "a", at(20))
    assert due.live(at(1), KIM, 1) == [LEO]
    assert due.live(at(6), LEO, 9) == [KIM]
    assert due.live(at(30), KIM, 9) == []


def test_renewals_do_not_grow_the_queue() -> None:
    due = Expiries()
    for seconds in range(1000):
        due.set(KIM, "a", at(1000 + seconds))
    assert len(due) == 1
    for number in range(expiries.MAX_CONTACTS + 5):
        due.set(LEO, str(number), at(5))
    assert len(due) == expiries.MAX_CONTACTS
