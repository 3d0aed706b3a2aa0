"""A node's end, restart, silence or doubt: which of a user's places and calls it is about."""

from typing import Any

import pytest

from schemas.call import CallEvent
from schemas.internal import NodeChange, NodeState
from schemas.registration import RegistrationEvent
from schemas.session import Session
from schemas.vocabulary import CallKind, NodeKind, RegistrationKind, Transport
from streams.folds import devices
from streams.folds.node import fold_staleness
from streams.folds.previous_process import fold_after_end
from tests.unit.stories import (
    AOR,
    apply,
    call,
    fold,
    listed,
    loss,
    moment,
    node_change,
    refreshed,
    registered,
    registration,
    shown,
    unregistered,
)
from tests.unit.streams.folds.test_edges import behind

UP, DOWN, LOST, HEARTBEAT = NodeKind.UP, NodeKind.DOWN, NodeKind.LOST, NodeKind.HEARTBEAT
ONLINE = ["online registered"]
UDP = Transport.UDP


def _answered(seq: int, boot: str = "boot-a", leg: str = "leg-1") -> CallEvent:
    event = call(CallKind.ANSWERED, seq, leg)
    event.boot = boot
    return event


class TestEnd:
    """The node has said that it stops."""

    def test_is_also_that_of_what_outlived_an_earlier_restart(self) -> None:
        _, published = apply(
            registered(1, transport=UDP),
            node_change(UP, 3, "boot-b"),
            node_change(DOWN, 9, "boot-b"),
        )
        assert shown(published) == [*ONLINE, "offline node-lost"]

    def test_is_that_of_all_its_process_had_though_the_clock_stood_still(self) -> None:
        _, published = apply(registered(1, at=6.0), node_change(DOWN, 5.98))
        assert shown(published) == [*ONLINE, "offline node-lost"]

    def test_is_nothing_to_what_the_next_process_told_already(self) -> None:
        """Registrations and calls are read before the nodes' words."""
        session, published = apply(
            registered(1, at=10, boot="boot-b"), _answered(11, "boot-b"), node_change(DOWN, 9)
        )
        assert shown(published) == [*ONLINE, "on-the-phone call-answered"]
        assert len(session.bindings) == len(session.calls) == 1

    def test_of_another_node_ends_no_call(self) -> None:
        _, published = apply(registered(1), _answered(2), node_change(DOWN, 9, node="fs2"))
        assert shown(published)[-1] == "on-the-phone call-answered"


class TestNamedLate:
    """What a new process reported was published under the name of the one before."""

    def _listed(self, cookie: int | None, at: float = 9.0, **ended: Any) -> list[str]:
        expiry = {"expires_at": moment(3601)}
        events = [
            registered(1, cookie=7, **expiry),
            ended.get("end", node_change(UP, 9, "boot-b")),
            listed(2, "s", at=at, boot="boot-b", cookie=cookie, **expiry),
        ]
        return shown(apply(*events)[1])

    def test_is_there_again_when_a_listing_shows_its_connection(self) -> None:
        assert self._listed(7)[1:] == ["offline node-restarted", "online found-in-snapshot"]

    @pytest.mark.parametrize("cookie", [8, None])
    def test_another_clients_connection_is_not_its_own(self, cookie: int | None) -> None:
        assert self._listed(cookie)[1:] == ["offline node-restarted"]
        assert self._listed(cookie, 60)[1:] == ["offline node-restarted"]

    def test_a_listing_of_before_the_restart_shows_nothing(self) -> None:
        assert self._listed(7, 8.9)[1:] == ["offline node-restarted"]

    def test_what_ended_otherwise_may_be_listed_for_a_while_on_its_connection(self) -> None:
        gone = unregistered(2, at=9)
        assert self._listed(7, 9.5, end=gone)[1:] == ["offline unregistered"]


class TestListedByTheNextProcess:
    """Its database has the rows of before; a connection to the process before is gone."""

    EXPIRES = moment(600)

    def _revived(self, expires: float | None = 600, **more: Any) -> bool:
        row = listed(0, "s", at=20, boot="boot-b", **more)
        row.expires_at = moment(expires) if expires is not None else None
        fields = {name: more[name] for name in ("transport", "path") if name in more}
        claimed = more.get("transport_claimed", False)
        session, _ = apply(
            registered(1, expires_at=self.EXPIRES, transport_claimed=claimed, **fields),
            node_change(DOWN, 9),
            row,
        )
        return bool(session.bindings)

    def test_a_connection_of_before_is_not_another_clients_on_its_port(self) -> None:
        assert not self._revived(cookie=99)
        assert not self._revived(expires=596, cookie=99)  # listed by a busy server

    def test_who_has_registered_since_is_back(self) -> None:
        assert self._revived(expires=615, cookie=99)
        assert self._revived(expires=None)

    def test_what_needs_no_connection_to_it_is_there_still(self) -> None:
        assert self._revived(transport=UDP)
        assert self._revived(path="<sip:edge1;lr>")
        assert self._revived(transport_claimed=True)

    def test_the_process_itself_is_believed(self) -> None:
        session, _ = apply(registered(1, expires_at=self.EXPIRES), node_change(LOST, 9))
        row = listed(5, "s", at=20)
        row.expires_at = self.EXPIRES
        apply(row, session=session)
        assert session.bindings


