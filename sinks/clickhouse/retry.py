"""Retries while ClickHouse or Kafka is unavailable: backoff with full jitter, until stopped."""

import threading
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from runtime import logs, metrics
from runtime.kafka import KafkaUnavailable
from runtime.stage import StageStopped
from sinks.clickhouse.errors import StoreBusy, StoreUnavailable

T = TypeVar("T")
_UNAVAILABLE = (StoreUnavailable, KafkaUnavailable)
_log = logs.get(__name__)


def retry(
    do: Callable[[], T],
    stop: threading.Event,
    longest: float,
    sleep: Callable[[float], None] | None = None,
    on_failure: Callable[[Exception], None] | None = None,
) -> T:
    """`do()`, called again while it raises StoreUnavailable or KafkaUnavailable.

    Pauses grow to `longest` seconds, and are spent in `sleep` (default: waiting for `stop`).
    Raises StageStopped when `stop` is set, and whatever else `do` raises.
    """

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, _UNAVAILABLE):
            return
        if isinstance(error, StoreBusy):
            _log.info("waiting for another sink", reason=str(error))
            return
        reason = "clickhouse" if isinstance(error, StoreUnavailable) else "kafka"
        metrics.WRITE_FAILURES.add(1, {"reason": reason})
        _log.warning("write failed, trying again", error=str(error), attempt=state.attempt_number)
        if on_failure:
            on_failure(error)

    def stopped(state: RetryCallState) -> T:
        error = state.outcome.exception() if state.outcome else None
        raise StageStopped(str(error)) from error

    def wait_for_stop(seconds: float) -> None:
        stop.wait(seconds)

    return Retrying(
        wait=wait_random_exponential(multiplier=0.5, max=longest),
        retry=retry_if_exception_type(_UNAVAILABLE),
        stop=lambda _: stop.is_set(),
        sleep=sleep or wait_for_stop,
        before_sleep=before_sleep,
        retry_error_callback=stopped,
    )(do)
