"""From the backlog to the user center: take a batch, send it until it is settled, take the next."""

import contextlib
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tenacity import RetryCallState, Retrying
from tenacity.nap import sleep_using_event
from tenacity.retry import retry_if_exception_type
from tenacity.stop import stop_when_event_set
from tenacity.wait import wait_random_exponential

from runtime import logs
from runtime.kafka import KafkaUnavailable
from runtime.metrics import COALESCED, DELIVERED, DELIVERY_FAILURES
from sinks.user_center.backlog import Backlog, Waiting
from sinks.user_center.cloud_event import batch_body, message_id, record_of
from sinks.user_center.dead_letters import DeadLetters
from sinks.user_center.errors import (
    BatchTooLarge,
    DeliveryFailed,
    ReceiverAway,
    ReceiverRefusesUs,
    RecordsRefused,
)
from sinks.user_center.receiver import Receiver
from sinks.user_center.settings import UserCenterSettings

log = logs.get(__name__)

# How long an idle deliverer waits before it looks whether to stop.
_IDLE_SECONDS = 0.25


@dataclass
class Record:
    """What all deliverers did so far; `refused` is why the receiver refuses us, while it does."""

    delivered: int = 0
    failures: int = 0
    dead_letters: int = 0
    last_error: str | None = None
    refused: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def accepted(self, count: int) -> None:
        with self.lock:
            self.delivered += count
            self.refused = None
        DELIVERED.add(count)

    def failed(self, error: Exception, reason: str) -> None:
        with self.lock:
            self.failures += 1
            self.last_error = str(error)[:500]
            self.refused = self.last_error if isinstance(error, ReceiverRefusesUs) else None
        DELIVERY_FAILURES.add(1, {"reason": reason})

    def put_aside(self) -> None:
        with self.lock:
            self.dead_letters += 1


class Deliverer:
    """One line of requests, one after the other. Several run beside each other in threads."""

    def __init__(
        self,
        settings: UserCenterSettings,
        topic: str,
        backlog: Backlog,
        receiver: Receiver,
        dead_letters: DeadLetters,
        record: Record,
        stop: threading.Event,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._backlog = backlog
        self._receiver = receiver
        self._dead_letters = dead_letters
        self._record = record
        self._stop = stop
        self._backoff = wait_random_exponential(
            multiplier=settings.backoff_min_seconds,
            min=settings.backoff_min_seconds,
            max=settings.backoff_max_seconds,
        )
        # Held while a request is under way: who revokes a partition waits for it.
        self.sending = threading.Lock()

    def run(self) -> None:
        """Deliver until `stop` is set; what is not settled then stays uncommitted in Kafka."""
        while not self._stop.is_set():
            if batch := self._backlog.take(self._settings.batch_max, _IDLE_SECONDS):
                self.settle(batch)

    def settle(self, batch: list[Waiting]) -> None:
        """Deliver a taken batch, in parts where it must be, records nobody takes put aside."""
        parts = [batch]
        while parts and not self._stop.is_set():
            part = parts.pop()
            try:
                self._patiently(partial(self._attempt, part))
            except (ReceiverAway, ReceiverRefusesUs, KafkaUnavailable):
                return  # told to stop
            except _Unacceptable as refused:
                middle = len(refused.batch) // 2
                if middle:
                    parts += [refused.batch[middle:], refused.batch[:middle]]
                else:
                    self._put_aside(refused.batch[0], refused.why)

    def _attempt(self, batch: list[Waiting]) -> None:
        """Send once. On failure `batch` holds what the next attempt sends: the same, or newer."""
        with self.sending:
            batch[:], superseded = self._backlog.renew(batch)
            COALESCED.add(superseded)
            if not batch:
                return
            self._send(batch)
            self._backlog.done(batch)
        self._record.accepted(len(batch))

    def _send(self, batch: list[Waiting]) -> None:
        message = message_id((self._topic, w.partition.number, w.offset) for w in batch)
        try:
            self._receiver.post(message, batch_body(w.event for w in batch))
        except DeliveryFailed as error:
            self._record.failed(error, error.reason)
            if isinstance(error, RecordsRefused | BatchTooLarge):
                raise _Unacceptable(batch, error) from error
            raise

    def _put_aside(self, waiting: Waiting, why: DeliveryFailed) -> None:
        """A record the receiver will never take: to dead letters, then on without it."""
        source = f"{self._topic}/{waiting.partition.number}/{waiting.offset}"
        log.error("dead letter", source=source, aor=waiting.aor, reason=str(why))
        keep = partial(self._dead_letters.put, source, record_of(waiting.event), str(why))
        with contextlib.suppress(KafkaUnavailable):  # told to stop: it comes again
            self._patiently(keep)
            self._record.put_aside()
            self._backlog.done([waiting])

    # -- patience ---------------------------------------------------------------------------------
    def _patiently(self, action: Callable[[], None]) -> None:
        """Do it until it is done. Raises what it raised last when told to stop."""
        retrying = Retrying(
            retry=retry_if_exception_type((ReceiverAway, ReceiverRefusesUs, KafkaUnavailable)),
            wait=self._pause,
            sleep=sleep_using_event(self._stop),
            stop=stop_when_event_set(self._stop),
            before_sleep=_say,
            reraise=True,
        )
        retrying(action)

    def _pause(self, attempts: RetryCallState) -> float:
        """Seconds to the next attempt; jitter keeps several senders from coming back together."""
        error = attempts.outcome.exception() if attempts.outcome else None
        longest = self._settings.backoff_max_seconds
        if isinstance(error, ReceiverRefusesUs):
            return random.uniform(longest / 2, longest)
        if isinstance(error, ReceiverAway) and error.retry_after is not None:
            return error.retry_after + random.uniform(0, self._settings.backoff_min_seconds)
        return self._backoff(attempts)


class _Unacceptable(Exception):
    """A batch the receiver will not take as it is, with the receiver's answer."""

    def __init__(self, batch: list[Waiting], why: DeliveryFailed) -> None:
        super().__init__(str(why))
        self.batch = batch
        self.why = why


def _say(attempts: RetryCallState) -> None:
    error = attempts.outcome.exception() if attempts.outcome else None
    say = log.error if isinstance(error, ReceiverRefusesUs) else log.warning
    say(
        "user center does not take presence, trying again",
        error=str(error),
        attempt=attempts.attempt_number,
        wait_seconds=round(attempts.upcoming_sleep, 2),
    )
