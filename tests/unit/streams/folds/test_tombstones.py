"""Ends: what is remembered of a binding that is gone, so that a later event is placed rightly."""

from schemas.registration import RegistrationEvent
from schemas.vocabulary import Cause, NodeKind, RegistrationKind, Source, Transport
from streams.folds.ordering import (
    LISTABLE,
    MAX_LISTABLE,
    MAX_TOMBSTONES,
    UNKNOWN_SEQ,
    limit_tombstones,
)
from streams.folds.tombstones import last_seq
from tests.unit.edge_events import (
    CONTACT,
    PROXY,
    at_edge,
    behind,
    bindings,
    client,
    edge,
    edge_closed,
    edge_lost,
    from_edge,
    from_registrar,
    same,
)
from tests.unit.fold_events import (
    apply,
    expired,
    fold,
    kernel_closed,
    listed,
    loss,
    moment,
    node_change,
    refreshed,
    registered,
    shown,
    socket_closed,
    unregistered,
)

DAY = 86_400


def edge_unregistered(seq: int) -> RegistrationEvent:
    return at_edge(unregistered(seq, node="edge1"))


class TestToldAgain:
    """What one source reported is reported by another, or by the same once more."""

    def test_register_from_before_the_registrars_own_report_does_not_come_back(self) -> None:
        _, published = apply(registered(1), kernel_closed(2), unregistered(6), registered(5))
        assert shown(published) == ["online registered", "offline connection-closed"]

    def test_after_the_registrars_own_expiry_the_dead_may_still_be_listed(self) -> None:
        _, published = apply(registered(1), kernel_closed(2), expired(90), listed(95, "s"))
        assert shown(published) == ["online registered", "offline connection-closed"]

    def test_who_signed_off_after_a_restart_is_not_back_with_a_listing_that_lags(self) -> None:
        """What stopped with its node would be, at once; but now the client has gone itself."""
        _, published = apply(
            registered(1),
            node_change(NodeKind.DOWN, 9),
            unregistered(2, at=20, boot="boot-b"),
            listed(3, "s", at=21, boot="boot-b"),
        )
        assert shown(published) == ["online registered", "offline node-lost"]

    def test_place_of_its_last_register_is_known_after_the_kernels_report_too(self) -> None:
        """All within one tick of the registrar's clock; its listing had begun before."""
        gone = kernel_closed(2, port=5063)
        gone.binding = f"fs1|{CONTACT}"
        _, published = apply(
            same(registered(1)),
            same(registered(6, at=2, port=5063)),
            socket_closed(7, at=2),
            gone,
            same(listed(4, "s", at=2, port=5062)),
        )
        assert shown(published)[-1] == "offline connection-closed"

    def test_whose_it_was_at_the_edge_is_still_known(self) -> None:
        late = behind(2, at=2.5)  # the registrar's report of before
        _, published = apply(edge(1), edge_unregistered(2), edge_unregistered(3), late)
        assert shown(published) == ["online registered", "offline unregistered"]

    def test_when_it_was_last_at_the_edge_is_still_known(self) -> None:
        """So the registrar's report of a later REGISTER need not wait for the edge's."""
        _, published = apply(
            edge(1), behind(1), edge_unregistered(2), edge_unregistered(3), behind(5, 5062)
        )
        assert bindings(published)[-1] == [("fs1", None, 5062)]


class TestListings:
    def test_a_table_that_lags_does_not_bring_back_the_connection_before(self) -> None:
        """The row is of before the client's last REGISTER, whose connection has ended since."""
        gone = kernel_closed(6.8, port=5062, cookie=9)
        gone.binding = f"fs1|{CONTACT}"
        _, published = apply(
            same(registered(1, cookie=7)),
            same(registered(6, port=5062, cookie=9)),
            gone,
            same(listed(7, "s", at=6.5)),
        )
        assert shown(published)[-1] == "offline connection-closed"

    def test_what_was_cut_off_stays_so_when_its_edges_end_is_forgotten(self) -> None:
        """A registrar behind a throttling mid-registrar lists the dead for longer than a day."""
        later = 2 * DAY
        session, _ = apply(
            edge(1),
            behind(1),
            edge_lost(2),
            registered(50, at=later, port=5099, call_id="two"),
            unregistered(51, at=later + 1, port=5099, call_id="two"),
        )
        assert [tombstone.call_id for tombstone in session.ended.values()] == ["two"]
        row = listed(60, "s", at=later + 60)
        row.remote, row.path, row.received = PROXY, "<sip:edge1;lr>", client()
        assert apply(row, session=session)[1] == []
        assert len(session.bindings) == 1

    def test_a_day_after_its_connections_end_a_binding_may_be_listed_again(self) -> None:
        """From the same address by chance, and the report of its REGISTER was lost."""
        for later, is_back in ((DAY - 3600, False), (DAY + 3600, True)):
            session, _ = apply(
                registered(1),
                loss(2),
                registered(50, at=later, port=5099, call_id="two"),
                unregistered(51, at=later + 1, port=5099, call_id="two"),
            )
            _, published = apply(listed(60, "s", at=later + 60), session=session)
            assert [p.cause for p in published] == [Cause.FOUND_IN_SNAPSHOT] * is_back


