"""A `streams.flow.merge.Progress` as a test wants it."""

import itertools
from collections.abc import Callable

from schemas.topic import Topic


class ScriptedProgress:
    """Of partition 0: a consumer that goes round all the time, and has nothing in flight."""

    def __init__(self, ends: Callable[[Topic, int], int | None]) -> None:
        """`ends(topic, written)` gives the high watermarks."""
        self._ends = ends
        self.rounds = itertools.count().__next__
        self.in_flight = False
        self.active = True
        self.acknowledged: dict[str, int] = {}

    def high_watermark(self, topic: Topic, number: int, written: int = 0) -> int | None:
        assert number == 0
        return self._ends(topic, written)

    def has_unread(self, topic: Topic, number: int, read: int, written: int = 0) -> bool:
        end = self.high_watermark(topic, number, written)
        return end is None or read < end

    def is_in_flight(self, topic: Topic, number: int) -> bool:
        del topic, number
        return self.in_flight

    def is_active(self, number: int) -> bool:
        return self.active and number == 0

    def acknowledge(self, topic: Topic, number: int, offset: int) -> None:
        assert number == 0
        self.acknowledged[topic.name] = offset
