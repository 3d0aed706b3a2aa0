"""The part of forgetting in Kafka: the command, the streams' answer, and tombstones of results."""

import time
from collections.abc import Callable
from datetime import datetime

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from runtime.kafka import KafkaSettings, KafkaUnavailable, translate
from runtime.log_reader import from_now_on, read_to_end
from runtime.topic_parts import Part
from schemas.call_record import CallRecord
from schemas.cloudevents import headers
from schemas.codec import InvalidRecord, decode, encode
from schemas.dialling import DialResult
from schemas.forgetting import ForgetCommand
from schemas.topic import Topic
from schemas.topics import CALL_RECORDS, DIAL_RESULTS, FORGET_COMMANDS, PRESENCE
from schemas.vocabulary import DialState

_POLL_SECONDS = 0.1
_FLUSH_SECONDS = 30.0
# By topic, the offset of each partition.
Offsets = dict[Topic, dict[int, int]]


class NotForgotten(Exception):
    """The streams did not answer; nothing was deleted. Ask again when they run."""


def ask_streams(
    kafka: KafkaSettings, aor: str, id_: str, at: datetime, seconds: float
) -> dict[int, int]:
    """Have the session and presence deleted; the offset after the tombstone of presence.

    Raises NotForgotten, KafkaUnavailable, KafkaMisconfigured.
    """
    reader = from_now_on(kafka, PRESENCE, "cli")
    try:
        _send(kafka, ForgetCommand(id=id_, aor=aor, at=at))
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for message in reader.follow(_POLL_SECONDS):
                about = dict(message.headers() or ())
                if message.value() is None and (about.get("ce_id") or b"").endswith(id_.encode()):
                    return {message.partition() or 0: (message.offset() or 0) + 1}
    finally:
        reader.close()
    raise NotForgotten(
        f"no answer of the streams in {seconds:.0f} s, nothing was deleted: does "
        "`rollcall run streams` run?"
    )


def _send(kafka: KafkaSettings, command: ForgetCommand) -> None:
    about = headers(
        FORGET_COMMANDS,
        id=command.id,
        source="rollcall/cli",
        subject=command.aor,
        time=command.at,
    )
    _produce(kafka, FORGET_COMMANDS, [(command.aor.encode(), encode(command))], about)


def _produce(
    kafka: KafkaSettings,
    topic: Topic,
    records: list[tuple[bytes, bytes | None]],
    about: list[tuple[str, bytes]],
) -> None:
    """Write records, and wait until Kafka has them. Raises KafkaUnavailable."""
    failures: list[object] = []
    producer = Producer(kafka.producer())
    for key, value in records:
        producer.produce(
            kafka.name(topic),
            value,
            key,
            headers=about,
            on_delivery=lambda error, _: failures.append(error) if error else None,
        )
    if producer.flush(_FLUSH_SECONDS) or failures:
        raise KafkaUnavailable(f"{topic.name}: not acknowledged {failures or ''}")


def forget_results(kafka: KafkaSettings, aor: str) -> int:
    """Tombstones of the user's calls that were dialled and are over; how many.

    The stage `dialling` writes no result of them again. Raises KafkaUnavailable, TopicReplaced.
    """
    keys = _named(kafka, DIAL_RESULTS, lambda value: _is_of(decode(DialResult, value), aor))
    _produce(kafka, DIAL_RESULTS, [(key, None) for key in keys], [])
    return len(keys)


def _is_of(result: DialResult, aor: str) -> bool:
    return result.user == aor and result.state is DialState.ENDED


def call_records(kafka: KafkaSettings, aor: str) -> set[bytes]:
    """The keys of call records that name the user. Raises KafkaUnavailable, TopicReplaced."""
    named = encode(aor)
    return _named(kafka, CALL_RECORDS, lambda value: named in encode(decode(CallRecord, value)))


def forget_calls(kafka: KafkaSettings, keys: set[bytes]) -> None:
    """Tombstones of call records, where no stage `calls` does it. Raises KafkaUnavailable."""
    _produce(kafka, CALL_RECORDS, [(key, None) for key in keys], [])


def _named(kafka: KafkaSettings, topic: Topic, chosen: Callable[[bytes], bool]) -> set[bytes]:
    """The keys of a compacted topic whose last record is chosen."""
    found: set[bytes] = set()
    for message in read_to_end(kafka, Part(topic), "cli"):
        key, value = message.key() or b"", message.value()
        found.discard(key)
        try:
            if value is not None and chosen(value):
                found.add(key)
        except InvalidRecord:
            continue  # the reader of the topic reports it
    return found


def unread(kafka: KafkaSettings, group: str, ends: Offsets) -> int | None:
    """How many records before these offsets a group has not committed; None: there is no group.

    Raises KafkaUnavailable, KafkaMisconfigured.
    """
    asked = [TopicPartition(kafka.name(t), p) for t, parts in ends.items() for p in parts]
    wanted = {kafka.name(topic): parts for topic, parts in ends.items()}
    consumer = Consumer(kafka.consumer(group))
    try:
        committed = consumer.committed(asked, timeout=15.0)
    except KafkaException as error:
        raise translate(error, kafka) from error
    finally:
        consumer.close()
    if all(one.offset < 0 for one in committed):
        return None
    return sum(max(0, wanted[o.topic][o.partition] - max(o.offset, 0)) for o in committed)


def wait_for(kafka: KafkaSettings, group: str, ends: Offsets, seconds: float) -> int | None:
    """`unread` once it is 0 or None, or after so many seconds."""
    until = time.monotonic() + seconds
    while (left := unread(kafka, group, ends)) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
    return left
