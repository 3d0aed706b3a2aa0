"""The calls stage's loop: reads events, folds them, writes records, then commits the offsets."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from calls.consumer import CallConsumer, Delivery
from calls.fold.book import CallBook
from calls.node_states import NodeStates
from calls.record_topic import RecordProducer, read_records
from calls.settings import CallsSettings
from calls.waiting import Waiting, WaitingRoom
from runtime import logs, metrics
from runtime.dead_letters import DeadLetters, Unusable
from runtime.kafka import KafkaSettings
from runtime.lag import LagMeter
from runtime.stage import Stage
from schemas.call import CallEvent
from schemas.codec import InvalidRecord, decode
from schemas.media import MediaEvent
from schemas.presence import Presence
from schemas.speech import SpeechEvent
from schemas.topic import Topic
from schemas.topics import CALLS, MEDIA, PRESENCE, SPEECH

NAME = "calls"
_READ_SECONDS = 0.05
_TICK_SECONDS = 1.0
log = logs.get(__name__)


class Worker:
    """Runs in one thread; `status` in any."""

    def __init__(
        self,
        settings: CallsSettings,
        kafka: KafkaSettings,
        stage: Stage,
        clock: Callable[[], datetime] = partial(datetime.now, UTC),
    ) -> None:
        """Joins the group. `clock` is the stage's own, in UTC."""
        self._settings = settings
        self._kafka = kafka
        self._stage = stage
        self._clock = clock
        self._book = CallBook(kafka.partitions)
        self._waiting = WaitingRoom()
        self._letters = DeadLetters(NAME, kafka, counted_as="undecodable")
        self._producer = RecordProducer(kafka)
        self._lag = LagMeter(NAME)
        self._tick_due = 0.0
        self._forgotten: list[str] = []  # calls of users who are forgotten: to be removed
        self._counts = {"records": 0, "removed": 0, "silent": 0, "unmatched": 0}
        stage.status = self.status
        self._consumer = CallConsumer(kafka, settings.instance)

    def run(self) -> None:
        """Until the stage's `stop`.

        Raises AssignmentLost, KafkaUnavailable, KafkaMisconfigured: the process ends, and the next
        start reads on from the committed offsets.
        """
        try:
            nodes = self._begin()
            if nodes is None:
                return
            while not self._stage.stop.is_set():
                self._stage.heartbeat.beat()
                self._step(nodes)
            self._consumer.commit(self._waiting.offsets(self._consumer.nexts), wait=True)
            nodes.close()
        finally:
            self._stage.ready.clear()
            self._consumer.close()
            self._letters.close()

    def status(self) -> dict[str, Any]:
        """Figures since the start of this process, and what it holds now."""
        live = sum(not call.is_over for call in list(self._book.calls.values()))
        return {
            "calls": len(self._book.calls),
            "live": live,
            "waiting": len(self._waiting),
            **self._counts,
        }

    def _begin(self) -> NodeStates | None:
        """Wait for every partition, then restore the calls; None when stopped before.

        Only a member of the group may read the records: no other one writes any more.
        """
        while not self._consumer.is_whole:
            if self._stage.stop.is_set():
                return None
            self._stage.heartbeat.beat()
            for _ in self._consumer.read(0.2):
                pass
        began = time.monotonic()
        for record, written in read_records(self._kafka):
            self._book.restore(record, written)
        nodes = NodeStates(self._kafka)
        for node, state in nodes.read_present():
            self._book.read_node(node, state, self._clock())
        seconds = round(time.monotonic() - began, 2)
        log.info("calls restored", calls=len(self._book.calls), seconds=seconds)
        self._consumer.begin()
        self._stage.ready.set()
        return nodes

    def _step(self, nodes: NodeStates) -> None:
        """One round: what is read is written and acknowledged before its offsets are committed."""
        deliveries = list(self._consumer.read(_READ_SECONDS))
        at = self._clock()
        for node, state in nodes.read():
            self._book.read_node(node, state, at)
        for delivery in sorted(deliveries, key=lambda d: d.topic is not CALLS):
            self._fold(delivery, at)
        for waiting in self._waiting.retry(time.monotonic()):
            metrics.CALLS_UNMATCHED.add(1, {"topic": waiting.partition[0]})
            self._counts["unmatched"] += 1
        removed, self._forgotten = self._forgotten, []
        removed += self._tick(at) if time.monotonic() >= self._tick_due else []
        self._write(removed)
        if deliveries or removed:
            self._consumer.commit(self._waiting.offsets(self._consumer.nexts))
        self._lag.measure(lambda: self._consumer.nexts, self._consumer.end_of)

    def _tick(self, at: datetime) -> list[str]:
        self._tick_due = time.monotonic() + _TICK_SECONDS
        limits = self._settings
        silent = self._book.end_silent(at, limits.unanswered_max, limits.answered_max)
        self._counts["silent"] += silent
        metrics.CALLS_SILENT.add(silent)
        metrics.CALLS.set(len(self._book.calls))
        return self._book.forget_ended(at, limits.keep)

    def _write(self, removed: list[str]) -> None:
        records = list(self._book.records())
        for record in records:
            self._producer.write(record)
            metrics.CALL_RECORDS.add(1, {"state": record.state})
        for id_ in removed:
            self._producer.remove(id_)
        if records or removed:
            self._producer.flush()
        self._counts["records"] += len(records)
        self._counts["removed"] += len(removed)

    # -- events -----------------------------------------------------------------------------------
    def _fold(self, delivery: Delivery, at: datetime) -> None:
        if delivery.value is None:
            if delivery.topic is PRESENCE:  # the user is forgotten
                aor = delivery.key.decode("utf-8", "replace")
                self._forgotten += self._book.forget_user(aor)
            return
        try:
            join = self._joining(delivery.topic, delivery.partition, delivery.value, at)
        except InvalidRecord as error:
            name = self._kafka.name(delivery.topic)
            place = f"{name}/{delivery.partition}/{delivery.offset}"
            log.error("dead letter", source=place, reason=str(error))
            self._letters.send([Unusable(place, delivery.value, error.reason, error.field)])
            return
        if not join():
            partition = self._kafka.name(delivery.topic), delivery.partition
            until = time.monotonic() + self._settings.wait.total_seconds()
            self._waiting.add(Waiting(partition, delivery.offset, until, join))

    def _joining(
        self, topic: Topic, partition: int, value: bytes, at: datetime
    ) -> Callable[[], bool]:
        """What folds the record; returns whether its call is known. Raises InvalidRecord."""
        book = self._book
        if topic is CALLS:
            return partial(_done, partial(book.read_call, decode(CallEvent, value), partition, at))
        if topic is MEDIA:
            return partial(book.read_media, decode(MediaEvent, value), at)
        if topic is SPEECH:
            return partial(book.read_speech, decode(SpeechEvent, value), at)
        return partial(book.read_presence, decode(Presence, value))


def _done(fold: Callable[[], None]) -> bool:
    fold()
    return True
