"""The sessions that a batch has opened: swept, changed by rules, published, written at the end.

What rules decide becomes records here, in the order in which they must become durable. Each event
is a transaction: what a rule decided is put into records first and noted after that, and a session
that a rule left half-changed is dropped and made anew from the table and from the earlier events of
the batch. So is what a rule does for a sweep or a timer, where it fails for that user alone.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from schemas import topics
from schemas.fences import Fence
from schemas.vocabulary import Cause
from streams import models
from streams.batches.effects import Effects, Record
from streams.batches.failures import Failures
from streams.batches.journal import Journal
from streams.batches.partition_state import PartitionState
from streams.batches.placement import place
from streams.batches.records import owner_record, presence_record
from streams.batches.sweep import PATHS, PIECE, Sweep
from streams.batches.tracing import child_of
from streams.folds.outcome import FoldResult
from streams.folds.presence import end_grace, fold_presence
from streams.models import Presence, Session

# (session, event) -> result; of a sweep or a timer, whose rules need no event, that is None.
Rule = Callable[[Session, Any], FoldResult]


# What a rule decided, and what that makes: owners' records; the presence and its record.
_Decided = tuple[FoldResult, list[Record], Presence | None, Record | None]


class OpenSessions:
    """Of one batch of one partition. `now` is the worker's clock."""

    def __init__(self, partition: PartitionState, now: datetime) -> None:
        self._partition = partition
        self.now = now
        self._open: dict[bytes, Session] = {}
        self._journal = Journal()  # of (rule, event); no rule: the grace ended
        self._touched: set[bytes] = set()
        self._published: dict[bytes, Presence] = {}
        self._earlier: defaultdict[bytes, list[Presence]] = defaultdict(list)
        self._record: Any = None  # the one being folded, for its trace
        self.effects = Effects()
        self.fences: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.failures = Failures()  # of sweeps and timers
        self.published_causes: list[tuple[Cause, datetime]] = []  # of each publication, and when

    def _session(self, key: bytes) -> Session | None:
        session = self._open.get(key)
        if session is None:
            value = self._partition.sessions.get(key)
            if value is None:
                place(key, self._partition.number, self._partition.partitions)
                return None
            session = self._open[key] = models.decode(Session, value)
        for sweep in self._partition.sweeps:  # what was decided before comes before
            if sweep.claim(key):
                session = self._swept(sweep, key, session)
        return session

    def _one(self, aor: str, rule: Rule, event: Any) -> None:
        """Fold one event into its user's session. Raises what the rule raised, with no effect."""
        key = aor.encode()
        session = self._session(key)
        if session is None:
            session = Session(aor=aor)
        try:
            decided = self._decide(key, session, rule, event)
            changed = decided[0].changed
            if changed:
                self._partition.index(key, session)
        except Exception:
            self._reopen(key)
            raise
        if changed:
            self._open[key] = session
        self._note(key, session, rule, event, decided)

    # -- sweeps -----------------------------------------------------------------------------------

    def _every_member(self, node: str, rule: Callable[[Session], FoldResult]) -> None:
        members = self._partition.members_of(node)
        self._partition.sweeps.append(Sweep(node, rule, dict.fromkeys(members)))

    def _sweep(self) -> None:
        sweeps, left = self._partition.sweeps, PIECE
        while sweeps and left > 0:
            for key in sweeps[0].first(left):
                left -= 1
                try:
                    self._session(key)
                except Exception as error:  # what the table holds cannot be read
                    self._failed("sweep", error)
                sweeps[0].claim(key)  # where it has not been claimed on the way
            if not sweeps[0].waiting:
                self._conclude(sweeps.pop(0))

    def _conclude(self, sweep: Sweep) -> None:
        if sweep.after is not None:
            self.effects.conclusions.append(sweep.after)

    def _swept(self, sweep: Sweep, key: bytes, session: Session) -> Session:
        """The session with the sweep done; without it where its rule fails for this user.

        It is not tried again: the sweep's event would wait for that, and with it the partition.
        The user's next event, listing or expiry decides.
        """
        if not _is_on(session, sweep.node):
            self._partition.leave(sweep.node, key)
            return session

        def rule(swept: Session, _: Any) -> FoldResult:
            return sweep.rule(swept)

        try:
            decided = self._decide(key, session, rule, None)
            if decided[0].changed:
                self._partition.index(key, session)
        except Exception as error:
            self._failed("sweep", error)
            return self._reopen(key) or session
        self._note(key, session, rule, None, decided)
        return session

    # -- timers -----------------------------------------------------------------------------------

    def _on_timer(self, key: bytes, rule: Rule) -> bool:
        """Let a user's timer ring; False when its rule failed, and the session is as before."""
        try:
            session = self._session(key)
            if session is not None:
                decided = self._decide(key, session, rule, None)
                self._partition.index(key, session)
                self._note(key, session, rule, None, decided)
        except Exception as error:
            self._failed("expiry", error)
            self._reopen(key)
            return False
        return True

    def _on_grace(self, key: bytes) -> bool:
        """The same for the end of a user's grace."""
        try:
            session = self._session(key)
            if session is not None:
                presence = end_grace(session, self.now)
                if presence is not None:
                    publication = self._publication(key, presence)
                    self._journal.note((key, (None, None)))
                    self._publish(key, presence, publication)
        except Exception as error:
            self._failed("grace", error)
            self._reopen(key)
            return False
        return True

    # -- transactions -----------------------------------------------------------------------------

    def _decide(self, key: bytes, session: Session, rule: Rule, event: Any) -> _Decided:
        """Change the session; nothing else may have been changed when something raises here."""
        presence = publication = None
        result = rule(session, event)
        owners = []
        if result.owner is not None:
            announced = (result.owner, *result.more_owners)
            owners = [owner_record(owner, self._trace()) for owner in announced]
        if result.change is not None:
            grace = self._partition.grace(session.aor)
            presence = fold_presence(session, result.change, grace, self.now)
            if presence is not None:
                publication = self._publication(key, presence)
        return result, owners, presence, publication

    def _note(
        self, key: bytes, session: Session, rule: Rule, event: Any, decided: _Decided
    ) -> None:
        """What was decided, in effect. Nothing raises here."""
        result, owners, presence, publication = decided
        if result.fence:
            self.fences[result.fence] += 1
        if result.changed:
            self._touched.add(key)
        if key in self._open:
            self._journal.note((key, (rule, event)))
        self.effects.state.extend(owners)
        if presence is not None and publication is not None:
            if session.grace_until is not None:
                self._partition.await_grace(key, session.grace_until)
            self._publish(key, presence, publication)

    def _publish(self, key: bytes, presence: Presence, publication: Record) -> None:
        self._touched.add(key)
        if (previous := self._published.get(key)) is not None:
            self._earlier[key].append(previous)
        self._published[key] = presence
        self.causes[presence.cause] += 1
        self.published_causes.append((presence.cause, presence.at))
        self.effects.publications.append(publication)

    def _reopen(self, key: bytes) -> Session | None:
        """Drop a session that may be half-changed; as it was, from the table and the journal.

        The steps were done once, so they can be done again; should one raise now, the whole batch
        fails, and is read again.
        """
        if self._open.pop(key, None) is None:
            return None
        value = self._partition.sessions.get(key)
        session: Session = models.decode(Session, value) if value else Session(aor=key.decode())
        for rule, event in self._journal.of(key):
            if rule is None:
                end_grace(session, self.now)
            else:
                self._decide(key, session, rule, event)
        self._open[key] = session
        return session

    @contextmanager
    def _of_one_piece(self, node: str) -> Iterator[None]:
        """What an event about a whole node changes: all of it, or nothing where something raises.

        Nodes' states are replaced, never changed (NodeState objects here may be shared).
        """
        nodes, sweeps, written = self._partition.nodes, self._partition.sweeps, self.effects.state
        known, lengths = nodes.get(node), (len(sweeps), len(written))
        after = [sweep.after for sweep in sweeps]
        try:
            yield
        except Exception:
            if known is None:
                nodes.pop(node, None)
            else:
                nodes[node] = known
            del sweeps[lengths[0] :], written[lengths[1] :]
            for sweep, record in zip(sweeps, after, strict=True):
                sweep.after = record
            raise

    def _failed(self, what: str, error: Exception) -> None:
        self.fences[Fence.RULE_FAILED] += 1
        self.failures.add(what, error)

    # -- records ----------------------------------------------------------------------------------

    def _publication(self, key: bytes, presence: Presence) -> Record:
        return presence_record(self._partition.number, presence, self._trace(), key)

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
        write, encode = self.effects.state.append, models.encode
        for key in self._touched:
            session = self._open[key]
            session.batch = partition.batch
            session.earlier = self._earlier.get(key, [])
            value = encode(session)
            partition.sessions[key] = value
            write(Record(topics.SESSIONS, partition.number, key, value))


def _is_on(session: Session, node: str) -> bool:
    if node == PATHS:
        return any(binding.path is not None for binding in session.bindings.values())
    return (
        any(binding.node == node for binding in session.bindings.values())
        or any(leg.node == node for leg in session.calls.values())
        or any(
            binding.edge_connection is not None and binding.edge_connection.node == node
            for binding in session.bindings.values()
        )
    )
