"""Users of a conformance run: presence records that it writes to Kafka and removes again."""

import uuid
from datetime import UTC, datetime

from confluent_kafka import Producer

from clients.conformance.report import Failed, Skipped
from clients.conformance.stream import SECONDS
from runtime.kafka import KafkaSettings
from schemas.codec import encode
from schemas.presence import Presence
from schemas.topics import PRESENCE
from schemas.vocabulary import Cause, Status


class Users:
    """Presence records in Kafka, of a domain of this run's own."""

    def __init__(self, kafka: str | None, namespace: str) -> None:
        self.domain = f"conformance-{uuid.uuid4().hex[:8]}.test"
        self.versions: dict[str, int] = {}
        settings = KafkaSettings(bootstrap_servers=kafka or "", namespace=namespace)
        self._topic = settings.name(PRESENCE)
        self._producer = Producer(settings.producer()) if kafka else None

    def aor(self, name: str) -> str:
        return f"sip:{name}@{self.domain}"

    def change(self, name: str, *, reachable: bool = True, version: int | None = None) -> int:
        """The user's next version, or this one; returns it. Raises Skipped."""
        aor = self.aor(name)
        self.versions[aor] = version or self.versions.get(aor, 0) + 1
        record = Presence(
            aor=aor,
            version=self.versions[aor],
            status=Status.ONLINE if reachable else Status.OFFLINE,
            reachable=reachable,
            cause=Cause.REGISTERED if reachable else Cause.UNREGISTERED,
            at=datetime.now(UTC),
            bindings=[],
            calls=[],
            evidence=["conformance"],
        )
        self._write(aor, encode(record))
        return self.versions[aor]

    def remove(self, name: str) -> None:
        self.versions.pop(self.aor(name), None)
        self._write(self.aor(name), None)

    def remove_all(self) -> None:
        for aor in list(self.versions):
            self.remove(aor.partition(":")[2].partition("@")[0])

    def _write(self, aor: str, value: bytes | None) -> None:
        if self._producer is None:
            raise Skipped("needs --kafka")
        self._producer.produce(self._topic, value, aor.encode())
        if self._producer.flush(SECONDS):
            raise Failed("Kafka did not take a record")
