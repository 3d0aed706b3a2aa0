"""What an edge itself has reported of a binding behind it: each condition of each rule."""

from typing import Any

import pytest

from schemas.vocabulary import Cause, Source
from streams.folds.edge_reports import has_ended_there, superseded, was_reported_before
from streams.models import Address, Binding, EdgeConnection, EndedBinding, Session
from tests.unit.edge_events import client, edge
from tests.unit.edge_site import EDGE, behind, listing
from tests.unit.fold_events import apply, moment

CLOSED, RESTARTED = Cause.CONNECTION_CLOSED, Cause.NODE_RESTARTED
COOKIE, OTHER_COOKIE = 7, 8


def session_with(registered_at: float | None = 10, **ended: Any) -> tuple[Session, Binding]:
    """A binding behind the edge, and the end there of the client's connection, at 15."""
    session, _ = apply(behind(10))
    (binding,) = session.bindings.values()
    binding.registered_at = None if registered_at is None else moment(registered_at)
    fields: dict[str, Any] = {
        "node": EDGE,
        "boot": "boot-a",
        "seq": 5,
        "at": moment(ended.pop("at", 15)),
        "cause": CLOSED,
        "event": "edge1/5",
        "call_id": "one@phone",
        "remote": client(5061),
        "cookie": COOKIE,
        "source": Source.OPENSIPS,
        "registrar": "edge",
    }
    session.ended["edge1|one"] = EndedBinding(**(fields | ended))
    return session, binding


@pytest.mark.parametrize(
    ("ended", "registered_at", "cookie", "is_over"),
    [
        ({}, 10, OTHER_COOKIE, True),
        ({"node": "edge2"}, 10, OTHER_COOKIE, False),
        ({"remote": client(5062)}, 10, OTHER_COOKIE, False),
        ({"cause": Cause.EXPIRED}, 10, OTHER_COOKIE, False),
        ({}, 44, OTHER_COOKIE, True),  # the two clocks, and the delay of two sources
        ({}, 46, OTHER_COOKIE, False),
        ({}, None, OTHER_COOKIE, True),
        ({}, 46, COOKIE, True),  # the very connection
        ({"cookie": None}, 46, None, False),
        ({"at": 101}, 150, OTHER_COOKIE, True),  # after the listing
        ({"cause": RESTARTED}, 10, COOKIE, False),  # it lives on in the next process
        ({"cause": RESTARTED}, 10, OTHER_COOKIE, True),
        ({"cause": RESTARTED, "at": 101}, 10, COOKIE, True),
    ],
)
def test_listed_connection_is_anothers_if_the_clients_has_ended(
    ended: dict[str, Any], registered_at: float | None, cookie: int | None, is_over: bool
) -> None:
    session, binding = session_with(registered_at, **ended)
    listed = listing(100, {5061: cookie})
    assert has_ended_there(session, binding, listed, cookie) is is_over


@pytest.mark.parametrize(
    ("ended", "cookie", "was_reported"),
    [
        ({"cause": RESTARTED}, COOKIE, True),
        ({"cause": RESTARTED}, OTHER_COOKIE, False),
        ({"cause": RESTARTED, "node": "edge2"}, COOKIE, False),
        ({"cause": RESTARTED, "remote": client(5062)}, COOKIE, False),
        ({}, COOKIE, False),
    ],
)
def test_register_was_reported_under_the_name_of_the_process_before(
    ended: dict[str, Any], cookie: int, was_reported: bool
) -> None:
    session, binding = session_with(**ended)
    assert was_reported_before(session, binding, EDGE, cookie) is was_reported


def left(
    at_edge: dict[str, Any] | None = None,
    *,
    registered_at: float | None = 50,
    listed: bool = True,
    also_there: Address | None = None,
) -> bool:
    """Whether the client has left its binding at the edge (REGISTER at 1) for a listed connection
    from another port, over which it has registered at 50."""
    other = behind(5)
    other.node, other.received, other.path = "fs2", also_there or client(5099), "<sip:edge1;lr>"
    session, _ = apply(edge(1), behind(50, 5062), other)
    own, binding, _ = session.bindings.values()
    for name, value in (at_edge or {}).items():
        setattr(own, name, value)
    binding.registered_at = None if registered_at is None else moment(registered_at)
    if listed:
        connection = EdgeConnection(node=EDGE, boot="boot-a", at=moment(60), seq=9, cookie=8)
        binding.edge_connection = connection
    return bool(superseded(session, binding))


class TestSuperseded:
    def test_clients_binding_of_before(self) -> None:
        assert left()

    @pytest.mark.parametrize(
        "at_edge",
        [{"node": "edge2"}, {"registrar": "location"}, {"call_id": "two@phone"}],
        ids=["another edge", "an edge with a table", "another device"],
    )
    def test_not_what_is_not_its_own_there(self, at_edge: dict[str, Any]) -> None:
        assert not left(at_edge)

    def test_not_before_its_connection_is_listed(self) -> None:
        assert not left(listed=False)

    def test_not_what_another_registrars_path_names(self) -> None:
        assert not left(also_there=client(5061))

    @pytest.mark.parametrize(
        ("confirmed_at", "registered_at", "is_left"),
        [
            (48.9, 50, True),
            (49.5, 50, False),  # too close for two clocks, and the table is not later
            (47.5, 48, True),  # the registrar's table, at 50, is later than both
            (51.1, 50, False),
            (48.9, None, False),
        ],
    )
    def test_registrar_must_have_a_later_register(
        self, confirmed_at: float, registered_at: float | None, is_left: bool
    ) -> None:
        at_edge = {"confirmed_at": moment(confirmed_at)}
        assert left(at_edge, registered_at=registered_at) is is_left
