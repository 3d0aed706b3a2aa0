"""A publisher for tests: encodes what a reader publishes as the real one does, and keeps it."""

from dataclasses import dataclass, field
from typing import Any

from producers.envelope import dead_letter_record, event_record
from runtime.kafka import KafkaSettings
from schemas.codec import decode, validate
from schemas.dead_letter import MAX_PAYLOAD, DeadLetter
from schemas.topic import Topic

_KAFKA = KafkaSettings()
# Base64 of the payload, the texts at their longest, and the names around them.
LETTER_MAX_BYTES = MAX_PAYLOAD * 4 // 3 + 2 * 6 * 1024 + 4096


@dataclass
class Collected:
    """Of one reader. Every record is valid by its contract, every dead letter bounded."""

    published: list[tuple[Topic, str, Any]] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    def publish(self, topic: Topic, key: str, event: Any, *, partition: int | None = None) -> None:
        record = event_record(_KAFKA, topic, key, event, partition=partition)
        assert validate(topic.model, record.value) == event
        self.published.append((topic, key, event))

    def publish_everywhere(self, topic: Topic, key: str, event: Any) -> None:
        self.publish(topic, key, event)

    def dead_letter(
        self, source: str, payload: bytes, reason: str, field: str | None = None
    ) -> None:
        record = dead_letter_record(_KAFKA, source, payload, reason, field)
        assert len(record.value) <= LETTER_MAX_BYTES
        letter = decode(DeadLetter, record.value)
        assert letter.source
        assert letter.reason
        assert letter.size == len(payload)
        self.letters.append(letter)

    def take(self) -> tuple[list[tuple[Topic, str, Any]], list[DeadLetter]]:
        """What came since the last time."""
        taken = self.published, self.letters
        self.published, self.letters = [], []
        return taken


def differing(benign: Any, hostile: Any) -> set[str]:
    """The fields in which two events differ."""
    names = benign.__dataclass_fields__
    assert type(hostile) is type(benign)
    return {name for name in names if getattr(benign, name) != getattr(hostile, name)}
