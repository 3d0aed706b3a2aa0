"""Retries while ClickHouse or Kafka is unavailable: pauses, the stop, and what is not retried."""

import threading
from collections.abc import Callable

import pytest

from runtime.stage import StageStopped
from sinks.clickhouse.errors import StoreMisconfigured, StoreUnavailable
from sinks.clickhouse.retry import retry


def failing(times: int, error: Exception) -> Callable[[], str]:
    left = [error] * times

    def do() -> str:
        if left:
            raise left.pop()
        return "done"

    return do


def test_retries_until_it_works() -> None:
    pauses: list[float] = []
    failures: list[Exception] = []
    do = failing(5, StoreUnavailable("away"))
    assert retry(do, threading.Event(), 2.0, pauses.append, failures.append) == "done"
    assert len(failures) == len(pauses) == 5
    assert all(0 <= pause <= 2.0 for pause in pauses)


def test_a_stop_ends_the_retries() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(StageStopped, match="away"):
        retry(failing(99, StoreUnavailable("away")), stop, 60.0)


def test_a_misconfiguration_is_not_retried() -> None:
    with pytest.raises(StoreMisconfigured):
        retry(failing(1, StoreMisconfigured("wrong password")), threading.Event(), 60.0)
