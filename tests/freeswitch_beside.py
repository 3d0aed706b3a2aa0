"""The producer beside a switch, and the streams, in this process: no Kafka, presence at once."""

import time
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType

import gevent
from gevent.queue import Queue

from producers.freeswitch.connection import Connection
from producers.freeswitch.intake import Intake
from producers.freeswitch.kernel import KernelLookup
from producers.freeswitch.settings import FreeSwitchSettings
from producers.freeswitch.switch import Switch
from schemas.presence import Presence
from tests.unit.opensips_capture import Collector
from tests.unit.pipeline import Pipeline


class Beside:
    """One connection to a switch. It works while a test waits in `when` or `after`."""

    def __init__(self, port: int, **settings: object) -> None:
        self.settings = FreeSwitchSettings.model_validate(
            {"port": port, "node": "fs1", "kernel": "off", **settings}
        )
        self.pipeline = Pipeline()
        self.collector = Collector(self.pipeline)
        self.intake = Intake(
            self.collector,  # type: ignore[arg-type]  # used in the publisher's place
            Switch(self.settings.node),
            self.settings.context(),
            label="test",
            queue=Queue(10_000),
            kernel=KernelLookup("off", []),
        )
        self.connection = Connection(self.settings, self.intake)

    def __enter__(self) -> "Beside":
        self._greenlets = [gevent.spawn(self.intake.work), gevent.spawn(self.connection.serve)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        gevent.killall(self._greenlets)

    def presence(self, user: str) -> Presence | None:
        """The newest record of a user."""
        found = [p for p in self.pipeline.published if p.aor.startswith(f"sip:{user}@")]
        return found[-1] if found else None

    def contacts(self, user: str) -> list[str]:
        """Where the user is reachable."""
        state = self.presence(user)
        return sorted(binding.contact for binding in state.bindings) if state else []

    def when(self, holds: Callable[[], bool], what: str = "it", timeout: float = 5) -> float:
        """Work until this holds; the seconds it took."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < timeout, f"{what} did not come"
            gevent.sleep(0.005)
        return time.monotonic() - began

    def after(self, duration: timedelta) -> None:
        """Work for so long: for what must not happen."""
        gevent.sleep(duration.total_seconds())
