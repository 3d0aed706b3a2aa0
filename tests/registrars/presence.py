"""What presence shows: the product's own streams in memory, behind a stand-in for its publisher."""

import threading
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from schemas.presence import Presence
from schemas.topic import Topic
from streams.batches.leases import Leases
from tests.registrars.table import token_of
from tests.unit.pipeline import Pipeline

# A busy machine may hold a producer up; leases have tests of their own.
_LEASE = timedelta(seconds=120)
_TICK_SECONDS = 0.1


class DeadLetter(NamedTuple):
    reason: str
    field: str | None
    payload: bytes


class PresenceView:
    """Takes what a producer publishes, from any of its threads. `start` lets its clock go."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        leases = Leases(_LEASE, timedelta(seconds=300))
        self._pipeline = Pipeline(leases=leases, now=datetime.now(UTC))
        self._last: dict[str, dict[str, Presence]] = defaultdict(dict)
        self._dead: dict[str, list[DeadLetter]] = defaultdict(list)
        self._log: dict[str, list[str]] = defaultdict(list)
        self._stopping = threading.Event()
        self._clock = threading.Thread(target=self._tick, name="clock", daemon=True)
        self.failure: BaseException | None = None
        self.listings = 0
        self.listed = 0.0  # when the last listing was published (monotonic)

    def start(self) -> None:
        self._clock.start()

    def stop(self) -> None:
        self._stopping.set()
        self._clock.join()

    def shown(self, token: str) -> list[Presence]:
        """The last record of each AOR of this script."""
        with self._lock:
            return list(self._last.get(token, {}).values())

    def dead_letters(self, token: str) -> list[DeadLetter]:
        with self._lock:
            return list(self._dead.get(token, ()))

    def published(self, token: str) -> list[str]:
        """Each registration event of this script, in short, in order."""
        with self._lock:
            return list(self._log.get(token, ()))

    def forget(self, token: str) -> None:
        """The script has ended."""
        with self._lock:
            for of_script in (self._last, self._dead, self._log):
                of_script.pop(token, None)

    # What producers call of producers.publisher.Publisher:

    def publish(self, topic: Topic, key: str, event: Any, *, partition: int | None = None) -> None:
        del partition
        with self._lock:
            if token := token_of(key):
                self._log[token].append(_short(event))
            self._pipeline.now = datetime.now(UTC)
            self._pipeline.feed(topic, [(key, event)])
            self._take()

    def publish_everywhere(self, topic: Topic, key: str, event: Any) -> None:
        if getattr(event, "snapshot", None) is not None:
            self.listings, self.listed = self.listings + 1, time.monotonic()
        self.publish(topic, key, event)

    def dead_letter(
        self, source: str, payload: bytes, reason: str, field: str | None = None
    ) -> None:
        del source
        with self._lock:
            token = token_of(payload.decode("utf-8", "replace"))
            self._dead[token or ""].append(DeadLetter(reason, field, payload))

    def status(self) -> dict[str, Any]:
        return {}

    def _take(self) -> None:
        for presence in self._pipeline.published:
            if token := token_of(presence.aor):
                self._last[token][presence.aor] = presence
        self._pipeline.published.clear()

    def _tick(self) -> None:
        try:
            while not self._stopping.wait(_TICK_SECONDS):
                with self._lock:
                    self._pipeline.wait(datetime.now(UTC) - self._pipeline.now)
                    self._take()
        except BaseException as error:
            self.failure = error
            raise


def _short(event: Any) -> str:
    kind, contact = getattr(event, "kind", ""), getattr(event, "contact", None)
    extra = [
        f"{name}={value}"
        for name in ("binding", "call_id", "cseq", "expires_at", "snapshot", "cookie")
        if (value := getattr(event, name, None)) is not None
    ]
    return f"{type(event).__name__} {kind} {contact} {' '.join(extra)}"
