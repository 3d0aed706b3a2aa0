"""What a publisher hands to Kafka or keeps in its spool: one finished Kafka record."""

from dataclasses import dataclass

from schemas.cloudevents import Headers

# Bytes of a row on disk beside its own: SQLite's cell header, index and page slack.
ROW_OVERHEAD = 64


@dataclass(frozen=True, slots=True)
class Record:
    """One record, encoded and addressed; `partition` None leaves it to the key's murmur2 hash."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    partition: int | None = None

    @property
    def size(self) -> int:
        """Bytes that it counts for in the spool."""
        named = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.topic) + len(self.key) + len(self.value) + named + ROW_OVERHEAD
