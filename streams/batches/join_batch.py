"""One batch of one partition of events that are joined by connection or by call.

Owners of connections are joined with the ends of connections, and legs of calls with their media.
The results are published under the user's key.
"""

from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import topics
from schemas.cloudevents import event_headers
from schemas.topic import Topic
from streams import models
from streams.batches.effects import Effects, Record, refusal
from streams.batches.journal import Journal
from streams.batches.placement import Misplaced, check_placement
from streams.folds.connection import fold_end, fold_owner
from streams.folds.media import fold_call_owner, fold_media
from streams.models import CallOwner, ConnectionOwner, ConnectionState, MediaState

# Keys kept for each partition; the least recently used are dropped. If a dropped connection closes,
# its binding ends only by the registrar's events or its next snapshot.
MAX_CONNECTIONS = 250_000
MAX_CALLS = 50_000


@dataclass(frozen=True, slots=True)
class Join:
    """A join. `fold` takes the state of a key and an event, changes the state, and returns what to
    publish."""

    key: Callable[[Any], str]
    new: Callable[[], Any]
    fold: Callable[[Any, Any], list[Any]]
    table: Topic
    output: Topic
    most: int


def _fold_connection(known: ConnectionState, event: Any) -> list[Any]:
    if isinstance(event, ConnectionOwner):
        return list(fold_owner(known, event))
    return list(fold_end(known, event))


def _fold_call(known: MediaState, event: Any) -> list[Any]:
    if isinstance(event, CallOwner):
        return list(fold_call_owner(known, event))
    return list(fold_media(known, event))


CONNECTIONS = Join(
    key=lambda event: event.connection,
    new=ConnectionState,
    fold=_fold_connection,
    table=topics.CONNECTION_STATE,
    output=topics.CONNECTION_LOSSES,
    most=MAX_CONNECTIONS,
)
MEDIA = Join(
    key=lambda event: event.call_id,
    new=MediaState,
    fold=_fold_call,
    table=topics.MEDIA_STATE,
    output=topics.MEDIA_UPDATES,
    most=MAX_CALLS,
)


class JoinBatch:
    """Folds records of one partition into a join's table; `finish` returns the effects.

    `number` is the partition of `partitions`, `table` its live table. Results are sent before the
    table's changelog: a repeated result changes nothing, a lost one would.
    """

    def __init__(
        self,
        join: Join,
        number: int,
        table: MutableMapping[bytes, bytes],
        now: datetime,
        partitions: int = 1,
    ) -> None:
        self._join = join
        self._number = number
        self._partitions = partitions
        self.misplaced = False  # whether a record is in another partition than its key's
        self._table = table
        self._now = now
        self._open: dict[bytes, Any] = {}
        self._journal = Journal()  # of events
        self.effects = Effects()

    def fold(self, topic: Topic, records: Iterable[Any]) -> None:
        """Fold consumed records of one of the join's topics."""
        read = models.decoder(topic.model).decode
        for record in records:
            try:
                self._event(read(record.value or b""))
            except Exception as error:  # an exception in a rule must not stop the other records
                self.effects.joins.append(refusal(topic, record, error, self._now))
                if isinstance(error, Misplaced):
                    self.misplaced = True

    def _event(self, event: Any) -> None:
        """Fold one event. Raises what the fold raised, with no effect."""
        key = self._join.key(event).encode()
        known = self._open.get(key)
        if known is None:
            known = self._stored(key)
        try:
            found = [self._result(one) for one in self._join.fold(known, event)]
        except Exception:
            self._reopen(key)
            raise
        self._open[key] = known
        self._journal.add((key, event))
        self.effects.joins.extend(found)

    def _stored(self, key: bytes) -> Any:
        value = self._table.get(key)
        if value:
            return models.decode(self._join.new, value)
        check_placement(key, self._number, self._partitions)
        return self._join.new()

    def _result(self, found: Any) -> Record:
        output, aor = self._join.output, found.aor
        head = event_headers(output, found, aor)
        return Record(output, None, aor.encode(), models.encode(found), head)

    def _reopen(self, key: bytes) -> None:
        """Rebuild a state that an event left half-changed, from the table and earlier events."""
        if self._open.pop(key, None) is None:
            return
        known = self._stored(key)
        for event in self._journal.of(key):
            self._join.fold(known, event)
        self._open[key] = known

    def finish(self) -> Effects:
        """Write the changed states, and drop the least recently used above the limit."""
        for key, known in self._open.items():
            value = models.encode(known)
            if key in self._table:  # insertion order is the order of use
                del self._table[key]
            self._table[key] = value
            self._write(key, value)
        while len(self._table) > self._join.most:
            oldest = next(iter(self._table))
            del self._table[oldest]
            self._write(oldest, None)
        return self.effects

    def _write(self, key: bytes, value: bytes | None) -> None:
        self.effects.state.append(Record(self._join.table, self._number, key, value))