def test_the_cookie_is_known_of_a_connection_that_the_kernel_only_denied() -> None:
    """Its end was lost; a REGISTER over it that is reported after that does not bring it back."""
    denied = kernel_closed(60, cookie=None)
    session, published = apply(registered(1, cookie=8), denied)
    assert shown(published)[-1] == "offline connection-closed"
    assert apply(refreshed(2, at=58, cookie=8), session=session)[1] == []


def test_last_reported_end_is_kept_longest() -> None:
    session, _ = apply(registered(1), unregistered(2))
    for number in range(MAX_LISTABLE + 8):
        if number == MAX_LISTABLE - 12:
            apply(unregistered(400), session=session)  # once more
        seq, other = 10 + number, {"port": 6000 + number, "call_id": "two"}
        apply(registered(seq, **other), unregistered(200 + seq, **other), session=session)
    assert len(session.ended) == MAX_LISTABLE
    assert apply(registered(350), session=session)[1] == []


class TestTakenOver:
    """A contact is another device's now; the one before is remembered where others are behind."""

    def test_nothing_at_the_registrar(self) -> None:
        session, _ = apply(
            from_edge(1, 5061, call_id="a"),
            from_registrar(1, 5061, call_id="a"),
            edge(2, 5062, call_id="b"),
            from_registrar(2, 5062, call_id="b"),
        )
        assert session.ended == {}

    def test_nothing_at_an_edge_without_call_ids(self) -> None:
        session, _ = apply(from_edge(1, 5061, call_id=None), from_edge(2, 5062, call_id="b"))
        assert session.ended == {}


class TestManyEnds:
    """A phone comes and goes through an edge, by another port each time, and is listed."""

    def listed_again(self, *, cycles: int, seconds: float) -> list[str]:
        """What is shown when the first of `cycles` ended bindings is listed `seconds` after it."""
        session = None
        for number in range(cycles):
            at, port = 1 + number, 6000 + number
            session, _ = apply(
                edge(3 * number + 1, port, at=at, call_id=f"{port}@phone"),
                behind(3 * number + 1, port, at=at, call_id=f"{port}@phone"),
                edge_lost(3 * number + 2, port),
                node_change(NodeKind.DOWN, at + 0.9, boot=f"boot-{number}"),
                session=session,
            )
        row = behind(9999, 6000, at=seconds, call_id="6000@phone", boot="boot-z")
        row.kind, row.snapshot = RegistrationKind.SNAPSHOT_ROW, "s"
        _, published = apply(row, session=session)
        return shown(published)

    def test_a_registrar_killed_again_and_again_brings_no_dead_phone_back(self) -> None:
        assert self.listed_again(cycles=60, seconds=100) == []

    def test_the_number_that_is_remembered_is_bounded(self) -> None:
        ends = {str(n): unregistered(n) for n in range(200)}
        limit_tombstones(ends, moment(200), MAX_LISTABLE)
        assert (len(ends), min(int(key) for key in ends)) == (MAX_LISTABLE, 200 - MAX_LISTABLE)

    def test_of_ends_older_than_registrations_last_fewer_are_kept(self) -> None:
        ends = {str(n): unregistered(n) for n in range(100)}
        limit_tombstones(ends, moment(99) + LISTABLE, MAX_LISTABLE)
        assert len(ends) == MAX_TOMBSTONES


