"""One partition's session sources as one stream: batches of several topics, in order of time.

Kafka keeps no order between topics, and one fetch brings several. A call folded before the
registration of the same second, or all calls of an hour before the first minute's registrations
(a worker that catches up), would show states that never were. So a record is folded only when no
topic is known to hold an older one: what is here is merged by the time of production, and a topic
that has more to read is waited for.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterable
from typing import Any

from schemas.topics import Topic

# A topic that is said to hold more and does not deliver is not waited for longer, until it does.
PATIENCE = 2.0  # seconds

Run = tuple[Topic, list[Any]]


class Merge:
    """Of one partition. `put` what Faust delivers, `take` what may be folded now."""

    def __init__(
        self, topics: Iterable[Topic], ends: Callable[[Topic], tuple[int, int | None]]
    ) -> None:
        """`ends(topic)`: where reading it began or goes on, and its end as last heard (or None)."""
        self._topics = tuple(topics)
        self._ends = ends
        self._queues: dict[str, asyncio.Queue[Any]] = {
            topic.name: asyncio.Queue(maxsize=2) for topic in self._topics
        }
        # A batch's event, and how many of its records were taken.
        self._heads: dict[str, tuple[Any, int]] = {}
        self._received: dict[str, int] = {}
        self._given_up: dict[str, int | None] = {}
        self._arrived = asyncio.Event()

    async def put(self, topic: Topic, event: Any) -> None:
        """Add one batch; waits while two of the topic are waiting already."""
        await self._queues[topic.name].put(event)
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
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while missing := self._missing():
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0 or not await self._arrival(left):
                break
            self._fill()
        for topic in missing:
            self._given_up[topic.name] = self._ends(topic)[1]
        return self._cut()

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
            if name not in self._heads and not queue.empty():
                self._heads[name] = (queue.get_nowait(), 0)
        return bool(self._heads)

    def _missing(self) -> list[Topic]:
        return [t for t in self._topics if t.name not in self._heads and self._has_more(t)]

    def _has_more(self, topic: Topic) -> bool:
        """Whether records are known to lie beyond what is at the front."""
        if not self._queues[topic.name].empty():
            return True
        began, end = self._ends(topic)
        if topic.name in self._given_up and self._given_up[topic.name] == end:
            return False
        return end is None or max(self._received.get(topic.name, 0), began) < end

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
