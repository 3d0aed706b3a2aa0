"""The sessions that a batch has opened: swept, changed by rules, published, written at the end.

What rules decide becomes records here, in the order in which they must become durable.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from schemas import topics
from streams import presence_fold, state
from streams.effects import Effects, Record
from streams.partition import PartitionState
from streams.records import owner_record, presence_record
from streams.state import Presence, Session
from streams.sweep import PIECE, Sweep
from streams.tracing import child_of
from streams.verdict import Verdict


class OpenSessions:
    """Of one batch of one partition. `now` is the worker's clock."""

    def __init__(self, partition: PartitionState, now: datetime) -> None:
        self._partition = partition
        self.now = now
        self._open: dict[bytes, Session] = {}
        self._touched: set[bytes] = set()
        self._published: dict[bytes, Presence] = {}
        self._record: Any = None  # the one being folded, for its trace
        self.effects = Effects()
        self.fences: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.told_at: list[datetime] = []  # when what was published had happened

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
        members = self._partition.members_of(node)
        self._partition.sweeps.append(Sweep(node, rule, dict.fromkeys(members)))

    def _sweep(self) -> None:
        sweeps, left = self._partition.sweeps, PIECE
        while sweeps and left > 0:
            for key in sweeps[0].first(left):
                left -= 1
                if self._session(key) is None:  # else it has been claimed on the way
                    sweeps[0].claim(key)
            if not sweeps[0].waiting:
                self._conclude(sweeps.pop(0))

    def _conclude(self, sweep: Sweep) -> None:
        if sweep.after is not None:
            self.effects.conclusions.append(sweep.after)

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
            self.effects.state.append(owner_record(verdict.owner, self._trace()))
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

    def _write(self) -> None:
        """The changelog records of what was touched."""
        partition = self._partition
        if self._touched:
            partition.batch += 1
        write, encode = self.effects.state.append, state.encode
        for key in self._touched:
            session = self._open[key]
            session.batch = partition.batch
            value = encode(session)
            partition.sessions[key] = value
            write(Record(topics.SESSIONS, partition.number, key, value))


def _is_on(session: Session, node: str) -> bool:
    return any(b.node == node for b in session.bindings.values()) or any(
        leg.node == node for leg in session.calls.values()
    )
