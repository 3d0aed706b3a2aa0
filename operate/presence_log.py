"""rollcall.presence as a subscriber reads it: each version of a user once, and the last of each."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

from confluent_kafka import Message

from operate.topic_reader import TopicReader
from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.presence import Presence
from schemas.topics import PRESENCE

T = TypeVar("T")


class UnknownUser(Exception):
    """The user asked for has never registered."""


def records(model: type[T], messages: Iterable[Message]) -> Iterator[T]:
    """The records of `messages`, without tombstones and what nobody can decode.

    The sinks put the latter aside (rollcall.dead-letters): here it only must not end the command.
    """
    for message in messages:
        if (value := message.value()) is not None:
            with contextlib.suppress(codec.InvalidRecord):
                yield codec.decode(model, value)


class Subscriber:
    """Presence as a careful subscriber sees it: a version already seen is not news."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}

    def news(self, messages: Iterator[Message]) -> Iterator[Presence]:
        """The presence records among `messages` that are newer than what was seen."""
        for presence in records(Presence, messages):
            if presence.version > self._versions.get(presence.aor, 0):
                self._versions[presence.aor] = presence.version
                yield presence


def present(kafka: KafkaSettings) -> dict[str, Presence]:
    """The last presence record of each user; the highest version counts.

    Raises NotReadToEnd, KafkaUnavailable, KafkaMisconfigured.
    """
    users: dict[str, Presence] = {}
    reader = TopicReader(kafka, PRESENCE)
    try:
        for presence in records(Presence, reader.read_to_end()):
            known = users.get(presence.aor)
            if known is None or presence.version >= known.version:
                users[presence.aor] = presence
    finally:
        reader.close()
    return users
