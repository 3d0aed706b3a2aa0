"""Whether the topics still have `kafka.partitions` partitions: operators add some while stages run.

Keys then map to other partitions than the ones whose tables hold them, and records that are joined
are no longer in partitions of the same number. A stage that depends on the counts checks them every
`kafka.partition_check_interval`, with the client that it has anyway.
"""

from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaException

from runtime import logs, metrics
from runtime.kafka import KafkaSettings, translate
from schemas import topics

log = logs.get(__name__)


class WrongPartitionCounts(Exception):
    """Topics have another number of partitions than `kafka.partitions`; the message names them."""


class PartitionCounts:
    """The check of one stage. `trouble` is what was wrong with the topics at the last check."""

    def __init__(self, kafka: KafkaSettings, list_topics: Callable[..., Any]) -> None:
        """`list_topics(timeout=SECONDS)` is that of any confluent_kafka client."""
        self._expected = kafka.partitions
        self._kafka = kafka
        self._names = [kafka.name(topic) for topic in topics.ALL]
        self._list_topics = list_topics
        self._measured: set[str] = set()
        self.trouble: str | None = None

    def check(self, timeout: float = 5.0) -> str | None:
        """Ask the cluster; returns what is wrong. A change is logged and measured once.

        A topic that is missing, or has no metadata at the moment, is not wrong.
        Raises KafkaUnavailable, KafkaMisconfigured.
        """
        try:
            found = self._list_topics(timeout=timeout).topics
        except KafkaException as error:
            raise translate(error, self._kafka) from error
        counts = {name: len(found[name].partitions) for name in self._names if name in found}
        wrong = {name: count for name, count in counts.items() if count not in (0, self._expected)}
        for name in self._measured | wrong.keys():
            metrics.WRONG_PARTITIONS.set(wrong.get(name, 0), {"topic": name})
        self._measured |= wrong.keys()
        before, self.trouble = self.trouble, self._described(wrong)
        if self.trouble is not None and self.trouble != before:
            log.critical("wrong numbers of partitions", trouble=self.trouble)
        elif self.trouble is None and before is not None:
            log.info("numbers of partitions are right again")
        return self.trouble

    def _described(self, wrong: dict[str, int]) -> str | None:
        if not wrong:
            return None
        each = ", ".join(f"{name} has {count}" for name, count in sorted(wrong.items()))
        return f"{each} partitions; kafka.partitions is {self._expected}"
