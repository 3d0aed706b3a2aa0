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
from collections.abc import Callable, Iterable
from typing import Any

from runtime import logs
from schemas.topics import Topic

log = logs.get(__name__)

# A topic that is said to hold more and does not deliver is not waited for longer, until it does.
# Time alone does not tell: on a busy machine what was fetched waits for its turn. And while records
# of it are in hand the time does not begin: they come, however long the others' folding takes.
PATIENCE = 2.0  # seconds
PATIENT_ROUNDS = 8
LOOK = 0.1  # seconds
# Batches of a topic that wait behind the one at the front.
WAITING = 2

Run = tuple[Topic, list[Any]]


class Merge:
    """Of one partition. `put` what Faust delivers, `take` what may be folded now."""

    def __init__(
        self,
        topics: Iterable[Topic],
        ends: Callable[[Topic, int], tuple[int, int | None]],
        rounds: Callable[[], int],
        is_in_hand: Callable[[Topic], bool],
    ) -> None:
        """`ends(topic, written)`: where reading it began or goes on, and its end as last heard.

        None for an end that was not heard, or too long before `written` (ms) to tell of then.

        `rounds()`: how often all that was fetched has been handed over. `is_in_hand(topic)`:
        whether records of it are fetched and somewhere on their way here.
        """
        self._topics = tuple(topics)
        self._ends = ends
        self._rounds = rounds
        self._is_in_hand = is_in_hand
        self._queues: dict[str, deque[Any]] = {topic.name: deque() for topic in self._topics}
        # A batch's event, and how many of its records were taken.
        self._heads: dict[str, tuple[Any, int]] = {}
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
        queue.append(event)
        self._received[topic.name] = event.value[-1].offset + 1
        self._arrived.set()

    async def take(self, *, wait: bool = True) -> tuple[list[Run], list[Any]]:
        """Runs of records in order, and the events of the batches that end with them.

        Without `wait`: nothing where nothing is there.
        """
        while not self._fill():
            if not wait:
                return [], []
            await self._arrival(None)
        for topic in await self._missed():
            end = self._ends(topic, self._newest())[1]
            log.warning(
                "not waited for", topic=topic.name, read=self._received.get(topic.name), end=end
            )
            self._given_up[topic.name] = end
        return self._cut()

    async def _missed(self) -> list[Topic]:
        """Wait for the topics that have more and are not here; those that did not come in time."""
        clock = asyncio.get_running_loop().time
        began, rounds = clock(), self._rounds()
        while missing := self._missing():
            if any(map(self._is_in_hand, missing)):
                began, rounds = clock(), self._rounds()
            elif clock() - began > PATIENCE and self._rounds() - rounds >= PATIENT_ROUNDS:
                break
            self._is_starving = True
            self._taken.set()
            if await self._arrival(LOOK):
                self._fill()
        self._is_starving = False
        return missing

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
        """Move a batch of each topic to the front; whether any is there."""
        for name, queue in self._queues.items():
            if name not in self._heads and queue:
                self._heads[name] = (queue.popleft(), 0)
                self._taken.set()
        return bool(self._heads)

    def _missing(self) -> list[Topic]:
        return [t for t in self._topics if t.name not in self._heads and self._has_more(t)]

    def _has_more(self, topic: Topic) -> bool:
        """Whether records are known to lie beyond what is at the front."""
        if self._queues[topic.name]:
            return True
        began, end = self._ends(topic, self._newest())
        if topic.name in self._given_up:
            if self._given_up[topic.name] == end:
                return False
            del self._given_up[topic.name]
        return end is None or max(self._received.get(topic.name, 0), began) < end

    def _newest(self) -> int:
        """When the last of what is at the front was written."""
        last = (event.value[-1].timestamp for event, _ in self._heads.values())
        return max(last, default=0)

    def _cut(self) -> tuple[list[Run], list[Any]]:
        """Everything up to the last time that every topic with more to come has reached."""
        if len(self._heads) == 1:  # most often: nothing to merge with
            ((name, (event, start)),) = self._heads.items()
            if not any(self._has_more(t) for t in self._topics if t.name != name):
                self._heads.clear()
                topic = next(t for t in self._topics if t.name == name)
                return [(topic, event.value[start:] if start else event.value)], [event]
        limits = [
            max(record.timestamp for record in self._heads[topic.name][0].value)
            for topic in self._topics
            if topic.name in self._heads and self._has_more(topic)
        ]
        limit = min(limits, default=None)
        parts: list[list[tuple[int, int, Any]]] = []
        ended = []
        for rank, topic in enumerate(self._topics):
            if topic.name not in self._heads:
                continue
            event, start = self._heads[topic.name]
            stop, size = start, len(event.value)
            while stop < size and (limit is None or event.value[stop].timestamp <= limit):
                stop += 1
            parts.append([(r.timestamp, rank, r) for r in event.value[start:stop]])
            if stop == size:
                ended.append(event)
                del self._heads[topic.name]
            else:
                self._heads[topic.name] = (event, stop)
        return self._runs(parts), ended

    def _runs(self, parts: list[list[tuple[int, int, Any]]]) -> list[Run]:
        runs: list[Run] = []
        for _, rank, record in heapq.merge(*parts, key=lambda part: part[:2]):
            topic = self._topics[rank]
            if not runs or runs[-1][0] is not topic:
                runs.append((topic, []))
            runs[-1][1].append(record)
        return runs
