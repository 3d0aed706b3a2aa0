"""One partition's session sources as one stream: batches of several topics, in order of time.

Kafka keeps no order between topics, and one fetch brings several. A call folded before the
registration of the same second, or all calls of an hour before the first minute's registrations
(a worker that catches up), would show states that never were. So a record is folded only when no
topic is known to hold an older one: what is here is merged by the time of production, and a topic
that has more to read is waited for.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Iterable, Set
from typing import Any, Protocol

from runtime import logs
from schemas.topics import Topic
from streams.flow.merge_buffer import Front

log = logs.get(__name__)

# A topic that is said to hold more and does not deliver is not waited for longer, until it does.
# Time alone does not tell: on a busy machine what was fetched waits for its turn. And while records
# of it are in hand the time does not begin: they come, however long the others' folding takes.
PATIENCE = 2.0  # seconds
PATIENT_ROUNDS = 8
LOOK = 0.1  # seconds
# Batches of a topic that wait behind those at the front.
WAITING = 2
# Batches that came while the last ones became durable are folded together, up to so many records:
# each fold waits for Kafka, and one a batch would let batches queue. Cut smaller, a backlog took
# two workers twice as long, for the same reason; more would keep other partitions waiting.
TOGETHER = 1_000

Run = tuple[Topic, list[Any]]


class Reading(Protocol):
    """How far topics are read, and whether they are."""

    def ends(self, topic: Topic, number: int, written: int) -> tuple[int, int | None]:
        """Where reading a partition began or goes on, and its end as last heard.

        None for an end that was not heard, or too long before `written` (ms) to tell of then.
        """

    def rounds(self) -> int:
        """How often all that was fetched has been handed over."""

    def is_in_hand(self, topic: Topic, number: int) -> bool:
        """Whether records of a partition are fetched and on their way to its agent."""

    def is_flowing(self) -> bool:
        """Whether anything is handed over: not while a rebalance waits for what is under way."""

    def has(self, number: int) -> bool:
        """Whether a partition is this worker's, recovered and read."""

    def forget(self, event: Any) -> None:
        """A batch is not under way any more, and not done: it will be read again."""


