"""Legs of calls: what moves one, what a listing proves of it, and what subscribers see of it."""

from itertools import permutations
from typing import Any

import pytest

from schemas.call import CallEvent
from schemas.presence import Presence
from schemas.session import Session
from schemas.vocabulary import CallKind, CallState, NodeKind, Status
from tests.unit.fold_events import (
    AOR,
    apply,
    call,
    fold,
    moment,
    node_change,
    registered,
    shown,
)


def row(state: CallState, at: int, **more: Any) -> CallEvent:
    """A leg as the listing that began at `at` shows it."""
    return call(CallKind.SNAPSHOT_ROW, at, state=state, snapshot=f"s-{at}", **more)


def rows_end(at: float) -> CallEvent:
    return call(CallKind.SNAPSHOT_ENDED, int(at), at=at, leg=None, snapshot=f"s-{at}")


def states(published: list[Presence]) -> list[CallState]:
    """Of the calls that were shown last."""
    return [one.state for one in published[-1].calls]


class TestWhatMovesALeg:
    def test_what_names_no_leg_is_no_call(self) -> None:
        _, published = apply(registered(1), call(CallKind.RINGING, 2, leg=None))
        assert shown(published) == ["online registered"]

    def test_a_digit_is_no_call_and_moves_none(self) -> None:
        _, published = apply(
            registered(1),
            call(CallKind.DTMF, 2, "unheard-of", digit="5"),
            call(CallKind.ANSWERED, 3),
            call(CallKind.DTMF, 4, digit="5"),
        )
        assert shown(published) == ["online registered", "on-the-phone call-answered"]

    def test_repeated_ringing_is_published_once(self) -> None:
        """A second 180, or the same one by a producer that was killed and sends it again."""
        _, published = apply(
            registered(1),
            call(CallKind.RINGING, 2),
            call(CallKind.RINGING, 5),
            registered(6, port=5062, call_id="two"),
        )
        assert shown(published)[1:] == ["ringing call-ringing", "ringing registered"]
        assert published[-1].calls[0].since == moment(2)

    def test_music_before_the_answer_is_a_call_that_rings(self) -> None:
        """The caller's phone: 183 with early media."""
        _, published = apply(registered(1), call(CallKind.TRYING, 2), call(CallKind.EARLY, 3))
        assert shown(published)[1:] == ["ringing call-ringing"]
        assert states(published) == [CallState.EARLY]

    def test_the_switchs_numbers_may_go_down_while_the_call_goes_on(self) -> None:
        """FreeSWITCH's threads: one timestamp, and sequence numbers that fall by up to 18."""
        _, published = apply(
            registered(1),
            call(CallKind.TRYING, 20, at=2),
            call(CallKind.RINGING, 12, at=2),
            call(CallKind.ANSWERED, 7, at=2),
        )
        assert shown(published)[1:] == ["ringing call-ringing", "on-the-phone call-answered"]

    def test_repeated_hold_that_is_over_holds_nothing(self) -> None:
        """By a producer that was killed: its spool sends it once more."""
        _, published = apply(
            registered(1),
            call(CallKind.ANSWERED, 2),
            call(CallKind.HELD, 5),
            call(CallKind.RESUMED, 6),
            call(CallKind.HELD, 5),
        )
        assert shown(published)[-1] == "on-the-phone call-resumed"


class TestWhatALegIsKnownBy:
    def test_branches_are_shown_as_one_call_and_a_leg_by_itself_as_its_own(self) -> None:
        _, published = apply(
            registered(1),
            call(CallKind.RINGING, 2, "a", call="caller"),
            call(CallKind.RINGING, 3, "b", call="caller"),
            call(CallKind.RINGING, 4, "c", call=None),
        )
        assert [(one.leg, one.call) for one in published[-1].calls] == [
            ("a", "caller"),
            ("b", "caller"),
            ("c", "c"),
        ]

    def test_call_id_is_kept_and_announced_once(self) -> None:
        """Media is looked for under it; not each of the switch's events has it."""
        session = Session(aor=AOR)
        apply(registered(1), session=session)
        owners = [
            fold(session, event).owner
            for event in (
                call(CallKind.TRYING, 2),
                call(CallKind.RINGING, 3),
                call(CallKind.ANSWERED, 4, sip_call_id="a@fs1"),
                call(CallKind.HELD, 5),
                call(CallKind.RESUMED, 6, sip_call_id="a@fs1"),
            )
        ]
        assert [owner is not None for owner in owners] == [False, False, True, False, False]
        _, published = apply(call(CallKind.HELD, 7), session=session)
        assert published[-1].calls[0].sip_call_id == "a@fs1"

    def test_what_is_read_again_announces_the_call_again(self) -> None:
        """A worker may have died when the session was durable, and the owner was not."""
        session = Session(aor=AOR)
        apply(registered(1), session=session)
        ringing = call(CallKind.RINGING, 2, sip_call_id="a@fs1")
        first, again = fold(session, ringing).owner, fold(session, ringing)
        assert first is not None
        assert again.owner == first
        assert again.change is None


