"""What every driver does alike: server, producer, presence and table, for one option set."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

from producers import listing_times
from runtime.stage import Stage
from tests.eventually import eventually
from tests.registrars.kernel_ends import KernelEnds
from tests.registrars.presence import PresenceView
from tests.registrars.table import Row, Table, TablePoller, by_token

NODE = "reg1"
_STARTS = 3
NEVER = 10.0**9  # seconds: a periodic listing that does not come


class Options(Protocol):
    """One option set of a registrar."""

    @property
    def name(self) -> str: ...
    @property
    def profiles(self) -> int: ...


class Closes(Protocol):
    """Has to be closed."""

    def close(self) -> None: ...


class Registrar(ABC):
    """Runs from `__init__` to `stop`. Its producer is the product's own, its publisher is not."""

    # The time the source needs; then what still differs is wrong.
    deadline_seconds = 1.0
    # What is equal at once may only not have come yet.
    settled_seconds = 0.06
    varies_case = True  # spellings that may be two users'
    asks_what_there_is = True  # a REGISTER without a Contact
    # Whether it asks for a password (digest.py).
    authenticates = False
    # Whether two rows of one URI are two bindings.
    counts_rows = True
    # Whether the table shows which connection a contact came over.
    knows_connections = True

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.view = PresenceView()
        self.ports = self._started(folder)
        try:
            self._begin()
        except BaseException:
            self.stop_server()
            raise

    def _begin(self) -> None:
        self._stage = Stage(type(self).__name__)
        run = self.make_producer(self.view, self._stage)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=lambda: self._work(run), daemon=True)
        self._kernel = KernelEnds(NODE, self.ports, self.view)
        self.view.start()
        self._thread.start()
        eventually(self._is_ready, 20, what="the listings of the producer's start")
        self.poller = TablePoller(lambda: by_token(self.list_rows()))

    def _started(self, folder: Path) -> list[int]:
        """Once more where somebody else took one of its ports meanwhile."""
        for attempt in range(_STARTS):
            try:
                return self.start_server(folder)
            except AssertionError as error:
                if "already in use" not in str(error) or attempt == _STARTS - 1:
                    raise
        raise AssertionError

    @abstractmethod
    def start_server(self, folder: Path) -> list[int]:
        """Start the server; where its profiles take SIP."""

    @abstractmethod
    def make_producer(self, publisher: Any, stage: Stage) -> Callable[[], None]:
        """The product's producer beside it; what runs it until the stage is to stop."""

    @abstractmethod
    def list_rows(self) -> list[Row]:
        """The contacts that the registrar counts on now."""

    @abstractmethod
    def remove(self, rows: Iterable[Row]) -> None:
        """Let the registrar forget these users: their script has ended."""

    @abstractmethod
    def stop_server(self) -> None: ...

    def table(self, moment: float) -> Table:
        """The table as listed after this time."""
        for failure in (self._failure, self.view.failure):
            if failure is not None:
                raise failure
        return self.poller.after(moment)

    def stop(self) -> None:
        self.poller.stop()
        self._stage.stop.set()
        self._thread.join(20)
        self._kernel.stop()
        self.view.stop()
        self.stop_server()

    def _work(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:
            self._failure = error
            raise

    def _is_ready(self) -> bool:
        if self._failure is not None:
            raise self._failure
        quiet = time.monotonic() - self.view.listed > listing_times.PAUSE_SECONDS + 0.5
        return self._stage.ready.is_set() and self.view.listings >= 2 and quiet


def without_periodic_listings() -> AbstractContextManager[Any]:
    """The listing that follows each other one after some seconds is a periodic one, too."""
    return mock.patch.object(listing_times, "AGAIN_SECONDS", NEVER)


def run_and_close(run: Callable[[], None], kernel: Closes) -> Callable[[], None]:
    """A producer's `run`, and then the socket by which it asks the kernel: its process goes on."""

    def work() -> None:
        try:
            run()
        finally:
            kernel.close()

    return work