class Merge:
    """Of the partition `number`. `put` what Faust delivers, `take` what may be folded now."""

    def __init__(
        self, topics: Iterable[Topic], number: int, reading: Reading, waiting: Set[str]
    ) -> None:
        """`waiting`: the topics whose agent holds a batch, behind which others may be."""
        self._topics = tuple(topics)
        self._number = number
        self._reading = reading
        self._waiting = waiting
        self._queues: dict[str, deque[Any]] = {topic.name: deque() for topic in self._topics}
        self._fronts: dict[str, Front] = {}
        self._received: dict[str, int] = {}
        self._given_up: dict[str, int | None] = {}
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._is_starving = False

    async def put(self, topic: Topic, event: Any) -> None:
        """Add one batch; waits while two of the topic are waiting already.

        Not while another topic's is waited for: that may be behind batches of other partitions,
        which are waited for likewise, and who brings this topic's batches brings those partitions'.
        """
        queue = self._queues[topic.name]
        while len(queue) >= WAITING and not self._is_starving:
            self._taken.clear()
            await self._taken.wait()
        if not self._reading.is_flowing():  # what was before it may have been dropped
            self._reading.forget(event)
            return
        queue.append(event)
        self._received[topic.name] = event.value[-1].offset + 1
        self._arrived.set()

    async def take(self, *, wait: bool = True) -> tuple[list[Run], list[Any]]:
        """Runs of records in order, and the events of the batches that end with them.

        Nothing, without `wait`, where one would have to wait; and where reading stops meanwhile:
        what is here is dropped then, to be read again.
        """
        while not self._fill():
            if not wait:
                return [], []
            await self._arrival(None)
        if not wait and self._missing():
            return [], []
        missed = await self._missed()
        if missed and not self._reading.is_flowing():
            self.drop()
            return [], []
        for topic in missed:
            end = self._end(topic)[1]
            log.warning(
                "not waited for", topic=topic.name, read=self._received.get(topic.name), end=end
            )
            self._given_up[topic.name] = end
        return self._cut()

    async def _missed(self) -> list[Topic]:
        """Wait for the topics that have more and are not here; those that did not come in time."""
        clock, reading = asyncio.get_running_loop().time, self._reading
        began, rounds = clock(), reading.rounds()
        while (missing := self._missing()) and reading.is_flowing():
            if any(map(self._is_in_hand, missing)):
                began, rounds = clock(), reading.rounds()
            elif clock() - began > PATIENCE and reading.rounds() - rounds >= PATIENT_ROUNDS:
                break
            self._is_starving = True
            self._taken.set()
            if await self._arrival(LOOK):
                self._fill()
        self._is_starving = False
        return missing

    def drop(self) -> None:
        """Forget what is here, when reading has stopped.

        Faust waits, before it gives partitions up, until each batch is done or forgotten. One that
        is forgotten is not committed: who has the partition next reads it again.
        """
        dropped = [event for front in self._fronts.values() for event in front.events()]
        self._fronts.clear()
        for queue in self._queues.values():
            dropped += queue
            queue.clear()
        for event in dropped:
            self._reading.forget(event)
        self._received.clear()
        self._given_up.clear()
        self._taken.set()

    async def _arrival(self, seconds: float | None) -> bool:
        """Whether something arrived in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return False
        self._arrived.clear()
        return True

    def _fill(self) -> bool:
        """Move batches of each topic to the front; whether any is there."""
        for name, queue in self._queues.items():
            if not queue:
                continue
            if name not in self._fronts:
                self._fronts[name] = Front(queue.popleft())
            front = self._fronts[name]
            while queue and len(front) < TOGETHER:
                front.add(queue.popleft())
            self._taken.set()
        return bool(self._fronts)

    def _missing(self) -> list[Topic]:
        return [t for t in self._topics if t.name not in self._fronts and self._has_more(t)]

    def _has_more(self, topic: Topic) -> bool:
        """Whether records are known to lie beyond what is at the front."""
        if self._queues[topic.name]:
            return True
        began, end = self._end(topic)
        if topic.name in self._given_up:
            if self._given_up[topic.name] == end:
                return False
            del self._given_up[topic.name]
        return end is None or max(self._received.get(topic.name, 0), began) < end

    def _end(self, topic: Topic) -> tuple[int, int | None]:
        """As of the last of what is at the front."""
        last = (front.records[-1].timestamp for front in self._fronts.values())
        return self._reading.ends(topic, self._number, max(last, default=0))

    def _is_in_hand(self, topic: Topic) -> bool:
        return topic.name in self._waiting or self._reading.is_in_hand(topic, self._number)

    def _cut(self) -> tuple[list[Run], list[Any]]:
        """Everything up to the last time that every topic with more to come has reached."""
        if len(self._fronts) == 1:  # most often: nothing to merge with
            ((name, front),) = self._fronts.items()
            if not any(self._has_more(t) for t in self._topics if t.name != name):
                self._fronts.clear()
                topic = next(t for t in self._topics if t.name == name)
                records, ended = front.take(len(front))
                return [(topic, records)], ended
        limits = [
            self._fronts[topic.name].newest
            for topic in self._topics
            if topic.name in self._fronts and self._has_more(topic)
        ]
        limit = min(limits, default=None)
        parts: list[list[tuple[int, int, Any]]] = []
        ended = []
        for rank, topic in enumerate(self._topics):
            if topic.name not in self._fronts:
                continue
            front = self._fronts[topic.name]
            records, events = front.take(front.until(limit))
            parts.append([(r.timestamp, rank, r) for r in records])
            ended += events
            if not front:
                del self._fronts[topic.name]
        return self._runs(parts), ended

    def _runs(self, parts: list[list[tuple[int, int, Any]]]) -> list[Run]:
        runs: list[Run] = []
        for _, rank, record in heapq.merge(*parts, key=lambda part: part[:2]):
            topic = self._topics[rank]
            if not runs or runs[-1][0] is not topic:
                runs.append((topic, []))
            runs[-1][1].append(record)
        return runs
