"""What all deliverers did since the process started, for /status and metrics."""

import threading
from dataclasses import dataclass, field

from runtime.metrics import DELIVERED, DELIVERY_FAILURES
from sinks.user_center.errors import DeliveryFailed, ReceiverRefusesUs


@dataclass
class DeliveryCounts:
    """Thread-safe. `refused` is why the receiver refuses this sender, as long as it does."""

    delivered: int = 0
    failures: int = 0
    dead_letters: int = 0
    last_error: str | None = None
    refused: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add_delivered(self, count: int) -> None:
        """The receiver accepted a batch of so many states."""
        with self._lock:
            self.delivered += count
            self.refused = None
        DELIVERED.add(count)

    def add_failure(self, error: DeliveryFailed) -> None:
        """A request failed."""
        with self._lock:
            self.failures += 1
            self.last_error = str(error)[:500]
            self.refused = self.last_error if isinstance(error, ReceiverRefusesUs) else None
        DELIVERY_FAILURES.add(1, {"reason": error.reason})

    def add_dead_letter(self) -> None:
        """A state that the receiver will never accept is written to dead letters."""
        with self._lock:
            self.dead_letters += 1
