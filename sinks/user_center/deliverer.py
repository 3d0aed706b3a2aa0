"""From the backlog to the user center: take a batch, send it until it is accepted, take another."""

import contextlib
import threading
import time
from collections.abc import Iterable
from functools import partial

from runtime import logs
from runtime.dead_letters import DeadLetters, Unusable
from runtime.stage import StageStopped
from sinks.user_center.backlog import Backlog
from sinks.user_center.cloud_event import batch_body, message_id, record_of
from sinks.user_center.counts import DeliveryCounts
from sinks.user_center.errors import BatchTooLarge, DeliveryFailed, RecordsRefused
from sinks.user_center.pending import PendingState
from sinks.user_center.receiver import Receiver
from sinks.user_center.retry import RetryPolicy
from sinks.user_center.settings import UserCenterSettings

log = logs.get(__name__)

# So often an idle deliverer looks whether to stop.
_IDLE_SECONDS = 0.25


class Deliverer:
    """One line of requests, one after the other. Several run beside each other in threads."""

    def __init__(
        self,
        settings: UserCenterSettings,
        topic: str,
        backlog: Backlog,
        receiver: Receiver,
        dead_letters: DeadLetters,
        counts: DeliveryCounts,
        stop: threading.Event,
    ) -> None:
        self._batch_max = settings.batch_max
        self._topic = topic
        self._backlog = backlog
        self._receiver = receiver
        self._dead_letters = dead_letters
        self._counts = counts
        self._stop = stop
        self._retries = RetryPolicy(settings, stop)
        # Held while a request is under way: a revocation waits for it.
        self.sending = threading.Lock()

    def run(self) -> None:
        """Deliver until `stop` is set; what is not delivered then stays uncommitted in Kafka."""
        while not self._stop.is_set():
            if batch := self._backlog.take(self._batch_max, _IDLE_SECONDS):
                with contextlib.suppress(StageStopped):
                    self.deliver(batch)

    def deliver(self, batch: list[PendingState]) -> None:
        """Deliver a taken batch, in parts where it must be; states that are never accepted go to
        dead letters. Raises StageStopped."""
        parts = [batch]
        while parts and not self._stop.is_set():
            part = parts.pop()
            try:
                self._retries.run(partial(self._attempt, part))
            except _NotAccepted as error:
                middle = len(error.batch) // 2
                if middle:
                    parts += [error.batch[middle:], error.batch[:middle]]
                else:
                    self._write_dead_letter(error.batch[0], error.why)

    def _attempt(self, batch: list[PendingState]) -> None:
        """Send once. On failure `batch` holds what the next attempt sends: the same, or newer."""
        with self.sending:
            batch[:] = self._backlog.renew(batch)
            if not batch:
                return
            self._send(batch)
            self._backlog.complete(batch)
        self._counts.add_delivered(len(batch))

    def _send(self, batch: list[PendingState]) -> None:
        message = message_id((self._topic, state.partition.number, state.offset) for state in batch)
        try:
            self._receiver.post(message, batch_body(state.event for state in batch))
        except DeliveryFailed as error:
            self._counts.add_failure(error)
            if isinstance(error, RecordsRefused | BatchTooLarge):
                raise _NotAccepted(batch, error) from error
            raise

    def _write_dead_letter(self, state: PendingState, why: DeliveryFailed) -> None:
        place = f"{self._topic}/{state.partition.number}/{state.offset}"
        log.error("dead letter", source=place, aor=state.aor, reason=str(why))
        unusable = Unusable(place, record_of(state.event), str(why))
        self._retries.run(partial(self._dead_letters.send, [unusable]))
        self._counts.add_dead_letter()
        self._backlog.complete([state])


def await_requests(sending: Iterable[threading.Lock], timeout: float) -> None:
    """Return when none of the requests under way now still is, or after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    for lock in sending:
        if lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            lock.release()


class _NotAccepted(Exception):
    """A batch that the receiver does not accept as it is, with the receiver's answer."""

    def __init__(self, batch: list[PendingState], why: DeliveryFailed) -> None:
        super().__init__(str(why))
        self.batch = batch
        self.why = why
