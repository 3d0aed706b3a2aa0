"""Calls folded from their topics, for `rollcall replay --calls`: by the fold of the calls stage."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Message

from calls.fold.book import CallBook
from operate.presence_log import records
from runtime.kafka import KafkaSettings
from runtime.log_reader import read_to_end
from runtime.topic_parts import Part, end_offsets
from schemas.call import CallEvent
from schemas.call_record import CallRecord
from schemas.codec import InvalidRecord, decode
from schemas.internal import NodeState
from schemas.media import MediaEvent
from schemas.presence import Presence
from schemas.speech import SpeechEvent
from schemas.topic import Topic
from schemas.topics import CALLS, MEDIA, NODE_STATE, PRESENCE, SPEECH

# The topics of calls, in an order in which no record comes before its call.
TOPICS = (CALLS, MEDIA, SPEECH, PRESENCE)


class FoldedCalls:
    """Everything that the topics hold of calls from where they ended when this was made."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Raises KafkaUnavailable, KafkaMisconfigured."""
        self._kafka = kafka
        self._start = {topic: end_offsets(kafka, topic, "cli") for topic in TOPICS}

    def read(self) -> list[CallRecord]:
        """One record a call, sorted by start. Raises as `__init__`, and TopicReplaced."""
        book = CallBook(len(self._start[CALLS]))
        now = datetime.now(UTC)
        for node, state in self._nodes():
            book.read_node(node, state, now)
        for message in self._messages(CALLS):
            for event in records(CallEvent, [message]):
                book.read_call(event, message.partition() or 0, now)
        for figures in records(MediaEvent, self._messages(MEDIA)):
            book.read_media(figures, now)
        for session in records(SpeechEvent, self._messages(SPEECH)):
            book.read_speech(session, now)
        for presence in records(Presence, self._messages(PRESENCE)):
            book.read_presence(presence)
        return sorted(book.records(), key=lambda record: (record.started, record.call))

    def _nodes(self) -> Iterator[tuple[str, NodeState]]:
        """The last state of each node; every partition has a copy."""
        for message in read_to_end(self._kafka, Part(NODE_STATE, (0,)), "cli"):
            value: Any = message.value()
            try:
                yield (message.key() or b"").decode(), decode(NodeState, value or b"")
            except (InvalidRecord, UnicodeDecodeError):
                continue

    def _messages(self, topic: Topic) -> Iterator[Message]:
        return read_to_end(self._kafka, Part(topic, offsets=self._start[topic]), "cli")
