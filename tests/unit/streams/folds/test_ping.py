"""Registrations: OPTIONS, answered or not, reported twice, late, or before the expiry."""

import pytest

from schemas.registration import RegistrationEvent
from schemas.vocabulary import RegistrationKind
from tests.unit.edge_events import behind, bindings, edge
from tests.unit.fold_events import (
    apply,
    expired,
    listed,
    moment,
    refreshed,
    registered,
    registration,
    shown,
)

LOST, RESTORED = RegistrationKind.PING_LOST, RegistrationKind.PING_RESTORED


@pytest.mark.parametrize("answer", [refreshed(3), registration(RESTORED, 3)], ids=lambda e: e.kind)
def test_a_lost_ping_read_again_does_not_take_away_who_answers(answer: RegistrationEvent) -> None:
    events = [registered(1), registration(LOST, 2), answer]
    session, published = apply(*events)
    assert [presence.reachable for presence in published] == [True, False, True]
    assert apply(*events, session=session)[1] == []


def test_each_further_ping_without_an_answer_shows_nothing_new() -> None:
    _, published = apply(registered(1), registration(LOST, 2), registration(LOST, 3))
    assert shown(published) == ["online registered", "offline ping-lost"]


def test_who_answered_no_pings_when_it_expired_is_not_at_the_edge_either() -> None:
    """A mid-registrar keeps the binding of a client that its registrar has given up."""
    at_mid, unanswered = edge(1), registration(LOST, 2, node="fs1")
    at_mid.registrar = "location"
    gone = expired(9, node="fs1", at=130)
    session, published = apply(at_mid, behind(1, expires_at=moment(100)), unanswered, gone)
    assert [presence.reachable for presence in published] == [True, True, False]
    assert session.bindings == {}
    # One that answered to the last may still be reached through its edge.
    _, published = apply(at_mid, behind(1, expires_at=moment(100)), gone)
    assert bindings(published)[-1] == [("edge1", None, 5061)]


def test_a_listing_of_who_answers_no_pings_shows_nothing_new() -> None:
    row = listed(9, "s", at=60, user_agent="new")
    _, published = apply(registered(1), registration(LOST, 2), row)
    assert shown(published) == ["online registered", "offline ping-lost"]
    _, published = apply(registered(1), row)
    assert shown(published) == ["online registered", "online found-in-snapshot"]


def test_a_lost_ping_makes_unreachable_and_the_expiry_after_it_shows_nothing_more() -> None:
    _, published = apply(
        registered(1),
        registration(RegistrationKind.PING_LOST, 2),
        expired(3, expired_due=moment(2)),
    )
    assert shown(published) == ["online registered", "offline ping-lost"]


def test_a_restored_ping_makes_reachable_again() -> None:
    _, published = apply(
        registered(1),
        registration(RegistrationKind.PING_LOST, 2),
        registration(RegistrationKind.PING_RESTORED, 3),
    )
    assert shown(published)[-1] == "online ping-restored"
