"""One batch of one partition's sessions: decode, fold, and collect the records to write.

The rules are in the folds. It uses neither Kafka nor a clock: `now` is an argument.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from schemas import topics
from schemas.fences import Fence
from schemas.topic import Topic
from schemas.vocabulary import CallKind, RegistrationKind
from streams import models
from streams.batches.effects import Effects
from streams.batches.forgetting import forget
from streams.batches.node_changes import NodeChanges
from streams.batches.open_sessions import OpenSessions, Rule
from streams.batches.partition_state import PartitionState
from streams.batches.placement import Misplaced
from streams.batches.session_output import SessionOutput
from streams.folds.call import fold_call
from streams.folds.connection_loss import fold_loss
from streams.folds.edges import EDGE_TOLERANCE
from streams.folds.expiry import fold_expiry
from streams.folds.listed_before import fold_listed_before
from streams.folds.media import fold_update
from streams.folds.outcome import FoldResult
from streams.folds.previous_process import fold_after_end, has_ended, is_late
from streams.folds.registration import fold_registration
from streams.folds.snapshot import fold_calls_listed, fold_registrations_listed
from streams.models import (
    CallEvent,
    ConnectionLoss,
    ForgetCommand,
    MediaUpdate,
    NodeChange,
    RegistrationEvent,
    Session,
)

# The timer of a user whose rule failed is set again so much later, by the clock it goes by.
TRY_AGAIN = timedelta(seconds=60)

_CONFIRMING = frozenset(
    {RegistrationKind.REGISTERED, RegistrationKind.REFRESHED, RegistrationKind.SNAPSHOT_ROW}
)
_EventRule = Callable[[Session, Any], FoldResult]


class SessionBatch:
    """Folds records of one partition into its sessions; `finish` returns the effects."""

    def __init__(self, partition: PartitionState, now: datetime, *, caught_up: bool = True) -> None:
        """`caught_up`: whether the registrations of this partition are folded up to their end.

        Only then do the times of other topics advance the nodes' clocks: a binding must not expire
        while its refresh is unread.
        """
        self.now = now
        self.misplaced = False  # whether a record is in another partition than its key's
        self.output = SessionOutput(partition.number, now)
        self._partition = partition
        self._sessions = OpenSessions(partition, self.output, now)
        self._nodes = NodeChanges(partition, self._sessions, self.output, now, caught_up=caught_up)

    def fold(self, topic: Topic, records: Iterable[Any]) -> None:
        """Fold consumed records of `topic` (objects with key, value, offset, headers)."""
        rule = _RULES[topic.name]
        read = models.decoder(topic.model).decode
        for record in records:
            self.output.record = record
            try:
                rule(self, read(record.value or b""))
            except Exception as error:  # an exception in a rule must not stop the other records
                self.output.refuse(topic, error)
                if isinstance(error, Misplaced):
                    self.misplaced = True

    def finish(self) -> Effects:
        """Sweep a piece, fold the timers that are due, then write the changed sessions."""
        self.output.record = None
        partition = self._partition
        self._nodes.mark_stale()
        self._sessions.sweep_piece()
        for node, key, node_time in partition.take_due(self.now):
            if not self._sessions.fold_timer(key, self._expiry(node, node_time)):
                partition.index.retry(node, key, node_time + TRY_AGAIN)
        for key in partition.graces.take_due(self.now):
            if not self._sessions.end_grace(key):
                partition.graces.add(key, self.now + TRY_AGAIN)
        self._sessions.write()
        return self.output.effects

    def _expiry(self, node: str, node_time: datetime) -> Rule:
        slack = self._partition.slack
        return lambda session: fold_expiry(session, node, node_time, slack)

    # -- rules by topic ---------------------------------------------------------------------------

    def _registration(self, event: RegistrationEvent) -> None:
        if event.kind is RegistrationKind.SNAPSHOT_ENDED and event.aor is None:
            self._nodes.registrations_listed(event)
        elif event.kind is RegistrationKind.SNAPSHOT_ENDED and event.aor is not None:
            self._sessions.fold(event.aor, lambda s: fold_registrations_listed(s, event))
        elif event.kind is RegistrationKind.CONNECTIONS_LISTED:
            self._nodes.connections_listed(event)
        elif event.aor is not None:
            rule = self._rule_for(event)
            is_plain = self._partition.short_refreshes and rule is fold_registration
            if not (is_plain and self._sessions.refresh(event)):
                self._fold_own(event.aor, event, rule)
        # Last: an event that could not be folded does not advance the clock.
        self._partition.clocks.advance(event.node, event.at)

    def _rule_for(self, event: RegistrationEvent) -> _EventRule:
        """The rule for a registration: behind an edge, earlier listings of the edges count as
        well."""
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
        return lambda session, event: fold_listed_before(session, event, listings, complete)

    def _call(self, event: CallEvent) -> None:
        if event.kind is CallKind.SNAPSHOT_ENDED:
            self._calls_listed(event)
        elif event.aor is None:
            return
        elif event.kind is not CallKind.ENDED and self._has_process_ended(event):
            self.output.fences[Fence.NODE_IS_DOWN] += 1
        else:
            self._fold_own(event.aor, event, fold_call)

    def _calls_listed(self, end: CallEvent) -> None:
        if end.aor is not None:
            self._sessions.fold(end.aor, lambda s: fold_calls_listed(s, end))
        else:
            self._sessions.begin_sweep(end.node, lambda s: fold_calls_listed(s, end))

    def _has_process_ended(self, event: Any) -> bool:
        """Whether the process that reported it has ended since, with all its calls."""
        node = self._partition.nodes.get(event.node)
        return node is not None and has_ended(event, node)

    def _fold_own(self, aor: str, event: Any, rule: _EventRule) -> None:
        """Fold an event of a node's process, which may have ended since."""
        node = self._partition.nodes.get(event.node)
        if node is not None and (
            is_late(event, node) or (event.kind in _CONFIRMING and has_ended(event, node))
        ):
            self._sessions.fold(aor, lambda s: fold_after_end(s, event, node, rule))
        else:
            self._sessions.fold(aor, lambda s: rule(s, event))

    def _loss(self, loss: ConnectionLoss) -> None:
        self._sessions.fold(loss.aor, lambda s: fold_loss(s, loss))

    def _media(self, update: MediaUpdate) -> None:
        self._sessions.fold(update.aor, lambda s: fold_update(s, update))

    def _node(self, change: NodeChange) -> None:
        self._nodes.change(change)

    def _forget(self, command: ForgetCommand) -> None:
        forget(self._partition, self._sessions, self.output, command)


_RULES: dict[str, Callable[[SessionBatch, Any], None]] = {
    topics.REGISTRATIONS.name: SessionBatch._registration,
    topics.CALLS.name: SessionBatch._call,
    topics.CONNECTION_LOSSES.name: SessionBatch._loss,
    topics.MEDIA_UPDATES.name: SessionBatch._media,
    topics.NODE_CHANGES.name: SessionBatch._node,
    topics.FORGET_COMMANDS.name: SessionBatch._forget,
}
