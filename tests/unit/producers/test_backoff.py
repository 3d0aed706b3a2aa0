"""How soon producers are back at a server that was away: real sockets that refuse, then listen."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from producers.backoff import Backoff
from producers.freeswitch.settings import FreeSwitchSettings
from producers.freeswitch.stage import FreeSwitchProducer
from producers.kamailio.settings import KamailioSettings
from producers.kamailio.stage import KamailioProducer
from producers.opensips.settings import OpenSipsSettings
from producers.opensips.stage import OpenSipsProducer
from producers.rtpengine.settings import RtpengineSettings
from producers.rtpengine.stage import RtpengineProducer
from runtime import metrics
from runtime.stage import Stage
from tests.eventually import eventually
from tests.unit.opensips_capture import Collector

# So many refusals take some five seconds at most; by then a doubling wait would be at its longest.
REFUSALS = 12


def bounds(low: float, high: float) -> float:
    """Instead of a random number: the highest there can be."""
    del low
    return high


def test_a_refused_connection_is_tried_again_soon_for_ever() -> None:
    backoff = Backoff(0.25, 10, bounds)
    assert {backoff.after("unreachable", is_refused=True) for _ in range(100)} == {0.25}


def test_after_other_failures_the_waits_grow() -> None:
    backoff = Backoff(0.25, 3, bounds)
    assert [backoff.after("wrong-password") for _ in range(6)] == [0.25, 0.5, 1, 2, 3, 3]


@pytest.mark.parametrize(
    "changed",
    [
        lambda backoff: backoff.after("unreachable", is_refused=True),
        lambda backoff: backoff.after("connection-lost"),
        lambda backoff: backoff.reset(),
    ],
    ids=["refused", "another failure", "answered"],
)
def test_a_change_at_the_address_begins_anew(changed: Callable[[Backoff], object]) -> None:
    backoff = Backoff(0.25, 10, bounds)
    for _ in range(8):
        backoff.after("unreachable")
    changed(backoff)
    assert backoff.after("unreachable") == 0.25


def test_no_wait_is_longer_than_the_longest() -> None:
    backoff = Backoff(0.25, 0.05, bounds)
    assert backoff.after("unreachable", is_refused=True) == 0.05
    assert backoff.after("wrong-password") == 0.05


def freeswitch(port: int) -> Callable[[Any, Stage], Any]:
    return lambda publisher, stage: FreeSwitchProducer(
        FreeSwitchSettings(node="n1", port=port, kernel="off"), publisher, stage
    )


def kamailio(port: int) -> Callable[[Any, Stage], Any]:
    settings = KamailioSettings(node="n1", evapi=f"127.0.0.1:{port}", kernel="off")
    return lambda publisher, stage: KamailioProducer(settings, publisher, stage)


def opensips(port: int) -> Callable[[Any, Stage], Any]:
    settings = OpenSipsSettings(
        node="n1",
        mi_url=f"http://127.0.0.1:{port}/mi",
        listen_datagram="off",
        listen_stream="127.0.0.1:0",
        kernel="off",
    )
    return lambda publisher, stage: OpenSipsProducer(settings, publisher, stage)


def rtpengine(port: int) -> Callable[[Any, Stage], Any]:
    settings = RtpengineSettings(node="n1", ng_url=f"http://127.0.0.1:{port}/ng")
    return lambda publisher, stage: RtpengineProducer(settings, publisher, stage)


class _Publisher(Collector):
    def status(self) -> dict[str, Any]:
        return {}


@contextmanager
def running(make: Callable[[Any, Stage], Any]) -> Iterator[None]:
    """A producer in a thread of its own, made there: FreeSWITCH's greenlets are that thread's."""
    stage = Stage("test")
    thread = threading.Thread(target=lambda: make(_Publisher(), stage).run())
    thread.start()
    try:
        yield
    finally:
        stage.stop.set()
        thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("make", [freeswitch, kamailio, opensips, rtpengine])
def test_a_producer_is_there_as_soon_as_its_server_listens(
    make: Callable[[int], Callable[[Any, Stage], Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[Any] = []
    monkeypatch.setattr(
        metrics.SOURCE_FAILURES, "add", lambda count, labels: failures.append((count, labels))
    )
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))  # and does not listen yet: it refuses
        with running(make(server.getsockname()[1])):
            eventually(lambda: len(failures) >= REFUSALS, 15, what="refusals")
            server.listen()
            server.settimeout(10)
            began = time.monotonic()
            server.accept()[0].close()
            assert time.monotonic() - began < 2
    assert {labels["reason"] for _, labels in failures[:REFUSALS]} <= {
        "unreachable",
        "mi-unreachable",
        "ng-unreachable",
    }


def test_a_producer_is_there_as_soon_as_rtpengine_has_its_port_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures: list[Any] = []
    monkeypatch.setattr(metrics.SOURCE_FAILURES, "add", lambda *one: failures.append(one))
    with socket.socket(type=socket.SOCK_DGRAM) as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    settings = RtpengineSettings(node="n1", ng=f"127.0.0.1:{port}")
    with running(lambda publisher, stage: RtpengineProducer(settings, publisher, stage)):
        eventually(lambda: len(failures) >= REFUSALS, 15, what="refusals")
        with socket.socket(type=socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", port))
            server.settimeout(10)
            began = time.monotonic()
            assert b"list" in server.recv(2000)
            assert time.monotonic() - began < 2
