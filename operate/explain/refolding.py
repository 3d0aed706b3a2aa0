"""Folds one user's records again with the streams' own folds, one at a time, into a narrative.

Pure: the records carry the clock. No rule is here. `SessionBatch` decides; its decision is read
from the session before and after, from what it published, and from the fences it counted.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from operate.explain.differences import differences
from operate.explain.events import Shown, Step
from operate.explain.narrative import Narrative
from operate.explain.phrases import ENDED_EARLIER
from operate.explain.records import (
    LogRecord,
    NodeTime,
    concerns,
    read_node_time,
    reported_event,
)
from schemas import codec, topics
from schemas.dead_letter import DeadLetter
from streams import models
from streams.batches.partition_state import PartitionState
from streams.batches.session_batch import SessionBatch
from streams.models import NodeState, Presence, Session
from streams.settings import StreamsSettings

_INSTANT = timedelta(microseconds=1)
_LONG_AGO = datetime.fromtimestamp(0, UTC)


class Refolding:
    """One user's session, folded again. It needs every record of their partition, in order."""

    def __init__(self, aor: str, settings: StreamsSettings, since: datetime | None = None) -> None:
        """`settings` must be the worker's own: expiry slack, grace, when a node becomes stale.

        Records produced before `since` are folded, but enter the narrative only where a later
        change or a remembered end refers to them.
        """
        self.aor = aor
        self.narrative = Narrative()
        self._key = aor.encode()
        self._now = _LONG_AGO
        self._since = since or _LONG_AGO
        self._session: Session | None = None
        self._partition = PartitionState(
            *(0, {}, {}),
            slack=settings.expiry_slack,
            grace=settings.grace_of,
            stale_after=settings.stale_after,
        )

    @property
    def session(self) -> Session | None:
        """The user's session by now; None where no event has changed anything."""
        return self._session

    @property
    def nodes(self) -> dict[str, NodeState]:
        return self._partition.nodes

    def clock(self, node: str) -> datetime | None:
        """The time on a node's clock, by its latest event."""
        return self._partition.clocks.time(node, self._now)

    def fold_all(self, records: Iterable[LogRecord], until: datetime) -> None:
        """Fold all records, then run the timers that are due up to `until`."""
        for record in records:
            if concerns(record, self._key):
                self.run_timers(record.produced)
                self._fold(record)
            elif record.topic is topics.REGISTRATIONS:
                self._advance_node_clock(record)
        self.run_timers(until)

    def _advance_node_clock(self, record: LogRecord) -> None:
        """Read another user's registration: its time moves its node's clock, which expires ours."""
        try:
            read: NodeTime = read_node_time(record.value or b"")
        except codec.UNREADABLE:
            return
        expiry = self._expiry(read.node)
        is_due = expiry is not None and expiry <= read.at
        if is_due:
            self.run_timers(record.produced)
        self._partition.clocks.advance(read.node, read.at)
        if is_due:
            self._fold(None)

    def run_timers(self, until: datetime) -> None:
        """Fold at each time up to `until` at which a timer of the worker is due."""
        while due := min((t for t in self._timers() if self._now < t <= until), default=None):
            self._now = due
            self._fold(None)
        self._now = max(self._now, until)

    def _timers(self) -> Iterator[datetime]:
        """Times of the worker's clock at which something may be due; the fold decides whether."""
        if self._session is not None and self._session.grace_until is not None:
            yield self._session.grace_until
        for name, node in self.nodes.items():
            if node.gap is not None and not node.stale:
                yield node.gap + self._partition.stale_after + _INSTANT
            expiry = self._expiry(name)
            if node.lost and node.changed is not None and expiry is not None:
                yield node.changed + (expiry - node.at)

    def _expiry(self, node: str) -> datetime | None:
        """The time of the node's clock at which the user's first binding there is overdue."""
        return self._partition.index.due_at(node, self._key)

    def _fold(self, record: LogRecord | None) -> None:
        batch = SessionBatch(self._partition, self._now)
        if record is not None:
            batch.fold(record.topic, [record])
        effects = batch.finish()
        before = self._session or Session(aor=self.aor)
        written = any(one.topic is topics.SESSIONS for one in effects.state)
        if written:
            self._session = models.decode(Session, self._partition.sessions[self._key])
        changed = differences(before, self._session or before) if written else []
        shown = [_shown(models.decode(Presence, r.value or b"")) for r in effects.presence]
        matters = bool(changed or shown)
        own = record is not None and record.key == self._key
        event = (
            reported_event(record)
            if record is not None and (own or matters or batch.output.fences)
            else None
        )
        after = self._session or before
        if event is not None and (own or matters):
            self.narrative.keep(event, self._evidence)
        self.narrative.track_ends(changed, event, after)
        if self._now < self._since:
            return
        if event is not None and (own or matters):
            self.narrative.records += 1
        if matters:
            step = Step(at=self._now, by=event, effects=changed, shown=shown)
            self.narrative.add_step(step)
        if event is None or not (own or event.node in session_nodes(after)):
            return
        for fence in batch.output.fences:
            self.narrative.count(event, fence, _fault(batch))
        if own and not matters and not batch.output.fences:
            is_late = before.ended != after.ended
            self.narrative.count(event, ENDED_EARLIER if is_late else None)

    @property
    def _evidence(self) -> Iterator[str]:
        """Ids of the events that the session refers to."""
        session = self._session
        if session is None:
            return
        yield from session.evidence
        for binding in session.bindings.values():
            yield from (binding.opened_by, binding.event)
        yield from (tombstone.event for tombstone in session.ended.values())
        yield from (leg.event for leg in session.calls.values())


def session_nodes(session: Session) -> set[str]:
    """The nodes on which the user has a binding or a call."""
    nodes = {binding.node for binding in session.bindings.values()}
    return nodes | {leg.node for leg in session.calls.values()}


def _shown(presence: Presence) -> Shown:
    return Shown(
        status=presence.status,
        reachable=presence.reachable,
        cause=presence.cause,
        at=presence.at,
        bindings=len(presence.bindings),
        evidence=presence.evidence,
    )


def _fault(batch: SessionBatch) -> str | None:
    """The reason in the dead letter that the batch wrote, None where it wrote none."""
    for record in batch.output.effects.state:
        if record.topic is topics.DEAD_LETTERS:
            letter = codec.decode(DeadLetter, record.value or b"")
            return f"{letter.field}: {letter.reason}" if letter.field else letter.reason
    return None
