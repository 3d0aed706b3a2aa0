"""Generated histories: an audit of their end finds nothing, and each fault put in is found once."""

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from operate.audit.comparison import compare
from operate.audit.findings import Disagreement, Kind, Limits
from operate.audit.listing import Listing, Row
from schemas import codec
from schemas.origin import Address
from schemas.presence import Presence
from schemas.session import Session
from streams import models
from tests.histories.facts import EDGE, REGISTRARS
from tests.histories.history import Scene, play_scene
from tests.histories.reports import START

LIMITS = Limits(expiry_tolerance=timedelta(seconds=10), expiry_slack=timedelta(seconds=35))
SEEDS = st.integers(min_value=0, max_value=2**32)


class Audited:
    """Listings, presence and sessions at the end of a history."""

    def __init__(self, scene: Scene, *, kernel: bool) -> None:
        self._cluster = scene.cluster
        self._kernel = kernel
        self.listings = {name: self._listing(name) for name in (*REGISTRARS, EDGE)}
        self.presence = {one.aor: deepcopy(one) for one in scene.pipeline.published}
        self.sessions = {
            key.decode(): codec.decode(Session, models.encode(scene.pipeline.state.session(key)))
            for key in scene.pipeline.state.sessions
        }

    def _listing(self, name: str) -> Listing:
        """The node's answer; for a pure proxy only its kernel's connections.

        Its own list of connections is not enough: histories reuse addresses within seconds.
        """
        rows = [] if name == EDGE else [Row(event) for event in self._cluster.listed(name)]
        at = START + timedelta(seconds=self._cluster.now)
        is_asked = self._kernel or name == EDGE
        connections = self._cluster.connections(name) if is_asked else None
        return Listing(name, at, rows, connections=connections, has_table=name != EDGE)

    def disagreements(self) -> list[Disagreement]:
        return compare(self.listings, self.presence, self.sessions, LIMITS).disagreements

    def is_reused(self, one: Disagreement) -> bool:
        """Whether it is an address at the edge that another client has by now, and no cookie was
        known of the connection that ended: nothing tells an audit that they are two.
        """
        if not one.detail.endswith("which has its connection"):
            return False
        ended = self.sessions[one.aor].ended.values()
        return any(end.node == EDGE and end.cookie is None for end in ended)

    def is_clear(self) -> bool:
        """Whether there is no such address."""
        return not any(self.is_reused(one) for one in self.disagreements())


@given(SEEDS, st.booleans())
@settings(max_examples=300, deadline=None)
@example(seed=26271, kernel=True)
def test_audit_of_any_history_finds_nothing(seed: int, kernel: bool) -> None:
    audited = Audited(play_scene(seed), kernel=kernel)
    assert [one for one in audited.disagreements() if not audited.is_reused(one)] == []


Break = Callable[[Audited, Presence, int], Any]
ELSEWHERE = Address(ip="10.0.0.250", port=9)


def _unshow(_: Audited, record: Presence, index: int) -> None:
    del record.bindings[index]


def _move(_: Audited, record: Presence, index: int) -> None:
    shown = record.bindings[index]
    shown.node = next(name for name in REGISTRARS if name != shown.node)


def _change_contact(_: Audited, record: Presence, index: int) -> None:
    record.bindings[index].contact = "sip:9@10.0.0.250:9;transport=tcp"


def _change_address(_: Audited, record: Presence, index: int) -> None:
    assume(record.bindings[index].edge is None)  # otherwise the edge's kernel is checked first
    record.bindings[index].remote = ELSEWHERE


def _change_expiry(audited: Audited, record: Presence, index: int) -> None:
    shown = record.bindings[index]
    binding = audited.sessions[record.aor].bindings[f"{shown.node}|{shown.contact}"]
    assert binding.expires_at is not None
    binding.expires_at += timedelta(seconds=60)


def _invent(_: Audited, record: Presence, index: int) -> None:
    invented = deepcopy(record.bindings[index])
    invented.contact, invented.remote = "sip:9@10.0.0.250:9;transport=tcp", ELSEWHERE
    record.bindings.append(invented)


def _unlist(audited: Audited, record: Presence, index: int) -> None:
    shown = record.bindings[index]
    listing = audited.listings[shown.node]
    due = audited.sessions[record.aor].bindings[f"{shown.node}|{shown.contact}"].expires_at
    assume(
        due is not None and due - listing.at > timedelta(minutes=1)
    )  # otherwise it may be overdue
    rows = listing.rows
    rows[:] = [
        row for row in rows if (row.event.aor, row.event.contact) != (record.aor, shown.contact)
    ]


@pytest.mark.parametrize(
    ("breaks", "kind"),
    [
        (_unshow, Kind.MISSING),
        (_move, Kind.WRONG_NODE),
        (_change_contact, Kind.DIFFERENT),
        (_change_address, Kind.DIFFERENT),
        (_change_expiry, Kind.DIFFERENT),
        (_invent, Kind.PHANTOM),
        (_unlist, Kind.PHANTOM),
    ],
)
@given(seed=SEEDS, which=st.integers(min_value=0, max_value=50))
@settings(max_examples=60, deadline=None)
def test_one_fault_is_one_disagreement(breaks: Break, kind: Kind, seed: int, which: int) -> None:
    audited = Audited(play_scene(seed), kernel=False)
    assume(audited.is_clear())
    places = [
        (record, index)
        for record in audited.presence.values()
        for index in range(len(record.bindings))
    ]
    assume(places)
    record, index = places[which % len(places)]
    breaks(audited, record, index)
    found = audited.disagreements()
    assert {one.aor for one in found} == {record.aor}
    if breaks is _move:  # two where the other node lists an ended binding of that contact
        assert {one.kind for one in found} <= {kind, Kind.MISSING, Kind.DIFFERENT, Kind.PHANTOM}
    else:
        assert [one.kind for one in found] == [kind]


@given(seed=SEEDS, which=st.integers(min_value=0, max_value=50))
@settings(max_examples=60, deadline=None)
def test_connection_missing_in_kernel_is_one_disagreement(seed: int, which: int) -> None:
    audited = Audited(play_scene(seed), kernel=True)
    assume(audited.is_clear())
    places = [
        shown
        for record in audited.presence.values()
        for shown in record.bindings
        if shown.transport is not None and shown.transport.is_connection
    ]
    assume(places)
    shown = places[which % len(places)]
    assert shown.remote is not None
    node = shown.edge or shown.node
    connections = dict(audited.listings[node].connections or {})
    # Not there if it ends at an edge that has not reported it.
    assume((shown.remote.ip, shown.remote.port) in connections)
    del connections[shown.remote.ip, shown.remote.port]
    old = audited.listings[node]
    audited.listings[node] = Listing(node, old.at, old.rows, connections=connections)
    found = {(one.kind, one.node) for one in audited.disagreements()}
    assert found == {(Kind.DEAD_CONNECTION, node)}  # for each binding behind it
