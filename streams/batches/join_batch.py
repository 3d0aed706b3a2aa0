"""One batch of one partition of what is joined under another key than the user's.

Connections (their owners and their ends) and calls (their legs and their media) meet here; what the
join finds is announced under the user's key.
"""

from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import topics
from schemas.cloudevents import event_headers
from schemas.topics import Topic
from streams import models
from streams.batches.effects import Effects, Record, refusal
from streams.batches.journal import Journal
from streams.batches.placement import Misplaced, place
from streams.folds.connection import fold_end, fold_owner
from streams.folds.media import fold_call_owner, fold_media
from streams.models import CallOwner, ConnectionOwner, ConnectionState, MediaState

# Keys remembered a partition; beyond it the one touched longest ago is forgotten. The close of a
# forgotten connection is missed here (not by the registrar, nor by a snapshot).
MAX_CONNECTIONS = 250_000
MAX_CALLS = 50_000


@dataclass(frozen=True, slots=True)
class Join:
    """`fold` takes a key's state and an event, changes the state, and gives what to announce."""

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
    """Folds records of one partition into a join's table; `finish` gives the effects.

    `number` is the partition of `partitions`, `table` its live table. Announcements go out before
    the table's changelog: written twice they change nothing, forgotten they would.
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
        self.misplaced = False  # whether a record stands in a partition that is not its key's
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
            except Exception as error:  # a rule's own fault must not stop everybody else
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
            found = [self._announcement(one) for one in self._join.fold(known, event)]
        except Exception:
            self._reopen(key)
            raise
        self._open[key] = known
        self._journal.note((key, event))
        self.effects.joins.extend(found)

    def _stored(self, key: bytes) -> Any:
        value = self._table.get(key)
        if value:
            return models.decode(self._join.new, value)
        place(key, self._number, self._partitions)
        return self._join.new()

    def _announcement(self, found: Any) -> Record:
        output, aor = self._join.output, found.aor
        head = event_headers(output, found, aor)
        return Record(output, None, aor.encode(), models.encode(found), head)

    def _reopen(self, key: bytes) -> None:
        """Make anew what an event left half-changed: from the table and the events before it."""
        if self._open.pop(key, None) is None:
            return
        known = self._stored(key)
        for event in self._journal.of(key):
            self._join.fold(known, event)
        self._open[key] = known

    def finish(self) -> Effects:
        """Write what was touched, forget what is too much."""
        for key, known in self._open.items():
            value = models.encode(known)
            if key in self._table:  # to the end: the order of insertion is that of touch
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
