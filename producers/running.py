"""What the stages of producers that work in threads do alike: start, guard, beat, stop."""

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from producers.publisher import Publisher, PublisherSettings
from runtime.kafka import KafkaSettings
from runtime.settings import load
from runtime.stage import Stage


class NodeSettings(Protocol):
    """What is needed here of a producer's settings."""

    node: str
    close_timeout_seconds: float


class Producer(Protocol):
    """One source of one node."""

    def run(self) -> None:
        """Work until the stage is told to stop, then publish all that was read."""

    def status(self) -> dict[str, Any]:
        """For /status."""


S = TypeVar("S", bound=NodeSettings)


def run_producer(name: str, settings: S, make: Callable[[S, Publisher, Stage], Producer]) -> None:
    """Run the stage until SIGTERM. Raises BadSettings, spool.SpoolInUse, spool.SpoolUnwritable."""
    publisher = Publisher(load(KafkaSettings), load(PublisherSettings), f"{name}/{settings.node}")
    stage = Stage(name, on_stop=publisher.stop_waiting, hindrances=[publisher.hindrance])
    try:
        producer = make(settings, publisher, stage)
        stage.status = producer.status
        stage.start()
        producer.run()
    finally:
        publisher.close(settings.close_timeout_seconds)


class Threads:
    """A producer's threads; `failure` is what ended one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.failure: BaseException | None = None

    def spawn(self, task: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                task()
            except BaseException as error:
                self.failure = error

        name = f"{self._name}{task.__name__}"
        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        return thread


def keep_lease(
    beat: Callable[[], bool],
    ask_listing: Callable[[], None],
    stop: threading.Event,
    seconds: float,
) -> None:
    """The node's lease: a `beat` every so many seconds until `stop`; it says whether it was given.

    After a silence a listing is wanted, for the lease may have run out.
    """
    withheld = False
    while True:
        beaten = beat()
        if withheld and beaten:
            ask_listing()
        withheld = not beaten
        if stop.wait(seconds):
            return
