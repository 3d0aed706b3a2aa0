"""The stage `mrcp`: publishes the speech sessions that one MRCP server's log shows."""

import time
from datetime import UTC, datetime
from typing import Any

from producers.mrcp.checkpoint import CheckpointFile
from producers.mrcp.listener import Listener
from producers.mrcp.local_time import LocalTimes
from producers.mrcp.log_files import LogFiles
from producers.mrcp.log_reader import LogReader
from producers.mrcp.settings import MrcpSettings
from producers.mrcp.translation import Context
from producers.publisher import Publisher, PublisherSettings
from producers.running import run_producer
from producers.translated import Translated
from runtime import metrics
from runtime.settings import load
from runtime.stage import Stage

NAME = "mrcp"


class MrcpProducer:
    """Reads in the stage's thread."""

    def __init__(self, settings: MrcpSettings, publisher: Publisher, stage: Stage) -> None:
        self._settings = settings
        self._publisher = publisher
        self._stage = stage
        self._labels = {"source": NAME, "node": settings.node}
        context = Context(settings.node, settings.text)
        folder = load(PublisherSettings).spool_folder
        self._checkpoints = CheckpointFile(folder / f"{NAME}-{settings.node}.place")
        self._files = LogFiles(settings.log)
        self._reader = LogReader(
            self._files,
            LocalTimes(settings.zone()),
            Listener(settings.port),
            context,
            lambda payload, reason, field: publisher.dead_letter(
                context.dead_letter_key, payload, reason, field
            ),
        )
        self._tick_due = 0.0
        self._counted = 0

    def run(self) -> None:
        """Follow the log until the stage stops. Raises OSError where it cannot be read."""
        self._reader.resume(self._checkpoints.read())
        try:
            while not self._stage.stop.is_set():
                if not self._step():
                    self._stage.stop.wait(self._settings.poll_seconds)
        finally:
            self._stage.ready.clear()
            self._save()  # what was accepted is in Kafka or in the spool from `close` on
            self._files.close()
            metrics.SOURCE_CONNECTED.set(0, self._labels)

    def status(self) -> dict[str, Any]:
        """For /status."""
        return {**self._reader.status(), **self._publisher.status()}

    def _step(self) -> bool:
        """Publish the next piece of the log; False at its end."""
        records = self._reader.read()
        if records is not None:
            self._publish(records)
        if time.monotonic() >= self._tick_due:
            self._tick_due = time.monotonic() + self._settings.heartbeat_seconds
            self._tick(is_end=records is None)
        return records is not None

    def _tick(self, *, is_end: bool) -> None:
        if not self._publisher.status()["undelivered"]:
            self._save()  # before the heartbeat, which is not acknowledged yet
        if is_end:
            self._publish(self._reader.tick(datetime.now(UTC)))
        metrics.SOURCE_EVENTS.add(self._reader.count - self._counted, self._labels)
        self._counted = self._reader.count
        metrics.SOURCE_CONNECTED.set(int(self._files.is_open), self._labels)
        if self._files.is_open:
            self._stage.ready.set()
        else:
            self._stage.ready.clear()

    def _save(self) -> None:
        if checkpoint := self._reader.checkpoint():
            self._checkpoints.write(checkpoint)

    def _publish(self, records: list[Translated]) -> None:
        for topic, key, event in records:
            self._publisher.publish(topic, key, event)


def run() -> None:
    """Run the stage until SIGTERM. Raises BadSettings, spool.SpoolInUse, spool.SpoolUnwritable."""
    run_producer(NAME, load(MrcpSettings), MrcpProducer)
