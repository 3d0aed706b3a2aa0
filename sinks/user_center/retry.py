"""Retries of a delivery: how long to wait between two attempts, until the stage is stopped."""

import random
import threading
from collections.abc import Callable

from tenacity import RetryCallState, Retrying
from tenacity.nap import sleep_using_event
from tenacity.retry import retry_if_exception_type
from tenacity.stop import stop_when_event_set
from tenacity.wait import wait_random_exponential

from runtime import logs
from runtime.kafka import KafkaUnavailable
from runtime.stage import StageStopped
from sinks.user_center.errors import ReceiverAway, ReceiverRefusesUs
from sinks.user_center.settings import UserCenterSettings

log = logs.get(__name__)


class RetryPolicy:
    """Backoff with full jitter; a receiver's Retry-After comes before it."""

    def __init__(self, settings: UserCenterSettings, stop: threading.Event) -> None:
        self._stop = stop
        self._shortest = settings.backoff_min_seconds
        self._longest = settings.backoff_max_seconds
        self._backoff = wait_random_exponential(
            multiplier=self._shortest, min=self._shortest, max=self._longest
        )

    def run(self, action: Callable[[], None]) -> None:
        """`action()`, called again after ReceiverAway, ReceiverRefusesUs, KafkaUnavailable.

        Raises StageStopped when it failed and `stop` is set, and whatever else it raises.
        """
        Retrying(
            retry=retry_if_exception_type((ReceiverAway, ReceiverRefusesUs, KafkaUnavailable)),
            wait=self.pause,
            sleep=sleep_using_event(self._stop),
            stop=stop_when_event_set(self._stop),
            before_sleep=_log_failure,
            retry_error_callback=_raise_stopped,
        )(action)

    def pause(self, attempts: RetryCallState) -> float:
        """Seconds to the next attempt. Jitter keeps several senders from coming back together."""
        error = _error_of(attempts)
        if isinstance(error, ReceiverRefusesUs):
            return random.uniform(self._longest / 2, self._longest)
        if isinstance(error, ReceiverAway) and error.retry_after is not None:
            return error.retry_after + random.uniform(0, self._shortest)
        return self._backoff(attempts)


def _error_of(attempts: RetryCallState) -> BaseException | None:
    return attempts.outcome.exception() if attempts.outcome else None


def _raise_stopped(attempts: RetryCallState) -> None:
    error = _error_of(attempts)
    raise StageStopped(str(error)) from error


def _log_failure(attempts: RetryCallState) -> None:
    error = _error_of(attempts)
    write = log.error if isinstance(error, ReceiverRefusesUs) else log.warning
    write(
        "delivery failed, trying again",
        error=str(error),
        attempt=attempts.attempt_number,
        wait_seconds=round(attempts.upcoming_sleep, 2),
    )
