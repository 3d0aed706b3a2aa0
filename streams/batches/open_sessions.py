"""The sessions that a batch has opened: rules change them, and they are written at the end.

Each application of a rule to a session is a transaction: its records are made first and added to
the output after that. If a rule raises, the session is rebuilt from the table and from the rules
applied to it earlier in the batch. In a sweep or a timer the failure costs that user alone.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from schemas import topics
from streams import models
from streams.batches.effects import Record
from streams.batches.journal import Journal
from streams.batches.node_index import is_on
from streams.batches.partition_state import PartitionState
from streams.batches.placement import check_placement
from streams.batches.session_output import SessionOutput
from streams.batches.sweep import PIECE, Sweep
from streams.folds.outcome import FoldResult
from streams.folds.presence import end_grace, fold_presence
from streams.folds.refresh import lay
from streams.folds.short_refresh import short_refresh
from streams.models import Presence, RegistrationEvent, Session
from streams.tables.overlays import overlay_key

# Changes a session; None ends its grace if that is over.
Rule = Callable[[Session], FoldResult]


class _Decided(NamedTuple):
    """The result of a rule, and the records made of it."""

    result: FoldResult
    owners: list[Record]
    presence: Presence | None
    publication: Record | None


class OpenSessions:
    """The open sessions of one batch of one partition. `now` is the worker's clock."""

    def __init__(self, partition: PartitionState, output: SessionOutput, now: datetime) -> None:
        self._partition = partition
        self._output = output
        self._now = now
        self._open: dict[bytes, Session] = {}
        self._journal = Journal()  # of rules
        self._touched: set[bytes] = set()
        self._refreshes: dict[bytes, bytes] = {}  # laid in this batch

    def fold(self, aor: str, rule: Rule) -> None:
        """Apply a rule to one user's session. Raises what the rule raised, with no effect."""
        key = aor.encode()
        session = self._session(key)
        self._transact(key, Session(aor=aor) if session is None else session, rule)

    def refresh(self, event: RegistrationEvent) -> bool:
        """Lay a REGISTER over its user's session, if it only renews the binding.

        If not (False), the ordinary rules are to be applied. Raises what a decoder raises.
        """
        partition, key = self._partition, (event.aor or "").encode()
        if key in self._open or any(key in sweep.waiting for sweep in partition.sweeps):
            return False
        session, laid = partition.written(key)
        if session is None:
            return False
        refresh = short_refresh(session, event, partition.nodes.get(event.node), laid)
        if refresh is None:
            if laid is not None:
                lay(session, laid)
            self._open[key] = session  # `fold` need not read it again
            return False
        partition.refreshes[key] = self._refreshes[key] = models.encode(refresh)
        return True

    def drop(self, key: bytes) -> None:
        """Drop what this batch has made of a user's session."""
        self._open.pop(key, None)
        self._journal.drop(key)
        self._touched.discard(key)
        self._refreshes.pop(key, None)

    def fold_timer(self, key: bytes, rule: Rule) -> bool:
        """Apply the rule of a timer that was due; False when it failed, and had no effect."""
        return self._fold_due(key, rule, "expiry", set_timer=True)

    def end_grace(self, key: bytes) -> bool:
        """The same for the end of a user's grace."""
        return self._fold_due(key, None, "grace")

    def _fold_due(
        self, key: bytes, rule: Rule | None, what: str, *, set_timer: bool = False
    ) -> bool:
        try:
            session = self._session(key)
            if session is not None:
                self._transact(key, session, rule, set_timer=set_timer)
        except Exception as error:
            self._output.rule_failed(what, error)
            return False
        return True

    def _session(self, key: bytes) -> Session | None:
        """A user's session; None of one who has none. Raises Misplaced."""
        session = self._open.get(key)
        if session is None:
            session = self._partition.session(key)
            if session is None:
                check_placement(key, self._partition.number, self._partition.partitions)
                return None
            self._open[key] = session
        for sweep in self._partition.sweeps:  # a sweep that began earlier is applied earlier
            if sweep.claim(key):
                session = self._swept(sweep, key, session)
        return session

    def begin_sweep(self, node: str, rule: Rule) -> None:
        """Apply a rule to every user with something on the node, now or in batches to come."""
        members = self._partition.index.members_of(node)
        self._partition.sweeps.append(Sweep(node, rule, dict.fromkeys(members)))

    def sweep_piece(self) -> None:
        """Apply the sweeps to the next users."""
        sweeps, left = self._partition.sweeps, PIECE
        while sweeps and left > 0:
            for key in sweeps[0].first(left):
                left -= 1
                try:
                    self._session(key)
                except Exception as error:  # what the table holds cannot be read
                    self._output.rule_failed("sweep", error)
                sweeps[0].claim(key)  # if opening it has not claimed it
            if not sweeps[0].waiting:
                after = sweeps.pop(0).after
                if after is not None:
                    self._output.effects.sweep_completions.append(after)

    def _swept(self, sweep: Sweep, key: bytes, session: Session) -> Session:
        """Apply the sweep to a session. If the rule fails, the session is as before.

        It is not retried: the sweep's event could not be acknowledged meanwhile. The user's next
        event, listing or expiry decides.
        """
        if not is_on(session, sweep.node):
            self._partition.index.remove(sweep.node, key)
            return session
        try:
            self._transact(key, session, sweep.rule)
        except Exception as error:
            self._output.rule_failed("sweep", error)
        return self._open[key]

    # -- transactions -----------------------------------------------------------------------------

    def _transact(
        self, key: bytes, session: Session, rule: Rule | None, *, set_timer: bool = False
    ) -> None:
        """Apply a rule. Raises what it raised; the session is as before then."""
        try:
            decided = self._decide(key, session, rule)
            if decided.result.changed or set_timer:
                self._partition.index.add(key, session)
        except Exception:
            self._reopen(key)
            raise
        self._add(key, session, rule, decided)

    def _decide(self, key: bytes, session: Session, rule: Rule | None) -> _Decided:
        """Change the session, and make the records. Changes nothing else, because it may raise."""
        if rule is None:
            result, presence = FoldResult(), end_grace(session, self._now)
        else:
            result, presence = rule(session), None
            if result.change is not None:
                grace = self._partition.grace(session.aor)
                presence = fold_presence(session, result.change, grace, self._now)
        publication = self._output.publication(key, presence) if presence is not None else None
        return _Decided(result, self._output.owners(result), presence, publication)

    def _add(self, key: bytes, session: Session, rule: Rule | None, decided: _Decided) -> None:
        """Add a decision to the output. Nothing raises here."""
        result, owners, presence, publication = decided
        if result.fence:
            self._output.fences[result.fence] += 1
        if result.changed:
            self._open[key] = session
            self._touched.add(key)
        if key in self._open:
            self._journal.add((key, rule))
        self._output.effects.state.extend(owners)
        if presence is not None and publication is not None:
            self._touched.add(key)
            if session.grace_until is not None:
                self._partition.graces.add(key, session.grace_until)
            self._output.publish(key, presence, publication)

    def _reopen(self, key: bytes) -> None:
        """Rebuild a session that may be half-changed, from the table and the journal.

        The rules were applied once without raising. If one raises now, the batch fails and is read
        again.
        """
        if self._open.pop(key, None) is None:
            return
        session = self._partition.session(key) or Session(aor=key.decode())
        for rule in self._journal.of(key):
            self._decide(key, session, rule)
        self._open[key] = session

    def write(self) -> None:
        """Write the changed sessions into the table, and the changelog records of sessions and
        refreshes."""
        partition = self._partition
        if self._touched:
            partition.batch += 1
        write, encode = self._output.effects.state.append, models.encode
        for key in self._touched:
            session = self._open[key]
            session.batch = partition.batch
            session.earlier = self._output.earlier.get(key, [])
            value = encode(session)
            partition.sessions[key] = value
            write(Record(topics.SESSIONS, partition.number, key, value))
        for key, refresh in self._refreshes.items():
            if key not in self._touched:
                write(Record(topics.SESSIONS, partition.number, overlay_key(key), refresh))
