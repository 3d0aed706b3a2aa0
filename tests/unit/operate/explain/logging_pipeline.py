"""A pipeline without Kafka that also keeps its log, as the session topics would hold it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from operate.explain.assembly import assemble
from operate.explain.explanation import Explanation
from operate.explain.look_back import refold
from operate.explain.records import LogRecord, Span, by_time
from operate.explain.refolding import Refolding
from schemas import codec
from schemas.call_record import CallRecord
from schemas.topic import Topic
from streams import models
from streams.consumed import SESSION_SOURCES
from streams.models import Presence, Session
from streams.settings import StreamsSettings
from tests.unit.pipeline import Consumed, Pipeline

_EPOCH, _MILLISECOND = datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1)
TICK = timedelta(seconds=1)


@dataclass
class LoggingPipeline(Pipeline):
    """`log` is every record that the sessions were folded from, produced when it was folded.

    `calls`: the user's call records.
    """

    log: list[LogRecord] = field(default_factory=list)
    calls: list[CallRecord] = field(default_factory=list)
    settings: StreamsSettings = field(default_factory=StreamsSettings)

    def wait(self, duration: timedelta) -> None:
        """Let time pass as in a worker, which runs its timers at each tick."""
        if duration <= timedelta(0):
            return
        while duration > TICK:
            super().wait(TICK)
            duration -= TICK
        super().wait(duration)

    def _fold(self, topic: Topic, records: list[Consumed]) -> None:
        if topic not in SESSION_SOURCES:
            super()._fold(topic, records)
            return
        for record in records:
            self.now += _MILLISECOND  # no two at the same time: they are folded in this order
            logged = LogRecord(
                topic=topic,
                partition=0,
                offset=len(self.log),
                timestamp=(self.now - _EPOCH) // _MILLISECOND,
                key=record.key,
                value=record.value,
            )
            self.log.append(logged)
            super()._fold(topic, [record])

    def last(self, aor: str) -> Presence | None:
        """The user's presence as last published, as the streams decode it."""
        last = next((p for p in reversed(self.published) if p.aor == aor), None)
        return None if last is None else models.decode(Presence, codec.encode(last))

    def refold(
        self,
        aor: str,
        until: datetime | None = None,
        kept: datetime | None = None,
        since: datetime | None = None,
        record: Session | None = None,
    ) -> tuple[Refolding, list[Span]]:
        """The user's records folded again, up to `until`; older records than `kept` are deleted."""
        end = until or self.now
        topics = {one.topic.name: one.topic for one in self.log}.values()

        def read(first: datetime | None) -> tuple[list[Span], Iterator[LogRecord]]:
            begin = max((one for one in (kept, first) if one is not None), default=_EPOCH)
            parts = [
                [one for one in self.log if one.topic is topic and begin <= one.produced <= end]
                for topic in topics
            ]
            is_whole, is_skipped = begin == _EPOCH, first is not None and begin == first
            spans = [
                Span(
                    *(topic, 0, 0, len(part), is_whole, part[0].produced if part else None),
                    skipped=is_skipped,
                )
                for topic, part in zip(topics, parts, strict=True)
            ]
            return spans, by_time(map(iter, parts))

        return refold(aor, self.settings, read, since=since, until=end, record=record)

    def explain(
        self,
        aor: str,
        until: datetime | None = None,
        kept: datetime | None = None,
        since: datetime | None = None,
    ) -> Explanation:
        """Explain as the command does, now or at `until`; records older than `kept` are deleted."""
        value = self.state.sessions.get(aor.encode()) if until is None else None
        record = models.decode(Session, value) if value is not None else None
        refolding, spans = self.refold(aor, until, kept, since, record)
        last = self.last(aor) if until is None else None
        return assemble(
            refolding,
            spans,
            at=until or self.now,
            is_now=until is None,
            presence=(last, self.now) if last is not None else None,
            record=record,
            calls=self.calls,
        )
