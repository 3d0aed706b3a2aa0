"""Trying again while ClickHouse or Kafka is away: backoff with full jitter, until told to stop."""

import threading
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from runtime import logs, metrics
from runtime.kafka import KafkaUnavailable
from sinks.clickhouse.database import StoreUnavailable

T = TypeVar("T")
_AWAY = (StoreUnavailable, KafkaUnavailable)
_log = logs.get(__name__)


class Stopped(Exception):
    """Told to stop while the other side was away. What was not done is done after a restart."""


def patiently(
    do: Callable[[], T],
    stop: threading.Event,
    longest: float,
    sleep: Callable[[float], None] | None = None,
    failed: Callable[[Exception], None] | None = None,
) -> T:
    """`do()`, again and again while it raises StoreUnavailable or KafkaUnavailable.

    Pauses grow to `longest` seconds, and are spent in `sleep` (default: waiting for `stop`).
    Raises Stopped when `stop` is set, and whatever else `do` raises.
    """

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, _AWAY):
            return
        reason = "clickhouse" if isinstance(error, StoreUnavailable) else "kafka"
        metrics.WRITE_FAILURES.add(1, {"reason": reason})
        _log.warning("trying again", reason=str(error), attempt=state.attempt_number)
        if failed:
            failed(error)

    def stopped(state: RetryCallState) -> T:
        error = state.outcome.exception() if state.outcome else None
        raise Stopped(str(error)) from error

    def wait_for_stop(seconds: float) -> None:
        stop.wait(seconds)

    return Retrying(
        wait=wait_random_exponential(multiplier=0.5, max=longest),
        retry=retry_if_exception_type(_AWAY),
        stop=lambda _: stop.is_set(),
        sleep=sleep or wait_for_stop,
        before_sleep=before_sleep,
        retry_error_callback=stopped,
    )(do)
