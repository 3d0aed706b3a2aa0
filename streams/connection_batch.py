"""One batch of one partition's connection events and owners: join them, announce the losses."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from schemas import topics
from schemas.cloudevents import event_headers
from streams import state
from streams.connection_fold import fold_end, fold_owner
from streams.effects import Effects, Record, refusal
from streams.state import ConnectionEvent, ConnectionLoss, ConnectionOwner, ConnectionState

# Connections remembered a partition; beyond it the one touched longest ago is forgotten. A close
# of a forgotten connection is missed here (not by the registrar, nor by a snapshot).
MAX_CONNECTIONS = 250_000


class ConnectionBatch:
    """Folds records of one partition into its connection table; `finish` gives the effects.

    `number` is the partition, `table` its live dictionary. Losses go out before the table's
    changelog: said twice they change nothing, forgotten they would.
    """

    def __init__(self, number: int, table: dict[bytes, bytes], now: datetime) -> None:
        self._number = number
        self._table = table
        self._now = now
        self._open: dict[bytes, ConnectionState] = {}
        self.effects = Effects()

    def fold(self, topic: topics.Topic, records: Iterable[Any]) -> None:
        """Fold consumed records of rollcall.connections or rollcall.connection-owners."""
        for record in records:
            try:
                event = state.decode(topic.model, record.value or b"")
                self._event(event)
            except state.InvalidRecord as error:
                self.effects.announcements.append(
                    refusal(topic, record, error.reason, error.field, self._now)
                )

    def _event(self, event: ConnectionEvent | ConnectionOwner) -> None:
        key = event.connection.encode()
        known = self._open.get(key)
        if known is None:
            value = self._table.get(key)
            known = state.decode(ConnectionState, value) if value else ConnectionState()
            self._open[key] = known
        if isinstance(event, ConnectionOwner):
            losses = fold_owner(known, event)
        else:
            losses = fold_end(known, event)
        for loss in losses:
            self._announce(loss)

    def _announce(self, loss: ConnectionLoss) -> None:
        self.effects.announcements.append(
            Record(
                topics.CONNECTION_LOSSES,
                None,
                loss.aor.encode(),
                state.encode(loss),
                event_headers(topics.CONNECTION_LOSSES, loss, loss.aor),
            )
        )

    def finish(self) -> Effects:
        """Write what was touched, forget what is too much."""
        for key, known in self._open.items():
            value = state.encode(known)
            self._table.pop(key, None)  # to the end: the order of insertion is that of touch
            self._table[key] = value
            self._write(key, value)
        while len(self._table) > MAX_CONNECTIONS:
            oldest = next(iter(self._table))
            del self._table[oldest]
            self._write(oldest, None)
        return self.effects

    def _write(self, key: bytes, value: bytes | None) -> None:
        self.effects.state.append(Record(topics.CONNECTION_STATE, self._number, key, value))
