"""One batch of one partition: decode, fold, and gather what must become durable.

Thin: every rule is in the folds. Knows neither Faust nor a clock (`now` is given).
"""

from collections.abc import Callable, Iterable
from copy import copy
from datetime import datetime, timedelta
from typing import Any

from schemas import topics
from schemas.fences import Fence
from schemas.vocabulary import CallKind, NodeKind, RegistrationKind
from streams import models
from streams.batches.effects import Effects, Record, refusal
from streams.batches.open_sessions import OpenSessions, Rule
from streams.batches.partition_state import PartitionState
from streams.batches.placement import Misplaced
from streams.batches.sweep import PATHS
from streams.folds.call import fold_call
from streams.folds.connection_loss import fold_loss
from streams.folds.edge_connections import fold_connections
from streams.folds.edges import EDGE_TOLERANCE
from streams.folds.expiry import fold_expiry
from streams.folds.listed_before import fold_listed_before
from streams.folds.media import fold_update
from streams.folds.node import (
    fold_node_back,
    fold_node_change,
    fold_node_lost,
    fold_staleness,
)
from streams.folds.node_state import fold_node_state
from streams.folds.outcome import FoldResult
from streams.folds.previous_process import fold_after_end, has_ended, is_late
from streams.folds.registration import fold_registration
from streams.folds.snapshot import fold_calls_listed, fold_registrations_listed
from streams.models import (
    CallEvent,
    ConnectionLoss,
    MediaUpdate,
    NodeChange,
    NodeState,
    RegistrationEvent,
    Session,
)

# A timer whose rule failed rings again so much later, by the clock it rang by.
TRY_AGAIN = timedelta(seconds=60)

_CONFIRMING = frozenset(
    {RegistrationKind.REGISTERED, RegistrationKind.REFRESHED, RegistrationKind.SNAPSHOT_ROW}
)


