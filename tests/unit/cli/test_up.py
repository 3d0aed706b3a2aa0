"""Signals while the stack is started, which the start itself loses."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import cli.up
from cli.up import up

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Losing:
    """A stack whose start gets a signal, and loses what it raises."""

    number = signal.SIGINT
    stops = 0

    def __init__(self, *_: Any) -> None:
        Losing.stops = 0

    def start(self) -> None:
        with suppress(KeyboardInterrupt, SystemExit):
            signal.raise_signal(self.number)

    def stop(self) -> None:
        Losing.stops += 1


@pytest.fixture(autouse=True)
def _signals_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = [signal.getsignal(number) for number in _SIGNALS]
    monkeypatch.setattr(cli.up, "Stack", Losing)
    yield
    for number, handler in zip(_SIGNALS, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "raised"),
    [
        (signal.SIGINT, KeyboardInterrupt),
        (signal.SIGTERM, SystemExit),
        (signal.SIGHUP, SystemExit),
    ],
)
def test_a_signal_that_the_start_has_lost_stops_the_stack(
    number: signal.Signals,
    raised: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(Losing, "number", number)
    with pytest.raises(raised):
        up(tmp_path)
    assert Losing.stops == 1