class TestWhatIsRemembered:
    def test_of_a_servers_own_end_no_listing_revives_its_connections(self) -> None:
        _, published = apply(registered(1), loss(2, cause=Cause.NODE_LOST), listed(90, "s"))
        assert shown(published)[-1] == "offline node-lost"

    def test_nothing_at_a_registrar_whose_client_is_back(self) -> None:
        first, back = same(registered(1, cookie=1)), same(registered(3, port=5062, cookie=2))
        gone = loss(2, cookie=1, source=Source.SOCKETS)
        gone.binding = f"fs1|{CONTACT}"
        session, _ = apply(first, gone, back)
        assert session.ended == {}
        session, _ = apply(first, same(registered(2, port=5062, call_id="another", cookie=2)))
        assert session.ended == {}

    def test_nothing_at_an_edge_of_who_signed_off_and_is_back(self) -> None:
        off = same(unregistered(2, node="edge1"))
        session, _ = apply(from_edge(1, 5061), off, from_edge(3, 5062))
        assert session.ended == {}

    def test_nothing_at_an_edge_of_a_connection_from_an_address_that_lives_again(self) -> None:
        session, _ = apply(
            from_edge(1, 5061, cookie=1),
            edge_closed(2, 5061, cookie=1),
            from_edge(3, 5061, cookie=2),
        )
        assert session.ended == {}

    def test_the_connections_that_an_edges_client_left_up_to_a_number(self) -> None:
        session, _ = apply(from_edge(1, 5000, cookie=5000))
        for number in range(1, MAX_LISTABLE + 20):
            port = 5000 + number
            apply(
                edge_closed(2 * number, port - 1, cookie=port - 1),
                from_edge(2 * number + 1, port, cookie=port),
                session=session,
            )
        assert len(session.ended) == MAX_LISTABLE

    def test_repeated_end_of_a_previous_connection_changes_nothing(self) -> None:
        gone = edge_closed(9, 5061, cookie=1)
        session, _ = apply(from_edge(1, 5061, cookie=1), from_edge(2, 5062, cookie=2), gone)
        assert fold(session, gone).fence == "already-applied"

    def test_a_device_whose_place_at_the_edge_was_taken_is_not_behind_it_any_more(self) -> None:
        session, _ = apply(from_edge(1, 5061, call_id="a"), from_edge(2, 5061, call_id="b"))
        _, published = apply(from_registrar(1, 5061, call_id="a"), session=session)
        assert published == []

    def test_a_refresh_at_the_edge_takes_nobodys_place(self) -> None:
        late = refreshed(2, node="edge1")
        late.registrar, late.source = "edge", Source.OPENSIPS
        session, _ = apply(edge(1), late)
        assert session.ended == {}


class TestLastSequence:
    """Of a process, to place a listing that has none of its own."""

    def test_of_a_binding_its_confirmations_within_its_process(self) -> None:
        (binding,) = apply(registered(5))[0].bindings.values()
        assert last_seq(binding, "boot-a") == 5
        assert last_seq(binding, "boot-b") == UNKNOWN_SEQ
        assert last_seq(None, "boot-a") == UNKNOWN_SEQ

    def test_of_an_ended_binding_the_later_of_its_end_and_last_confirmation(self) -> None:
        (ended,) = apply(registered(5), unregistered(9))[0].ended.values()
        assert last_seq(ended, "boot-a") == 9
        (restarted,) = apply(registered(5), node_change(NodeKind.UP, 9, "boot-b"))[0].ended.values()
        assert last_seq(restarted, "boot-a") == 5
        restarted.seq = 3
        assert last_seq(restarted, "boot-b") == 3


class TestExpiry:
    """A row with the expiry of an ended binding on a connection is older than the end."""

    def _revived(self, transport: Transport = Transport.TCP) -> bool:
        first = registered(1, expires_at=moment(600), transport=transport)
        ends = socket_closed(2), unregistered(3)
        row = listed(0, "s", at=20, boot="boot-b", expires_at=moment(600))
        return bool(apply(first, *ends, row)[0].bindings)

    def test_is_kept_when_the_binding_ends_once_more(self) -> None:
        assert not self._revived()

    def test_is_not_known_without_a_connection(self) -> None:
        assert self._revived(Transport.UDP)
        session, _ = apply(registered(1, expires_at=moment(600)))
        (binding,) = session.bindings.values()
        binding.transport = None
        apply(unregistered(3), session=session)
        (tombstone,) = session.ended.values()
        assert tombstone.expires_at is None
