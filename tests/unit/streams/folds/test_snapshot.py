"""Ends of snapshots: what a complete listing did not show has ended."""

import pytest

from schemas.vocabulary import CallKind, CallState, Cause
from tests.unit.fold_events import apply, call, listed, listing_ended, registered, shown


def test_a_listing_ends_the_legs_that_it_does_not_show() -> None:
    ringing = call(CallKind.RINGING, 2)
    first = call(CallKind.SNAPSHOT_ROW, 50, state=CallState.RINGING, snapshot="s")
    first_end = call(CallKind.SNAPSHOT_ENDED, 50)
    session, published = apply(registered(1), ringing, first, first_end)
    assert shown(published) == ["online registered", "ringing call-ringing"]
    _, published = apply(call(CallKind.SNAPSHOT_ENDED, 90), session=session)
    assert shown(published) == ["online missing-from-snapshot"]
    # An older listing, read late, does not end what a newer one showed.
    session, _ = apply(registered(1), ringing, first, call(CallKind.SNAPSHOT_ENDED, 40))
    assert len(session.calls) == 1


class TestBindings:
    def test_what_is_not_listed_is_gone(self) -> None:
        _, published = apply(
            registered(1), registered(2, port=5062), listed(9, "s1"), listing_ended(9, "s1")
        )
        assert published[-1].cause is Cause.MISSING_FROM_SNAPSHOT
        assert len(published[-1].bindings) == 1

    @pytest.mark.parametrize("at", [7.0, 8.5])
    def test_what_came_just_before_the_listing_is_left_to_the_next(self, at: float) -> None:
        _, published = apply(registered(9, at=at), listing_ended(9, "s1"))
        assert shown(published) == ["online registered"]

    def test_a_listing_of_another_node_changes_nothing(self) -> None:
        _, published = apply(registered(1), listing_ended(60, "s1", node="fs2"))
        assert shown(published) == ["online registered"]

    def test_only_the_registrar_that_listed_is_concluded_from(self) -> None:
        one = registered(1, registrar="internal")
        other = registered(2, port=5062, registrar="external")
        _, published = apply(one, other, listing_ended(60, "s1", registrar="internal"))
        assert [b.registrar for b in published[-1].bindings] == ["external"]
        _, published = apply(one, other, listing_ended(60, "s1"))
        assert published[-1].bindings == []
