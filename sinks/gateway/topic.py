"""Which topic the gateway reads: its identity, and for how long it keeps tombstones."""

import time
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType, TopicDescription

from runtime import logs
from runtime.kafka import KafkaSettings, no_answer, translate
from runtime.log_reader import TopicReplaced
from sinks.gateway.cursor import epoch_of
from sinks.gateway.message import NUMBER_MAX

log = logs.get(__name__)

_TIMEOUT_SECONDS = 5.0
# The id that brokers older than Kafka 2.8 send.
_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
_TOMBSTONES = "delete.retention.ms"
# Kafka's default.
_TOMBSTONES_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Topic:
    """`epoch`: another topic of this name has another. `tombstones_kept`: after compaction."""

    epoch: bytes
    partitions: int
    tombstones_kept: timedelta


def describe(kafka: KafkaSettings, name: str) -> Topic:
    """Read from the cluster. Raises KafkaUnavailable, KafkaMisconfigured."""
    admin = AdminClient(kafka.client())
    try:
        metadata = admin.list_topics(name, timeout=_TIMEOUT_SECONDS)
        found = _asked(admin, name).result(_TIMEOUT_SECONDS)
        partitions = len(metadata.topics[name].partitions)
    except KafkaException as error:
        raise translate(error, kafka) from error
    except TimeoutError as error:
        raise no_answer(kafka, "no description of the topic") from error
    if partitions > NUMBER_MAX:
        raise ValueError(f"{name} has {partitions} partitions: {NUMBER_MAX} at most are supported")
    identity = _identity(found)
    if identity is None:  # then only a cursor past the topic's end shows that it is another
        identity = f"{metadata.cluster_id}/{name}"
    return Topic(epoch_of(identity), partitions, _tombstones_kept(admin, name))


def _asked(admin: AdminClient, name: str) -> "Future[TopicDescription]":
    return admin.describe_topics(TopicCollection([name]), request_timeout=_TIMEOUT_SECONDS)[name]


def _identity(found: TopicDescription) -> str | None:
    return None if (id_ := str(found.topic_id)) == _NO_ID else id_


def _tombstones_kept(admin: AdminClient, name: str) -> timedelta:
    resource = ConfigResource(ResourceType.TOPIC, name)
    try:
        asked = admin.describe_configs([resource], request_timeout=_TIMEOUT_SECONDS)
        text = asked[resource].result(_TIMEOUT_SECONDS)[_TOMBSTONES].value
        return timedelta(milliseconds=min(int(text), 10**12))
    except (KafkaException, TimeoutError, KeyError, TypeError, ValueError) as error:
        # To read it needs a permission that reading the topic does not.
        log.warning(f"{_TOMBSTONES} is not readable, assuming a day", topic=name, error=str(error))
        return _TOMBSTONES_KEPT


class IdentityCheck:
    """Asks the cluster again and again whether the topic is still the same, without waiting."""

    def __init__(self, kafka: KafkaSettings, name: str, topic: Topic) -> None:
        self._admin = AdminClient(kafka.client())
        self._name = name
        self._epoch = topic.epoch
        self._interval = kafka.partition_check_interval.total_seconds()
        self._asked: Future[TopicDescription] | None = None
        self._due = time.monotonic() + self._interval

    def check(self, *, is_kafka_away: bool) -> None:
        """Call it often. Raises TopicReplaced.

        Asks nothing while Kafka is away: what waits for a broker takes half a core of librdkafka's
        (rd_kafka_admin_common_worker).
        """
        if self._asked is None:
            if time.monotonic() >= self._due and not is_kafka_away:
                self._asked = _asked(self._admin, self._name)
        elif self._asked.done():
            asked, self._asked = self._asked, None
            self._due = time.monotonic() + self._interval
            if asked.exception() is None:
                identity = _identity(asked.result())
                if identity is not None and epoch_of(identity) != self._epoch:
                    raise TopicReplaced(f"{self._name} was created again")
