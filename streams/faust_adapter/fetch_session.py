"""Incremental fetches (KIP-227): after the first, a request and its answer name what changed only.

aiokafka names every partition in each fetch, and the broker all of them in its answer. A worker of
four partitions reads 44; at 1,000 events/s three or four of them have records in a fetch, and
encoding and decoding the others took most of a fetch's processor time, while folds wait for it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from aiokafka.protocol.fetch import FetchRequest

# Fetch requests have sessions since this version of theirs (Kafka 1.1).
_SESSIONS_SINCE = 7
_FIRST, _LAST_EPOCH = 0, 2**31 - 1

_Partition = tuple[str, int]  # a topic's name, and a number


class IncrementalRequest:
    """A fetch within a session, which names the `changed` partitions only. aiokafka prepares it for
    the versions that the broker supports."""

    def __init__(
        self,
        whole: FetchRequest,
        changed: Collection[_Partition],
        forgotten: Iterable[_Partition],
        session: tuple[int, int],
    ) -> None:
        self._whole = whole
        self._changed = changed
        self._forgotten = forgotten
        self._session = session

    def prepare(self, versions: Any) -> Any:
        built = self._whole.prepare(versions)
        if built.API_VERSION >= _SESSIONS_SINCE:
            built.session_id, built.session_epoch = self._session
            named, changed = defaultdict[str, list[Any]](list), self._changed
            for topic, partitions in built.topics:
                for partition in partitions:
                    if (topic, partition[0]) in changed:
                        named[topic].append(partition)
            forgotten = defaultdict[str, list[int]](list)
            for topic, number in self._forgotten:
                forgotten[topic].append(number)
            built.topics = list(named.items())
            built.forgotten_topics_data = list(forgotten.items())
        return built


class FetchSession:
    """The session of one consumer with one broker. One fetch at a time is in flight.

    `ends` has the high watermark of each partition of the last fetch, as of its answer: a broker
    leaves out of an answer what has neither records nor a new high watermark.
    """

    def __init__(self) -> None:
        self.ends: dict[_Partition, int] = {}
        self._id = 0
        self._epoch = _FIRST
        self._asked: dict[_Partition, tuple[int, int]] = {}

    def request(self, whole: FetchRequest) -> IncrementalRequest:
        """The request to send in place of one that names all partitions."""
        wanted = {
            (topic, partition): (offset, most)
            for topic, partitions in whole.topics
            for partition, offset, most in partitions
        }
        asked = {} if self._epoch == _FIRST else self._asked
        changed = {part for part, place in wanted.items() if asked.get(part) != place}
        forgotten = asked.keys() - wanted.keys()
        for part in forgotten:
            self.ends.pop(part, None)
        self._asked = wanted
        return IncrementalRequest(whole, changed, forgotten, (self._id, self._epoch))

    def answered(self, answer: Any) -> None:
        """Note an answer. After an error the next request is a session's first."""
        has_session = answer.API_VERSION >= _SESSIONS_SINCE
        if has_session and answer.error_code:
            self.end()
            return
        if self._epoch == _FIRST:
            self.ends.clear()
        for topic, partitions in answer.topics:
            for partition, error, end, *_ in partitions:
                if error:
                    self.ends.pop((topic, partition), None)
                else:
                    self.ends[topic, partition] = end
        if has_session and answer.session_id:
            self._id = answer.session_id
            self._epoch = 1 if self._epoch == _LAST_EPOCH else self._epoch + 1

    def end(self) -> None:
        """A request has no answer, or an error: the broker may not have the session as it is here.

        The next request closes it, and begins another.
        """
        self._epoch = _FIRST
        self.ends.clear()