class TestListedAfterItsConnectionEnded:
    """The REGISTER from the same port was not heard: phones may have one for ever (5060)."""

    def _revived(self, **of_row: Any) -> bool:
        row = listed(
            0, "s", at=20, boot="boot-b", **{"cookie": 9, "call_id": "one@phone", **of_row}
        )
        session, _ = apply(registered(1, cookie=7, expires_at=moment(600)), loss(5, cookie=7), row)
        return bool(session.bindings)

    def test_under_another_call_id_it_is_back(self) -> None:
        assert self._revived(call_id="two@phone")

    def test_with_a_later_expiry_it_is_back(self) -> None:
        assert self._revived(expires_at=moment(620))

    def test_without_a_connection_it_is_not(self) -> None:
        assert not self._revived(call_id="two@phone", cookie=None)
        assert not self._revived(call_id="two@phone", cookie=7)

    def test_a_refresh_of_before_that_is_read_late_is_what_the_row_shows(self) -> None:
        row = listed(0, "s", at=20, boot="boot-b", cookie=9, expires_at=moment(640))
        session, _ = apply(
            registered(1, cookie=7, expires_at=moment(600)),
            loss(5, cookie=7),
            refreshed(4, cookie=7, expires_at=moment(640)),
            row,
        )
        assert not session.bindings

    def _listed(self, *rows: RegistrationEvent) -> bool:
        session, _ = apply(
            registered(1, cookie=7, expires_at=moment(600)), loss(5, cookie=7), *rows
        )
        return bool(session.bindings)

    def _row(self, seq: int, expires: float, *, dead: bool = False, **more: Any) -> Any:
        row = listed(seq, f"s{seq}", expires_at=moment(expires), **more)
        row.cookie, row.connection_gone = None if dead else 9, dead
        return row

    def test_what_a_listing_showed_dead_is_not_another_clients_on_its_port(self) -> None:
        """A refresh was not read, and its connection had ended when it was first listed."""
        dead, again = self._row(8, 640, dead=True), self._row(20, 640)
        assert not self._listed(dead, again)
        assert self._listed(dead, self._row(20, 646))
        assert self._listed(again)

    def test_what_a_listing_showed_dead_on_another_port_is_not_another_clients_there(self) -> None:
        def at_5062(row: Any) -> Any:
            row.binding = row.contact = registered(1).contact
            return row

        dead = at_5062(self._row(8, 640, dead=True, port=5062))
        again = at_5062(self._row(20, 640, port=5062))
        assert not self._listed(dead, again)
        assert self._listed(again)

    def test_a_listing_of_before_its_last_register_shows_nothing_new(self) -> None:
        assert self._listed(self._row(1, 640, dead=True), self._row(20, 640))

    def test_what_nobody_had_reported_when_it_was_listed_dead_may_come_back_too(self) -> None:
        dead = self._row(8, 640, dead=True)
        session, _ = apply(dead, self._row(20, 640))
        assert not session.bindings
        session, _ = apply(dead, self._row(20, 646))
        assert session.bindings

    def test_the_row_of_before_is_not_another_clients_on_its_port(self) -> None:
        assert not self._revived(expires_at=moment(600))
        assert not self._revived(expires_at=moment(604))
        assert not self._revived()


class TestRestart:
    def test_ends_the_calls_of_before(self) -> None:
        _, published = apply(
            registered(1, transport=UDP), _answered(2), node_change(UP, 9, "boot-b")
        )
        assert shown(published)[-1] == "online node-restarted"
        assert published[-1].calls == []

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(node_change(UP, 9), id="its producer connected again"),
            pytest.param(node_change(UP, 9, "boot-z", "fs2"), id="of another node"),
            pytest.param(node_change(UP, 1.5, "boot-0"), id="of long ago"),
        ],
    )
    def test_is_nothing_to_others(self, change: NodeChange) -> None:
        _, published = apply(registered(2), _answered(3), change)
        assert shown(published) == [*ONLINE, "on-the-phone call-answered"]

    def test_leaves_to_the_listing_whose_connection_it_does_not_know(self) -> None:
        phone = registered(1)
        phone.transport = None
        for event in (phone, behind(1)):  # the one behind an edge may be connected as before
            _, published = apply(event, node_change(UP, 9, "boot-b"))
            assert shown(published) == ONLINE


