"""Two pipelines with the same input: one writes refreshes in short, the other whole sessions.

Whatever comes, in whatever order, both must have the same sessions and timers, and publish alike.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from schemas import topics
from schemas.topic import Topic
from streams import models
from streams.batches.partition_state import PartitionState
from tests.unit.pipeline import Pipeline


@dataclass
class Twins(Pipeline):
    """The pipeline that writes in short; `whole` is the other one. `different` says where they
    were, and `short` counts the records in short."""

    whole: Pipeline = field(default_factory=Pipeline)
    different: list[str] = field(default_factory=list)
    short: int = 0
    _compared: dict[bytes, tuple[bytes | None, ...]] = field(default_factory=dict)

    def wait(self, duration: timedelta) -> None:
        super().wait(duration)
        self.whole.wait(duration)
        self._compared.clear()
        self.compare("after a wait")

    def feed(self, topic: Topic, records: Any) -> None:
        records = list(records)
        super().feed(topic, records)
        self.whole.feed(topic, records)
        self.compare(f"after {[event.id for _, event in records]}")

    def compare(self, when: str) -> None:
        """Of users whose session was written since the last time."""
        mine, other = self.state, self.whole.state
        if self.published != self.whole.published:
            self.different.append(f"published {when}")
        for key in mine.sessions.keys() | other.sessions.keys():
            written = mine.sessions.get(key), mine.refreshes.get(key), other.sessions.get(key)
            if self._compared.get(key) == written:
                continue
            self._compared[key] = written
            found, expected = session_and_timers(mine, key), session_and_timers(other, key)
            if found != expected:
                self.different.append(f"{found} instead of {expected} {when}")
        if mine.clocks.latest != other.clocks.latest:
            self.different.append(f"clocks {when}")

    def _deliver(self, effects: Any) -> None:
        self.short += sum(is_short(record) for record in effects.state)
        super()._deliver(effects)


def is_short(record: Any) -> bool:
    """Whether a record to write is a refresh's."""
    return record.topic is topics.SESSIONS and record.value[:1] == b"["


def session_and_timers(state: PartitionState, key: bytes) -> tuple[bytes, list[Any]] | None:
    """A user's session, but for when it was written, and their timer on each of their nodes."""
    session = state.session(key)
    if session is None:
        return None
    session.batch, session.earlier = 0, []
    nodes = sorted({binding.node for binding in session.bindings.values()})
    return models.encode(session), [state.index.due_at(node, key) for node in nodes]
