"""How a producer's stage runs: its publisher, its threads, its stop."""

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from producers.publisher import Publisher, PublisherSettings
from runtime.kafka import KafkaSettings
from runtime.settings import load
from runtime.stage import Stage


class NodeSettings(Protocol):
    """The settings that are needed here; `node` None: its server names it."""

    @property
    def node(self) -> str | None: ...

    @property
    def close_timeout_seconds(self) -> float: ...


class Producer(Protocol):
    """One source of one node."""

    def run(self) -> None:
        """Work until the stage's `stop` is set, then publish all that was read."""

    def status(self) -> dict[str, Any]:
        """For /status."""


S = TypeVar("S", bound=NodeSettings)


def run_producer(
    name: str,
    settings: S,
    make: Callable[[S, Publisher, Stage], Producer],
    *,
    node: str | None = None,
) -> None:
    """Run the stage until SIGTERM. `node` names the spool where the settings name no node.

    Raises BadSettings, spool.SpoolInUse, spool.SpoolUnwritable, and what `make` and `run` raise.
    """
    source = f"{name}/{settings.node or node}"
    publisher = Publisher(load(KafkaSettings), load(PublisherSettings), source)
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
