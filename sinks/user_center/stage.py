"""The stage `user-center`: presence changes from Kafka to the user center, in order per user."""

import threading
from typing import Any

from runtime import logs
from runtime.dead_letters import DeadLetters
from runtime.kafka import KafkaSettings, ensure_topics
from runtime.settings import load
from runtime.stage import Stage, StageStopped
from schemas.topics import PRESENCE
from sinks.user_center.backlog import Backlog
from sinks.user_center.counts import DeliveryCounts
from sinks.user_center.deliverer import Deliverer, await_requests
from sinks.user_center.reader import Reader
from sinks.user_center.receiver import Receiver
from sinks.user_center.settings import UserCenterSettings

log = logs.get(__name__)

NAME = "user-center"


def run() -> None:
    """Deliver until the stage is stopped.

    Raises BadSettings, KafkaMisconfigured, and the error of a deliverer that failed: the process
    ends, and its next start reads on from the committed offsets.
    """
    settings, kafka = load(UserCenterSettings), load(KafkaSettings)
    stage = Stage(NAME)
    stage.start()
    try:
        stage.wait_for_kafka(lambda: ensure_topics(kafka, timeout=10.0))
    except StageStopped:
        return
    Sink(settings, kafka, stage).run()


class Sink:
    """The reader in the calling thread and the deliverers in theirs, around one backlog."""

    def __init__(self, settings: UserCenterSettings, kafka: KafkaSettings, stage: Stage) -> None:
        self._settings = settings
        self._kafka = kafka
        self._stage = stage
        self.ready = stage.ready
        self._backlog = Backlog(settings.max_age_seconds)
        self._counts = DeliveryCounts()
        self._receiver = Receiver(settings)
        self._dead_letters = DeadLetters(NAME, kafka, counted_as="undeliverable")
        self._deliverers = [self._deliverer() for _ in range(settings.concurrency)]
        self._failure: BaseException | None = None
        stage.status = self.status

    def run(self) -> None:
        """Until the stage's `stop`; then the requests under way end and their offsets are
        committed."""
        reader = Reader(
            self._kafka,
            self._backlog,
            self._dead_letters,
            self._await_requests,
            waiting_max=self._settings.waiting_max,
            instance=self._settings.instance,
        )
        threads = [
            threading.Thread(target=self._guarded, args=(d,), name=f"deliver-{n}", daemon=True)
            for n, d in enumerate(self._deliverers)
        ]
        for thread in threads:
            thread.start()
        try:
            while not self._stage.stop.is_set():
                reader.step()
                self._update_readiness(reader)
        finally:
            self._stage.stop.set()
            self._stage.ready.clear()
            for thread in threads:
                thread.join(2 * self._settings.timeout_seconds)
            reader.close()
            self._dead_letters.close()
            self._receiver.close()
        if self._failure is not None:
            raise self._failure

    def status(self) -> dict[str, Any]:
        """What an operator asks first; counts since the start of this process."""
        counts = self._counts
        return {
            "url": str(self._settings.url),
            "delivered": counts.delivered,
            "waiting_users": len(self._backlog),
            "coalesced": self._backlog.coalesced,
            "failures": counts.failures,
            "dead_letters": counts.dead_letters,
            "last_error": counts.last_error,
            "refused": counts.refused,
        }

    def _deliverer(self) -> Deliverer:
        return Deliverer(
            self._settings,
            self._kafka.name(PRESENCE),
            self._backlog,
            self._receiver,
            self._dead_letters,
            self._counts,
            self._stage.stop,
        )

    def _await_requests(self) -> None:
        await_requests((d.sending for d in self._deliverers), 2 * self._settings.timeout_seconds)

    def _guarded(self, deliverer: Deliverer) -> None:
        """A deliverer that fails ends the stage: half a sink would look like a slow one."""
        try:
            deliverer.run()
        except BaseException as error:
            log.exception("deliverer failed, stopping")
            self._failure = error
            self._stage.stop.set()

    def _update_readiness(self, reader: Reader) -> None:
        if reader.assigned and self._counts.refused is None:
            self._stage.ready.set()
        else:
            self._stage.ready.clear()
