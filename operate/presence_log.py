"""Reads rollcall.presence like a subscriber: each version of a user once, or the last of each."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

from confluent_kafka import Message

from runtime.kafka import KafkaSettings
from runtime.log_reader import read_to_end
from runtime.topic_parts import Part
from schemas import codec
from schemas.presence import Presence
from schemas.topics import PRESENCE

T = TypeVar("T")


class UnknownUser(Exception):
    """The user asked for has never registered."""


def records(model: type[T], messages: Iterable[Message]) -> Iterator[T]:
    """The records of `messages`, without tombstones and undecodable records.

    For the latter the sinks write dead letters; here they are only skipped.
    """
    for message in messages:
        if (value := message.value()) is not None:
            with contextlib.suppress(codec.InvalidRecord):
                yield codec.decode(model, value)


class Subscriber:
    """Skips versions of a user that it has already read, as a careful subscriber does."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}

    def news(self, messages: Iterable[Message]) -> Iterator[Presence]:
        """The presence records among `messages` with a version newer than the last read."""
        for presence in records(Presence, messages):
            if presence.version > self._versions.get(presence.aor, 0):
                self._versions[presence.aor] = presence.version
                yield presence


def present(kafka: KafkaSettings) -> dict[str, Presence]:
    """The last presence record of each user; the highest version counts.

    Raises KafkaUnavailable, KafkaMisconfigured, TopicReplaced.
    """
    users: dict[str, Presence] = {}
    for presence in records(Presence, read_to_end(kafka, Part(PRESENCE), "cli")):
        known = users.get(presence.aor)
        if known is None or presence.version >= known.version:
            users[presence.aor] = presence
    return users
