"""Refreshes: which of them are published."""

from typing import Any

import pytest

from schemas.origin import Address
from schemas.vocabulary import Transport
from tests.unit.fold_events import (
    apply,
    listed,
    moment,
    refreshed,
    registered,
    shown,
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("path", "<sip:edge;lr>"),
        ("user_agent", "another"),
        ("registrar", "external"),
        ("transport", Transport.TLS),
    ],
)
def test_a_refresh_that_changes_what_is_shown_is_published(field: str, value: Any) -> None:
    changed = refreshed(2)
    setattr(changed, field, value)
    _, published = apply(registered(1), changed)
    assert len(published) == 2
    assert getattr(published[-1].bindings[0], field) == value


def test_the_same_contact_written_otherwise_is_published() -> None:
    changed = refreshed(2)
    changed.contact = f"<{changed.contact};ob>"
    _, published = apply(registered(1), changed)
    assert published[-1].bindings[0].contact == changed.contact


@pytest.mark.parametrize(
    ("path", "received", "shown_port"),
    [
        (None, None, 7002),
        (None, 9001, 7002),
        ("<sip:edge;lr>", None, 7002),
        ("<sip:edge;lr>", 9001, None),
    ],
    ids=["direct", "no path", "path without address", "behind a proxy"],
)
def test_another_proxys_address_shows_only_where_the_clients_is_not_known(
    path: str | None, received: int | None, shown_port: int | None
) -> None:
    first, again = registered(1), refreshed(2)
    for event, port in ((first, 7001), (again, 7002)):
        event.path, event.remote = path, Address(ip="10.9.9.9", port=port)
        event.received = Address(ip="10.0.0.7", port=received) if received else None
    _, published = apply(first, again)
    ports = [p.bindings[0].remote and p.bindings[0].remote.port for p in published[1:]]
    assert ports == ([shown_port] if shown_port else [])


def test_another_address_of_the_client_behind_a_proxy_shows() -> None:
    first, again = registered(1), refreshed(2)
    for event, port in ((first, 9001), (again, 9002)):
        event.path, event.remote = "<sip:edge;lr>", Address(ip="10.9.9.9", port=7001)
        event.received = Address(ip="10.0.0.7", port=port)
    _, published = apply(first, again)
    assert [p.bindings[0].remote and p.bindings[0].remote.port for p in published] == [9001, 9002]


def test_a_refresh_shows_nothing_new() -> None:
    session, published = apply(registered(1), refreshed(2), refreshed(3))
    assert shown(published) == ["online registered"]
    assert next(iter(session.bindings.values())).since == moment(1)


@pytest.mark.parametrize(
    ("registrars", "moved_from"),
    [
        (["internal", "internal"], None),
        (["internal", "external"], "internal"),
        (["internal", "external", "external"], "internal"),
        (["internal", "external", None], "internal"),
        (["internal", "external", "third"], "external"),
    ],
)
def test_registrar_before_is_kept_until_the_client_moves_again(
    registrars: list[str | None], moved_from: str | None
) -> None:
    events = [registered(seq, registrar=name) for seq, name in enumerate(registrars, 1)]
    session, _ = apply(*events)
    (binding,) = session.bindings.values()
    assert binding.moved_from == moved_from


def test_row_shows_which_registrar_holds_the_binding() -> None:
    row = listed(60, "s", registrar="external")
    session, _ = apply(
        registered(1, registrar="internal"), registered(2, registrar="external"), row
    )
    (binding,) = session.bindings.values()
    assert (binding.registrar, binding.moved_from) == ("external", None)
