"""The log told again: one user's records through the streams' own folds, one at a time.

Pure: the clock is the records'. No rule is here: `SessionBatch` decides, and what it decided is
read from the session before and after, from what it published and from the fences it counted.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from operate.explain.differences import differences
from operate.explain.narrative import Account, Shown, Step, Told
from operate.explain.phrases import ENDED_EARLIER
from operate.explain.records import Logged, NodeTime, concerns, read_node_time
from schemas import codec, topics
from schemas.dead_letter import DeadLetter
from schemas.vocabulary import Source
from streams import models
from streams.batches.partition_state import PartitionState
from streams.batches.session_batch import SessionBatch
from streams.models import NodeState, Presence, Session
from streams.settings import StreamsSettings

_INSTANT = timedelta(microseconds=1)
_LONG_AGO = datetime.fromtimestamp(0, UTC)


class Retelling:
    """Of one user. Give it every record of the user's partition in order (`read_by_time`)."""

    def __init__(self, aor: str, settings: StreamsSettings, since: datetime | None = None) -> None:
        """`settings` must be the worker's: slack, grace, when doubt is shown.

        What comes to Kafka before `since` is folded, and told of only where something later,
        or an end that is remembered, goes back to it.
        """
        self.aor = aor
        self.account = Account()
        self._key = aor.encode()
        self._now = _LONG_AGO
        self._since = since or _LONG_AGO
        self._session: Session | None = None
        self._partition = PartitionState(
            *(0, {}, {}, {}, {}),
            slack=settings.expiry_slack,
            grace=settings.grace_of,
            stale_after=settings.stale_after,
        )

    @property
    def session(self) -> Session | None:
        """What is known of the user by now; None: nothing but refusals, or nothing at all."""
        return self._session

    @property
    def nodes(self) -> dict[str, NodeState]:
        return self._partition.nodes

    def clock(self, node: str) -> datetime | None:
        """The time on a node, as its own events last told."""
        return self._partition.clock(node, self._now)

    def take_all(self, records: Iterable[Logged], until: datetime) -> None:
        """All records, then what time alone brings up to `until`."""
        for record in records:
            if concerns(record, self._key):
                self.take(record)
            elif record.topic is topics.REGISTRATIONS:
                self._hear(record)
        self.pass_time(until)

    def take(self, record: Logged) -> None:
        """A record that concerns the user."""
        self.pass_time(record.produced)
        self._fold(record)

    def _hear(self, record: Logged) -> None:
        """Another user's registration: it tells the time on its node."""
        try:
            told: NodeTime = read_node_time(record.value or b"")
        except codec.UNREADABLE:
            return
        due = self._expiry(told.node)
        rings = due is not None and due <= told.at
        if rings:
            self.pass_time(record.produced)
        self._partition.see(told.node, told.at)
        if rings:
            self._fold(None)

    def pass_time(self, until: datetime) -> None:
        """Do what is due by the worker's clock, each at its moment, up to `until`."""
        while due := min((m for m in self._moments() if self._now < m <= until), default=None):
            self._now = due
            self._fold(None)
        self._now = max(self._now, until)

    def _moments(self) -> Iterator[datetime]:
        """When by the worker's clock something may be due: it is looked for then, not decided."""
        if self._session is not None and self._session.grace_until is not None:
            yield self._session.grace_until
        for name, node in self.nodes.items():
            if node.gap is not None and not node.stale:
                yield node.gap + self._partition.stale_after + _INSTANT
            expiry = self._expiry(name)
            if node.lost and node.changed is not None and expiry is not None:
                yield node.changed + (expiry - node.at)

    def _expiry(self, node: str) -> datetime | None:
        """When, on the node's clock, the first of the user's bindings there is overdue."""
        return self._partition.rings_at(node, self._key)

    def _fold(self, record: Logged | None) -> None:
        batch = SessionBatch(self._partition, self._now)
        if record is not None:
            batch.fold(record.topic, [record])
        effects = batch.finish()
        before = self._session or Session(aor=self.aor)
        written = any(one.topic is topics.SESSIONS for one in effects.state)
        if written:
            self._session = models.decode(Session, self._partition.sessions[self._key])
        changed = differences(before, self._session or before) if written else []
        shown = [_shown(models.decode(Presence, r.value or b"")) for r in effects.publications]
        matters = bool(changed or shown)
        own = record is not None and record.key == self._key
        told = self._told(record) if own or matters or batch.fences else None
        after = self._session or before
        if told is not None and (own or matters):
            self.account.remember(told, self._proofs)
        self.account.follow(changed, told, after)
        if self._now < self._since:
            return
        if told is not None and (own or matters):
            self.account.records += 1
        if matters:
            step = Step(at=self._now, by=told, effects=changed, shown=shown)
            self.account.note(step)
        if told is None or not (own or told.node in places(after)):
            return
        for fence in batch.fences:
            self.account.count(told, fence, _fault(batch))
        if own and not matters and not batch.fences:
            is_late = before.ended != after.ended
            self.account.count(told, ENDED_EARLIER if is_late else None)

    def _told(self, record: Logged | None) -> Told | None:
        if record is None:
            return None
        try:
            event = models.decode(record.topic.model, record.value or b"")
        except models.InvalidRecord:
            where = f"{record.topic.name}/{record.partition}/{record.offset}"
            return _as_told(where, "unreadable", "", "", record.produced, record)
        kind = getattr(event, "kind", "") or getattr(event, "cause", "media")
        source = getattr(event, "source", Source.STREAMS)
        return _as_told(event.id, kind, source, event.node, event.at, record)

    @property
    def _proofs(self) -> Iterator[str]:
        """Ids of the events that the session names."""
        session = self._session
        if session is None:
            return
        yield from session.evidence
        for binding in session.bindings.values():
            yield from (binding.opened_by, binding.event)
        yield from (grave.event for grave in session.ended.values())
        yield from (leg.event for leg in session.calls.values())


def places(session: Session) -> set[str]:
    """The nodes that the user has something on."""
    nodes = {binding.node for binding in session.bindings.values()}
    return nodes | {leg.node for leg in session.calls.values()}


def _as_told(id_: str, kind: str, source: str, node: str, at: datetime, record: Logged) -> Told:
    return Told(
        id=id_, kind=str(kind), source=str(source), node=node, at=at, produced=record.produced
    )


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
    """What was wrong with a record that could not be used."""
    for record in batch.effects.state:
        if record.topic is topics.DEAD_LETTERS:
            letter = codec.decode(DeadLetter, record.value or b"")
            return f"{letter.field}: {letter.reason}" if letter.field else letter.reason
    return None
