"""Events about a whole node, applied to its users: changes, listings, and becoming stale."""

from copy import copy
from datetime import datetime

from schemas import topics
from schemas.fences import Fence
from schemas.vocabulary import NodeKind
from streams import models
from streams.batches.effects import Record
from streams.batches.node_rollback import all_or_nothing
from streams.batches.open_sessions import OpenSessions
from streams.batches.partition_state import PartitionState
from streams.batches.session_output import SessionOutput
from streams.batches.sweep import PATHS
from streams.folds.edge_connections import fold_connections
from streams.folds.node import (
    fold_node_back,
    fold_node_change,
    fold_node_lost,
    fold_staleness,
)
from streams.folds.node_state import fold_node_state
from streams.folds.previous_process import has_ended, is_late
from streams.folds.snapshot import fold_registrations_listed
from streams.models import NodeChange, NodeState, RegistrationEvent


class NodeChanges:
    """Folds events about whole nodes, in one batch of one partition.

    If something raises, the event has no effect.
    """

    def __init__(
        self,
        partition: PartitionState,
        sessions: OpenSessions,
        output: SessionOutput,
        now: datetime,
        *,
        caught_up: bool,
    ) -> None:
        """`caught_up`: see SessionBatch. `now` is the worker's clock."""
        self._partition = partition
        self._sessions = sessions
        self._output = output
        self._now = now
        self._caught_up = caught_up

    def change(self, change: NodeChange) -> None:
        """A node has started, ended, was lost or is back; or its time has advanced."""
        node = change.node
        with all_or_nothing(self._partition, self._output, node):
            old = self._partition.nodes.get(node)
            new = fold_node_state(old, change, self._now)
            if new is None:
                self._output.fences[Fence.OLDER_THAN_NODE] += 1
                return
            self._partition.nodes[node] = new
            if change.kind is NodeKind.LOST:
                self._sessions.begin_sweep(node, lambda s: fold_node_lost(s, change))
            elif old is not None and old.lost and old.boot == new.boot and not new.down:
                self._sessions.begin_sweep(node, lambda s: fold_node_back(s, change))
            if change.kind in (NodeKind.UP, NodeKind.DOWN):
                self._sessions.begin_sweep(node, lambda s: fold_node_change(s, change))
            if old is None or _has_changed(old, new):
                self._write(node, new)
            if self._caught_up and change.kind is not NodeKind.GAP:  # a gap has the producer's time
                self._partition.clocks.advance(node, change.at)

    def registrations_listed(self, end: RegistrationEvent) -> None:
        """A complete listing of a node's registrations has ended."""
        with all_or_nothing(self._partition, self._output, end.node):
            self._sessions.begin_sweep(end.node, lambda s: fold_registrations_listed(s, end))
            self._mark_listed(end.node, end.at)

    def connections_listed(self, event: RegistrationEvent) -> None:
        """An edge without a table lists its clients' connections: of its users, and of those
        behind it whom it did not report."""
        listing = self._partition.edge_listings.add(event)
        if listing is None:
            return
        node, first = event.node, listing.event
        known = self._partition.nodes.get(node)
        if known is not None:
            if is_late(first, known) or has_ended(first, known):
                return
            if known.listed_at is not None and first.at <= known.listed_at:
                return  # read again: it does not show what was registered since
            if known.gap_at is not None and known.gap_from is not None:
                listing.gap = known.gap_from, known.gap_at
        with all_or_nothing(self._partition, self._output, node):
            for members in (node, PATHS):
                self._sessions.begin_sweep(members, lambda s: fold_connections(s, listing))
            self._mark_listed(node, first.at)
            self._partition.edge_listings.keep(listing)

    def mark_stale(self) -> None:
        """Mark the bindings of nodes that became stale."""
        for node in self._partition.became_stale(self._now):
            try:
                with all_or_nothing(self._partition, self._output, node):
                    known = self._copy(node)
                    known.stale, at = True, known.gap_at or known.at
                    self._sweep_staleness(node, at, stale=True)
                    self._write(node, known)
            except Exception as error:
                self._output.rule_failed("stale node", error)

    def _mark_listed(self, node: str, at: datetime) -> None:
        """A listing that began `at` makes up for what was missed before that."""
        if node not in self._partition.nodes:
            return
        known = self._copy(node)
        known.listed_at = max(known.listed_at or at, at)
        if known.gap is None and not known.stale:
            return
        if known.gap_at is not None and at < known.gap_at:
            return  # it began before the gap's end: it may lack what was missed
        was_stale, known.stale = known.stale, False
        known.gap = known.gap_at = known.gap_from = None
        if was_stale:
            self._sweep_staleness(node, at, stale=False)
        self._write(node, known)

    def _sweep_staleness(self, node: str, at: datetime, *, stale: bool) -> None:
        self._sessions.begin_sweep(node, lambda s: fold_staleness(s, node, at, stale=stale))

    def _copy(self, node: str) -> NodeState:
        """A new state of the node, to be changed: rules of this batch may refer to the old one."""
        known: NodeState = copy(self._partition.nodes[node])
        self._partition.nodes[node] = known
        return known

    def _write(self, node: str, new: NodeState) -> None:
        """Write the node's state, after the sweeps of its users."""
        value = models.encode(new)
        record = Record(topics.NODE_STATE, self._partition.number, node.encode(), value)
        sweeps = [sweep for sweep in self._partition.sweeps if sweep.node == node]
        if sweeps:
            sweeps[-1].after = record
        else:
            self._output.effects.state.append(record)


def _has_changed(old: NodeState, new: NodeState) -> bool:
    """Whether more than the time has changed, which is worth a record."""
    before = (old.boot, old.down, old.lost, old.unwatched, old.gap_at)
    return before != (new.boot, new.down, new.lost, new.unwatched, new.gap_at)
