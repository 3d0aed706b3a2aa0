"""One-time tickets: used once, soon, and for no more than their token shows."""

import pytest

from sinks.gateway.access.identity import Identity
from sinks.gateway.access.redaction import ALL_PARTS, Part
from sinks.gateway.access.scope import Scope
from sinks.gateway.access.ticket_request import asked_of
from sinks.gateway.access.tickets import TICKETS_OF_CLIENT_MAX, Tickets, TooManyTickets
from sinks.gateway.errors import BadQuery, Refused

BOB = "sip:bob@one.test"
ANN = Identity(
    "jwt:ann",
    Scope(frozenset({"sip:eve@two.test"}), frozenset({"one.test"}), frozenset({Part.PEER})),
    expires_at=1_000.0,
)
FULL = Identity("token 1")


def test_a_ticket_is_used_once() -> None:
    tickets = Tickets(30)
    text, expires_at = tickets.issue(ANN, 100.0)
    assert (len(text) >= 43, expires_at) == (True, 130.0)
    assert tickets.redeem(text[:-1], 101.0) is None
    assert tickets.redeem(text, 101.0) == ANN
    assert tickets.redeem(text, 101.0) is None


def test_a_ticket_expires_with_its_time_or_its_token() -> None:
    tickets = Tickets(30)
    early, late = tickets.issue(ANN, 100.0)[0], tickets.issue(ANN, 990.0)[0]
    assert tickets.redeem(early, 130.0) is None
    assert tickets.redeem(late, 1_000.0) is None


def test_tickets_that_wait_are_bounded_by_client() -> None:
    tickets = Tickets(30)
    for _ in range(TICKETS_OF_CLIENT_MAX):
        text, _ = tickets.issue(ANN, 100.0)
    with pytest.raises(TooManyTickets):
        tickets.issue(ANN, 100.0)
    tickets.issue(FULL, 100.0)
    tickets.redeem(text, 101.0)
    tickets.issue(ANN, 101.0)
    for _ in range(TICKETS_OF_CLIENT_MAX):
        tickets.issue(ANN, 131.0)


@pytest.mark.parametrize(
    ("body", "scope"),
    [
        (b" ", ANN.scope),
        (b"{}", ANN.scope),
        (
            b'{"aors":["SIP:bob@One.test"]}',
            Scope(frozenset({"sip:bob@one.test"}), parts=ANN.scope.parts),
        ),
        (b'{"domains":["One.test"],"fields":[]}', Scope(domains=frozenset({"one.test"}))),
    ],
)
def test_a_ticket_may_show_less_than_its_token(body: bytes, scope: Scope) -> None:
    asked = asked_of(ANN, body)
    assert asked.scope == scope
    assert (asked.client, asked.expires_at) == (ANN.client, ANN.expires_at)


def test_a_ticket_of_a_full_token_may_show_one_domain() -> None:
    scope = asked_of(FULL, b'{"domains":["one.test"]}').scope
    assert scope == Scope(domains=frozenset({"one.test"}), parts=ALL_PARTS)
    assert asked_of(FULL, b"{}") == FULL


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b'{"aors":["sip:max@two.test"]}', 403, "aors"),
        (b'{"domains":["two.test"]}', 403, "domains"),
        (b'{"fields":["contact"]}', 403, "fields"),
        (b'{"fields":["x"]}', 400, "fields"),
        (b'{"domains":["*"]}', 400, "domains"),
        (b'{"aors":"sip:ann@one.test"}', 400, "aors"),
        (b'{"aors":[1]}', 400, "aors"),
        (b'{"users":[]}', 400, "users"),
        (b'{"aors":[],"aors":[]}', 400, "body"),
        (b"[]", 400, "body"),
        (b"\xff", 400, "body"),
        (b"[" * 60_000, 400, "body"),
    ],
)
def test_a_body_that_asks_for_more_or_is_none_is_refused(
    body: bytes, status: int, field: str
) -> None:
    with pytest.raises(Refused) as caught:
        asked_of(ANN, body)
    assert (caught.value.status, caught.value.field) == (status, field)
    assert isinstance(caught.value, BadQuery) == (status == 400)
