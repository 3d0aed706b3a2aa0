"""The thread that derives beside the sink: looks for what is due every so often, until stopped."""

import threading
from collections.abc import Callable
from datetime import timedelta

from runtime import logs, metrics
from sinks.clickhouse.database import Database
from sinks.clickhouse.derived.derivation import Derivation
from sinks.clickhouse.errors import StoreMisconfigured, StoreUnavailable
from sinks.clickhouse.settings import ClickHouseSettings

_log = logs.get(__name__)
_END_SECONDS = 30.0


class Deriver:
    """Works from its creation on, over connections of its own; `close` ends it."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        """Raises StoreUnavailable, StoreMisconfigured."""
        self._interval = settings.derive_seconds
        self._database = Database(settings)
        kept = timedelta(days=settings.keep_presence_days)
        self._derivation = Derivation(self._database, kept)
        self._stop = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="derive", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._attempt(self._derivation.clean)
        while not self._stop.is_set():
            self._attempt(lambda: self._derivation.run(self._stop.is_set))
            self._stop.wait(self._interval)

    def _attempt(self, do: Callable[[], object]) -> None:
        """Count and log a failure, once until it works again; the next round tries again."""
        try:
            do()
        except (StoreUnavailable, StoreMisconfigured) as error:
            metrics.WRITE_FAILURES.add(1, {"reason": "derive"})
            if not self._failed:
                _log.warning("spans and counts not derived, trying again", error=str(error))
            self._failed = True
        else:
            self._failed = False

    def close(self) -> None:
        """End after the statement that runs; what was not finished is derived at the next start."""
        self._stop.set()
        self._thread.join(_END_SECONDS)
        self._database.close()
