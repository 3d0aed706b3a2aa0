"""The output of a batch of sessions: the records to write, and what is counted."""

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

from schemas import topics
from schemas.fences import Fence
from schemas.topic import Topic
from schemas.vocabulary import Cause
from streams.batches.effects import Effects, Record, refusal
from streams.batches.failures import Failures
from streams.batches.records import forgotten_record, owner_record, presence_record
from streams.batches.tracing import child_of
from streams.folds.outcome import FoldResult
from streams.models import ForgetCommand, Presence
from streams.tables.overlays import overlay_key


class SessionOutput:
    """The output of one batch of the partition `number`. `now` is the worker's clock."""

    def __init__(self, number: int, now: datetime) -> None:
        self._number = number
        self._now = now
        self._published: dict[bytes, Presence] = {}
        self.record: Any = None  # the consumed record being folded, for its trace
        self.effects = Effects()
        self.fences: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.published_causes: list[tuple[Cause, datetime]] = []  # of each publication, and when
        self.earlier: defaultdict[bytes, list[Presence]] = defaultdict(list)  # all but the last
        self.failures = Failures()  # of sweeps and timers

    def owners(self, result: FoldResult) -> list[Record]:
        """The records of the owners in a fold's result."""
        if result.owner is None:
            return []
        return [owner_record(owner, self._trace()) for owner in (result.owner, *result.more_owners)]

    def publication(self, key: bytes, presence: Presence) -> Record:
        return presence_record(self._number, presence, self._trace(), key)

    def publish(self, key: bytes, presence: Presence, publication: Record) -> None:
        if (previous := self._published.get(key)) is not None:
            self.earlier[key].append(previous)
        self._published[key] = presence
        self.causes[presence.cause] += 1
        self.published_causes.append((presence.cause, presence.at))
        self.effects.presence.append(publication)

    def forget(self, key: bytes, command: ForgetCommand) -> None:
        """Write tombstones of the user's session, refresh and presence."""
        self._published.pop(key, None)
        self.earlier.pop(key, None)
        for changelog_key in (key, overlay_key(key)):
            record = Record(topics.SESSIONS, self._number, changelog_key, None)
            self.effects.state.append(record)
        self.effects.presence.append(forgotten_record(self._number, command, self._trace()))

    def refuse(self, topic: Topic, error: Exception) -> None:
        """Write the record that is being folded as a dead letter."""
        self.fences[Fence.DEAD_LETTER] += 1
        self.effects.state.append(refusal(topic, self.record, error, self._now))

    def rule_failed(self, what: str, error: Exception) -> None:
        """A rule failed in a sweep or a timer: no consumed record is the cause."""
        self.fences[Fence.RULE_FAILED] += 1
        self.failures.add(what, error)

    def _trace(self) -> str | None:
        """A child of the trace of the record being folded, if it has one."""
        if self.record is None:
            return None
        for name, value in self.record.headers or ():
            if name == "traceparent":
                return child_of(value)
        return None