class TestSilence:
    """The node's lease has run out."""

    def test_is_also_that_of_what_outlived_an_earlier_restart(self) -> None:
        """A server that starts and dies again: its listing never came, its phones are over UDP."""
        restart, silence = node_change(UP, 5, "boot-b"), node_change(LOST, 8, "boot-b")
        heard = node_change(HEARTBEAT, 20, "boot-b")
        _, published = apply(registered(1, transport=UDP), restart, silence, heard)
        assert shown(published) == [*ONLINE, "offline node-lost", "online node-restored"]

    def test_is_nothing_to_what_the_next_process_told_already(self) -> None:
        _, published = apply(
            registered(1, at=10, boot="boot-b"), _answered(11, "boot-b"), node_change(LOST, 9)
        )
        assert shown(published) == [*ONLINE, "on-the-phone call-answered"]

    def test_takes_a_call_there_of_someone_registered_elsewhere(self) -> None:
        answered = _answered(2)
        _, published = apply(registered(1, node="fs2"), answered, node_change(LOST, 9))
        assert shown(published)[-1] == "online node-lost"
        assert published[-1].evidence == ["fs1/boot-a/lost", answered.id]

    def test_of_another_node_takes_no_call(self) -> None:
        _, published = apply(registered(1), _answered(2), node_change(LOST, 9, node="fs2"))
        assert shown(published) == [*ONLINE, "on-the-phone call-answered"]

    def test_takes_nothing_that_was_not_shown(self) -> None:
        """A call that does not ring yet; a phone that answers no pings."""
        _, published = apply(
            registered(1, node="fs2"), call(CallKind.TRYING, 2), node_change(LOST, 9)
        )
        assert shown(published) == ONLINE
        _, published = apply(
            registered(1), registration(RegistrationKind.PING_LOST, 2), node_change(LOST, 9)
        )
        assert shown(published) == [*ONLINE, "offline ping-lost"]

    def test_that_is_told_again_is_no_news(self) -> None:
        session, _ = apply(registered(1), _answered(2), node_change(LOST, 9))
        result = fold(session, node_change(LOST, 9))
        assert (result.changed, result.change) == (False, None)

    def test_is_proved_by_what_it_took(self) -> None:
        """Of a first silence one phone and one call came back: of the second only they tell."""
        session, _ = apply(
            registered(1),
            registered(2, port=5062),
            _answered(3, leg="a"),
            _answered(4, leg="b"),
            node_change(LOST, 9),
        )
        again, held = registered(11, port=5062), call(CallKind.HELD, 12, "b")
        _, published = apply(again, held, node_change(LOST, 20), session=session)
        assert published[-1].evidence == ["fs1/boot-a/lost", again.id, held.id]


class TestDoubt:
    """Words of the node may be missing, and no listing comes."""

    def test_is_about_what_is_there_and_was_told_before(self) -> None:
        before, elsewhere, since = (
            registered(1),
            registered(2, node="fs2"),
            registered(9, port=5062),
        )
        session, _ = apply(before, elsewhere, since)
        result = fold_staleness(session, "fs1", moment(5), stale=True)
        assert result.change is not None
        assert (result.change.cause, result.change.evidence) == ("node-uncertain", [before.id])
        assert [b.stale for b in devices.shown(session)] == [True, False, False]
        assert not fold_staleness(session, "fs1", moment(5), stale=True).changed

    def test_is_over_for_all_once_a_listing_is_complete(self) -> None:
        """Also for who came just before the gap, whom the listing need not show."""
        session, _ = apply(registered(4))
        fold_staleness(session, "fs1", moment(5), stale=True)
        result = fold_staleness(session, "fs1", moment(5), stale=False)
        assert result.change is not None
        assert result.change.cause == "node-certain"
        assert [b.stale for b in devices.shown(session)] == [False]

    def test_of_whom_nobody_reaches_is_told_nobody(self) -> None:
        session, _ = apply(registered(1), node_change(LOST, 2))
        result = fold_staleness(session, "fs1", moment(5), stale=True)
        assert result.change is None


class TestListedAfterTheEnd:
    """The next process may have the binding in its database; the one that ended lists no more."""

    def _after(self, row: RegistrationEvent) -> list[str]:
        _, published = apply(registered(1, transport=UDP), node_change(DOWN, 9), row)
        return shown(published)[2:]

    def test_the_next_process_has_it_still(self) -> None:
        row = listed(1, "s", at=9.5, boot="boot-b", transport=UDP)
        assert self._after(row) == ["online found-in-snapshot"]

    def test_what_was_listed_by_then_is_no_news(self) -> None:
        for boot in ("boot-a", "boot-b"):
            assert self._after(listed(0, "s", at=9, boot=boot, transport=UDP)) == []


class TestReadAfterTheEnd:
    """What a process reported last, read when its end is known."""

    STATE = NodeState(boot="boot-a", at=moment(9), down=True)

    def test_it_has_ended_with_it(self) -> None:
        session = Session(aor=AOR)
        result = fold_after_end(session, registered(1), self.STATE, fold)
        assert (result.changed, result.fence, result.change) == (True, "node-is-down", None)
        (grave,) = session.ended.values()
        assert (session.bindings, grave.cause) == ({}, "node-lost")

    def test_of_a_restart_nothing_is_said_to_be_down(self) -> None:
        session = Session(aor=AOR)
        state = NodeState(boot="boot-b", at=moment(9))
        result = fold_after_end(session, registered(1), state, fold)
        assert (result.changed, result.fence) == (True, None)
        (grave,) = session.ended.values()
        assert grave.cause == "node-restarted"