class TestListings:
    def test_a_leg_that_is_listed_as_ended_is_no_call_and_moves_none(self) -> None:
        """Its own end is reported by itself, and why."""
        _, published = apply(
            registered(1),
            row(CallState.ENDED, 50, leg="unheard-of"),
            call(CallKind.ANSWERED, 60),
            row(CallState.ENDED, 90),
        )
        assert shown(published) == ["online registered", "on-the-phone call-answered"]

    def test_a_long_call_stays_from_listing_to_listing(self) -> None:
        story: list[Any] = [registered(1), call(CallKind.ANSWERED, 2)]
        for at in (300, 600, 900):
            story += [row(CallState.ANSWERED, at), rows_end(at)]
        assert shown(apply(*story)[1]) == ["online registered", "on-the-phone call-answered"]

    def test_a_row_of_the_listing_before_does_not_hide_that_this_one_shows_the_call(self) -> None:
        """A producer that was killed sends it again."""
        earlier = row(CallState.ANSWERED, 300)
        _, published = apply(
            registered(1),
            call(CallKind.ANSWERED, 2),
            *(earlier, rows_end(300)),
            *(row(CallState.ANSWERED, 600), earlier, rows_end(600)),
        )
        assert shown(published) == ["online registered", "on-the-phone call-answered"]

    @pytest.mark.parametrize(
        ("listed_at", "more"),
        [
            (11.5, []),
            (12.0, []),
            (300.0, ["online missing-from-snapshot"]),
        ],
    )
    def test_a_call_that_began_while_the_listing_was_made_is_left_to_the_next(
        self, listed_at: float, more: list[str]
    ) -> None:
        """The switch's table lags its events by up to two seconds."""
        _, published = apply(registered(1), call(CallKind.ANSWERED, 10), rows_end(listed_at))
        assert shown(published) == ["online registered", "on-the-phone call-answered", *more]

    @pytest.mark.parametrize(("listed_at", "status"), [(61, "held"), (300, "on-the-phone")])
    def test_a_listing_that_lags_does_not_end_a_hold(self, listed_at: int, status: str) -> None:
        """The switch's event of the hold itself is newer; a later listing knows better."""
        _, published = apply(
            registered(1),
            call(CallKind.ANSWERED, 2),
            call(CallKind.HELD, 60),
            row(CallState.ANSWERED, listed_at),
            rows_end(listed_at),
        )
        assert published[-1].status == status

    @pytest.mark.parametrize("answered", [48.5, 40.0])
    def test_answer_to_a_call_that_was_first_listed_is_read_late(self, answered: float) -> None:
        """It is of before the listing, which showed the call still ringing: the listing lagged,
        also by more than any was seen to. What it showed, its end does not end."""
        _, published = apply(
            registered(1),
            row(CallState.RINGING, 50),
            call(CallKind.ANSWERED, 40, at=answered),
            rows_end(50),
        )
        assert shown(published)[1:] == ["ringing call-ringing", "on-the-phone call-answered"]


class TestWhatIsShown:
    """Of a user who is also registered at another node than the call's."""

    AWAY = registered(1, node="fs2")
    LOST = node_change(NodeKind.LOST, 3)

    def test_what_is_only_being_tried_is_not_shown(self) -> None:
        _, published = apply(
            self.AWAY, call(CallKind.TRYING, 2), registered(3, port=5062, call_id="two")
        )
        assert published[-1].calls == []
        assert published[-1].status is Status.ONLINE

    def test_call_on_a_lost_node_is_not_shown(self) -> None:
        _, published = apply(self.AWAY, call(CallKind.ANSWERED, 2), self.LOST)
        assert shown(published)[-1] == "online node-lost"
        assert published[-1].calls == []

    def test_its_end_then_shows_nothing(self) -> None:
        """From a spool that drains before the node's heartbeats are read again."""
        session, published = apply(
            self.AWAY, call(CallKind.ANSWERED, 2), self.LOST, call(CallKind.ENDED, 4)
        )
        assert shown(published)[-1] == "online node-lost"
        assert session.calls == {}

    def test_call_that_goes_on_is_shown_before_its_node_is_back(self) -> None:
        _, published = apply(
            self.AWAY, call(CallKind.RINGING, 2), self.LOST, call(CallKind.ANSWERED, 4)
        )
        assert shown(published)[-1] == "on-the-phone call-answered"
        assert states(published) == [CallState.ANSWERED]


def test_a_call_from_ringing_to_its_end() -> None:
    _, published = apply(
        registered(1),
        call(CallKind.TRYING, 2),
        call(CallKind.RINGING, 3),
        call(CallKind.ANSWERED, 4),
        call(CallKind.HELD, 5),
        call(CallKind.RESUMED, 6),
        call(CallKind.ENDED, 7),
    )
    assert shown(published) == [
        "online registered",
        "ringing call-ringing",
        "on-the-phone call-answered",
        "held call-held",
        "on-the-phone call-resumed",
        "online call-ended",
    ]
    assert published[2].calls[0].state is CallState.ANSWERED
    assert published[-1].calls == []


def test_a_call_never_comes_back_from_ended_nor_goes_back_to_ringing() -> None:
    """Busy lamp fields stuck or out of order: kamailio#3192, freeswitch#2741."""
    events = [
        call(CallKind.TRYING, 2),
        call(CallKind.RINGING, 3),
        call(CallKind.ANSWERED, 4),
        call(CallKind.ENDED, 5),
    ]
    for order in permutations(events):
        session, _ = apply(registered(1), *order)
        assert session.calls == {}
        assert session.status is Status.ONLINE
    session, _ = apply(registered(1), call(CallKind.ANSWERED, 4), call(CallKind.RINGING, 3))
    assert session.status is Status.ON_THE_PHONE


def test_forked_branches_are_separate_legs() -> None:
    session, published = apply(
        registered(1),
        call(CallKind.RINGING, 2, "a"),
        call(CallKind.RINGING, 3, "b"),
        call(CallKind.ANSWERED, 4, "a"),
        call(CallKind.ENDED, 5, "b"),
    )
    assert list(session.calls) == ["a"]
    assert shown(published)[-1] == "on-the-phone call-ended"


def test_a_refused_call_shows_nothing() -> None:
    _, published = apply(registered(1), call(CallKind.TRYING, 2), call(CallKind.ENDED, 3))
    assert shown(published) == ["online registered"]
