"""Announcements of a connection's owner."""

from streams.folds.registration import fold_registration
from streams.models import Session
from tests.unit.fold_events import refreshed, registered


def test_a_binding_without_an_address_hangs_on_no_connection() -> None:
    event = registered(1)
    event.remote = None
    result = fold_registration(Session(aor="sip:1001@example.test"), event)
    assert result.changed
    assert result.owner is None


def test_the_owner_is_announced_once_a_connection_and_again_after_hours() -> None:
    session = Session(aor="sip:1001@example.test")
    owners = []
    for event in (
        registered(1, cookie=7),
        refreshed(2, cookie=7),
        refreshed(3, cookie=7),
        refreshed(4, at=7 * 3600, cookie=7),
        refreshed(5, at=7 * 3600 + 1, cookie=8),
    ):
        owner = fold_registration(session, event).owner
        owners.append(getattr(owner, "cookie", None))
    assert owners == [7, None, None, 7, 8]
