"""A `streams.flow.merge.Reading` as a test wants it."""

import itertools
from collections.abc import Callable
from typing import Any

from schemas.topics import Topic


class ScriptedReading:
    """Of partition 0: a consumer that goes round all the time, and has nothing in hand."""

    def __init__(self, ends: Callable[[Topic, int], tuple[int, int | None]]) -> None:
        self._ends = ends
        self.rounds = itertools.count().__next__
        self.in_hand = False
        self.flowing = True
        self.forgotten: list[Any] = []

    def ends(self, topic: Topic, number: int, written: int) -> tuple[int, int | None]:
        assert number == 0
        return self._ends(topic, written)

    def is_in_hand(self, topic: Topic, number: int) -> bool:
        del topic, number
        return self.in_hand

    def is_flowing(self) -> bool:
        return self.flowing

    def has(self, number: int) -> bool:
        return self.flowing and number == 0

    def forget(self, event: Any) -> None:
        self.forgotten.append(event)
