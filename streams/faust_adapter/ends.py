"""The ends of the partitions that a worker reads, as a broker last gave them."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from faust.types import TP

from runtime import logs

log = logs.get(__name__)

# Ends are asked for so often.
ASK_SECONDS = 0.25
# An end is valid for records written this long after it was asked for, and no later.
HOLDS_MS = 1000


class EndsUnknown(Exception):
    """No broker gave the ends. Ask again."""


# The ends of partitions. Raises EndsUnknown.
Ask = Callable[[list[TP]], Awaitable[Mapping[Any, int]]]


class Ends:
    """The high watermarks of the assigned source partitions, and when a broker last answered."""

    def __init__(self) -> None:
        self._known: dict[TP, tuple[int, int] | None] = {}  # and when it was asked for
        self._answered = time.monotonic()

    @property
    def silence(self) -> float:
        """Seconds since a broker last answered."""
        return time.monotonic() - self._answered

    def begin(self, assigned: Iterable[TP]) -> None:
        """These partitions are the worker's; no end is known yet."""
        self._known = dict.fromkeys(assigned)

    async def ask(self, ask: Ask) -> None:
        """Ask for the ends; those of an answer that is not one stay as they were."""
        partitions, asked_at = list(self._known), int(time.time() * 1000)
        try:
            ends = await ask(partitions) if partitions else {}
        except EndsUnknown as error:
            log.info("ends of partitions not known", reason=str(error))
            return
        self._answered = time.monotonic()
        for tp in self._known.keys() & ends.keys():  # others are the worker's no more
            self._known[tp] = ends[tp], asked_at

    def end(self, tp: TP, written: int = 0) -> int | None:
        """See streams.flow.merge.Progress; 0 of a partition that is not this worker's."""
        if tp not in self._known:
            return 0
        known = self._known[tp]
        if known is None or known[1] + HOLDS_MS < min(written, time.time() * 1000):
            return None
        return known[0]
