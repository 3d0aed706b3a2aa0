"""The stage `user-center`: presence changes from Kafka to the user center, in order per user."""

import threading
from typing import Any

from runtime import logs
from runtime.kafka import KafkaSettings, KafkaUnavailable, ensure_topics
from runtime.settings import load
from runtime.stage import Stage
from schemas.topics import PRESENCE
from sinks.user_center.backlog import Backlog
from sinks.user_center.dead_letters import DeadLetters
from sinks.user_center.delivery import Deliverer, Record
from sinks.user_center.reader import Reader
from sinks.user_center.receiver import Receiver
from sinks.user_center.settings import UserCenterSettings

log = logs.get(__name__)

NAME = "user-center"


def run() -> None:
    """Deliver until told to stop. Raises BadSettings, KafkaMisconfigured, and what a deliverer
    died of: the process ends, and starts again where the committed offsets say."""
    settings, kafka = load(UserCenterSettings), load(KafkaSettings)
    stage = Stage(NAME)
    stage.start()
    if not _topics_there(kafka, stage.stop):
        return
    Sink(settings, kafka, stage).run()


def _topics_there(kafka: KafkaSettings, stop: threading.Event) -> bool:
    """Wait for Kafka and its topics; False when told to stop before."""
    while not stop.is_set():
        try:
            ensure_topics(kafka, timeout=10.0)
            return True
        except KafkaUnavailable as error:
            log.warning("waiting for Kafka", error=str(error))
            stop.wait(1.0)
    return False


class Sink:
    """The reader in the calling thread and the deliverers in theirs, around one backlog."""

    def __init__(self, settings: UserCenterSettings, kafka: KafkaSettings, stage: Stage) -> None:
        self._settings = settings
        self._kafka = kafka
        self._stage = stage
        self.ready = stage.ready
        self._backlog = Backlog(settings.max_age_seconds)
        self._record = Record()
        self._receiver = Receiver(settings)
        self._dead_letters = DeadLetters(kafka)
        self._deliverers = [self._deliverer() for _ in range(settings.concurrency)]
        self._died_of: BaseException | None = None
        stage.status = self.status

    def run(self) -> None:
        """Until the stage's `stop`; then what is under way ends and its offsets are committed."""
        reader = Reader(
            self._kafka,
            self._backlog,
            self._dead_letters,
            [d.sending for d in self._deliverers],
            waiting_max=self._settings.waiting_max,
            quiesce_seconds=2 * self._settings.timeout_seconds,
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
                self._say_readiness(reader)
        finally:
            self._stage.stop.set()
            self._stage.ready.clear()
            for thread in threads:
                thread.join(2 * self._settings.timeout_seconds)
            reader.close()
            self._dead_letters.close()
            self._receiver.close()
        if self._died_of is not None:
            raise self._died_of

    def status(self) -> dict[str, Any]:
        """What an operator asks first; counts since the start of this process."""
        record = self._record
        return {
            "url": str(self._settings.url),
            "delivered": record.delivered,
            "waiting_users": len(self._backlog),
            "coalesced": self._backlog.coalesced,
            "failures": record.failures,
            "dead_letters": record.dead_letters,
            "last_error": record.last_error,
            "refused": record.refused,
        }

    def _deliverer(self) -> Deliverer:
        return Deliverer(
            self._settings,
            self._kafka.name(PRESENCE),
            self._backlog,
            self._receiver,
            self._dead_letters,
            self._record,
            self._stage.stop,
        )

    def _guarded(self, deliverer: Deliverer) -> None:
        """A deliverer that dies takes the stage with it: half a sink would look like a slow one."""
        try:
            deliverer.run()
        except BaseException as error:
            log.exception("deliverer died")
            self._died_of = error
            self._stage.stop.set()

    def _say_readiness(self, reader: Reader) -> None:
        if reader.assigned and self._record.refused is None:
            self._stage.ready.set()
        else:
            self._stage.ready.clear()