class SessionBatch(OpenSessions):
    """Folds records of one partition into its sessions; `finish` gives the effects."""

    def __init__(self, partition: PartitionState, now: datetime, *, caught_up: bool = True) -> None:
        """`caught_up`: whether the registrations of this partition are folded up to their end.

        Only then may the time that other topics tell ring timers: a refresh that is not read yet
        must not find its binding expired.
        """
        super().__init__(partition, now)
        self._caught_up = caught_up
        self.misplaced = False  # whether a record stands in a partition that is not its key's

    def fold(self, topic: topics.Topic, records: Iterable[Any]) -> None:
        """Fold consumed records of `topic` (objects with key, value, offset, headers)."""
        rule = _RULES[topic.name]
        read = models.decoder(topic.model).decode
        for record in records:
            self._record = record
            try:
                rule(self, read(record.value or b""))
            except Exception as error:  # a rule's own fault must not stop everybody else
                self._refuse(topic, record, error)
                if isinstance(error, Misplaced):
                    self.misplaced = True

    def finish(self) -> Effects:
        """Sweep a piece, ring the timers that are due, then write what was touched."""
        self._record = None
        partition = self._partition
        for node in partition.grown_stale(self.now):
            known = partition.nodes[node]
            try:
                with self._of_one_piece(node):
                    self._doubt(node, known.gap_at or known.at, stale=True)
            except Exception as error:
                self._failed("stale node", error)
        self._sweep()
        for node, key, node_time in partition.ring(self.now):
            if not self._on_timer(key, self._expiry(node, node_time)):
                partition.ring_again(node, key, node_time + TRY_AGAIN)
        for key in partition.graces_over(self.now):
            if not self._on_grace(key):
                partition.await_grace(key, self.now + TRY_AGAIN)
        self._write()
        return self.effects

    # -- rules by topic ---------------------------------------------------------------------------

    def _expiry(self, node: str, node_time: datetime) -> Rule:
        slack = self._partition.slack
        return lambda session, _: fold_expiry(session, node, node_time, slack)

    def _registration(self, event: RegistrationEvent) -> None:
        if event.kind is RegistrationKind.SNAPSHOT_ENDED:
            self._listed(event)
        elif event.kind is RegistrationKind.CONNECTIONS_LISTED:
            self._connections_listed(event)
        elif event.aor is not None:
            self._told(event.aor, event, self._rule_for(event))
        # Last: the time of an event that could not be folded rings nobody's timers.
        self._partition.see(event.node, event.at)

    def _rule_for(self, event: RegistrationEvent) -> Rule:
        """Of a client at an edge the edges' listings that came before count as well."""
        kept = self._partition.edge_listings.kept
        if not kept or event.received is None or event.kind not in _CONFIRMING:
            return fold_registration
        listings, complete = [], []
        for node, listing in kept.items():
            if event.snapshot is None and event.at > listing.event.at + EDGE_TOLERANCE:
                continue
            known = self._partition.nodes.get(node)
            if known is not None and (known.boot != listing.event.boot or known.down):
                continue
            listings.append(listing)
            if known is not None and known.gap is None and not (known.lost or known.unwatched):
                complete.append(node)
        if not listings:
            return fold_registration
        return lambda session, told: fold_listed_before(session, told, listings, complete)

    def _listed(self, end: RegistrationEvent) -> None:
        rule = fold_registrations_listed
        if end.aor is not None:
            self._one(end.aor, rule, end)
            return
        with self._of_one_piece(end.node):
            self._every_member(end.node, lambda session: rule(session, end))
            self._doubt(end.node, end.at, stale=False)

    def _connections_listed(self, event: RegistrationEvent) -> None:
        """An edge without a table lists its clients' connections: of its users, and of those
        behind it whom it did not report."""
        listing = self._partition.edge_listings.add(event)
        if listing is None:
            return
        node, first = event.node, listing.event
        known = self._partition.nodes.get(node)
        if known is not None and (is_late(first, known) or has_ended(first, known)):
            return
        if known is not None and known.listed_at is not None and first.at <= known.listed_at:
            return  # read again: what was registered since is for the next one
        if known is not None and known.gap_at is not None and known.gap_from is not None:
            listing.gap = known.gap_from, known.gap_at
        with self._of_one_piece(node):
            for members in (node, PATHS):
                self._every_member(members, lambda s: fold_connections(s, listing))
            self._doubt(node, first.at, stale=False)
            self._partition.edge_listings.keep(listing)

    def _calls_listed(self, end: CallEvent) -> None:
        rule = fold_calls_listed
        if end.aor is not None:
            self._one(end.aor, rule, end)
        else:
            self._every_member(end.node, lambda session: rule(session, end))

    def _call(self, event: CallEvent) -> None:
        if event.kind is CallKind.SNAPSHOT_ENDED:
            self._calls_listed(event)
        elif event.aor is None:
            return
        elif event.kind is not CallKind.ENDED and self._is_down(event):
            self.fences[Fence.NODE_IS_DOWN] += 1
        else:
            self._told(event.aor, event, fold_call)

    def _is_down(self, event: Any) -> bool:
        """Whether the process that speaks has ended since: with all that it had."""
        node = self._partition.nodes.get(event.node)
        return node is not None and has_ended(event, node)

    def _told(self, aor: str, event: Any, fold: Callable[[Session, Any], FoldResult]) -> None:
        """Fold what a node's own process told, if it lives or not."""
        node = self._partition.nodes.get(event.node)
        if node is not None and (
            is_late(event, node) or (event.kind in _CONFIRMING and has_ended(event, node))
        ):
            self._one(aor, lambda s, e: fold_after_end(s, e, node, fold), event)
        else:
            self._one(aor, fold, event)

    def _loss(self, loss: ConnectionLoss) -> None:
        self._one(loss.aor, fold_loss, loss)

    def _media(self, update: MediaUpdate) -> None:
        self._one(update.aor, fold_update, update)

    def _node(self, change: NodeChange) -> None:
        with self._of_one_piece(change.node):
            self._node_changed(change)

    def _node_changed(self, change: NodeChange) -> None:
        partition = self._partition
        old = partition.nodes.get(change.node)
        new = fold_node_state(old, change, self.now)
        if new is None:
            self.fences[Fence.OLDER_THAN_NODE] += 1
            return
        partition.nodes[change.node] = new
        if change.kind is NodeKind.LOST:
            self._every_member(change.node, lambda s: fold_node_lost(s, change))
        elif old is not None and old.lost and old.boot == new.boot and not new.down:
            self._every_member(change.node, lambda s: fold_node_back(s, change))
        if change.kind in (NodeKind.UP, NodeKind.DOWN):
            self._every_member(change.node, lambda s: fold_node_change(s, change))
        if old is None or _turned(old, new):
            self._keep(change.node, new)
        if self._caught_up and change.kind is not NodeKind.GAP:  # that is the producer's word
            partition.see(change.node, change.at)

    def _keep(self, node: str, new: NodeState) -> None:
        """Write it, but not before what it means for the node's users is done."""
        value = models.encode(new)
        record = Record(topics.NODE_STATE, self._partition.number, node.encode(), value)
        sweeps = [sweep for sweep in self._partition.sweeps if sweep.node == node]
        if sweeps:
            sweeps[-1].after = record
        else:
            self.effects.state.append(record)

    def _doubt(self, node: str, at: datetime, *, stale: bool) -> None:
        """The node has been uncertain for too long, or a listing of after that has come."""
        before = self._partition.nodes.get(node)
        if before is None:
            return
        known = self._partition.nodes[node] = copy(before)  # steps of this batch may refer to it
        if not stale:
            known.listed_at = max(known.listed_at or at, at)
        if known.gap is None and known.stale == stale:
            return
        if not stale and known.gap_at is not None and at < known.gap_at:
            return  # it had begun before: what was missed since may be missing there too
        was_stale, known.stale = known.stale, stale
        if not stale:
            known.gap = known.gap_at = known.gap_from = None
        if was_stale != stale:
            self._every_member(node, lambda s: fold_staleness(s, node, at, stale=stale))
        self._keep(node, known)

    def _refuse(self, topic: topics.Topic, record: Any, error: Exception) -> None:
        self.fences[Fence.DEAD_LETTER] += 1
        self.effects.state.append(refusal(topic, record, error, self.now))


def _turned(old: NodeState, new: NodeState) -> bool:
    """Whether it is more than the time that changed: worth a record in every partition."""
    before = (old.boot, old.down, old.lost, old.unwatched, old.gap_at)
    return before != (new.boot, new.down, new.lost, new.unwatched, new.gap_at)


_RULES: dict[str, Callable[[SessionBatch, Any], None]] = {
    topics.REGISTRATIONS.name: SessionBatch._registration,
    topics.CALLS.name: SessionBatch._call,
    topics.CONNECTION_LOSSES.name: SessionBatch._loss,
    topics.MEDIA_UPDATES.name: SessionBatch._media,
    topics.NODE_CHANGES.name: SessionBatch._node,
}
