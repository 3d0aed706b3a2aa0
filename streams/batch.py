"""One batch of one partition: decode, fold, and gather what must become durable.

Thin: every rule is in the folds. Knows neither Faust nor a clock (`now` is given).
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from schemas import topics
from schemas.codec import unreadable
from schemas.vocabulary import CallKind, NodeKind, RegistrationKind
from streams import (
    expiry_fold,
    loss_fold,
    media_fold,
    node_fold,
    presence_fold,
    snapshot_fold,
    state,
)
from streams.call_fold import fold_call
from streams.effects import Effects, Record, refusal
from streams.partition import PartitionState
from streams.records import owner_record, presence_record
from streams.registration_fold import fold_registration
from streams.state import (
    CallEvent,
    ConnectionLoss,
    MediaUpdate,
    NodeChange,
    NodeState,
    Presence,
    RegistrationEvent,
    Session,
)
from streams.sweep import PIECE, Sweep
from streams.tracing import child_of
from streams.verdict import Verdict

_CONFIRMING = frozenset(
    {RegistrationKind.REGISTERED, RegistrationKind.REFRESHED, RegistrationKind.SNAPSHOT_ROW}
)


class SessionBatch:
    """Folds records of one partition into its sessions; `finish` gives the effects."""

    def __init__(self, partition: PartitionState, now: datetime, *, caught_up: bool = True) -> None:
        """`caught_up`: whether the registrations of this partition are folded up to their end.

        Only then may the time that other topics tell ring timers: a refresh that is not read yet
        must not find its binding expired.
        """
        self._partition = partition
        self.now = now
        self._caught_up = caught_up
        self._open: dict[bytes, Session] = {}
        self._touched: set[bytes] = set()
        self._published: dict[bytes, Presence] = {}
        self._record: Any = None  # the one being folded, for its trace
        self.effects = Effects()
        self.fences: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.told_at: list[datetime] = []  # when what was published had happened

    def fold(self, topic: topics.Topic, records: Iterable[Any]) -> None:
        """Fold consumed records of `topic` (objects with key, value, offset, headers)."""
        rule = _RULES[topic.name]
        read = state.decoder(topic.model).decode
        for record in records:
            self._record = record
            try:
                rule(self, read(record.value or b""))
            except Exception as error:  # a rule's own fault must not stop everybody else
                self._refuse(topic, record, error)

    def finish(self) -> Effects:
        """Sweep a piece, ring the timers that are due, then write what was touched."""
        self._record = None
        partition = self._partition
        for node in partition.grown_stale(self.now):
            known = partition.nodes[node]
            self._doubt(node, known.gap_at or known.at, stale=True)
        self._sweep()
        for node, key, node_time in partition.ring(self.now):
            session = self._session(key)
            if session is not None:
                verdict = expiry_fold.fold_expiry(session, node, node_time, partition.slack)
                self._apply(key, session, verdict)
                partition.index(key, session)
        for key in partition.graces_over(self.now):
            session = self._session(key)
            if session is not None:
                self._publish(key, session, presence_fold.end_grace(session, self.now))
        if self._touched:
            partition.batch += 1
        write, encode = self.effects.state.append, state.encode
        for key in self._touched:
            session = self._open[key]
            session.batch = partition.batch
            value = encode(session)
            partition.sessions[key] = value
            write(Record(topics.SESSIONS, partition.number, key, value))
        return self.effects

    # -- rules by topic ---------------------------------------------------------------------------

    def _registration(self, event: RegistrationEvent) -> None:
        partition = self._partition
        partition.see(event.node, event.at)
        if event.kind is RegistrationKind.SNAPSHOT_ENDED:
            self._snapshot_ended(event, snapshot_fold.fold_registrations_listed)
            if event.aor is None:
                self._doubt(event.node, event.at, stale=False)
            return
        if event.aor is None:
            return
        node = partition.nodes.get(event.node)
        if node and node.down and node.boot == event.boot and event.kind in _CONFIRMING:
            self.fences["node-is-down"] += 1
            return
        self._one(event.aor, fold_registration, event)

    def _call(self, event: CallEvent) -> None:
        if event.kind is CallKind.SNAPSHOT_ENDED:
            self._snapshot_ended(event, snapshot_fold.fold_calls_listed)
        elif event.aor is not None:
            self._one(event.aor, fold_call, event)

    def _loss(self, loss: ConnectionLoss) -> None:
        self._one(loss.aor, loss_fold.fold_loss, loss)

    def _media(self, update: MediaUpdate) -> None:
        self._one(update.aor, media_fold.fold_update, update)

    def _node(self, change: NodeChange) -> None:
        partition = self._partition
        old = partition.nodes.get(change.node)
        new = node_fold.fold_node_state(old, change, self.now)
        if new is None:
            self.fences["older-than-node"] += 1
            return
        if self._caught_up and change.kind is not NodeKind.GAP:  # that is the producer's word
            partition.see(change.node, change.at)
        partition.nodes[change.node] = new
        if old is None or _turned(old, new):
            self._keep(change.node, new)
        if change.kind is NodeKind.LOST:
            self._every_member(change.node, lambda s: node_fold.fold_node_lost(s, change))
            return
        if old is not None and old.lost and old.boot == new.boot and not new.down:
            self._every_member(change.node, lambda s: node_fold.fold_node_back(s, change))
        if change.kind in (NodeKind.UP, NodeKind.DOWN):
            self._every_member(change.node, lambda s: node_fold.fold_node_change(s, change))

    def _keep(self, node: str, new: NodeState) -> None:
        value = state.encode(new)
        record = Record(topics.NODE_STATE, self._partition.number, node.encode(), value)
        self.effects.state.append(record)

    def _doubt(self, node: str, at: datetime, *, stale: bool) -> None:
        """The node has been uncertain for too long, or a listing has ended that."""
        known = self._partition.nodes.get(node)
        if known is None or (known.gap is None and known.stale == stale):
            return
        was_stale, known.stale = known.stale, stale
        if not stale:
            known.gap = known.gap_at = None
        self._keep(node, known)
        if was_stale != stale:
            self._every_member(node, lambda s: node_fold.fold_doubt(s, node, at, stale=stale))

    def _snapshot_ended(self, end: Any, rule: Callable[[Session, Any], Verdict]) -> None:
        if end.aor is not None:
            key = end.aor.encode()
            session = self._session(key)
            if session is not None:
                self._apply(key, session, rule(session, end))
        else:
            self._every_member(end.node, lambda session: rule(session, end))

    # -- sessions ---------------------------------------------------------------------------------

    def _session(self, key: bytes) -> Session | None:
        session = self._open.get(key)
        if session is None:
            value = self._partition.sessions.get(key)
            if value is None:
                return None
            session = self._open[key] = state.decode(Session, value)
            session.earlier = []
        for sweep in self._partition.sweeps:  # what was decided before comes before
            if sweep.claim(key):
                self._swept(sweep, key, session)
        return session

    def _one(self, aor: str, rule: Callable[[Session, Any], Verdict], event: Any) -> None:
        key = aor.encode()
        session = self._session(key)
        if session is None:
            session = Session(aor=aor)
        verdict = rule(session, event)
        if verdict.changed:
            self._open[key] = session
            self._partition.index(key, session)
        self._apply(key, session, verdict)

    def _every_member(self, node: str, rule: Callable[[Session], Verdict]) -> None:
        members = self._partition.members.get(node, ())
        self._partition.sweeps.append(Sweep(node, rule, dict.fromkeys(members)))

    def _sweep(self) -> None:
        sweeps, left = self._partition.sweeps, PIECE
        while sweeps and left > 0:
            for key in sweeps[0].first(left):
                left -= 1
                if self._session(key) is None:  # else it has been claimed on the way
                    sweeps[0].claim(key)
            if not sweeps[0].waiting:
                sweeps.pop(0)

    def _swept(self, sweep: Sweep, key: bytes, session: Session) -> None:
        if _is_on(session, sweep.node):
            self._apply(key, session, sweep.rule(session))
        else:
            self._partition.leave(sweep.node, key)

    def _apply(self, key: bytes, session: Session, verdict: Verdict) -> None:
        if verdict.fence:
            self.fences[verdict.fence] += 1
        if verdict.changed:
            self._touched.add(key)
        if verdict.owner:
            self.effects.announcements.append(owner_record(verdict.owner, self._trace()))
        if verdict.change is None:
            return
        grace = self._partition.grace(session.aor)
        presence = presence_fold.fold_presence(session, verdict.change, grace, self.now)
        if presence is not None and session.grace_until is not None:
            self._partition.await_grace(key, session.grace_until)
        self._publish(key, session, presence)

    def _publish(self, key: bytes, session: Session, presence: Presence | None) -> None:
        if presence is not None:
            self._touched.add(key)
            if (previous := self._published.get(key)) is not None:
                session.earlier.append(previous)
            self._published[key] = presence
            self.causes[presence.cause] += 1
            self.told_at.append(presence.at)
            self.effects.publications.append(
                presence_record(self._partition.number, presence, self._trace(), key)
            )

    def _trace(self) -> str | None:
        """A child of the trace of the record being folded, if it has one."""
        if self._record is None:
            return None
        for name, value in self._record.headers or ():
            if name == "traceparent":
                return child_of(value)
        return None

    def _refuse(self, topic: topics.Topic, record: Any, error: Exception) -> None:
        reason, field = f"{type(error).__name__}: {error}", None
        if isinstance(error, state.UNREADABLE):
            error = unreadable(error)
        if isinstance(error, state.InvalidRecord):
            reason, field = error.reason, error.field
        self.fences["dead-letter"] += 1
        self.effects.announcements.append(refusal(topic, record, reason, field, self.now))


def _turned(old: NodeState, new: NodeState) -> bool:
    """Whether it is more than the time that changed: worth a record in every partition."""
    before = (old.boot, old.down, old.lost, old.unwatched, old.gap_at)
    return before != (new.boot, new.down, new.lost, new.unwatched, new.gap_at)


def _is_on(session: Session, node: str) -> bool:
    return any(b.node == node for b in session.bindings.values()) or any(
        leg.node == node for leg in session.calls.values()
    )


_RULES: dict[str, Callable[[SessionBatch, Any], None]] = {
    topics.REGISTRATIONS.name: SessionBatch._registration,
    topics.CALLS.name: SessionBatch._call,
    topics.CONNECTION_LOSSES.name: SessionBatch._loss,
    topics.MEDIA_UPDATES.name: SessionBatch._media,
    topics.NODE_CHANGES.name: SessionBatch._node,
}
