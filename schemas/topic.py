"""What is declared of a Kafka topic; topics.py declares each."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any


class Cleanup(StrEnum):
    DELETE = "delete"
    COMPACT = "compact"


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One Kafka topic. All have the same number of partitions and are co-partitioned.

    `key_field`: of a compacted topic that others read, the field of its values that is the key.
    """

    name: str
    title: str
    key: str
    model: type[Any]
    type: str  # CloudEvents type prefix; events append their kind
    cleanup: Cleanup = Cleanup.DELETE
    retention: timedelta | None = timedelta(days=7)
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    internal: bool = False
    key_field: str | None = None
