"""What a translation knows beside its answer: node, boot, and when it came."""

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from schemas.vocabulary import Source


class Moment(NamedTuple):
    """When the producer learned of it. `seq` is unique and only grows, over restarts too."""

    at: datetime
    seq: int


class Moments:
    """This machine's clock, which is rtpengine's: they stand beside one another."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def now(self) -> Moment:
        microseconds = time.time_ns() // 1000
        with self._lock:
            self._last = max(self._last + 1, microseconds)
            return Moment(datetime.fromtimestamp(microseconds / 1e6, UTC), self._last)


@dataclass(slots=True)
class Context:
    """Of one rtpengine. `boot` changes when it has restarted."""

    node: str
    boot: str
    moments: Moments = field(default_factory=Moments)

    def origin(self, moment: Moment) -> dict[str, Any]:
        """The fields of schemas.origin.Event."""
        return {
            "id": f"{self.node}/{self.boot}/{moment.seq}",
            "source": Source.RTPENGINE,
            "node": self.node,
            "boot": self.boot,
            "seq": moment.seq,
            "at": moment.at,
        }
