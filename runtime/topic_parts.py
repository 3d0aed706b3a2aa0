"""What is read of a topic, and where its partitions end now."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from runtime.kafka import KafkaSettings, KafkaUnavailable, translate
from schemas.topic import Topic

_TIMEOUT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Part:
    """What is read of a topic. `partitions` None: all; `since` None: from their beginning.

    `offsets`: instead of both, from where each of these partitions is read.
    """

    topic: Topic
    partitions: Collection[int] | None = None
    since: datetime | None = None
    offsets: Mapping[int, int] | None = None

    def __post_init__(self) -> None:
        if self.offsets is not None and (self.partitions is not None or self.since is not None):
            raise ValueError("offsets name the partitions, and where they begin")

    @property
    def numbers(self) -> Collection[int] | None:
        """The partitions; None: all."""
        return self.partitions if self.offsets is None else self.offsets.keys()


def end_offsets(
    kafka: KafkaSettings, topic: Topic, name: str, numbers: Collection[int] | None = None
) -> dict[int, int]:
    """`ends_by` a client of its own, which is named `name`.

    A consumer that is fetching would answer late: its broker serves one request after the other,
    and a fetch without new records waits half a second.
    """
    consumer = Consumer(kafka.consumer(name))
    try:
        return ends_by(consumer, kafka, topic, numbers)
    finally:
        consumer.close()


def ends_by(
    consumer: Consumer, kafka: KafkaSettings, topic: Topic, numbers: Collection[int] | None
) -> dict[int, int]:
    """The end offset of each partition, or of those with these numbers; `consumer` knows their
    leaders then. Waits while leaders are being elected.

    Raises KafkaUnavailable, also where the topic is missing; KafkaMisconfigured.
    """
    wanted = numbers is None or bool(numbers)
    ends = _ends(consumer, kafka, kafka.name(topic), numbers) if wanted else {}
    if wanted and not ends:
        raise KafkaUnavailable(
            f"{kafka.name(topic)} is missing: `rollcall topics --create` makes it"
        )
    return ends


@retry(
    retry=retry_if_exception_type(KafkaUnavailable),
    stop=stop_after_delay(_TIMEOUT_SECONDS),
    wait=wait_fixed(0.1),
    reraise=True,
)
def _ends(
    consumer: Consumer, kafka: KafkaSettings, name: str, numbers: Collection[int] | None
) -> dict[int, int]:
    """Empty where there is no such topic."""
    try:
        known = partition_numbers(consumer, name)
        if not known:
            return {}
        places = [TopicPartition(name, n) for n in (known if numbers is None else numbers)]
        return {p.partition: consumer.get_watermark_offsets(p, _TIMEOUT_SECONDS)[1] for p in places}
    except KafkaException as error:
        raise translate(error, kafka) from error


def partition_numbers(consumer: Consumer, name: str) -> list[int]:
    """Of a topic, by its whole name; none where there is no such topic.

    Raises KafkaException, which names the topic: Kafka does not answer, or does not allow it.
    """
    known = consumer.list_topics(name, timeout=_TIMEOUT_SECONDS).topics[name]
    failure = known.error
    if failure is not None and failure.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
        raise KafkaException(KafkaError(failure.code(), f"{name}: {failure.str()}"))
    return sorted(known.partitions)
