"""Waits for the leaders of new topics, before the first client reads or writes."""

from collections.abc import Callable, Iterable

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

# Brokers answer with these for a moment after they have reported a new topic.
_NOT_YET = frozenset(
    {
        KafkaError._NOENT,  # librdkafka: no leaders found
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
    }
)


_ATTEMPT_SECONDS = 5.0


def wait_until_led(
    connect: Callable[[], AdminClient], names: Iterable[str], partitions: int, timeout: float
) -> None:
    """Return when the leader of every partition answers; `timeout` is in seconds.

    Where a topic is unknown it `connect`s anew: librdkafka may cache that it is. Raises
    KafkaException: the last one at the timeout, a permanent one at once.
    """
    asked = {
        TopicPartition(name, number): OffsetSpec.latest()
        for name in names
        for number in range(partitions)
    }
    admin = connect()
    for attempt in Retrying(
        retry=retry_if_exception(_is_not_yet),
        stop=stop_after_delay(timeout),
        wait=wait_fixed(0.05),
        reraise=True,
    ):
        with attempt:
            try:
                _ask(admin, asked)
            except KafkaException as error:
                if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    admin = connect()
                raise


def _ask(admin: AdminClient, asked: dict[TopicPartition, OffsetSpec]) -> None:
    answers = admin.list_offsets(asked, request_timeout=_ATTEMPT_SECONDS).values()
    # All answers first: a client that is closed with answers outstanding waits for seconds.
    errors = [error for answer in answers if (error := answer.exception(2 * _ATTEMPT_SECONDS))]
    if errors:
        raise errors[0]


def _is_not_yet(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() in _NOT_YET
